"""What a run begins from: noise alone, or a picture that is brought to the noise level of a later step.

The arithmetic, and the order in which a picture's generator is asked for numbers, are those of diffusers'
image-to-image and inpainting pipelines, on the parts that are loaded already. Under a mask the model draws;
outside of it the latents of the original, with the noise of the step, are put back after every call
(Lugmayr et al. 2022, arXiv:2201.09865, without its resampling).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from sdnb.diffusers_engine.pipelines import Parts
from sdnb.spec import ImageSpec

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Kept", "Originals", "Start", "begin", "skipped"]


@dataclass(eq=False)
class Kept:
    """What lies outside of the masks of some rows.

    Attributes
    ----------
    latents, noise : Tensor
        ``[rows, channels, height/8, width/8]``: of the originals, and the noise they began with.
    mask : Tensor
        ``[rows, 1, height/8, width/8]``, 1 where the picture is drawn anew, 0 where it is kept.
    """

    latents: Tensor
    noise: Tensor
    mask: Tensor

    def put_back(self, moved: Tensor, scheduler: Any, following: Tensor | None) -> Tensor:
        """Return the latents with the kept ones in place, as noisy as the following timestep, if any."""
        kept = self.latents
        if following is not None:
            kept = scheduler.add_noise(kept, self.noise, following.reshape(1))
        return (1 - self.mask) * kept + self.mask * moved


@dataclass(eq=False)
class Start:
    """Where the rows of a lane stand before its first call.

    Attributes
    ----------
    latents : Tensor
        ``[rows, channels, height/8, width/8]``.
    timesteps : Tensor
        ``[calls]``, those that are made.
    kept : Kept or None
        With masks only, and models that know nothing of them.
    beside : Tensor or None
        ``[rows, 1 + channels, height/8, width/8]``: the masks, and the latents of the pictures without what
        lies under them, for models that read both.
    """

    latents: Tensor
    timesteps: Tensor
    kept: Kept | None = None
    beside: Tensor | None = None


class Originals:
    """The user's pictures as the model needs them, each encoded once.

    Parameters
    ----------
    parts : Parts
    images : mapping of str to PIL image
        RGB, by digest.
    """

    def __init__(self, parts: Parts, images: Mapping[str, Image]) -> None:
        self._parts = parts
        self._images = images
        self._encoded: dict[tuple[str, str, int, int], tuple[Tensor, Tensor | None]] = {}

    def latents(
        self, spec: ImageSpec, generator: torch.Generator, dtype: torch.dtype, *, masked: bool = False
    ) -> Tensor:
        """Return ``[1, channels, height/8, width/8]``, drawn from what the VAE gives by the generator.

        With `masked` what lies under the mask is grey.
        """
        config = self._parts.vae.config
        mean, spread = self._moments(spec, masked)
        latents = mean
        if spread is not None:
            latents = mean + spread * _randn(mean.shape, [generator], mean.dtype).to(mean.device)
        latents = latents.to(dtype)
        shift, scale = getattr(config, "latents_mean", None), getattr(config, "latents_std", None)
        if self._parts.family == "sdxl" and shift is not None and scale is not None:
            shape = (1, -1, 1, 1)
            latents = (latents - latents.new_tensor(shift).view(shape)) / latents.new_tensor(scale).view(
                shape
            )
        scaled: Tensor = config.scaling_factor * latents
        return scaled

    def spend(self, spec: ImageSpec, generator: torch.Generator) -> None:
        """Draw the numbers that diffusers draws for the masked picture, which 4 channels do not read."""
        mean, spread = self._moments(spec)
        if spread is not None:
            _randn(mean.shape, [generator], mean.dtype)

    def mask(self, spec: ImageSpec, dtype: torch.dtype) -> Tensor:
        """Return ``[1, 1, height/8, width/8]`` of 0 and 1; a latent takes the mask's pixel at its corner."""
        step = self._parts.pixels_per_latent
        size = (spec.height // step, spec.width // step)
        small = torch.nn.functional.interpolate(self._under(spec), size=size)
        return small.to(self._parts.device, dtype)

    def _fitted(self, digest: str, spec: ImageSpec) -> Image:
        """Return a picture at the spec's size: where the proportions differ its middle is taken."""
        from PIL import Image, ImageOps

        image, size = self._images[digest], (spec.width, spec.height)
        return image if image.size == size else ImageOps.fit(image, size, Image.Resampling.LANCZOS)

    def _under(self, spec: ImageSpec) -> Tensor:
        """Return the mask, ``[1, 1, height, width]`` of 0 and 1."""
        grey = np.asarray(self._fitted(spec.mask_image, spec).convert("L"))
        return torch.from_numpy((grey >= 127.5).astype(np.float32))[None, None]

    def _moments(self, spec: ImageSpec, masked: bool = False) -> tuple[Tensor, Tensor | None]:
        """Return mean and standard deviation of a picture's latents; a tiny VAE gives no deviation."""
        key = (spec.init_image, spec.mask_image if masked else "", spec.width, spec.height)
        if key not in self._encoded:
            array = np.array(self._fitted(spec.init_image, spec), dtype=np.float32) / 255.0
            pixels = 2.0 * torch.from_numpy(array.transpose(2, 0, 1))[None] - 1.0
            self._encoded[key] = self._encode(pixels * (1 - self._under(spec)) if masked else pixels)
        return self._encoded[key]

    def _encode(self, pixels: Tensor) -> tuple[Tensor, Tensor | None]:
        vae, half = self._parts.vae, self._parts.vae.dtype
        upcast = self._parts.family == "sdxl" and bool(getattr(vae.config, "force_upcast", False))
        full = upcast and half == torch.float16
        try:
            if full:
                vae.to(dtype=torch.float32)
            said = vae.encode(pixels.to(self._parts.device, vae.dtype))
        finally:
            if full:
                vae.to(dtype=half)
        if hasattr(said, "latent_dist"):
            return said.latent_dist.mean, said.latent_dist.std
        return said.latents, None


def skipped(spec: ImageSpec, scheduler: Any) -> int:
    """Return how many of a scheduler's timesteps are left out."""
    return (spec.num_inference_steps - spec.steps_made) * int(scheduler.order)


def begin(
    originals: Originals,
    parts: Parts,
    specs: Sequence[ImageSpec],
    scheduler: Any,
    generators: Sequence[torch.Generator],
    dtype: torch.dtype,
) -> Start:
    """Make the start of a lane.

    Parameters
    ----------
    originals : Originals
    parts : Parts
    specs : sequence of ImageSpec
        Of one lane and one size.
    scheduler
        Of diffusers, its timesteps set, not yet stepped.
    generators : sequence of torch.Generator
        One for each spec.
    dtype : torch.dtype
        Of the latents.
    """
    first = specs[0]
    skip = skipped(first, scheduler)
    timesteps = scheduler.timesteps[skip:]
    # XL's pipeline sets it without a picture too; elsewhere the first step is then looked up
    if (first.init_image or parts.family == "sdxl") and hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(skip)
    step = parts.pixels_per_latent
    shape = (1, parts.vae.config.latent_channels, first.height // step, first.width // step)
    if not first.init_image:
        noise = _randn(shape, generators, dtype).to(parts.device)
        return Start(noise * scheduler.init_noise_sigma, timesteps)
    pairs = list(zip(specs, generators, strict=True))
    reads_mask = parts.unet.config.in_channels > parts.vae.config.latent_channels
    anew = bool(first.mask_image) and first.strength == 1
    clean = None
    if not (anew and reads_mask):
        clean = torch.cat([originals.latents(spec, own, dtype) for spec, own in pairs])
    noise = _randn(shape, generators, dtype).to(parts.device)
    if anew or clean is None:
        latents = noise * scheduler.init_noise_sigma
    else:
        latents = scheduler.add_noise(clean, noise, timesteps[:1].repeat(len(specs)))
    if not first.mask_image:
        return Start(latents, timesteps)
    mask = torch.cat([originals.mask(spec, dtype) for spec in specs])
    if reads_mask or clean is None:
        masked = torch.cat([originals.latents(spec, own, dtype, masked=True) for spec, own in pairs])
        return Start(latents, timesteps, beside=torch.cat([mask, masked], dim=1))
    for spec, own in pairs:
        originals.spend(spec, own)
    return Start(latents, timesteps, Kept(clean, noise, mask))


def _randn(shape: Sequence[int], generators: Sequence[torch.Generator], dtype: torch.dtype) -> Tensor:
    """Return ``[generators, ...]``: each row from its own generator, on the CPU."""
    return torch.cat([torch.randn(tuple(shape), generator=own, dtype=dtype) for own in generators])
