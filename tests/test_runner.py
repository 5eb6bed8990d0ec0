"""The work of a sweep: store, groups, engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from sdnb import runner
from sdnb.engine import Group, Step
from sdnb.errors import ModelError, StoreError
from sdnb.models import Model
from sdnb.picture import Picture
from sdnb.store import Store
from sdnb.sweep import Axis, Request, Sweep
from sdnb.testing import FakeEngine
from tests.test_spec import spec

MODEL = Model("mini", Path("mini"))


def sweep(*specs) -> Sweep:
    """Lay specs out along one axis."""
    axis = Axis(("seed",), tuple((i,) for i in range(len(specs))), tuple(map(str, range(len(specs)))))
    return Sweep(Request(prompts=("x",)), (axis,), specs, {"mini": MODEL})


@pytest.fixture
def keep(tmp_path: Path) -> Store:
    """Make an empty store."""
    return Store(tmp_path / "store", 10**9)


def ran(planned: Sweep, engine: FakeEngine, keep: Store | None, **options) -> list[tuple[int, Picture]]:
    """Run to the end."""
    return list(runner.run(planned, engine, keep, lambda step: None, Event(), **options))


def test_what_was_drawn_once_is_not_drawn_again(keep: Store) -> None:
    """A second run draws nothing, and one seed more draws one picture."""
    engine = FakeEngine()
    seeds = [spec(seed=seed) for seed in range(4)]
    first = dict(ran(sweep(*seeds), engine, keep))
    assert len(engine.drawn) == 4 and not any(picture.cached for picture in first.values())
    second = dict(ran(sweep(*seeds, spec(seed=4)), engine, keep))
    assert [s.seed for s in engine.drawn] == [0, 1, 2, 3, 4]
    assert [second[i].cached for i in range(5)] == [True] * 4 + [False]
    assert second[2].image.tobytes() == first[2].image.tobytes()


def test_the_same_combination_is_drawn_once(keep: Store) -> None:
    """Equal specs in several places share one picture."""
    engine = FakeEngine()
    places = dict(ran(sweep(spec(), spec(seed=2), spec()), engine, keep))
    assert len(engine.drawn) == 2
    assert places[0] is places[2]


def test_one_model_and_size_is_one_group() -> None:
    """Schedulers, steps and guidance share a group; sizes do not."""
    engine = FakeEngine(batch=8)
    groups: list[tuple[str, ...]] = []

    def on_step(step: Step) -> None:
        if step.done == step.total:
            groups.append(tuple(s.scheduler for s in step.specs))

    mixed = sweep(spec(), spec(scheduler="heun"), spec(num_inference_steps=5), spec(width=64))
    list(runner.run(mixed, engine, None, on_step, Event()))
    assert groups == [("euler", "heun", "euler"), ("euler",)]


def test_no_store_keeps_pixels_in_memory() -> None:
    """Without a store a picture has no path but can be looked at."""
    ((_, picture),) = ran(sweep(spec()), FakeEngine(), None)
    assert picture.path is None and picture.image.size == (128, 128)


def test_redraw_writes_without_reading(keep: Store) -> None:
    """Everything is drawn again and kept."""
    engine = FakeEngine()
    for _ in range(2):
        ((_, picture),) = ran(sweep(spec()), engine, keep, redraw=True)
        assert not picture.cached and picture.path is not None
    assert len(engine.drawn) == 2


def test_a_failed_picture_does_not_stop_the_others(keep: Store) -> None:
    """One fails with its reason and is not kept; the rest are drawn."""
    engine = FakeEngine(fails="cursed")
    places = dict(ran(sweep(spec(), spec(prompt="a cursed fox")), engine, keep))
    assert not places[0].error and "cursed" in places[1].error
    assert keep.stats().pictures == 1


def test_a_group_that_fails_as_a_whole_fails_alone(keep: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its places says why, those of the other groups are drawn, and it can be drawn later."""
    engine = FakeEngine()
    render = engine.render

    def refused(group: Group, *rest) -> Iterator[Picture]:
        yield from () if group.specs[0].width == 64 else render(group, *rest)
        if group.specs[0].width == 64:
            raise ModelError("it does not fit the card")

    planned = sweep(spec(width=64), spec(), spec(width=64), spec(width=64, seed=2))
    with monkeypatch.context() as patched:
        patched.setattr(engine, "render", refused)
        places = dict(ran(planned, engine, keep))
    why = "it does not fit the card"
    assert [places[i].error for i in range(4)] == [why, "", why, why]
    assert keep.stats().pictures == 1
    assert not any(picture.error for _, picture in ran(planned, engine, keep))


def test_cancel_ends_within_one_call(keep: Store) -> None:
    """What was finished is there, nothing more is drawn."""
    engine = FakeEngine(batch=1)
    cancel = Event()

    def on_step(step: Step) -> None:
        if engine.calls == 25:
            cancel.set()

    specs = [spec(seed=seed) for seed in range(4)]
    done = list(runner.run(sweep(*specs), engine, keep, on_step, cancel))
    assert [place for place, _ in done] == [0] and engine.calls == 25


def test_a_store_that_cannot_write_ends_the_run(keep: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is an error of the run, not of one tile."""

    def full(*_, **__):
        raise StoreError("the disk is full")

    monkeypatch.setattr(keep, "put", full)
    with pytest.raises(StoreError, match="the disk is full"):
        ran(sweep(spec()), FakeEngine(), keep)


def test_the_estimate_counts_what_a_run_does(keep: Store) -> None:
    """Pictures, stored ones and evaluations agree with what is then drawn."""
    engine = FakeEngine(seconds_per_call=0.001, batch=1)
    planned = sweep(spec(), spec(), spec(seed=2, scheduler="heun"), spec(seed=3, guidance_scale=1))
    before = runner.estimate(planned, engine, keep)
    assert (before.places, before.pictures, before.stored) == (4, 3, 0)
    assert before.evaluations == 2 * 20 + 2 * 39 + 20 and before.seconds is None
    ran(planned, engine, keep)
    assert engine.calls == 20 + 39 + 20
    after = runner.estimate(planned, engine, keep)
    assert (after.stored, after.evaluations, after.seconds) == (3, 0, 0.0)
    again = runner.estimate(planned, engine, keep, redraw=True)
    assert again.seconds is not None and again.seconds > 0


def test_a_model_that_reads_its_guidance_is_not_counted_twice(
    keep: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it can do is asked of the engine, for the estimate and for the seconds that are remembered."""
    engine = FakeEngine()
    reads = replace(engine.capabilities(MODEL), reads_guidance=True)
    planned = sweep(spec(), spec(seed=2))
    assert runner.estimate(planned, engine, keep).evaluations == 2 * 2 * 20
    monkeypatch.setattr(engine, "capabilities", lambda model: reads)
    assert runner.estimate(planned, engine, keep).evaluations == 2 * 20
    ((_, first), (_, second)) = ran(planned, engine, keep)
    each = keep.seconds_per_evaluation(engine.identity(MODEL), 128, 128)
    assert each == pytest.approx((first.seconds + second.seconds) / 2 / 20)
