"""What is imported when, held in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HEAVY = ("torch", "diffusers", "transformers", "numpy", "PIL", "matplotlib", "pandas", "ipywidgets")
SHELL = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
def cell(text):
    done = shell.run_cell(text); done.raise_error(); return done.result
before = set(sys.modules)
cell("%load_ext sdnb")
"""


def python(code: str, cache: Path) -> str:
    """Run code in a fresh process and return the last line that it prints."""
    environment = os.environ | {"SDNB_CACHE_DIR": str(cache), "SDNB_PROGRESS": "0"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]


def heavy(cache: Path, code: str) -> str:
    """Return which heavy packages a process has imported after `code`."""
    return python(
        f"{SHELL}{code}\nprint([m for m in {HEAVY} if m in sys.modules and m not in before])", cache
    )


def test_loading_the_extension_imports_nothing_heavy(tmp_path: Path) -> None:
    """%load_ext is felt by everybody."""
    assert heavy(tmp_path, "") == "[]"


def test_a_stored_cell_imports_no_torch(tmp_path: Path) -> None:
    """Drawn in one process, shown in the next without torch, diffusers or transformers."""
    draw = 'results = cell("%%diffuse --seed 1,2 --steps 2\\na fox"); results._repr_mimebundle_()\n'
    python(SHELL + draw + "print([p.cached for p in results])", tmp_path)
    again = draw + "assert all(p.cached for p in results)\n"
    shown = heavy(tmp_path, again)
    assert not {"torch", "diffusers", "transformers"} & set(eval(shown)), shown


def test_a_dry_run_and_a_mistake_import_no_torch(tmp_path: Path) -> None:
    """Planning is pure Python, once the device is known from an earlier run."""
    python(SHELL + 'print(cell("%%diffuse --steps 1\\na fox"))', tmp_path)
    code = 'cell("%%diffuse --seed 1..9 --dry-run\\na fox"); shell.run_cell("%%diffuse --seed x\\na fox")'
    assert not {"torch", "diffusers", "transformers"} & set(eval(heavy(tmp_path, code)))
