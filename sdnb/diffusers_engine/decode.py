"""Latents to pictures, with the second chance in full precision and the safety checker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sdnb.diffusers_engine import devices
from sdnb.diffusers_engine.failures import out_of_memory
from sdnb.diffusers_engine.pipelines import Parts, quiet

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["BLOCKED", "Decoded", "decode"]

BLOCKED = "blocked by the model's safety checker"
# Measured on a CPU: four pictures of `mini` at once take 30 ms each, sixteen 36, one 32.
_PIXELS_AT_ONCE = {"cpu": 2**16, "mps": 2**18, "cuda": 2**20}


@dataclass
class Decoded:
    """A picture out of the VAE; `image` is None when `error` says why."""

    image: Image | None = None
    notes: list[str] = field(default_factory=list)
    error: str = ""


def decode(parts: Parts, latents: Sequence[Tensor]) -> list[Decoded]:
    """Decode latents to RGB pictures, with the arithmetic of diffusers' ``VaeImageProcessor``.

    A few at a time, and a very big picture in tiles, whose edges are blended; a note says so. When memory
    runs out half as many are decoded at a time, and one that is alone in tiles.

    Parameters
    ----------
    parts : Parts
    latents : sequence of Tensor
        Each ``[channels, height/8, width/8]``, all of one shape.

    Returns
    -------
    list of Decoded
        In the order of the latents.
    """
    done: list[Decoded] = []
    area = latents[0].shape[-1] * latents[0].shape[-2] * parts.pixels_per_latent**2
    limit = max(1, _PIXELS_AT_ONCE.get(parts.device.type, 2**18) // area)
    tiled = area > devices.WHOLE_PIXELS
    because = "for its size"
    while len(done) < len(latents):
        some = torch.stack(list(latents[len(done) : len(done) + limit]))
        short = False
        try:
            with _tiles(parts.vae, tiled):
                made = _decode(parts, some)
        except Exception as error:
            if not out_of_memory(error):
                raise
            short = True
        if not short:
            for one in made if tiled else ():
                one.notes.append(f"decoded in tiles, {because}")
            done += made
        elif len(some) == 1 and not tiled:
            tiled, because = True, "for memory ran out"
        elif len(some) == 1:
            done.append(Decoded(error="memory ran out while the picture was decoded; try a smaller size"))
        else:
            limit = max(1, len(some) // 2)
    return done


@contextmanager
def _tiles(vae: Any, on: bool) -> Iterator[None]:
    """Let a VAE decode in tiles, and leave it as it was."""
    before = vae.use_tiling
    vae.use_tiling = on or before
    try:
        yield
    finally:
        vae.use_tiling = before


@torch.inference_mode()
def _decode(parts: Parts, latents: Tensor) -> list[Decoded]:
    vae = parts.vae
    half = vae.dtype != torch.float32
    if half and parts.family == "sdxl" and vae.dtype == torch.float16 and vae.config.force_upcast:
        pixels, finite, again = _in_full(parts, latents), None, False
    else:
        pixels = _pixels(parts, latents)
        finite = _finite(pixels)
        again = half and not all(finite)
        if again:
            pixels, finite = _in_full(parts, latents), None
    finite = _finite(pixels) if finite is None else finite
    shown = (pixels.nan_to_num() * 0.5 + 0.5).clamp(0, 1)
    return _pictures(parts, shown, finite, again)


def _pixels(parts: Parts, latents: Tensor) -> Tensor:
    config = parts.vae.config
    latents = latents.to(parts.vae.dtype)
    mean, spread = getattr(config, "latents_mean", None), getattr(config, "latents_std", None)
    if parts.family == "sdxl" and mean is not None and spread is not None:
        shape = (1, -1, 1, 1)
        latents = latents * latents.new_tensor(spread).view(shape) / config.scaling_factor
        latents = latents + latents.new_tensor(mean).view(shape)
    else:
        latents = latents / config.scaling_factor
    pixels: Tensor = parts.vae.decode(latents, return_dict=False)[0]
    return pixels


def _in_full(parts: Parts, latents: Tensor) -> Tensor:
    """Decode in float32 and put the VAE back as it was, whatever happens."""
    before = parts.vae.dtype
    try:
        parts.vae.to(dtype=torch.float32)
        return _pixels(parts, latents.float())
    finally:
        parts.vae.to(dtype=before)


def _finite(pixels: Tensor) -> list[bool]:
    found: list[bool] = torch.isfinite(pixels).flatten(1).all(1).tolist()
    return found


def _pictures(parts: Parts, shown: Tensor, finite: list[bool], again: bool) -> list[Decoded]:
    from PIL import Image

    array = (shown.permute(0, 2, 3, 1).float() * 255).round().to(torch.uint8).cpu().numpy()
    images = [Image.fromarray(pixels) for pixels in array]
    blocked = _blocked(parts, images)
    pictures = []
    for image, good, bad in zip(images, finite, blocked, strict=True):
        made = Decoded(image)
        if again:
            made.notes.append("decoded again in float32: the VAE overflowed in half precision")
        if not good:
            made.image = None
            made.error = "the VAE gave numbers that are not finite, also in float32; try other settings"
        elif bad:
            made.image = Image.new("RGB", image.size)
            made.notes.append(BLOCKED)
        pictures.append(made)
    return pictures


def _blocked(parts: Parts, images: list[Image]) -> list[bool]:
    if parts.safety_checker is None:
        return [False] * len(images)
    with quiet():
        seen = parts.feature_extractor(images, return_tensors="pt").to(parts.device)
        # the checker blanks what it is given; our pictures stay out of its hands
        blanks = torch.zeros(len(images), 1)
        return list(parts.safety_checker(images=blanks, clip_input=seen.pixel_values.to(parts.dtype))[1])
