"""The parts of a pipeline: loaded from a model's folder, kept in memory, let go.

Only the parts that draw are imported and loaded; the loop around them is `denoise`. A model stays in
memory until it is unloaded, pushed out by others, or its files change.
"""

from __future__ import annotations

import gc
import json
import logging
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from sdnb.diffusers_engine.devices import free_ram
from sdnb.errors import ModelError, RequestError
from sdnb.models import Model, knows

__all__ = ["Parts", "Shelf", "free_gpu", "load", "load_tokenizer", "quiet", "room"]

_SPACE = 1.3  # what a model needs while it loads, over the size of its weights
_CLASSES = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL", "AutoencoderTiny"),
    "text_encoder": ("CLIPTextModel",),
    "text_encoder_2": ("CLIPTextModelWithProjection",),
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
    "tokenizer_2": ("CLIPTokenizer", "CLIPTokenizerFast"),
}


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

    def get(self, key: tuple[str, ...], name: str, need: int, make: Callable[[], Parts], on: str) -> Parts:
        """Return the parts under `key`; load them with `make` when they are not here.

        Parameters
        ----------
        key : tuple of str
            Path, fingerprint, device and precision.
        name : str
            The model's name, for `names`.
        need : int
            Bytes of its weights.
        make : callable
        on : str
            The device.
        """
        if key in self._parts:
            self._parts.move_to_end(key)
            return self._parts[key][1]
        while self._parts and (len(self._parts) >= self.max_models or _short(on, need)):
            self._parts.popitem(last=False)
            _release(on)
        parts = make()
        self._parts[key] = (name, parts)
        return parts

    def peek(self, path: Path) -> Parts | None:
        """Return the loaded parts of a folder, if there are any; does not count as a use."""
        return next((parts for _, parts in self._parts.values() if parts.path == path), None)

    def names(self) -> list[str]:
        """Return the names of the loaded models, the least recently used first."""
        return [name for name, _ in self._parts.values()]

    def clear(self) -> int:
        """Drop every model; return how many there were."""
        count = len(self._parts)
        devices = {parts.device.type for _, parts in self._parts.values()}
        self._parts.clear()
        for on in devices or ("cpu",):
            _release(on)
        return count


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


def load(model: Model, on: str, precision: str, *, safety_checker: bool) -> Parts:
    """Load the parts of a model's folder: local files and safetensors only, no code of the checkpoint.

    Parameters
    ----------
    model : Model
    on : str
        A torch device.
    precision : str
        ``float32``, ``float16`` or ``bfloat16``; every part gets it, whatever its file holds.
    safety_checker : bool
        Whether a checker that the folder has is loaded.

    Raises
    ------
    ModelError
        The folder is broken, or has a part that sdnb does not draw with.
    RequestError
        The device is not there.
    """
    device, dtype = _device(on), getattr(torch, precision)
    index = json.loads((model.path / "model_index.json").read_text(encoding="utf-8"))
    failed = ""
    default = torch.get_default_dtype()
    try:
        with quiet():
            return _assemble(model, index, device, dtype, safety_checker)
    except ModelError:
        raise
    except Exception as error:  # whatever a damaged file makes the libraries raise
        failed = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
    finally:
        torch.set_default_dtype(default)  # diffusers leaves its own behind when it is interrupted
    raise ModelError(f"the model folder {model.name} cannot be loaded: {failed}")


