"""`ImageSpec`: the settings that decide one picture, as frozen data.

Only what a user can see and change is in it; what else changes pixels (weights, dtype, device,
library versions) belongs to the store's key. Two specs with the same ``digest`` ask for the same
picture on any machine.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from numbers import Integral, Real
from typing import Any

from sdnb import loras, schedulers
from sdnb.errors import RequestError

__all__ = ["MAX_SEED", "MAX_SIDE", "MAX_STEPS", "ImageSpec"]

MAX_SEED = 2**63 - 1
MAX_STEPS = 1000
MAX_SIDE = 8192


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """The settings of one picture, validated and normalised.

    Parameters
    ----------
    model : str
        The model's name: ``mini``, a hub id, or a folder's or file's basename, never a path.
    prompt, negative_prompt : str
        Texts after the expansion of alternatives.
    seed : int
        0 to 2**63 - 1; of the picture's own CPU generator.
    num_inference_steps : int
        1 to 1000, as in diffusers.
    guidance_scale : float
        Classifier-free guidance, 0 or more; up to 1 the negative branch is not computed.
    scheduler : str
        A name that `sdnb.schedulers.parse` reads; kept in its canonical form.
    width, height : int
        Pixels, multiples of 8, 8 to 8192.
    clip_skip : int
        Layers of the text encoder to skip, as in diffusers (the web UI's "Clip skip" minus 1).
    init_image, mask_image : str
        Digests of the picture to begin from and of the mask, as in `sdnb.inputs`; empty for none. The
        mask is white where the picture is to be drawn anew.
    lora : str
        LoRAs with their weights, ``style:0.8+detail:0.5``; names as those of models.
    vae : str
        Name of a VAE that decodes instead of the model's own.
    strength : float
        Above 0, to 1: how much of the run is made, and so how far the picture may leave `init_image`.

    Raises
    ------
    RequestError
        A value is of the wrong kind or out of range.

    Examples
    --------
    >>> spec = ImageSpec(model="mini", prompt="a red fox", seed=1, num_inference_steps=20,
    ...                  guidance_scale=4, scheduler="Euler a", width=128, height=128)
    >>> spec.scheduler, spec.guidance_scale
    ('euler_a', 4.0)
    >>> spec.digest[:12]
    '0e9c676693b1'
    """

    model: str
    prompt: str
    seed: int
    num_inference_steps: int
    guidance_scale: float
    scheduler: str
    width: int
    height: int
    negative_prompt: str = ""
    clip_skip: int = 0
    init_image: str = ""
    mask_image: str = ""
    strength: float = 1.0
    lora: str = ""
    vae: str = ""

    def __post_init__(self) -> None:
        for name in ("model", "prompt", "negative_prompt", "lora", "vae"):
            if not isinstance(value := getattr(self, name), str):
                raise RequestError(f"{name} must be text, not {value!r}")
            if any("\ud800" <= c <= "\udfff" for c in value):
                raise RequestError(f"{name} holds half a surrogate pair, which is no text")
        self._whole("seed", 0, MAX_SEED)
        self._whole("num_inference_steps", 1, MAX_STEPS)
        self._whole("clip_skip", 0, 64)
        for side in ("width", "height"):
            self._whole(side, 8, MAX_SIDE)
            if (pixels := getattr(self, side)) % 8:
                below, above = pixels // 8 * 8, pixels // 8 * 8 + 8
                raise RequestError(
                    f"{side} must be a multiple of 8, not {pixels}: try {max(below, 8)} or {above}"
                )
        for name in ("init_image", "mask_image"):
            digest = getattr(self, name)
            if not (isinstance(digest, str) and re.fullmatch(r"([0-9a-f]{64})?", digest)):
                raise RequestError(f"{name} must be a sha256 of 64 hex digits or empty, not {digest!r}")
        self._check_strength()
        self._set("lora", loras.canonical(self.lora))
        guidance = self.guidance_scale
        if isinstance(guidance, bool) or not isinstance(guidance, Real):
            raise RequestError(f"guidance_scale must be a number, not {guidance!r}")
        if not (math.isfinite(guidance) and 0 <= guidance <= 1000):
            raise RequestError(f"guidance_scale must be from 0 to 1000, not {guidance}")
        self._set("guidance_scale", float(guidance) + 0.0)  # -0.0 is 0.0
        self._set("scheduler", schedulers.parse(self.scheduler).name)

    def _check_strength(self) -> None:
        strength = self.strength
        if isinstance(strength, bool) or not isinstance(strength, Real):
            raise RequestError(f"strength must be a number, not {strength!r}")
        if not 0 < strength <= 1:
            raise RequestError(f"strength must be above 0 and at most 1, not {strength}")
        self._set("strength", float(strength))
        if not self.init_image and (self.mask_image or self.strength != 1):
            what = "a mask" if self.mask_image else "strength"
            raise RequestError(f"{what} needs a picture to begin from; name one with --init (init_image=)")
        if not self.steps_made:
            raise RequestError(
                f"strength {self.strength:g} of {self.num_inference_steps} steps leaves no step to make; "
                f"try a strength of {math.ceil(100 / self.num_inference_steps) / 100:g} or more steps"
            )

    @property
    def steps_made(self) -> int:
        """How many of the steps are made: those that `strength` leaves, counted as diffusers counts."""
        return min(int(self.num_inference_steps * self.strength), self.num_inference_steps)

    def _whole(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if isinstance(value, Real) and not isinstance(value, (bool, Integral)):
            if not float(value).is_integer():
                raise RequestError(f"{name} must be a whole number, not {value}")
        elif isinstance(value, bool) or not isinstance(value, Integral):
            raise RequestError(f"{name} must be a whole number, not {value!r}")
        if not low <= (number := int(value)) <= high:
            raise RequestError(f"{name} must be from {low} to {high}, not {number}")
        self._set(name, number)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings under their diffusers names, those at rest (their default) left out.

        A setting that a later version adds rests at its default, so old digests stay as they are.
        """
        rest = {f.name: f.default for f in fields(self)}
        return {name: value for name, value in asdict(self).items() if value != rest[name]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ImageSpec:
        """Make the spec that `to_dict` wrote.

        Raises
        ------
        RequestError
            A name is unknown, a needed one is missing, or a value is out of range.
        """
        known = {f.name for f in fields(cls)}
        if strange := sorted(set(data) - known):
            raise RequestError(f"unknown settings {', '.join(strange)}; known: {sorted(known)}")
        try:
            return cls(**data)
        except TypeError as error:
            raise RequestError(f"the settings of a picture are incomplete: {error}") from None

    def canonical(self, *, without: frozenset[str] = frozenset()) -> str:
        """Return the settings as canonical JSON: sorted keys, no spaces, plain ASCII."""
        data = {k: v for k, v in self.to_dict().items() if k not in without}
        return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)

    @cached_property
    def digest(self) -> str:
        """Sha256 of the canonical JSON, 64 hex digits, the same on every machine."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()
