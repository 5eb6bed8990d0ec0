"""The magics and the panel on the versions of IPython, ipykernel and ipywidgets that Colab ships."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PINNED = (
    "ipython==7.34.0",
    "ipykernel==6.17.1",
    "ipywidgets==7.7.1",
    "traitlets==5.7.1",
    "anywidget==0.9.18",
)
ROOT = Path(__file__).resolve().parent.parent


def test_the_magics_and_the_panel_work_on_colabs_versions(tmp_path: Path) -> None:
    """Every test of theirs passes with the old packages in front of the new ones."""
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-compile",
        "--target",
        str(tmp_path / "old"),
    ]
    subprocess.run([*pip, *PINNED], check=True, capture_output=True)
    code = "import IPython, ipykernel, ipywidgets; print(IPython.__version__, ipywidgets.__version__)"
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "old")}
    seen = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert seen.stdout.split() == ["7.34.0", "7.7.1"]
    tests = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-W",
        "default",
        "tests/test_magics.py",
        "tests/panel",
    ]
    done = subprocess.run(tests, env=environment, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
