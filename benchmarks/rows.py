"""The rows of the table: sdnb against plain diffusers, each in a process and with a store of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.kernel import Kernel, alternate

__all__ = ["ROWS", "Row"]

MINI = str(Path(__file__).resolve().parent.parent / "sdnb" / "mini")
STEPS, GUIDANCE = 20, 4.0
SAME = {"num_inference_steps": STEPS, "guidance_scale": GUIDANCE, "scheduler": "ddim", "progress": False}
OPTIONS = f"--steps {STEPS} --guidance {GUIDANCE} --scheduler ddim"
SCHEDULERS = ["euler", "euler_a", "heun", "ddim", "unipc", "deis", "dpmpp_2m", "dpmpp_2m_karras"]
PROMPTS = ("a red fox", "a green frog", "a blue cat", "a yellow dog")
FOX = PROMPTS[0]


@dataclass
class Row:
    """One line of the table: the median of `figures` is held against the goal; `said` is behind them."""

    what: str
    unit: str
    goal: float | None
    at_most: bool
    figures: list[float]
    said: str

    @property
    def figure(self) -> float:
        """The median of the figures."""
        return median(self.figures)

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.goal is None or (self.figure <= self.goal if self.at_most else self.figure >= self.goal)


@contextmanager
def _settings() -> Iterator[dict[str, str]]:
    """Give an environment with a store and an IPython folder of its own."""
    with TemporaryDirectory(prefix="sdnb-bench-") as folder:
        yield {"SDNB_CACHE_DIR": f"{folder}/store", "IPYTHONDIR": f"{folder}/ipython"}


def _ratio(
    what: str, goal: float | None, ours: list[float], theirs: list[float], *, gain: bool, unit: str = "s"
) -> Row:
    """Make a row of ratios: plain over sdnb where a gain is shown, else sdnb over plain."""
    figures = [b / a if gain else a / b for a, b in zip(ours, theirs, strict=True)]
    said = f"{median(ours):.3g} {unit} against {median(theirs):.3g} {unit}, {len(ours)} rounds"
    return Row(what, "x", goal, not gain, figures, said)


def _race(
    ours: str, theirs: str, rounds: int, more: Mapping[str, str] | None = None
) -> tuple[list[float], list[float]]:
    """Time two cells, each in a process of its own where both have drawn once; `seed` is new each time.

    In one process the thread pools of the two sides would get into each other's way.
    """
    with _settings() as settings:
        settings |= more or {}
        with Kernel(settings) as a, Kernel(settings) as b:
            a.run("import sdnb")
            b.run(f"from benchmarks import plain\npipe = plain.load({MINI!r})")
            for side, kernel, cell in (("a", a, ours), ("b", b, theirs)):
                kernel.run(f"seed = 0\nfound = {cell}")
                _save(kernel, settings, side)
            _check_same(settings)
            seeds = count(100, 100)

            def timed(kernel: Kernel, cell: str) -> float:
                seconds: float = kernel.run(f"seed = {next(seeds)}\nfound = {cell}")["seconds"]
                return seconds

            return alternate(lambda: timed(a, ours), lambda: timed(b, theirs), rounds)


def _save(kernel: Kernel, settings: Mapping[str, str], side: str) -> None:
    """Write the pictures that a kernel has found to files named after its side."""
    folder = Path(settings["SDNB_CACHE_DIR"]).parent
    kernel.run(
        f"for i, one in enumerate(found):\n    getattr(one, 'image', one).save(f'{folder}/{side}{{i}}.png')"
    )


def _check_same(settings: Mapping[str, str]) -> None:
    """Make sure that both sides have done the same work."""
    import numpy as np
    from PIL import Image

    files = sorted(Path(settings["SDNB_CACHE_DIR"]).parent.glob("a*.png"))
    for file in files:
        one, other = (np.asarray(Image.open(f), int) for f in (file, file.with_name(f"b{file.name[1:]}")))
        if (apart := np.abs(one - other).max()) > 2:
            raise RuntimeError(f"{file.name}: {apart} levels apart, so this is not the same work")
    if not files:
        raise RuntimeError("nothing was drawn")


def _threads() -> list[tuple[str, dict[str, str]]]:
    """Return what a row is measured with: the threads of the environment, and one if they are more."""
    one = {"OMP_NUM_THREADS": "1"}
    return [("", {})] + ([] if os.environ.get("OMP_NUM_THREADS") == "1" else [(", one thread", one)])


def warm() -> list[Row]:
    """Draw one picture with everything loaded, without the store and with it."""
    plain = f"[plain.picture(pipe, {FOX!r}, seed, {STEPS}, {GUIDANCE})]"
    bare = _race(f"sdnb.diffuse({FOX!r}, seed=seed, cache=False, **{SAME})", plain, 16)
    kept = _race(f"sdnb.diffuse({FOX!r}, seed=seed, **{SAME})", plain, 8)
    return [
        _ratio("one picture, warm: sdnb / plain", 1.02, *bare, gain=False),
        _ratio("the same with the store / plain that keeps nothing", None, *kept, gain=False),
    ]


def sweep() -> list[Row]:
    """Draw four prompts with four seeds; sdnb keeps the pictures in its store meanwhile."""
    ours = f"sdnb.diffuse({PROMPTS}, seed=range(seed, seed + 4), **{SAME})"
    theirs = f"plain.sweep(pipe, {PROMPTS}, range(seed, seed + 4), {STEPS}, {GUIDANCE})"
    what = "4x4 prompt x seed sweep: plain loop / sdnb"
    return [
        _ratio(what + said, None if said else 2.5, *_race(ours, theirs, 4, more), gain=True)
        for said, more in _threads()
    ]


def compare() -> list[Row]:
    """Draw one picture with eight schedulers."""
    ours = f"sdnb.diffuse({FOX!r}, seed=seed, **{SAME | {'scheduler': SCHEDULERS}})"
    theirs = f"plain.compare(pipe, {FOX!r}, seed, {STEPS}, {GUIDANCE})"
    what = "8 schedulers compared: plain / sdnb"
    return [
        _ratio(what + said, None if said else 1.5, *_race(ours, theirs, 6, more), gain=True)
        for said, more in _threads()
    ]


def again() -> list[Row]:
    """Run one sweep in a new process, and again in others: as a script, and as a cell that shows its grid."""
    call = f"sdnb.diffuse({PROMPTS!r}, seed=range(4), **{SAME!r})"
    cell = f"%%diffuse {OPTIONS} --seed 0..3\n" + "\n---\n".join(PROMPTS)

    def script(settings: dict[str, str], kept: bool) -> float:
        code = f"import sdnb\nassert all(picture.cached for picture in {call}) is {kept}"
        began = perf_counter()
        subprocess.run([sys.executable, "-c", code], env={**os.environ, **settings}, check=True)
        return perf_counter() - began

    def notebook(settings: dict[str, str], kept: bool) -> float:
        with Kernel(settings) as kernel:
            kernel.run("%load_ext sdnb")
            kernel.run(cell)
            age = kernel.age
            kernel.run(f"assert all(picture.cached for picture in _) is {kept}")
        return age

    rows = []
    for how, once, goal in (("script", script, 20), ("IPython", notebook, None)):
        firsts, seconds = [], []
        for _ in range(3):
            with _settings() as settings:
                firsts.append(once(settings, False))
                seconds.append(median(once(settings, True) for _ in range(3)))
        what = f"4x4 sweep again in a new process ({how}): first / second"
        figures = [first / second for first, second in zip(firsts, seconds, strict=True)]
        said = f"{median(firsts):.3g} s, then {median(seconds):.3g} s, start counted in"
        rows.append(Row(what, "x", goal, False, figures, said))
    return rows


def one_more() -> list[Row]:
    """Add a seed to a sweep that is in the store."""
    import sdnb

    sdnb.diffuse(FOX, seed=range(16), **SAME)
    drawn = [p.spec.seed for p in sdnb.diffuse(FOX, seed=range(17), **SAME) if not p.cached]
    return [Row("one seed added to 16 pictures: drawn", "", 1, True, [len(drawn)], f"seeds {drawn}")]


def load_ext() -> list[Row]:
    """Load the extension into an IPython that has done nothing else."""
    figures = []
    with _settings() as settings:
        for _ in range(21):
            with Kernel(settings) as kernel:
                kernel.run("pass")
                figures.append(kernel.run("%load_ext sdnb")["seconds"] * 1000)
    return [Row("%load_ext sdnb beyond an empty IPython", "ms", 50, True, figures[1:], "20 new processes")]


def first_picture() -> list[Row]:
    """Start a process and draw one picture; look at the peak of its memory."""
    peaks: tuple[list[float], list[float]] = ([], [])
    script = (
        f"from benchmarks import plain\nplain.picture(plain.load({MINI!r}), {FOX!r}, 1, {STEPS}, {GUIDANCE})"
    )

    def once(which: int, *cells: str) -> float:
        with _settings() as settings, Kernel(settings) as kernel:
            replies = [kernel.run(cell) for cell in cells]
            age = kernel.age
        peaks[which].append(replies[-1]["peak"] / 1e6)
        return age

    # the first round fills the page cache and is dropped
    times = alternate(
        lambda: once(0, "%load_ext sdnb", f"%%diffuse {OPTIONS} --seed 1\n{FOX}"), lambda: once(1, script), 5
    )
    ours, theirs = (kept[1:] for kept in times)
    return [
        _ratio("new process to first picture: sdnb / plain", 1.0, ours, theirs, gain=False),
        _ratio("its peak memory: sdnb / plain", 1.05, peaks[0][1:], peaks[1][1:], gain=False, unit="MB"),
    ]


def fifty() -> list[Row]:
    """Run one cell again and again, drawing each time; every result stays in `Out`."""
    cell = f"%%diffuse --steps 8 --seed 1..2 --redraw\n{FOX}"
    with _settings() as settings, Kernel(settings) as kernel:
        kernel.run("%load_ext sdnb")
        held = []
        for _ in range(51):
            kernel.run(cell)
            held.append(kernel.memory() / 1e6)
    said = f"{held[0]:.0f} MB after the first run, {held[-1]:.0f} MB after 50 more"
    return [
        Row("50 runs of one cell that draws: growth of memory", "MB", 20, True, [held[-1] - held[0]], said)
    ]


def notebook() -> list[Row]:
    """Save a notebook with 25 grainy pictures of 512 pixels, as a grid of sdnb and as one PNG."""
    import nbformat
    import numpy as np
    from IPython.core.formatters import DisplayFormatter
    from PIL import Image

    from benchmarks import plain
    from sdnb import api
    from sdnb.picture import Picture
    from sdnb.results import Results
    from sdnb.sweep import Request

    random, images = np.random.default_rng(0), []
    for _ in range(25):
        soft = Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((512, 512), 3)
        grain = random.normal(0, 8, (512, 512, 3))
        images.append(Image.fromarray((np.asarray(soft) + grain).clip(0, 255).astype(np.uint8)))
    settings = {"seed": tuple(range(5)), "size": ((512, 512),)}
    planned = api.plan(Request(prompts=(*PROMPTS, "a black bird"), settings=settings))
    results = Results(
        planned, [Picture(spec=s, pixels=i) for s, i in zip(planned.specs, images, strict=True)]
    )

    def saved(data: dict[str, str]) -> float:
        output = nbformat.v4.new_output("execute_result", data, execution_count=1)
        cell = nbformat.v4.new_code_cell("draw()", outputs=[output], execution_count=1)
        return len(nbformat.writes(nbformat.v4.new_notebook(cells=[cell])).encode()) / 1e6

    sheet = b64encode(plain.png_grid(images, 5, 5)).decode()
    sizes = [saved(DisplayFormatter().format(results)[0])], [saved({"image/png": sheet})]
    what = "saved notebook, 5x5 grainy pictures of 512 px: plain PNG grid / sdnb"
    return [_ratio(what, 10, *sizes, gain=True, unit="MB")]


def full() -> list[Row]:
    """Draw 512x512 in one step with a model of the size of Stable Diffusion 1.5, its weights random.

    Each time in a new process, after a small picture, so that loading is not in the figure; the peak of
    the memory has it in.
    """
    steps: tuple[list[float], list[float]] = ([], [])
    peaks: tuple[list[float], list[float]] = ([], [])
    with TemporaryDirectory(prefix="sdnb-bench-") as folder, _settings() as settings:
        make = f"from benchmarks import plain; plain.make_full_size({MINI!r}, {folder!r})"
        subprocess.run([sys.executable, "-c", make], check=True, cwd=Path(__file__).parent.parent)
        same = {**SAME, "num_inference_steps": 1, "model": folder, "cache": False}
        ours = f"found = sdnb.diffuse({FOX!r}, seed=1, size=side, **{same})"
        theirs = f"found = [plain.picture(pipe, {FOX!r}, 1, 1, {GUIDANCE}, side)]"

        def once(which: int, load: str, cell: str) -> float:
            with Kernel(settings) as kernel:
                kernel.run(f"{load}\nside = 64\n{cell}")
                kernel.run("from benchmarks.kernel import clock_unet\ncalls = clock_unet()")
                done = kernel.run(f"side = 512\n{cell}")
                steps[which].append(kernel.run("sum(calls) / len(calls)")["value"])
                peaks[which].append(done["peak"] / 1e9)
                _save(kernel, settings, "ab"[which])
            seconds: float = done["seconds"]
            return seconds

        start = f"from benchmarks import plain\npipe = plain.load({folder!r})"
        times = alternate(lambda: once(0, "import sdnb", ours), lambda: once(1, start, theirs), 2)
        _check_same(settings)
    what = "full-size SD 1.5 at 512x512"
    return [
        _ratio(f"{what}, a picture of one step: plain / sdnb", 1.0, *times, gain=True),
        _ratio("its step alone: plain / sdnb", None, *steps, gain=True),
        _ratio("its peak memory: sdnb / plain", 1.1, *peaks, gain=False, unit="GB"),
    ]


ROWS = (warm, sweep, compare, again, one_more, load_ext, first_picture, fifty, notebook, full)

if __name__ == "__main__":
    # The rows of one name, as JSON on the last line; `__main__` runs each in a process of its own.
    with _settings() as own:
        os.environ.update(own)
        print(json.dumps([asdict(row) for row in globals()[sys.argv[1]]()]))
