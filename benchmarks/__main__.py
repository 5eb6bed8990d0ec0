"""Measure every row, print the table, write RESULTS.md: `python -m benchmarks [--no-full] [ROW ...]`."""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from statistics import quantiles

import psutil

from benchmarks.rows import GUIDANCE, ROWS, STEPS, Row

HERE = Path(__file__).resolve().parent
NAMES = [row.__name__ for row in ROWS]
RESULTS = HERE / "RESULTS.md"
NOTES = "\n## Notes\n"
QUIET = {f"{name}_VERBOSITY": "error" for name in ("TRANSFORMERS", "DIFFUSERS")} | {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1"
}
ABOUT = """\
# Benchmarks

sdnb against plain diffusers with the same settings (`plain.py`), both in one run and in the order A B B A;
each row in a process and with a store of its own; both sides must draw the same pictures. `mini` draws
{steps} steps at guidance {guidance:g}. A figure is the median of the rounds' ratios, the spread their
quartiles; "a against b" is sdnb against plain. `make bench` measures again and keeps the notes at the end;
`OMP_NUM_THREADS=1` steadies it where others use the cores, since threads that wait for each other suffer
most from that.
"""


def measure(name: str) -> list[Row]:
    """Measure one row in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.rows", name],
        stdout=subprocess.PIPE, text=True, check=True, cwd=HERE.parent, env={**os.environ, **QUIET},
    )  # fmt: skip
    return [Row(**row) for row in json.loads(done.stdout.splitlines()[-1])]


def machine() -> list[str]:
    """Say what it is measured on, and what else the machine is doing."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line for line in info.read_text(encoding="utf-8").splitlines() if line.startswith("model name")
        ]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    threads = os.environ.get("OMP_NUM_THREADS", "as many as torch takes")
    packages = ("torch", "diffusers", "transformers", "ipython", "sdnb")
    busy = psutil.cpu_times_percent(interval=3)
    nice = getattr(busy, "nice", 0.0)
    return [
        f"{cpu}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 1e9:.0f} GB, {platform.system()}, "
        f"Python {platform.python_version()}; threads: {threads}",
        ", ".join(f"{name} {version(name)}" for name in packages),
        f"{time.strftime('%Y-%m-%d')}; when it began others took {100 - busy.idle:.0f} % of the cores "
        f"({nice:.0f} % at low priority)",
    ]


def table(rows: list[Row]) -> list[str]:
    """Lay the rows out as a table of Markdown."""
    lines = ["| what | figure | spread | goal | | behind it |", "|---|---|---|---|---|---|"]
    for row in rows:
        goal = "" if row.goal is None else f"{'≤' if row.at_most else '≥'} {row.goal:g}"
        met = "" if row.goal is None else "met" if row.met else "**missed**"
        spread = ""
        if len(row.figures) > 1:
            low, _, high = quantiles(row.figures, method="inclusive")
            spread = f"{low:.3g} to {high:.3g}"
        unit = f" {row.unit}" if row.unit not in ("", "x") else ""
        lines.append(f"| {row.what} | {row.figure:.3g}{unit} | {spread} | {goal} | {met} | {row.said} |")
    return lines


def write(about: list[str], rows: list[Row]) -> None:
    """Write RESULTS.md: what was measured so far, and the notes that people have written at its end."""
    before = RESULTS.read_text(encoding="utf-8") if RESULTS.is_file() else ""
    notes = NOTES + before.partition(NOTES)[2]
    said = [f"- {line}" for line in about]
    lines = [ABOUT.format(steps=STEPS, guidance=GUIDANCE), *said, "", *table(rows), ""]
    RESULTS.write_text("\n".join(lines) + notes, encoding="utf-8")


def main() -> None:
    """Measure the rows that are asked for; all of them make RESULTS.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"one or more of {', '.join(NAMES)}")
    parser.add_argument(
        "--no-full", action="store_true", help="leave out the full-size model: 7 GB of memory"
    )
    asked = parser.parse_args()
    if unknown := [name for name in asked.rows if name not in NAMES]:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(NAMES)}")
    compileall.compile_dir(HERE.parent / "sdnb", quiet=1)  # as installing does
    about, rows = machine(), []
    for name in asked.rows or NAMES[: -1 if asked.no_full else None]:
        print(f"{time.strftime('%H:%M:%S')} {name}", file=sys.stderr, flush=True)
        rows += measure(name)
        if not asked.rows:
            write(about, rows)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
