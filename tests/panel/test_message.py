"""The panel's line."""

from __future__ import annotations

import pytest

from sdnb import api
from sdnb.panel.panel import Panel
from sdnb.testing import FakeEngine
from tests.panel.drawing import draw


def test_errors_are_shown(panel: Panel, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the run and those of a callback; the buttons come back."""
    engine.fails = "fox"
    draw(panel)
    assert "nothing could be drawn" in panel.message.box.value
    monkeypatch.setattr(engine, "render", lambda *_: 1 / 0)
    draw(panel)
    assert "ZeroDivisionError" in panel.message.box.value
    monkeypatch.setattr(api, "begin", lambda *_, **__: [][1])
    panel.generate.click()
    assert "IndexError" in panel.message.box.value and not panel.generate.disabled
