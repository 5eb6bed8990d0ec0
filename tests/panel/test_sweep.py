"""The tab of axes."""

from __future__ import annotations

from sdnb import cell
from sdnb.panel.panel import Panel
from sdnb.testing import FakeEngine
from tests.panel.drawing import draw


def test_what_only_the_plan_can_tell_is_shown(panel: Panel, engine: FakeEngine) -> None:
    """Too many pictures, a pairing that does not fit."""
    panel.tabs.value = "sweep"
    panel.sweep.rows[0].choose("seed", "1..500")
    assert "more than the limit of 64" in panel.message.box.value
    panel.sweep.rows[0].choose("seed", "1,2")
    panel.sweep.rows[1].choose("num_inference_steps", "1,2,3")
    assert panel.estimate.box.value.startswith("6 pictures")
    panel.sweep.pair.value = True
    assert "same length" in panel.message.box.value


def test_random_seeds_are_drawn_once(panel: Panel) -> None:
    """The cell that is shown, the estimate and the run have the same ones."""
    panel.tabs.value = "sweep"
    panel.sweep.rows[0].choose("seed", "random[3]")
    shown = cell.parse(panel.cell.text, {}).request.settings["seed"]
    assert tuple(picture.spec.seed for picture in draw(panel)) == shown
