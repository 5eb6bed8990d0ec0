"""The panel's two outputs."""

from __future__ import annotations

import pytest

from sdnb.panel import display
from sdnb.panel.panel import Panel
from sdnb.testing import FakeEngine
from tests.panel.drawing import draw


def test_a_saved_notebook_keeps_the_pictures(panel: Panel) -> None:
    """The static bundle holds the last pictures and needs no widget."""
    before = panel.display.static()
    draw(panel)
    after = panel.display.static()
    assert set(after) == {"text/plain", "text/html"}
    assert "data:image/" in after["text/html"] and "data:image/" not in before["text/html"]
    assert after["text/html"].startswith('<div class="sdnb">')


def test_a_cell_that_is_run_again_closes_its_old_panel(
    panel: Panel, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could stop what it draws; two panels of one run, and those of other cells, stay."""
    parent = {"metadata": {"cellId": "one"}, "header": {"msg_id": "first"}}
    shell = type("Shell", (), {"get_parent": lambda self: parent, "user_ns": {}})
    monkeypatch.setattr("IPython.get_ipython", shell)
    beside, again, elsewhere = Panel("en"), Panel("en"), Panel("en")
    panel._ipython_display_()
    beside._ipython_display_()
    assert not panel._closed
    parent["header"]["msg_id"] = "second"
    again._ipython_display_()
    assert beside._closed and not again._closed
    parent["metadata"]["cellId"] = "another"
    elsewhere._ipython_display_()
    assert not again._closed
    again.close()
    elsewhere.close()
    assert not display._shown
