"""One ``.safetensors`` file in the original layout of Stable Diffusion 1.x, 2.x or XL: what is in it.

Only the file's header is read: the names and shapes of its tensors. What such a file does not hold (the
configuration of the parts, the tokenizers) ships with sdnb, a folder for each family in ``configs/``.

Whether a 2.x or XL model predicts noise or velocity cannot be seen in its tensors. In this order it is
decided by the file's own metadata (``modelspec.prediction_type``), by a tensor named ``v_pred`` (a
convention of XL checkpoints), by the name of the file (``base`` or ``512`` for 2.x, ``vpred`` or ``v-pred``
for XL), and else by what is usual: velocity for 2.x, at 768x768, and noise for XL. Where that is wrong,
``--scheduler "euler?prediction_type=epsilon"`` says it. One whose unet reads nine channels fills in masks.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sdnb.errors import ModelError
from sdnb.model_folder import header

__all__ = ["CONFIGS", "TOKENIZER", "config_of"]

CONFIGS = Path(__file__).parent / "configs"
TOKENIZER = CONFIGS / "tokenizer"
_FIRST = "model.diffusion_model.input_blocks.0.0.weight"
# What a file is when it is no checkpoint, by a piece of a tensor's name; the first that fits.
_OTHERS = (
    (r"lora|hada_|lokr_", "it holds a LoRA, which goes on top of a model"),
    (r"control_model\.|controlnet_|input_hint_block", "it is a ControlNet"),
    (r"double_blocks\.|single_blocks\.", "it is a Flux model"),
    (r"joint_blocks\.", "it is a Stable Diffusion 3 model"),
    (r"^(unet\.)?(down_blocks|up_blocks)\.", "it is one part in the layout of diffusers; give its folder"),
    (r"^emb_params$|^string_to_param|^clip_[lg]$", "it is a textual inversion"),
    (r"^(first_stage_model\.|vae\.)?(encoder|decoder)\.(conv_in|down|up|mid)", "it is a VAE alone"),
    (r"^(text_model|transformer\.text_model)\.", "it is a text encoder alone"),
)
# What the unet reads when it does not draw from text alone, by the channels of its first layer.
_READS = {5: "it needs a depth map", 7: "it is an upscaler", 8: "it edits pictures by instructions"}
_INPAINTS = 9


def config_of(file: Path) -> Path:
    """Return the folder of configurations that fits a file.

    Raises
    ------
    ModelError
        The file is broken, or no checkpoint of a family that sdnb draws with.
    """
    tensors = header(file, file.name)
    metadata = tensors.pop("__metadata__", {})
    why = _refused(tensors)
    if why:
        raise ModelError(
            f"{file.name} cannot be drawn with: {why}; "
            "a checkpoint of Stable Diffusion 1.x, 2.x or XL in the original layout can"
        )
    family = _family(tensors)
    said = str(metadata.get("modelspec.prediction_type", "")).lower() if isinstance(metadata, dict) else ""
    velocity = said.startswith("v") if said else None
    name = file.stem.lower()
    if velocity is None and "v_pred" in tensors:
        velocity = True
    if tensors[_FIRST]["shape"][1] == _INPAINTS:
        return CONFIGS / f"{family}-inpainting"
    if family == "sd2" and (not velocity if velocity is not None else _named(name, "base", "512")):
        family = "sd2-base"
    if family == "sdxl" and (velocity if velocity is not None else _named(name, "vpred", "v-pred", "v_pred")):
        family = "sdxl-v"
    return CONFIGS / family


def _refused(tensors: dict[str, Any]) -> str:
    others = [why for pattern, why in _OTHERS if any(re.search(pattern, name) for name in tensors)]
    first = tensors.get(_FIRST)
    if first is None:
        return others[0] if others else f"its {len(tensors)} tensors are of no model that sdnb knows"
    if (channels := int(first["shape"][1])) not in (4, _INPAINTS):
        return _READS.get(channels, f"its unet reads {channels} channels") + ", not text alone"
    if any(name.startswith("control_model.") for name in tensors):
        return "it is a ControlNet"
    if any(name.startswith("conditioner.embedders.0.model.") for name in tensors):
        return "it is a refiner, which finishes what another model began"
    for prefixes, what in (
        (("cond_stage_model.", "conditioner.embedders."), "text encoder"),
        (("first_stage_model.",), "VAE"),
    ):
        if not any(name.startswith(prefixes) for name in tensors):
            return f"it has no {what}"
    return "" if _family(tensors) else "its family is not known"


def _family(tensors: dict[str, Any]) -> str:
    """Tell the family by the width of what the cross attention reads: that of its text encoders."""
    reads = next((e["shape"][1] for name, e in tensors.items() if name.endswith("attn2.to_k.weight")), 0)
    return {768: "sd1", 1024: "sd2", 2048: "sdxl"}.get(reads, "")


def _named(name: str, *words: str) -> bool:
    return any(re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", name) for word in words)
