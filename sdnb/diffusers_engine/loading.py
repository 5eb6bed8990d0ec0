"""From a model's files to the parts of a pipeline: local safetensors only, no code of the checkpoint.

Only the parts that draw are imported and loaded. Each is loaded straight into the precision asked for, a
tensor at a time. One file in the original layout is taken apart by diffusers' own conversion, with the
configurations that ship with sdnb.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from sdnb import model_folder
from sdnb.diffusers_engine.offload import one_at_a_time
from sdnb.diffusers_engine.pipelines import Parts, quiet
from sdnb.errors import ModelError, RequestError
from sdnb.models import Model, capabilities, knows
from sdnb.single_file import TOKENIZER

__all__ = ["device_of", "load", "load_tokenizer", "room"]

_CLASSES = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL", "AutoencoderTiny"),
    "text_encoder": ("CLIPTextModel",),
    "text_encoder_2": ("CLIPTextModelWithProjection",),
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
    "tokenizer_2": ("CLIPTokenizer", "CLIPTokenizerFast"),
}
# Where the parts are in one file, by the beginnings of its tensors' names.
_IN_FILE = {
    "unet": ("model.diffusion_model.",),
    "vae": ("first_stage_model.",),
    "text_encoder": ("cond_stage_model.", "conditioner.embedders.0."),
    "text_encoder_2": ("conditioner.embedders.1.",),
}


def load(model: Model, on: str, precision: str, *, safety_checker: bool, offload: bool = False) -> Parts:
    """Load the parts of a model.

    Parameters
    ----------
    model : Model
    on : str
        A torch device.
    precision : str
        ``float32``, ``float16`` or ``bfloat16``; every part gets it, whatever its file holds.
    safety_checker : bool
        Whether a checker that the folder has is loaded.
    offload : bool
        Whether the parts stay in main memory and come to the device one at a time.

    Raises
    ------
    ModelError
        The files are broken, or have a part that sdnb does not draw with.
    RequestError
        The device is not there.
    """
    device, dtype = device_of(on), getattr(torch, precision)
    index = json.loads((model.path / "model_index.json").read_text(encoding="utf-8"))
    failed = ""
    default = torch.get_default_dtype()
    try:
        with quiet():
            return _assemble(model, index, device, dtype, safety_checker, offload)
    except ModelError:
        raise
    except Exception as error:  # whatever a damaged file makes the libraries raise
        failed = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
    finally:
        torch.set_default_dtype(default)  # diffusers leaves its own behind when it is interrupted
    what = "model folder" if model.file is None else "file of"
    raise ModelError(f"the {what} {model.name} cannot be loaded: {failed}")


def _assemble(
    model: Model,
    index: dict[str, Any],
    device: torch.device,
    dtype: torch.dtype,
    safety_checker: bool,
    offload: bool,
) -> Parts:
    home = torch.device("cpu") if offload else device

    def part(name: str) -> Any:
        said = index[name][1]
        if said not in _CLASSES[name]:
            allowed = " or ".join(_CLASSES[name])
            raise ModelError(f"the {name} of {model.name} is a {said}; sdnb draws with {allowed}")
        if name.startswith("tokenizer"):
            return load_tokenizer(model, name)
        ours = not name.startswith("text_encoder")
        cls = getattr(diffusers if ours else transformers, said)
        return _weights(cls, model, name, dtype).to(home).eval()

    family = "sdxl" if "text_encoder_2" in index else "sd"
    suffixes = ("", "_2") if family == "sdxl" else ("",)
    checker = extractor = None
    if (
        safety_checker
        and (index.get("safety_checker") or [None])[0]
        and (model.path / "safety_checker").is_dir()
    ):
        from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker

        checker = _weights(StableDiffusionSafetyChecker, model, "safety_checker", dtype).to(home).eval()
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
        offloaded=offload,
    )
    if device.type == "cpu":  # `mini` decodes a tenth faster so; the UNets are as fast either way
        parts.vae.to(memory_format=torch.channels_last)
    reads, writes = parts.unet.config.in_channels, parts.vae.config.latent_channels
    if reads != (2 * writes + 1 if capabilities(model).inpaints else writes):
        raise ModelError(
            f"{model.name} draws neither from text alone nor under a mask: "
            f"its unet reads {reads} channels, its vae has {writes}"
        )
    if offload:
        visitors = (*parts.text_encoders, parts.unet, parts.vae, parts.safety_checker)
        one_at_a_time([part for part in visitors if part is not None], device)
    return parts


def _weights(cls: Any, model: Model, name: str, dtype: torch.dtype) -> Any:
    if model.file is not None:
        return _taken_out(cls, model, model.file, name, dtype)
    folder = model.path / name
    files = model_folder.chosen((file.name for file in folder.iterdir()), half=dtype != torch.float32)
    options: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "low_cpu_mem_usage": True}
    # transformers renamed the keyword first; diffusers takes the old one in every version we support
    options["torch_dtype" if issubclass(cls, diffusers.ModelMixin) else "dtype"] = dtype
    if any(".fp16" in file for file in files):
        options["variant"] = "fp16"
    made, info = cls.from_pretrained(folder, output_loading_info=True, **options)
    missing = [key for key in info["missing_keys"] if not key.endswith("position_ids")]
    if missing:  # the libraries would fill them with random numbers
        raise ModelError(
            f"the {name} of {model.name} lacks {len(missing)} of its tensors, such as {min(missing)}"
        )
    return made


def _taken_out(cls: Any, model: Model, file: Path, name: str, dtype: torch.dtype) -> Any:
    """Convert one part of a file in the original layout, as ``from_single_file`` does, without the hub."""
    from diffusers.loaders.single_file_utils import create_diffusers_clip_model_from_ldm
    from safetensors import safe_open

    with safe_open(file, framework="pt") as tensors:
        ours = {key: tensors.get_tensor(key) for key in tensors.keys() if key.startswith(_IN_FILE[name])}  # noqa: SIM118
    options = {"config": str(model.path), "subfolder": name, "torch_dtype": dtype, "local_files_only": True}
    made = None
    # a tensor that the file does not have stays without data: some versions stumble over it, some do not
    with suppress(NotImplementedError):
        if name.startswith("text_encoder"):
            made = create_diffusers_clip_model_from_ldm(cls, ours, **options)
        else:
            made = cls.from_single_file(ours, **options)
    if made is not None and not any(tensor.is_meta for tensor in made.parameters()):
        return made
    raise ModelError(f"the {name} of {model.name} lacks some of its tensors")


def load_tokenizer(model: Model, name: str = "tokenizer") -> Any:
    """Load only a model's tokenizer; it knows how many tokens the text encoder beside it reads."""
    folder, options = model.path / name, {}
    if not any((folder / file).exists() for file in ("vocab.json", "tokenizer.json")):
        # the configurations that ship with sdnb share CLIP's vocabulary
        said = model_folder.read(folder / "tokenizer_config.json", model.name)
        folder, options = TOKENIZER, {key: said[key] for key in ("pad_token", "model_max_length")}
    tokenizer = transformers.CLIPTokenizer.from_pretrained(folder, local_files_only=True, **options)
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


def device_of(on: str) -> torch.device:
    """Return a torch device.

    Raises
    ------
    RequestError
        This machine has none such.
    """
    there = ["cpu"]
    if torch.cuda.is_available():
        there.append("cuda")
    if torch.backends.mps.is_available():
        there.append("mps")
    if on.partition(":")[0] not in there:
        raise RequestError(f"this machine has no device {on}; it has {', '.join(there)}")
    return torch.device(on)
