"""Fixtures: a store of its own for every test, an engine that needs no torch, real shells, a browser."""

from __future__ import annotations

import builtins
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sdnb import api, settings
from sdnb.testing import FakeEngine

os.environ.setdefault(
    "HF_HUB_OFFLINE", "1"
)  # no test asks the real hub; read when huggingface_hub is imported

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give each test an empty store and fresh settings."""
    for name in list(os.environ):
        if name.startswith("SDNB_") and name not in ("SDNB_REQUIRE_E2E", "SDNB_SCREENSHOTS"):
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
def shell(monkeypatch: pytest.MonkeyPatch):
    """Return a real IPython shell, without history, with sdnb loaded."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    # every doctest leaves a `_` in builtins, and while there is one IPython keeps no `_` of its own
    monkeypatch.delattr(builtins, "_", raising=False)
    InteractiveShell.clear_instance()
    made = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    made.run_line_magic("load_ext", "sdnb")
    yield made
    made.run_line_magic("unload_ext", "sdnb")
    InteractiveShell.clear_instance()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Start Playwright's own browser, or else one on the PATH."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        paths = [None, *filter(None, map(shutil.which, BROWSERS))]
        for path in paths:
            try:
                started = playwright.chromium.launch(executable_path=path, args=FLAGS)
            except Error:
                continue
            yield started
            started.close()
            return
    reason = f"no browser: neither Playwright's own nor any of {', '.join(BROWSERS)}"
    if os.environ.get("SDNB_REQUIRE_E2E") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
