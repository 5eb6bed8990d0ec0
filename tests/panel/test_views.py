"""The pictures of a run and their grid."""

from __future__ import annotations

from sdnb.panel.panel import Panel
from sdnb.testing import FakeEngine
from tests.panel.drawing import draw


def test_a_sweep_of_two_axes_is_shown_as_its_grid(panel: Panel, engine: FakeEngine) -> None:
    """With the pictures beside it; the next run of one picture shows none."""
    panel.tabs.value = "sweep"
    panel.sweep.rows[0].choose("seed", "1,2")
    panel.sweep.rows[1].choose("scheduler", "euler,heun")
    draw(panel)
    assert panel.views.grid.value.count("<img") == 4 and panel.views.choice.layout.display == ""
    panel.tabs.value = "create"
    draw(panel)
    assert not panel.views.grid.value and panel.views.choice.layout.display == "none"
