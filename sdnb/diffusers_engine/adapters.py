"""LoRAs and a VAE put on a loaded model, and taken off again.

diffusers and peft do the work. What a model wears is a state of its parts: whoever draws says first what they
must wear (`wear`), which does nothing where they do already; so runs that take turns on one model do not
disturb each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import diffusers
from accelerate.hooks import add_hook_to_module
from diffusers.loaders import StableDiffusionLoraLoaderMixin, StableDiffusionXLLoraLoaderMixin
from safetensors import safe_open

from sdnb import loras
from sdnb.adapters import Adapter
from sdnb.diffusers_engine.pipelines import Parts, quiet
from sdnb.errors import ModelError

__all__ = ["Outfit", "outfit", "wear"]

Outfit = tuple[tuple[str, str, str, float], ...]
# While a model changes it wears this: should an interrupt come in between, the next one to draw takes it off.
_CHANGING: Outfit = (("", "", "", 0.0),)


def outfit(lora: str, adapters: Sequence[Adapter]) -> Outfit:
    """Return what a picture's parts must wear: kind, name, path and weight of each adapter.

    Parameters
    ----------
    lora : str
        As in `sdnb.spec.ImageSpec`.
    adapters : sequence of Adapter
        Those that the spec names.
    """
    weights = dict(loras.parse(lora))
    return tuple((one.kind, one.name, str(one.path), weights.get(one.name, 1.0)) for one in adapters)


def wear(parts: Parts, wanted: Outfit) -> list[str]:
    """Put on what is wanted and nothing else; return what the user should know of it.

    Raises
    ------
    ModelError
        A file does not fit the model, and the parts wear nothing.
    """
    if parts.outfit == wanted:
        return parts.outfit_notes
    _take_off(parts)
    failed = ""
    parts.outfit = _CHANGING
    try:
        with quiet():
            notes = _put_on(parts, wanted)
    except ModelError:
        _take_off(parts)
        raise
    except Exception as error:  # whatever a file of another model makes the libraries raise
        failed = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
    if failed:
        _take_off(parts)
        names = " and ".join(name for _, name, _, _ in wanted)
        raise ModelError(f"{names} cannot be put on {parts.path.name}: {failed}")
    parts.outfit, parts.outfit_notes = wanted, notes
    return notes


def _put_on(parts: Parts, wanted: Outfit) -> list[str]:
    notes = []
    pipe = _loader(parts)
    weighed = [(name, path, weight) for kind, name, path, weight in wanted if kind == "lora"]
    labels = [f"lora{number}" for number in range(len(weighed))]  # peft takes no dots in names
    for label, (name, path, _) in zip(labels, weighed, strict=True):
        pipe.load_lora_weights(
            str(Path(path).parent),
            weight_name=Path(path).name,
            adapter_name=label,
            use_safetensors=True,
            local_files_only=True,
        )
        notes += _unfit(parts, label, name, path)
    if labels:
        pipe.set_adapters(labels, [weight for *_, weight in weighed])
    for kind, name, path, _ in wanted:
        if kind == "vae":
            parts.own_vae, parts.vae = parts.vae, _vae(parts, name, Path(path))
    return notes


def _take_off(parts: Parts) -> None:
    parts.outfit = _CHANGING
    if parts.own_vae is not None:
        parts.vae, parts.own_vae = parts.own_vae, None
    if any(getattr(part, "peft_config", None) for part in (parts.unet, *parts.text_encoders)):
        with quiet():
            _loader(parts).unload_lora_weights()
        # what peft leaves behind would make the next adapter of that name an error
        for part in (parts.unet, *parts.text_encoders):
            part.__dict__.pop("peft_config", None)
    parts.embeddings.clear()  # a LoRA may change the text encoders
    parts.outfit, parts.outfit_notes = (), []


def _loader(parts: Parts) -> Any:
    """Return diffusers' loader of LoRAs for parts without a pipeline around them."""
    xl = parts.family == "sdxl"
    made = (StableDiffusionXLLoraLoaderMixin if xl else StableDiffusionLoraLoaderMixin)()
    made.unet = parts.unet
    for suffix, encoder in zip(("", "_2"), parts.text_encoders, strict=False):
        setattr(made, f"text_encoder{suffix}", encoder)
    made.components, made.hf_device_map = {}, None
    return made


def _unfit(parts: Parts, label: str, name: str, path: str) -> list[str]:
    """Compare what a file holds with what was put on; tell what was left out, refuse if it is all."""
    with safe_open(path, framework="pt") as file:
        keys = [key for key in file.keys() if not key.endswith((".alpha", ".dora_scale"))]  # noqa: SIM118
    put = sum(
        label in getattr(module, bank, {})
        for part in (parts.unet, *parts.text_encoders)
        for module in part.modules()
        for bank in ("lora_A", "lora_B")
    )
    if not put:
        raise ModelError(
            f"the LoRA {name} fits nothing in {parts.path.name}: it is made for another kind of model"
        )
    if put < len(keys):
        return [f"{len(keys) - put} of the {len(keys)} tensors of the LoRA {name} fit nothing in this model"]
    return []


def _vae(parts: Parts, name: str, path: Path) -> Any:
    """Load a VAE from its folder, or a single file by the configuration of the model's own."""
    keywords = {"torch_dtype": parts.dtype, "local_files_only": True}
    if path.with_name("config.json").is_file():
        config = diffusers.AutoencoderKL.load_config(path.parent)
        cls = getattr(diffusers, str(config.get("_class_name")), None)
        if cls not in (diffusers.AutoencoderKL, diffusers.AutoencoderTiny):
            raise ModelError(
                f"{name} is a {config.get('_class_name')}; sdnb decodes with an AutoencoderKL or -Tiny"
            )
        made = cls.from_pretrained(path.parent, use_safetensors=True, **keywords)
    else:
        with TemporaryDirectory() as folder:
            parts.vae.save_config(folder)
            made = type(parts.vae).from_single_file(str(path), config=folder, **keywords)
    for what, one, own in (
        ("channels", made.config.latent_channels, parts.vae.config.latent_channels),
        ("levels", len(made.config.block_out_channels), len(parts.vae.config.block_out_channels)),
    ):
        if one != own:
            raise ModelError(
                f"the VAE {name} has {one} {what} and the model's own {own}: it is made for another kind"
            )
    made = made.eval()
    if (
        hook := getattr(parts.vae, "_hf_hook", None)
    ) is not None:  # it takes turns on the card as the own one
        return add_hook_to_module(made, hook)
    return made.to(parts.device)
