"""`FakeEngine`: an engine that draws patterns, for tests and for trying things out without torch.

It keeps every promise of `sdnb.engine.Engine`: the same spec gives the same pixels, a step is told for
every model call, `cancel` ends a run within one call, runs take turns, and a picture that should fail
fails alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from sdnb import scheduler_kinds, schedulers, turn
from sdnb.engine import Group, OnStep, Step, TokenReport
from sdnb.models import Capabilities, Model
from sdnb.picture import Picture
from sdnb.spec import ImageSpec

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray
    from PIL.Image import Image

__all__ = ["FakeEngine"]


class FakeEngine:
    """Draws a picture of coloured stripes that depends on every setting.

    Parameters
    ----------
    seconds_per_call : float
        How long a model call takes.
    batch : int
        Most pictures in one batch.
    fails : str
        A picture whose prompt holds this text fails.

    Attributes
    ----------
    calls : int
        Model calls made.
    drawn : list of ImageSpec
        Pictures drawn, in order.
    warmed : list of str
        Names of the models that were made ready.
    """

    name = "fake"

    def __init__(self, seconds_per_call: float = 0.0, batch: int = 4, fails: str = "") -> None:
        self.seconds_per_call = seconds_per_call
        self.batch = batch
        self.fails = fails
        self.calls = 0
        self.drawn: list[ImageSpec] = []
        self.warmed: list[str] = []

    def identity(self, model: Model) -> Mapping[str, str]:
        """Return a constant, so that stores can be shared between runs."""
        return {"engine": self.name, "fingerprint": model.name, "device": "cpu", "dtype": "float32"}

    def capabilities(self, model: Model) -> Capabilities:
        """Return those of a small Stable Diffusion."""
        return Capabilities(
            family="sd",
            width=64,
            height=64,
            num_inference_steps=4,
            guidance_scale=4.0,
            scheduler="dpmpp_2m",
            schedulers=frozenset(name for name, kind in scheduler_kinds.TABLE.items() if not kind.flow),
        )

    def missing(self, model: Model) -> int:
        """Return 0: there is nothing to download."""
        return 0

    def render(self, group: Group, on_step: OnStep, cancel: Event) -> Iterator[Picture]:
        """Draw the group in batches of `batch`."""
        for start in range(0, len(group.specs), self.batch):
            specs = group.specs[start : start + self.batch]
            total = max(schedulers.parse(s.scheduler).evaluations(s.steps_made) for s in specs)
            with turn.wait(on_step, cancel) as mine:
                if not mine:
                    return
                began = time.perf_counter()
                for done in range(1, total + 1):
                    if cancel.wait(self.seconds_per_call) if self.seconds_per_call else cancel.is_set():
                        return
                    self.calls += 1
                    on_step(Step(done, total, specs, partial(_previews, specs)))
                seconds = (time.perf_counter() - began) / len(specs)
            for spec in specs:
                if self.fails and self.fails in spec.prompt:
                    yield Picture(spec=spec, error=f"the fake engine fails on {self.fails!r}")
                    continue
                self.drawn.append(spec)
                picture = Picture(spec=spec, pixels=_stripes(spec), seconds=seconds)
                if group.latents:
                    picture = picture.with_latents(_latents(spec))
                if group.frames:
                    calls = schedulers.parse(spec.scheduler).evaluations(spec.steps_made)
                    noises = (15.0 * (1 - call / calls) for call in range(calls))
                    picture = picture.with_frames((noise, _stripes(spec, 16)) for noise in noises)
                yield picture

    def warm(self, model: Model) -> None:
        """Note that it was asked for: no model is ever loaded."""
        self.warmed.append(model.name)

    def tokens(self, model: Model, prompts: Sequence[str]) -> list[TokenReport]:
        """Split at spaces."""
        return [TokenReport((tuple((word, 1.0) for word in p.split()),), 77) for p in prompts]

    def status(self) -> Mapping[str, str]:
        """Return its name and how much it has done."""
        return {"engine": self.name, "device": "cpu", "model calls": str(self.calls)}

    def unload(self) -> int:
        """Do nothing: no model is ever loaded."""
        return 0


def _previews(specs: Sequence[ImageSpec]) -> list[Image]:
    return [_stripes(spec, 16) for spec in specs]


def _latents(spec: ImageSpec) -> NDArray[float32]:
    """Something that nears one picture per seed as the steps grow, as real latents do."""
    import numpy as np

    shape = (4, spec.height // 8, spec.width // 8)
    limit = np.random.default_rng(spec.seed).standard_normal(shape, np.float32)
    error = np.random.default_rng(list(bytes.fromhex(spec.digest))).standard_normal(shape, np.float32)
    return limit + error / np.float32(spec.num_inference_steps)


def _stripes(spec: ImageSpec, side: int | None = None) -> Image:
    from PIL import Image

    digest = bytes.fromhex(spec.digest)
    stripes = Image.new("RGB", (8, 1))
    for x in range(8):
        stripes.putpixel((x, 0), (digest[3 * x], digest[3 * x + 1], digest[3 * x + 2]))
    size = (side, side) if side else (spec.width, spec.height)
    return stripes.resize(size, Image.Resampling.NEAREST)
