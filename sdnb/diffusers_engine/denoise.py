"""The denoising loop: pictures of any seeds, prompts, guidance, steps and schedulers share model calls.

The pictures of a batch that agree in scheduler, steps and guidance form a lane (`lane`), which has a
scheduler object of its own that steps its own rows. Every call of the model stacks the rows of all lanes
that are not finished, each with the timestep that its lane is at. A picture's noise comes from its own
generator alone, so it does not depend on what else is in the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sdnb.diffusers_engine import preview, prompts, start
from sdnb.diffusers_engine.attention import KeysAndValues
from sdnb.diffusers_engine.failures import out_of_memory, why
from sdnb.diffusers_engine.lane import Lane, lane_of
from sdnb.diffusers_engine.pipelines import Parts
from sdnb.spec import ImageSpec

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Batch", "Finished"]


@dataclass(frozen=True)
class Finished:
    """A row of a batch that will not be stepped any more.

    Attributes
    ----------
    row : int
        Its place in the batch.
    latents : Tensor or None
        ``[channels, height/8, width/8]``; None when it failed.
    error : str
        Why it failed, or empty.
    """

    row: int
    latents: Tensor | None
    error: str = ""


class Batch:
    """Pictures of one size and one number of text chunks that are denoised together.

    Parameters
    ----------
    parts : Parts
    specs : sequence of ImageSpec
    schedulers : mapping
        For each `lane_of` a built scheduler that nobody else steps.
    originals : start.Originals
        The pictures that specs begin from.
    frames : bool
        Whether the predicted x0 of every call is kept.

    Attributes
    ----------
    trails : list of list of (float, Tensor)
        With `frames`, for each row and call its noise level and predicted x0, on the CPU.
    """

    def __init__(
        self,
        parts: Parts,
        specs: Sequence[ImageSpec],
        schedulers: Mapping[Any, Any],
        originals: start.Originals,
        *,
        frames: bool = False,
    ) -> None:
        self.parts = parts
        self.specs = tuple(specs)
        self.seconds = [0.0] * len(specs)
        self.frames = frames
        self.trails: list[list[tuple[float, Tensor]]] = [[] for _ in specs]
        self.done = 0
        lanes: dict[Any, list[int]] = {}
        for row, spec in enumerate(specs):
            lanes.setdefault(lane_of(spec), []).append(row)
        with torch.inference_mode():
            wanted = (prompts.texts(parts, spec) for spec in specs)
            encoded = prompts.encode(parts, chain.from_iterable(wanted))
            self._lanes = [
                Lane.begin(parts, rows, [specs[row] for row in rows], schedulers[lane], encoded, originals)
                for lane, rows in lanes.items()
            ]
        self.notes = [prompts.notes(parts, spec, encoded) for spec in specs]
        self.total = max(len(lane.timesteps) for lane in self._lanes)
        self._live = list(self._lanes)
        self._conditions: tuple[dict[str, Any], list[int]] | None = None
        self._attended = KeysAndValues(parts.unet)

    @property
    def over(self) -> bool:
        """Whether no row is left to step."""
        return not self._live

    def advance(self) -> list[Finished]:
        """Make one stacked call of the model; return the rows that it finished, with those that failed.

        Raises
        ------
        Exception
            What the model's call raised, running out of memory above all; the batch is then of no use.
        """
        began = perf_counter()
        finished: list[Finished] = []
        with torch.inference_mode():
            stacked = self._each(Lane.model_input, finished)
            if self._live:
                keywords, sizes = self._gathered()
                with self._attended.of(keywords["encoder_hidden_states"]):
                    answer = self.parts.unet(
                        stacked[0] if len(stacked) == 1 else torch.cat(stacked),
                        self._times(sizes),
                        return_dict=False,
                        **keywords,
                    )[0]
                answers = dict(zip(map(id, self._live), answer.split(sizes), strict=True))
                share = (perf_counter() - began) / sum(sizes)
                for lane, size in zip(self._live, sizes, strict=True):
                    for row in lane.rows:
                        self.seconds[row] += share * size / len(lane.rows)
                self._each(lambda lane: lane.step(answers[id(lane)]), finished)
                if self.frames:
                    self._remember()
        self.done += 1
        ended = [lane for lane in self._live if lane.over]
        for lane in ended:
            self._drop(lane)
            finished += [Finished(row, lane.latents[i]) for i, row in enumerate(lane.rows)]
        return finished

    def _each(self, action: Any, finished: list[Finished]) -> list[Any]:
        """Do something with every live lane; one that fails is dropped and the others go on."""
        results = []
        for lane in list(self._live):
            reason = ""
            try:
                results.append(action(lane))
            except Exception as error:
                if out_of_memory(error):
                    raise
                reason = why(error)
            if reason:
                self._drop(lane)
                finished += [Finished(row, None, reason) for row in lane.rows]
        return results

    def _remember(self) -> None:
        for lane in self._live:
            noise = lane.noise()
            for row, clean in zip(lane.rows, lane.predicted().float().cpu(), strict=True):
                self.trails[row].append((noise, clean))

    def _drop(self, lane: Lane) -> None:
        self._live.remove(lane)
        self._conditions = None

    def _gathered(self) -> tuple[dict[str, Any], list[int]]:
        """Return what the model reads beside latents and times; the same until a lane ends."""
        if self._conditions is None:
            live = self._live
            keywords: dict[str, Any] = {
                "encoder_hidden_states": torch.cat([lane.states for lane in live]),
                "timestep_cond": _cat([lane.strength for lane in live]),
            }
            if (pooled := _cat([lane.pooled for lane in live])) is not None:
                keywords["added_cond_kwargs"] = {
                    "text_embeds": pooled,
                    "time_ids": _cat([lane.time_ids for lane in live]),
                }
            self._conditions = keywords, [len(lane.states) for lane in live]
        return self._conditions

    def _times(self, sizes: list[int]) -> Tensor:
        now = [lane.times[lane.done] for lane in self._live]
        if len(now) == 1:
            return now[0]
        return torch.cat([time.expand(size) for time, size in zip(now, sizes, strict=True)])

    def predicted(self) -> list[Tensor]:
        """Return each row's predicted x0, ``[channels, height/8, width/8]``; nothing after `clear`."""
        found: dict[int, Tensor] = {}
        with torch.inference_mode():
            for lane in self._lanes:
                found.update(zip(lane.rows, lane.predicted(), strict=True))
        return [found[row] for row in sorted(found)]

    def preview(self) -> list[Image]:
        """Return each row's predicted x0 as a small picture, one pixel a latent."""
        latents = self.predicted()
        return preview.to_images(latents, preview.factors(self.parts)) if latents else []

    def clear(self) -> None:
        """Let every tensor go, also for those who still hold the batch or its preview."""
        self._lanes, self._live, self._conditions = [], [], None
        self._attended.clear()
        self.trails = []


def _cat(tensors: list[Tensor | None]) -> Tensor | None:
    there = [tensor for tensor in tensors if tensor is not None]
    return torch.cat(there) if there else None
