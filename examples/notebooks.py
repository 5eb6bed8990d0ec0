"""Run the example notebooks and store their outputs: what ``make notebooks`` does.

Each notebook runs in a kernel of its own, with an empty store, no progress, and at most 2 GiB of memory,
which is what Binder gives. So the outputs tell nothing of the machine, and the figures that are printed
are those of a first visit. Give the names of notebooks to run only these.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent
MEMORY = 2 << 30
# Pictures of one grid in a stored notebook, in 10^3 bytes: all grids together stay under 1 MB.
GRID_KB = 90
WIDGET = "application/vnd.jupyter.widget-view+json"
FIGURES = """
import resource, sys
used = resource.getrusage(resource.RUSAGE_SELF)
print(round(used.ru_utime + used.ru_stime), used.ru_maxrss >> (20 if sys.platform == "darwin" else 10))
"""


def notebooks() -> list[Path]:
    """Return every example notebook."""
    return sorted(file for file in FOLDER.rglob("*.ipynb") if ".ipynb_checkpoints" not in file.parts)


def run(file: Path, **settings: str) -> tuple[Any, int, int]:
    """Run a notebook; return it with its outputs, and its kernel's CPU seconds and peak memory in MiB.

    Parameters
    ----------
    file : Path
    **settings : str
        Environment variables of the kernel, added to ``SDNB_PROGRESS=0``.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        A cell failed.
    """
    notebook = nbformat.read(file, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(FIGURES))
    client = NotebookClient(
        notebook,
        timeout=600,
        resources={"metadata": {"path": file.parent}},
        store_widget_state=False,
        coalesce_streams=True,
        record_timing=False,
    )
    client.execute(env=os.environ | {"SDNB_PROGRESS": "0"} | settings)
    (figures,) = notebook.cells.pop().outputs
    seconds, peak = map(int, figures.text.split())
    return notebook, seconds, peak


def tidy(notebook: Any, store: str) -> None:
    """Leave out what differs from run to run, and widgets, which a page without a kernel cannot show.

    Where a cell tells the store's folder, the usual one is written.
    """
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number:02d}"
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(WIDGET, None)
            if "text" in output:
                output.text = output.text.replace(store, "~/.cache/sdnb")


def main() -> None:
    """Run the notebooks that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", help="notebooks without their ending, such as 02-sweeps")
    names = parser.parse_args().names
    chosen = [file for file in notebooks() if not names or file.stem in names]
    if missing := set(names) - {file.stem for file in chosen}:
        parser.error(f"no such notebook: {', '.join(sorted(missing))}")
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    for file in chosen:
        with tempfile.TemporaryDirectory() as store:
            began = time.perf_counter()
            notebook, cpu, peak = run(file, SDNB_CACHE_DIR=store, SDNB_GRID_KB=str(GRID_KB), IPYTHONDIR=store)
            seconds = time.perf_counter() - began
        tidy(notebook, store)
        text = nbformat.writes(notebook)
        file.write_text(text + "\n", encoding="utf-8")
        name = file.relative_to(FOLDER).as_posix()
        print(f"{name:<30}{seconds:6.0f} s{cpu:6} CPU s{peak:7} MiB{len(text) / 1000:8.0f} kB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
