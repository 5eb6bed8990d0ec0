"""A run in a thread of its own."""

from __future__ import annotations

import pytest

from sdnb import api
from sdnb.errors import RenderError, Stopped
from sdnb.run import Finished, Run, Stepped
from sdnb.sweep import request
from sdnb.testing import FakeEngine


def begun(prompt: str = "a fox", **settings: object) -> Run:
    """Start a run that tells every step."""
    return api.begin(api.plan(request(prompt, settings)), api.How(), due=lambda: True)


def test_it_tells_steps_and_pictures(engine: FakeEngine) -> None:
    """Every model call and every picture is told once, in order."""
    events = list(begun(seed=[1, 2], num_inference_steps=3))
    assert [(e.done, e.total, e.batch) for e in events if isinstance(e, Stepped)] == [
        (1, 3, 2), (2, 3, 2), (3, 3, 2),
    ]  # fmt: skip
    assert [e.place for e in events if isinstance(e, Finished)] == [0, 1]
    assert all(
        isinstance(e, Finished) and e.picture.cached for e in begun(seed=[1, 2], num_inference_steps=3)
    )


def test_stop_ends_it_within_a_step(engine: FakeEngine) -> None:
    """What is finished is kept; `finish` raises with it; the same sweep again draws the rest."""
    engine.batch, engine.seconds_per_call = 1, 0.01
    run = begun(seed=range(5), num_inference_steps=4)
    for event in run:
        if isinstance(event, Finished) and event.place == 1:
            run.stop()
            calls = engine.calls
    assert engine.calls <= calls + 1
    with pytest.raises(Stopped, match="stopped: 2 of 5 drawn") as stopped:
        api.finish(run)
    assert [bool(picture.error) for picture in stopped.value.results] == [False, False, True, True, True]
    assert api.last() is stopped.value.results
    list(begun(seed=range(5), num_inference_steps=4))
    assert len(engine.drawn) == 5


def test_following_goes_on_after_an_interrupt(engine: FakeEngine) -> None:
    """A second loop hears what the first has not."""
    run = begun(seed=[1, 2], num_inference_steps=2)
    heard = [next(iter(run))]
    heard += list(run)
    assert len(heard) == 4


def test_nothing_drawn_is_an_error() -> None:
    """Where every picture failed, the first reason is told."""
    api.use_engine(FakeEngine(fails="cursed"))
    run = begun("a cursed {fox|cat}")
    list(run)
    with pytest.raises(RenderError, match="nothing could be drawn: the fake engine fails on 'cursed'"):
        api.finish(run)


def test_an_unforeseen_error_is_handed_on(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the run and is raised where the results are taken."""
    monkeypatch.setattr(engine, "render", lambda *_: 1 / 0)
    run = begun()
    assert list(run) == []
    with pytest.raises(ZeroDivisionError):
        api.finish(run)