def _assemble(
    model: Model, index: dict[str, Any], device: torch.device, dtype: torch.dtype, safety_checker: bool
) -> Parts:
    def part(name: str) -> Any:
        said = index[name][1]
        if said not in _CLASSES[name]:
            allowed = " or ".join(_CLASSES[name])
            raise ModelError(f"the {name} of {model.name} is a {said}; sdnb draws with {allowed}")
        if name.startswith("tokenizer"):
            return load_tokenizer(model, name)
        ours = not name.startswith("text_encoder")
        cls = getattr(diffusers if ours else transformers, said)
        return _weights(cls, model, name, dtype).to(device).eval()

    family = "sdxl" if "text_encoder_2" in index else "sd"
    suffixes = ("", "_2") if family == "sdxl" else ("",)
    checker = extractor = None
    if (
        safety_checker
        and (index.get("safety_checker") or [None])[0]
        and (model.path / "safety_checker").is_dir()
    ):
        from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker

        checker = _weights(StableDiffusionSafetyChecker, model, "safety_checker", dtype).to(device).eval()
        extractor = _image_processor(model.path / "feature_extractor")
    scheduler = getattr(diffusers, index["scheduler"][1])
    tokenizers = tuple(part(f"tokenizer{suffix}") for suffix in suffixes)
    known = knows(model)
    parts = Parts(
        family=family,
        path=model.path,
        device=device,
        dtype=dtype,
        unet=part("unet"),
        vae=part("vae"),
        text_encoders=tuple(part(f"text_encoder{suffix}") for suffix in suffixes),
        tokenizers=tokenizers,
        prompt_tokens=min(room(tokenizer, known) for tokenizer in tokenizers),
        scheduler_config=scheduler.from_pretrained(model.path / "scheduler", local_files_only=True).config,
        safety_checker=checker,
        feature_extractor=extractor,
        zero_empty_negative=family == "sdxl" and bool(index.get("force_zeros_for_empty_prompt", True)),
    )
    if device.type == "cpu":  # `mini` decodes a tenth faster so; the UNets are as fast either way
        parts.vae.to(memory_format=torch.channels_last)
    if (reads := parts.unet.config.in_channels) != (writes := parts.vae.config.latent_channels):
        raise ModelError(
            f"{model.name} does not draw from text alone: "
            f"its unet reads {reads} channels, its vae has {writes}"
        )
    return parts


def _weights(cls: Any, model: Model, name: str, dtype: torch.dtype) -> Any:
    folder = model.path / name
    plain = [file for file in folder.glob("*.safetensors") if ".fp16." not in file.name]
    options: dict[str, Any] = {"local_files_only": True, "use_safetensors": True}
    # transformers renamed the keyword first; diffusers takes the old one in every version we support
    options["torch_dtype" if issubclass(cls, diffusers.ModelMixin) else "dtype"] = dtype
    if not plain:
        options["variant"] = "fp16"
    made, info = cls.from_pretrained(folder, output_loading_info=True, **options)
    missing = [key for key in info["missing_keys"] if not key.endswith("position_ids")]
    if missing:  # the libraries would fill them with random numbers
        raise ModelError(
            f"the {name} of {model.name} lacks {len(missing)} of its tensors, such as {min(missing)}"
        )
    return made


def load_tokenizer(model: Model, name: str = "tokenizer") -> Any:
    """Load only a model's tokenizer; it knows how many tokens the text encoder beside it reads."""
    tokenizer = transformers.CLIPTokenizer.from_pretrained(model.path / name, local_files_only=True)
    encoder = model.path / name.replace("tokenizer", "text_encoder") / "config.json"
    reads = json.loads(encoder.read_text(encoding="utf-8")).get("max_position_embeddings", 77)
    tokenizer.model_max_length = min(tokenizer.model_max_length, int(reads))
    return tokenizer


def room(tokenizer: Any, known: Mapping[str, Any] | None) -> int:
    """Return how many tokens of a prompt are encoded at once.

    Parameters
    ----------
    tokenizer
    known : mapping or None
        What `sdnb.models.knows` returned: a model may have learned on shorter prompts than it reads.
    """
    limit = int(tokenizer.model_max_length) - 2
    return min(limit, int((known or {}).get("prompt_tokens", limit)))


def _image_processor(folder: Path) -> Any:
    # the form that needs PIL alone; where torchvision is missing the other one warns and falls back
    try:
        from transformers import CLIPImageProcessorPil as Processor
    except ImportError:
        from transformers import CLIPImageProcessor as Processor
    return Processor.from_pretrained(folder, local_files_only=True)


def _device(on: str) -> torch.device:
    there = ["cpu"]
    if torch.cuda.is_available():
        there.append("cuda")
    if torch.backends.mps.is_available():
        there.append("mps")
    if on.partition(":")[0] not in there:
        raise RequestError(f"this machine has no device {on}; it has {', '.join(there)}")
    return torch.device(on)
