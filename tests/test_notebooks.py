"""The example notebooks: how they begin, and that a changed output is noticed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = "https://github.com/sdnb-dev/sdnb"
NOTEBOOKS = sorted(ROOT.glob("examples/**/*.ipynb"))
UNSTABLE = re.compile(r"^\s*# *(NBVAL_IGNORE_OUTPUT|NBVAL_SKIP|PYTEST_VALIDATE_IGNORE_OUTPUT)", re.M)
UNSTABLE_TAGS = {"nbval-ignore-output", "nbval-skip", "raises-exception"}

each = pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)


def read(file: Path) -> dict[str, Any]:
    """Return a notebook, the lines of each source joined."""
    notebook = json.loads(file.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    return notebook


def code(file: Path) -> list[dict[str, Any]]:
    """Return the code cells of a notebook."""
    return [cell for cell in read(file)["cells"] if cell["cell_type"] == "code"]


@each
def test_the_first_cells_are_badges_and_setup(file: Path) -> None:
    """The title has a badge that opens this notebook on Colab and on Binder; setup is the same everywhere."""
    title = read(file)["cells"][0]["source"]
    path = file.relative_to(ROOT).as_posix()
    assert title.startswith("# ")
    assert f"https://colab.research.google.com/github/sdnb-dev/sdnb/blob/main/{path})" in title
    assert f"https://mybinder.org/v2/gh/sdnb-dev/sdnb/main?urlpath=lab/tree/{path})" in title
    assert code(file)[0]["source"] == code(NOTEBOOKS[0])[0]["source"]


@each
def test_outputs_are_compared(file: Path) -> None:
    """At most one cell in five is marked as unstable; no cell asks to be left out altogether."""
    cells = code(file)
    unstable = [
        cell
        for cell in cells
        if UNSTABLE.search(cell["source"]) or UNSTABLE_TAGS & set(cell["metadata"].get("tags", ()))
    ]
    assert len(unstable) <= len(cells) / 5
    assert not [cell for cell in cells if "skip" in " ".join(cell["metadata"].get("tags", ())).lower()]
    assert all(cell["execution_count"] for cell in cells), "make notebooks"


@pytest.mark.parametrize("installed", [True, False], ids=["installed", "missing"])
@pytest.mark.parametrize("colab", [True, False], ids=["colab", "elsewhere"])
def test_the_first_cell(shell: Any, monkeypatch: pytest.MonkeyPatch, installed: bool, colab: bool) -> None:
    """It installs sdnb only where it is missing, and only on Colab takes its widgets and tells the device."""
    did: list[str] = []
    for magic in ("pip", "sdnb", "load_ext"):
        shell.register_magic_function(
            lambda line, magic=magic: did.append(f"{magic} {line}"), magic_name=magic
        )
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: name if installed or name != "sdnb" else None
    )
    google, module, output = map(ModuleType, ("google", "google.colab", "google.colab.output"))
    google.colab, module.output = module, output
    output.enable_custom_widget_manager = lambda: did.append("widgets")
    for part in (google, module, output) if colab else ():
        monkeypatch.setitem(sys.modules, part.__name__, part)
    shell.run_cell(code(NOTEBOOKS[0])[0]["source"]).raise_error()
    install = [f'pip install --quiet "sdnb @ git+{ADDRESS}" matplotlib pandas scikit-image']
    tail = ["widgets", "sdnb status"] if colab else []
    assert did == ([] if installed else install) + ["load_ext sdnb"] + tail


def test_a_changed_output_fails(tmp_path: Path, cache_folder: Path) -> None:
    """A picture drawn from other settings and a changed text are noticed; the untouched copy passes."""
    notebook = read(ROOT / "examples" / "01-quickstart.ipynb")
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    results = next(cell for cell in cells if cell["source"].startswith("%%diffuse"))
    text = cells[-1]
    notebook["cells"] = [cells[0], results, text]
    (tmp_path / "kept.ipynb").write_text(json.dumps(notebook))
    plain = results["outputs"][0]["data"]["text/plain"] = "".join(results["outputs"][0]["data"]["text/plain"])
    assert re.fullmatch(r"Results: .*, [0-9a-f]{12}", plain)
    results["outputs"][0]["data"]["text/plain"] = plain[:-1] + ("0" if plain[-1] != "0" else "1")
    text["outputs"][0]["text"] = "".join(text["outputs"][0]["text"]).replace("mini", "maxi", 1)
    (tmp_path / "tampered.ipynb").write_text(json.dumps(notebook))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", "addopts=-q", "-rA", "--nbval"]
    command += ["--nbval-sanitize-with", str(ROOT / "tests" / "sanitize.cfg"), str(tmp_path)]
    environment = os.environ | {"SDNB_PROGRESS": "0", "SDNB_CACHE_DIR": str(cache_folder)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT)
    told = re.findall(r"^(PASSED|FAILED) \S*?(\w+\.ipynb::Cell \d)", done.stdout, re.M)
    assert sorted(told) == [
        ("FAILED", "tampered.ipynb::Cell 1"),
        ("FAILED", "tampered.ipynb::Cell 2"),
        *(("PASSED", f"kept.ipynb::Cell {number}") for number in range(3)),
        ("PASSED", "tampered.ipynb::Cell 0"),
    ], done.stdout
