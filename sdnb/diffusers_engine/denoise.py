"""The denoising loop: pictures of any seeds, prompts, guidance, steps and schedulers share model calls.

The pictures of a batch that agree in scheduler, steps and guidance form a lane. A lane has a scheduler
object of its own that steps its own rows. Every call of the model stacks the rows of all lanes that are
not finished, each with the timestep that its lane is at. A picture's noise comes from its own generator
alone, so it does not depend on what else is in the batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sdnb.diffusers_engine import preview, prompts, schedules, start
from sdnb.diffusers_engine.attention import KeysAndValues
from sdnb.diffusers_engine.pipelines import Parts
from sdnb.spec import ImageSpec

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Batch", "Finished", "Lane", "chunks", "guided", "out_of_memory", "why"]


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


@dataclass(eq=False)
class Lane:
    """Rows that share a scheduler object.

    Attributes
    ----------
    rows : list of int
        Their places in the batch.
    scheduler
        Of diffusers; nobody else steps it.
    guidance : float
    guided : bool
        Whether the negative branch is computed.
    latents : Tensor
        ``[rows, channels, height/8, width/8]``.
    timesteps : Tensor
        ``[calls]``, on the CPU, as the scheduler made them.
    times : Tensor
        The same in float32 on the model's device.
    states : Tensor
        ``[rows, chunks * context, channels]``, with guidance twice the rows: first all negative, then all
        positive.
    pooled, time_ids : Tensor or None
        The same for what SDXL reads beside.
    kept : start.Kept or None
        What is put back after every call, outside of masks.
    beside : Tensor or None
        ``[rows, 1 + channels, height/8, width/8]``: what an inpainting model reads beside the latents.
    strength : Tensor or None
        ``[rows, time_cond_proj_dim]``: the guidance as an embedding, for models distilled to read it.
    """

    rows: list[int]
    scheduler: Any
    keywords: dict[str, Any]
    guidance: float
    guided: bool
    latents: Tensor
    timesteps: Tensor
    times: Tensor
    states: Tensor
    pooled: Tensor | None
    time_ids: Tensor | None
    strength: Tensor | None
    kept: start.Kept | None = None
    beside: Tensor | None = None
    done: int = 0
    scaled: Tensor | None = None
    output: Tensor | None = None

    @property
    def over(self) -> bool:
        """Whether every step is done."""
        return self.done == len(self.timesteps)

    def model_input(self) -> Tensor:
        """Return the rows as the model reads them now."""
        scaled: Tensor = self.scheduler.scale_model_input(self.latents, self.timesteps[self.done])
        self.scaled = scaled.to(self.states.dtype)
        read = self.scaled if self.beside is None else torch.cat([self.scaled, self.beside], dim=1)
        return torch.cat([read, read]) if self.guided else read

    def step(self, predicted: Tensor) -> None:
        """Take the model's answer and go one call further."""
        if self.guided:
            negative, positive = predicted.chunk(2)
            predicted = negative + self.guidance * (positive - negative)
        self.output = predicted
        moved = self.scheduler.step(predicted, self.timesteps[self.done], self.latents, **self.keywords)[0]
        self.latents = moved.to(self.latents.dtype)
        self.done += 1
        if self.kept is not None:
            following = None if self.over else self.timesteps[self.done]
            self.latents = self.kept.put_back(self.latents, self.scheduler, following)

    def noise(self) -> float:
        """Return the noise level that the last call read."""
        return preview.noise_level(self.scheduler, self.timesteps[self.done - 1])

    def predicted(self) -> Tensor:
        """Return the x0 that the last call predicts, ``[rows, channels, height/8, width/8]``."""
        if self.scaled is None or self.output is None:
            return torch.zeros_like(self.latents)
        return preview.predict_x0(self.scheduler, self.timesteps[self.done - 1], self.scaled, self.output)


