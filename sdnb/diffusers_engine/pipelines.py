"""The parts of a pipeline: kept in memory, let go. `loading` makes them, `denoise` is the loop around them.

A model stays in memory until it is unloaded, pushed out by others, or its files change.
"""

from __future__ import annotations

import gc
import logging
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers

from sdnb.diffusers_engine.devices import free_ram

__all__ = ["Parts", "Shelf", "free_gpu", "quiet"]

_SPACE = 1.3  # what a model needs while it loads, over the size of its weights


@dataclass(eq=False)
class Parts:
    """What draws: the parts of one pipeline, on one device, in one precision.

    Attributes
    ----------
    unet, vae
        Of diffusers.
    text_encoders, tokenizers
        One of each (``sd``) or two (``sdxl``), of transformers.
    prompt_tokens : int
        How many tokens of a prompt are encoded at once.
    scheduler_config : mapping
        The checkpoint's own; every run makes schedulers of its own from it.
    safety_checker, feature_extractor
        The checkpoint's own, or None.
    zero_empty_negative : bool
        Whether an empty negative prompt means zeros (most SDXL checkpoints).
    embeddings : OrderedDict
        What `prompts` has encoded.
    offloaded : bool
        Whether the parts stay in main memory and come to `device` one at a time (`offload`).
    outfit, outfit_notes, own_vae
        What `adapters` has put on, what is to be told of it, and the VAE it replaced.
    """

    family: str
    path: Path
    device: torch.device
    dtype: torch.dtype
    unet: Any
    vae: Any
    text_encoders: tuple[Any, ...]
    tokenizers: tuple[Any, ...]
    scheduler_config: Any
    prompt_tokens: int
    safety_checker: Any = None
    feature_extractor: Any = None
    zero_empty_negative: bool = False
    embeddings: OrderedDict[Any, Any] = field(default_factory=OrderedDict)
    offloaded: bool = False
    outfit: tuple[Any, ...] = ()
    outfit_notes: list[str] = field(default_factory=list)
    own_vae: Any = None

    @property
    def pixels_per_latent(self) -> int:
        """How many pixels wide one latent is: 8 for Stable Diffusion."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))


class Shelf:
    """The models in memory, the least recently used first.

    Parameters
    ----------
    max_models : int
        How many are kept at most; fewer where memory runs short.
    """

    def __init__(self, max_models: int) -> None:
        self.max_models = max_models
        self._parts: OrderedDict[tuple[str, ...], tuple[str, Parts]] = OrderedDict()

    def get(
        self, key: tuple[str, ...], name: str, need: int, make: Callable[[bool], Parts], on: str
    ) -> Parts:
        """Return the parts under `key`; load them with `make` when they are not here.

        Parameters
        ----------
        key : tuple of str
            What tells it from others, the path of its files first.
        name : str
            The model's name, for `names`.
        need : int
            Bytes of its weights in memory.
        make : callable
            Loads; is told whether the parts must take turns on the device.
        on : str
            The device.
        """
        if key in self._parts:
            self._parts.move_to_end(key)
            return self._parts[key][1]
        while self._parts and (len(self._parts) >= self.max_models or _short(on, need)):
            self._parts.popitem(last=False)
            _release(on)
        parts = make(_too_large(on, need))
        self._parts[key] = (name, parts)
        return parts

    def peek(self, path: Path) -> Parts | None:
        """Return the loaded parts of a folder or file, if there are any; does not count as a use."""
        return next((parts for key, (_, parts) in self._parts.items() if key[0] == str(path)), None)

    def names(self) -> list[str]:
        """Return the names of the loaded models, the least recently used first."""
        return [name for name, _ in self._parts.values()]

    def offloaded(self) -> list[str]:
        """Return the names of the models whose parts take turns on the device."""
        return [name for name, parts in self._parts.values() if parts.offloaded]

    def clear(self) -> int:
        """Drop every model; return how many there were."""
        count = len(self._parts)
        devices = {parts.device.type for _, parts in self._parts.values()}
        self._parts.clear()
        for on in devices or ("cpu",):
            _release(on)
        return count


def _too_large(on: str, need: int) -> bool:
    """Tell whether a card cannot hold a model at once; other devices share the main memory."""
    return on.startswith("cuda") and _short(on, need)


def _short(on: str, need: int) -> bool:
    if on.startswith("cuda"):
        free: int | None = free_gpu(torch.device(on))
    else:
        free = free_ram()
    return free is not None and need * _SPACE > free


def free_gpu(device: torch.device) -> int:
    """Return the bytes that a GPU has left, with those that torch keeps in reserve."""
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + kept


def _release(on: str) -> None:
    gc.collect()
    if on.startswith("cuda"):
        torch.cuda.empty_cache()
    elif on.startswith("mps"):
        torch.mps.empty_cache()


@contextmanager
def quiet() -> Iterator[None]:
    """Silence progress bars, warnings and log lines of diffusers and transformers.

    What a user should know is said in a picture's notes or as an error.
    """
    loggers = [logging.getLogger(name) for name in ("diffusers", "transformers")]
    levels = [logger.level for logger in loggers]
    bars = transformers.utils.logging.is_progress_bar_enabled()
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    transformers.utils.logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if bars:
            transformers.utils.logging.enable_progress_bar()
