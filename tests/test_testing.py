"""Of `sdnb.testing`: the fake engine keeps an engine's promises, or the tests that use it prove nothing."""

from __future__ import annotations

import inspect
from pathlib import Path
from threading import Event

from sdnb.engine import Engine, Group, Step
from sdnb.models import Model
from sdnb.testing import FakeEngine
from tests.test_spec import spec

MODEL = Model("mini", Path("mini"))


def test_it_has_all_that_an_engine_has() -> None:
    """Every method of the protocol, with the same parameters."""
    for name, promised in inspect.getmembers(Engine, inspect.isfunction):
        if not name.startswith("_"):
            kept = inspect.signature(getattr(FakeEngine, name))
            assert list(kept.parameters) == list(inspect.signature(promised).parameters), name


def test_a_picture_depends_on_its_settings_alone() -> None:
    """In whatever batch and order it is drawn; any other setting is another picture."""
    specs = [spec(seed=seed, scheduler=name) for seed in (1, 2) for name in ("euler", "heun")]
    seen = []
    for batch, order in ((1, specs), (3, specs[::-1])):
        group = Group(MODEL, tuple(order), latents=True)
        drawn = FakeEngine(batch=batch).render(group, lambda _: None, Event())
        seen.append({p.spec: (p.image.tobytes(), p.latents.tobytes()) for p in drawn})
    assert seen[0] == seen[1] and len({pixels for pixels, _ in seen[0].values()}) == len(specs)


def test_every_call_is_told_with_previews_for_its_pictures() -> None:
    """The dearest picture of a batch decides how many calls it takes."""
    told: list[Step] = []
    engine = FakeEngine(batch=2)
    specs = (spec(num_inference_steps=3), spec(num_inference_steps=3, scheduler="heun"), spec(seed=5))
    assert len(list(engine.render(Group(MODEL, specs), told.append, Event()))) == 3
    assert [(step.done, step.total) for step in told[:5]] == [(n, 5) for n in range(1, 6)]
    assert len(told) == engine.calls == 5 + 20
    assert all(len(step.preview()) == len(step.specs) for step in told)


def test_what_should_fail_fails_alone() -> None:
    """With a reason and without pixels; the others of its batch are drawn."""
    engine = FakeEngine(fails="cursed")
    group = Group(MODEL, (spec(prompt="a cursed fox"), spec()))
    failed, drawn = engine.render(group, lambda _: None, Event())
    assert "cursed" in failed.error and failed.pixels is None and not drawn.error
    assert engine.drawn == [spec()]
