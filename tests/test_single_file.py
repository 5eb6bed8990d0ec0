"""What one .safetensors file is, by its header alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdnb import families, single_file
from sdnb.errors import ModelError

UNET = "model.diffusion_model."
CROSS = UNET + "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
FIRST = UNET + "input_blocks.0.0.weight"
VAE = {"first_stage_model.decoder.conv_in.weight": [512, 4, 3, 3]}
CLIP = {"cond_stage_model.transformer.text_model.final_layer_norm.weight": [768]}
OPEN_CLIP = {"cond_stage_model.model.ln_final.weight": [1024]}
BOTH = {
    "conditioner.embedders.0.transformer.text_model.final_layer_norm.weight": [768],
    "conditioner.embedders.1.model.ln_final.weight": [1280],
}


def checkpoint(reads: int, channels: int = 4) -> dict[str, list[int]]:
    """Give the tensors by which a UNet is told."""
    return {FIRST: [320, channels, 3, 3], CROSS: [320, reads]}


def written(file: Path, tensors: dict[str, list[int]], metadata: dict[str, str] | None = None) -> Path:
    """Write a file of full size whose data is a hole."""
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    end = 0
    for name, shape in tensors.items():
        size = 4
        for side in shape:
            size *= side
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    with file.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        stream.truncate(8 + len(text) + end)
    return file


@pytest.mark.parametrize(
    ("name", "tensors", "metadata", "family"),
    [
        ("dreamshaper_8", checkpoint(768) | CLIP | VAE, None, "sd1"),
        ("v2-1_768-ema-pruned", checkpoint(1024) | OPEN_CLIP | VAE, None, "sd2"),
        ("512-base-ema", checkpoint(1024) | OPEN_CLIP | VAE, None, "sd2-base"),
        ("database", checkpoint(1024) | OPEN_CLIP | VAE, None, "sd2"),
        ("any", checkpoint(1024) | OPEN_CLIP | VAE, {"modelspec.prediction_type": "epsilon"}, "sd2-base"),
        ("base", checkpoint(1024) | OPEN_CLIP | VAE, {"modelspec.prediction_type": "v"}, "sd2"),
        ("sd_xl_base_1.0", checkpoint(2048) | BOTH | VAE, None, "sdxl"),
        ("filler", checkpoint(768, 9) | CLIP | VAE, None, "sd1-inpainting"),
        ("512-inpainting-ema", checkpoint(1024, 9) | OPEN_CLIP | VAE, None, "sd2-inpainting"),
        ("xl-inpaint", checkpoint(2048, 9) | BOTH | VAE, None, "sdxl-inpainting"),
        ("noob", checkpoint(2048) | BOTH | VAE | {"v_pred": [0]}, None, "sdxl-v"),
        ("some-vpred-1", checkpoint(2048) | BOTH | VAE, None, "sdxl-v"),
    ],
)
def test_a_family_is_told_by_shapes_and_prediction_by_what_is_said(
    tmp_path: Path, name: str, tensors: dict[str, list[int]], metadata: dict[str, str] | None, family: str
) -> None:
    """1.x, 2.x and XL differ in what the cross attention reads; metadata, tensors and names say the rest."""
    file = written(tmp_path / f"{name}.safetensors", tensors, metadata)
    assert single_file.config_of(file) == single_file.CONFIGS / family
    assert families.capabilities(single_file.CONFIGS / family, name).inpaints is family.endswith("inpainting")


@pytest.mark.parametrize(
    ("tensors", "why"),
    [
        (checkpoint(768, 8) | CLIP | VAE, "it edits pictures by instructions, not text alone"),
        (
            checkpoint(1280) | {"conditioner.embedders.0.model.ln_final.weight": [1280]} | VAE,
            "it is a refiner",
        ),
        (checkpoint(768) | VAE, "it has no text encoder"),
        (checkpoint(768) | CLIP, "it has no VAE"),
        (checkpoint(999) | CLIP | VAE, "its family is not known"),
        ({"lora_unet_down_blocks_0.lora_up.weight": [1]}, "it holds a LoRA"),
        ({"model.diffusion_model.double_blocks.0.img_attn.norm.key_norm.scale": [1]}, "it is a Flux model"),
        ({"model.diffusion_model.joint_blocks.0.x": [1]}, "it is a Stable Diffusion 3 model"),
        ({"down_blocks.0.resnets.0.conv1.weight": [1]}, "one part in the layout of diffusers"),
        ({"control_model.input_blocks.0.0.weight": [1]}, "it is a ControlNet"),
        ({"encoder.conv_in.weight": [1]}, "it is a VAE alone"),
        ({"emb_params": [1]}, "it is a textual inversion"),
        ({"x": [1]}, "its 1 tensors are of no model that sdnb knows"),
    ],
)
def test_what_is_no_checkpoint_is_named(tmp_path: Path, tensors: dict[str, list[int]], why: str) -> None:
    """Each other kind of file gives one line that says what it is and what would do."""
    with pytest.raises(ModelError, match=why) as caught:
        single_file.config_of(written(tmp_path / "thing.safetensors", tensors))
    assert str(caught.value).startswith("thing.safetensors cannot be drawn with: ")
    assert "\n" not in str(caught.value)
