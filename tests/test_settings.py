"""Settings and where they come from."""

from __future__ import annotations

import pytest
from traitlets.config import Config

from sdnb.errors import RequestError
from sdnb.settings import Sdnb


def test_configuration_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Built-in, environment, configuration: the later is the stronger."""
    assert Sdnb().steps is None
    monkeypatch.setenv("SDNB_STEPS", "30")
    monkeypatch.setenv("SDNB_PROGRESS", "0")
    assert Sdnb().steps == 30 and Sdnb().progress is False
    assert Sdnb(config=Config({"Sdnb": {"steps": 12}})).steps == 12


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that cannot be read names the variable."""
    monkeypatch.setenv("SDNB_STEPS", "many")
    with pytest.raises(RequestError, match="SDNB_STEPS='many'"):
        Sdnb()
