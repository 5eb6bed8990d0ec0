"""Run the quickstart notebook without a browser: what ``make demo`` does.

Writes ``demo/quickstart.html``, the notebook as a page that needs no network, and ``demo/grid.png``, one
of its grids. The grid is drawn a second time here, which costs nothing: its pictures are in the store.
"""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

import sdnb

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "examples" / "01-quickstart.ipynb"
OUT = ROOT / "demo"


def main() -> None:
    """Run the notebook, export it, and write one grid as a picture."""
    os.environ["SDNB_PROGRESS"] = "0"
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": NOTEBOOK.parent}}).execute()
    OUT.mkdir(exist_ok=True)
    page, _ = HTMLExporter(embed_images=True).from_notebook_node(notebook)
    (OUT / "quickstart.html").write_text(page, encoding="utf-8")
    grid = sdnb.diffuse("{animal: a cat|a dog|a frog} on {colour: a blue|a yellow} background")
    grid.contact_sheet().save(OUT / "grid.png")
    for name in ("quickstart.html", "grid.png"):
        print(OUT / name)


if __name__ == "__main__":
    main()
