"""The cell that the panel shows."""

from __future__ import annotations

from sdnb import api, cell
from sdnb.panel.panel import Panel
from sdnb.testing import FakeEngine
from tests.panel.drawing import draw


def test_the_cell_draws_exactly_this(panel: Panel, engine: FakeEngine) -> None:
    """The text of Copy as cell, read again, plans to the same specs, on both tabs."""
    panel.form.fields["seed"].value = "3"
    panel.form.fields["prompt"].value = "a {red|blue} fox"
    for tab in ("create", "sweep"):
        panel.tabs.value = tab
        again = api.plan(cell.parse(panel.cell.text, {}).request)
        assert again.specs == tuple(picture.spec for picture in draw(panel))
        assert len(again.specs) == (2 if tab == "create" else 6)