class Batch:
    """Pictures of one size and one number of text chunks that are denoised together.

    Parameters
    ----------
    parts : Parts
    specs : sequence of ImageSpec
    schedulers : sequence
        For each spec a built scheduler; specs of one lane are given the same object.
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
        schedulers: Sequence[Any],
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
        lanes: dict[tuple[int, float], list[int]] = {}
        for row, (spec, scheduler) in enumerate(zip(specs, schedulers, strict=True)):
            lanes.setdefault((id(scheduler), spec.guidance_scale), []).append(row)
        with torch.inference_mode():
            wanted = (prompts.texts(parts, *_texts(parts, spec)) for spec in self.specs)
            encoded = prompts.encode(parts, chain.from_iterable(wanted))
            self._lanes = [
                self._lane(rows, schedulers[rows[0]], encoded, originals) for rows in lanes.values()
            ]
        self.notes = [_notes(parts, spec, encoded) for spec in specs]
        self.total = max(len(lane.timesteps) for lane in self._lanes)
        self._live = list(self._lanes)
        self._conditions: tuple[dict[str, Any], list[int]] | None = None
        self._attended = KeysAndValues(parts.unet)

    def _lane(
        self,
        rows: list[int],
        scheduler: Any,
        encoded: dict[Any, prompts.Embedding],
        originals: start.Originals,
    ) -> Lane:
        parts, specs = self.parts, [self.specs[row] for row in rows]
        pairs = [prompts.branches(parts, *_texts(parts, spec), encoded) for spec in specs]
        both = [negative for _, negative in pairs if negative is not None]
        with_negative = bool(both)
        both += [positive for positive, _ in pairs]
        states = torch.cat([embedding.states for embedding in both])
        pooled = [embedding.pooled for embedding in both if embedding.pooled is not None]
        generators = [torch.Generator("cpu").manual_seed(spec.seed) for spec in specs]
        begun = start.begin(originals, parts, specs, scheduler, generators, states.dtype)
        height, width = specs[0].height, specs[0].width
        ids = torch.tensor([[height, width, 0, 0, height, width]], dtype=states.dtype, device=parts.device)
        return Lane(
            rows=rows,
            scheduler=scheduler,
            keywords=schedules.step_keywords(scheduler, generators, [spec.seed for spec in specs]),
            guidance=specs[0].guidance_scale,
            guided=with_negative,
            latents=begun.latents,
            kept=begun.kept,
            beside=begun.beside,
            timesteps=begun.timesteps,
            times=begun.timesteps.to(torch.float32).to(parts.device),
            states=states,
            pooled=torch.cat(pooled) if pooled else None,
            time_ids=ids.expand(len(both), -1) if pooled else None,
            strength=_strength(parts, specs[0].guidance_scale, len(rows), states.dtype),
        )

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


def guided(parts: Parts, spec: ImageSpec) -> bool:
    """Tell whether a picture needs the negative branch: two rows of the model instead of one."""
    return spec.guidance_scale > 1 and parts.unet.config.time_cond_proj_dim is None


def chunks(parts: Parts, spec: ImageSpec) -> int:
    """Return how many chunks of text a picture's model call reads; only pictures of one number share it."""
    prompt, _, negative = _texts(parts, spec)
    return prompts.length(parts, prompt, negative)


def _texts(parts: Parts, spec: ImageSpec) -> tuple[str, int, str | None]:
    return spec.prompt, spec.clip_skip, spec.negative_prompt if guided(parts, spec) else None


def _notes(parts: Parts, spec: ImageSpec, encoded: dict[Any, prompts.Embedding]) -> list[str]:
    notes = [encoded[spec.prompt, spec.clip_skip].note]
    if guided(parts, spec) and spec.negative_prompt:
        notes.append(encoded[spec.negative_prompt, 0].note.replace("the prompt", "the negative prompt", 1))
    return [note for note in notes if note]


def _strength(parts: Parts, guidance: float, rows: int, dtype: torch.dtype) -> Tensor | None:
    """Return the guidance scale as sines and cosines (Meng et al. 2022, arXiv:2210.03142)."""
    size = parts.unet.config.time_cond_proj_dim
    if size is None:
        return None
    half = size // 2
    frequencies = torch.exp(torch.arange(half, dtype=torch.float32) * -(math.log(10000.0) / (half - 1)))
    angles = torch.tensor(guidance - 1.0) * 1000.0 * frequencies
    waves = torch.cat([angles.sin(), angles.cos(), torch.zeros(size % 2)])
    return waves.to(parts.device, dtype).expand(rows, -1)


def _cat(tensors: list[Tensor | None]) -> Tensor | None:
    there = [tensor for tensor in tensors if tensor is not None]
    return torch.cat(there) if there else None


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception means that memory ran out, on any device."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    said = str(error)
    return isinstance(error, RuntimeError) and ("out of memory" in said or "can't allocate memory" in said)


def why(error: BaseException) -> str:
    """Return an exception as one line that keeps none of its frames: kind, message, place."""
    place, trace = "", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f" ({code.co_filename.replace(chr(92), '/').rpartition('/')[2]}:{trace.tb_lineno})"
        trace = trace.tb_next
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}{place}"
