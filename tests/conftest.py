"""Fixtures: a store of its own for every test, an engine that needs no torch, real shells."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdnb import api, settings
from sdnb.testing import FakeEngine


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give each test an empty store and fresh settings."""
    for name in list(os.environ):
        if name.startswith("SDNB_") and name != "SDNB_REQUIRE_E2E":
            monkeypatch.delenv(name)
    folder = tmp_path / "sdnb-cache"
    monkeypatch.setenv("SDNB_CACHE_DIR", str(folder))
    settings.activate(None)
    yield folder
    api.use_engine(None)
    settings.activate(None)


@pytest.fixture
def engine() -> FakeEngine:
    """Draw with the fake engine."""
    fake = FakeEngine()
    api.use_engine(fake)
    return fake


@pytest.fixture
def shell():
    """Return a real IPython shell, without history, with sdnb loaded."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    InteractiveShell.clear_instance()
    made = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    made.run_line_magic("load_ext", "sdnb")
    yield made
    made.run_line_magic("unload_ext", "sdnb")
    InteractiveShell.clear_instance()
