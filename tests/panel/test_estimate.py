"""The number of pictures and what they would cost."""

from __future__ import annotations

from sdnb.panel.panel import Panel
from sdnb.testing import FakeEngine
from tests.panel.drawing import draw, until


def test_a_sweep_counts_as_it_is_typed(panel: Panel, engine: FakeEngine) -> None:
    """Number and cost follow the axes; what the store has is said; a bad value is told in its row."""
    panel.tabs.value = "sweep"
    rows = panel.sweep.rows
    rows[0].choose("num_inference_steps", "2, 4")
    rows[1].choose("scheduler", "euler,heun")
    rows[2].choose("prompt", 'a fox, "a cat, asleep"')
    until(lambda: "evaluations" in panel.estimate.box.value)
    assert panel.estimate.box.value == "8 pictures · 64 model evaluations"
    specs = [picture.spec for picture in draw(panel)]
    assert {spec.prompt for spec in specs} == {"a fox", "a cat, asleep"} and len(specs) == 8
    assert panel.results.shape == (2, 2, 2)
    panel.sweep.rows[0].values.value = "2, 4, 8"
    until(lambda: "in the store" in panel.estimate.box.value)
    assert panel.estimate.box.value.startswith("12 pictures · 8 in the store")
    rows[1].values.value = "eulr"
    assert "did you mean 'euler'" in rows[1].values.error and not rows[0].values.error
    rows[1].choose("num_inference_steps", "3")
    assert rows[1].values.error == "This axis is chosen twice."
