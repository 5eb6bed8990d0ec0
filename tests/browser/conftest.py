"""Fixtures: a real JupyterLab with folders of its own."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

RUN_ALL = "window.jupyterapp.commands.execute('notebook:run-all-cells')"
IDLE = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const session = panel?.sessionContext;
  const marks = [...document.querySelectorAll('.jp-InputPrompt')].map(e => e.textContent);
  const pictures = [...document.querySelectorAll('.jp-OutputArea img')];
  return session?.session?.kernel?.status === 'idle'
    && !marks.includes('[*]:') && pictures.every(p => p.complete);
}"""


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path]]:
    """Start JupyterLab; give its address, token and folder of notebooks."""
    base = tmp_path_factory.mktemp("lab")
    folder = base / "notebooks"
    folder.mkdir()
    token = secrets.token_hex(16)
    places = {
        name: str(base / name.lower())
        for name in (
            "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR",
            "IPYTHONDIR", "SDNB_CACHE_DIR",
        )
    }  # fmt: skip
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
        "--ServerApp.port=8890", "--ServerApp.port_retries=50", "--LabApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly", f"--ServerApp.root_dir={folder}",
    ]  # fmt: skip
    log = (base / "log").open("w")
    server = subprocess.Popen(
        command, env=os.environ | places | {"JUPYTER_TOKEN": token}, stdout=log, stderr=subprocess.STDOUT
    )
    try:
        yield _address(Path(places["JUPYTER_RUNTIME_DIR"]), server.pid), token, folder
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def _address(runtime: Path, pid: int) -> str:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        file = runtime / f"jpserver-{pid}.json"
        if file.is_file():
            return json.loads(file.read_text())["url"]
        time.sleep(0.2)
    raise TimeoutError("JupyterLab did not start")


@pytest.fixture
def open_notebook(browser: Any, lab: tuple[str, str, Path]) -> Iterator[Callable[..., Any]]:
    """Open cells as a notebook; give the page, with `run_all` to run it to its end."""
    address, token, folder = lab
    contexts = []

    def opened(cells: list[str], *, dark: bool = False, width: int = 1200) -> Any:
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(text) for text in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        name = f"{secrets.token_hex(4)}.ipynb"
        nbformat.write(notebook, folder / name)
        context = browser.new_context(viewport={"width": width, "height": 1400})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(90_000)
        page.goto(f"{address}doc/tree/{name}?token={token}")
        page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.sessionContext?.isReady")
        theme = "JupyterLab Dark" if dark else "JupyterLab Light"
        page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
        page.evaluate("window.jupyterapp.shell.currentWidget.content.notebookConfig.windowingMode = 'none'")
        page.file = folder / name
        page.run_all = lambda: _run_all(page)
        return page

    yield opened
    for context in contexts:
        context.close()


def _run_all(page: Any) -> None:
    page.evaluate(RUN_ALL)
    settled = 0
    while settled < 3:
        page.wait_for_function(IDLE, timeout=120_000)
        time.sleep(0.3)
        settled = settled + 1 if page.evaluate(IDLE) else 0
