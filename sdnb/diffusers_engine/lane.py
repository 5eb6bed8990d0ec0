"""A lane: the pictures of a batch that agree in scheduler, steps and guidance, and what steps them.

It knows what its rows give to the model and what is done with the model's answer: guidance, the
scheduler's step, what lies outside of masks. It never calls the model; `denoise` does, for all lanes at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sdnb.diffusers_engine import preview, prompts, schedules, start
from sdnb.diffusers_engine.pipelines import Parts
from sdnb.spec import ImageSpec

__all__ = ["Lane", "lane_of"]


def lane_of(spec: ImageSpec) -> tuple[Any, ...]:
    """Return what the pictures of one lane have in common, size and number of text chunks aside."""
    schedule = spec.scheduler, spec.num_inference_steps, spec.guidance_scale
    return *schedule, spec.strength, bool(spec.init_image), bool(spec.mask_image)


@dataclass(eq=False)
class Lane:
    """Rows that share a scheduler object.

    Attributes
    ----------
    rows : list of int
        Their places in the batch.
    scheduler
        Of diffusers; nobody else steps it.
    keywords : dict
        What its ``step`` is given beside the tensors.
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
    done : int
        Calls made.
    scaled, output : Tensor or None
        What the last call read and, after guidance, answered; ``[rows, channels, height/8, width/8]``.
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

    @classmethod
    def begin(
        cls,
        parts: Parts,
        rows: list[int],
        specs: Sequence[ImageSpec],
        scheduler: Any,
        encoded: dict[Any, prompts.Embedding],
        originals: start.Originals,
    ) -> Lane:
        """Make a lane that stands before its first call.

        Parameters
        ----------
        parts : Parts
        rows : list of int
        specs : sequence of ImageSpec
            One for each row, all of one `lane_of`.
        scheduler
            Of diffusers, its timesteps set, not yet stepped.
        encoded : dict
            What `prompts.encode` made of `prompts.texts` of the specs.
        originals : start.Originals
            The pictures that specs begin from.
        """
        pairs = [prompts.branches(parts, spec, encoded) for spec in specs]
        both = [negative for _, negative in pairs if negative is not None]
        with_negative = bool(both)
        both += [positive for positive, _ in pairs]
        states = torch.cat([embedding.states for embedding in both])
        pooled = [embedding.pooled for embedding in both if embedding.pooled is not None]
        generators = [torch.Generator("cpu").manual_seed(spec.seed) for spec in specs]
        begun = start.begin(originals, parts, specs, scheduler, generators, states.dtype)
        height, width = specs[0].height, specs[0].width
        ids = torch.tensor([[height, width, 0, 0, height, width]], dtype=states.dtype, device=parts.device)
        return cls(
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
