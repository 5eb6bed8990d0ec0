"""The tab of schedulers side by side."""

from __future__ import annotations

from sdnb import cell, compare
from sdnb.panel.panel import Panel
from sdnb.testing import FakeEngine
from tests.panel.drawing import draw


def test_schedulers_are_compared(panel: Panel, engine: FakeEngine) -> None:
    """Ticks and budgets draw the lab's comparison; its cell asks for the same; mistakes are told."""
    panel.tabs.value = "compare"
    tab = panel.compare
    for name, tick in tab.ticks.items():
        tick.value = name in ("euler", "heun")
    tab.budgets.value = "5, 9"
    tab.reference.value = 50
    asked = cell.parse(panel.cell.text, {})
    assert asked.compare and asked.reference == 50
    again = compare.plan(asked.request, equal=asked.equal, reference_steps=asked.reference)
    drawn = [picture.spec for picture in draw(panel)]
    assert tuple(drawn) == again.sweep.specs
    assert {(spec.scheduler, spec.num_inference_steps) for spec in drawn} == {
        ("euler", 5), ("euler", 9), ("heun", 3), ("heun", 5), ("euler", 50),
    }  # fmt: skip
    assert "<table" in panel.views.grid.value and panel.views.choice.value == "grid"
    assert panel.views.gallery.layout.display == "none"
    panel.views.choice.value = "pictures"
    assert panel.views.gallery.layout.display == ""
    tab.budgets.value = "5, many"
    assert "'many'" in tab.budgets.error
    tab.budgets.value = "5"
    tab.reference.value = 4
    assert "the reference takes 4 steps" in panel.message.box.value
    for tick in tab.ticks.values():
        tick.value = False
    assert "Tick at least one" in tab._ticked.value and panel._job is None
