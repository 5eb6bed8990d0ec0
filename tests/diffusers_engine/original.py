"""Write a model's folder as one file in the original layout: the reverse of diffusers' conversion.

The names come from the published code of CompVis and Stability, so a test that reads the file back through
diffusers holds the two against each other.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

_RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0", "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection",
}  # fmt: skip
_ENDS = {
    "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
}  # fmt: skip
_OPEN_CLIP = {
    "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}  # fmt: skip


def unet(tensors, layers):
    """Rename the tensors of a UNet with so many layers in each block."""
    written = {}
    for name, tensor in tensors.items():
        stem, _, kind = name.rpartition(".")
        if stem in _ENDS:
            written[f"{_ENDS[stem]}.{kind}"] = tensor
            continue
        found = re.match(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.*)", name)
        if found is None:
            part, number, rest = re.match(r"mid_block\.(\w+)\.(\d+)\.(.*)", name).groups()
            place = f"middle_block.{1 if part == 'attentions' else 2 * int(number)}"
        else:
            side, block, part, number, rest = found.groups()
            block, number = int(block), int(number)
            if part == "downsamplers":
                written[f"input_blocks.{(block + 1) * (layers + 1)}.0.op.{kind}"] = tensor
                continue
            if part == "upsamplers":
                last = block * (layers + 1) + layers
                attends = any(key.startswith(f"up_blocks.{block}.attentions") for key in tensors)
                written[f"output_blocks.{last}.{2 if attends else 1}.conv.{kind}"] = tensor
                continue
            base = block * (layers + 1) + number + (side == "down")
            place = f"{'input' if side == 'down' else 'output'}_blocks.{base}.{part == 'attentions':d}"
        if part == "resnets":
            inner, _, kind = rest.rpartition(".")
            rest = f"{_RESNET[inner]}.{kind}"
        written[f"{place}.{rest}"] = tensor
    return written


def vae(tensors, levels):
    """Rename the tensors of a VAE with so many levels."""
    written = {}
    for name, tensor in tensors.items():
        found = re.match(r"(encoder|decoder)\.(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.*)", name)
        if found:
            side, way, level, part, number, rest = found.groups()
            level = int(level) if way == "down" else levels - 1 - int(level)
            if part == "resnets":
                name = f"{side}.{way}.{level}.block.{number}.{rest.replace('conv_shortcut', 'nin_shortcut')}"
            else:
                name = f"{side}.{way}.{level}.{way}sample.{rest}"
        elif ".mid_block." in name:
            for theirs, original in (
                ("mid_block.resnets.0", "mid.block_1"), ("mid_block.resnets.1", "mid.block_2"),
                ("mid_block.attentions.0", "mid.attn_1"), ("group_norm", "norm"), ("to_q", "q"),
                ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out"),
            ):  # fmt: skip
                name = name.replace(theirs, original)
            if ".attn_1." in name and name.endswith("weight") and ".norm." not in name:
                tensor = tensor[:, :, None, None]
        written[name.replace("conv_norm_out", "norm_out")] = tensor.contiguous()
    return written


def open_clip(tensors):
    """Rename the tensors of a text encoder as OpenCLIP's."""
    ends = {
        "embeddings.token_embedding.weight": "token_embedding.weight",
        "embeddings.position_embedding.weight": "positional_embedding",
        "final_layer_norm.weight": "ln_final.weight",
        "final_layer_norm.bias": "ln_final.bias",
    }
    written, thirds = {}, {}
    for name, tensor in tensors.items():
        name = name.removeprefix("text_model.")
        if name == "text_projection.weight":
            written["text_projection"] = tensor.T.contiguous()
        elif name in ends:
            written[ends[name]] = tensor
        elif found := re.match(r"encoder\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(weight|bias)", name):
            thirds.setdefault((found[1], found[3]), {})[found[2]] = tensor
        elif found := re.match(r"encoder\.layers\.(\d+)\.(.*)\.(weight|bias)", name):
            written[f"transformer.resblocks.{found[1]}.{_OPEN_CLIP[found[2]]}.{found[3]}"] = tensor
    for (layer, kind), three in thirds.items():
        written[f"transformer.resblocks.{layer}.attn.in_proj_{kind}"] = torch.cat([three[k] for k in "qkv"])
    return written


def clip(tensors):
    """Rename the tensors of a text encoder as CLIP's."""
    return {f"text_model.{name.removeprefix('text_model.')}": tensor for name, tensor in tensors.items()}


def write_original(folder: Path, file: Path, *, family: str, layers: int = 1, levels: int = 4, metadata=None):
    """Write a folder's model as one file of the family ``sd1``, ``sd2`` or ``sdxl``."""

    def part(name):
        (weights,) = (folder / name).glob("*.safetensors")
        return load_file(weights)

    pieces = [
        ("model.diffusion_model.", unet(part("unet"), layers)),
        ("first_stage_model.", vae(part("vae"), levels)),
    ]
    if family == "sd1":
        pieces.append(("cond_stage_model.transformer.", clip(part("text_encoder"))))
    elif family == "sd2":
        pieces.append(("cond_stage_model.model.", open_clip(part("text_encoder"))))
    else:
        pieces.append(("conditioner.embedders.0.transformer.", clip(part("text_encoder"))))
        pieces.append(("conditioner.embedders.1.model.", open_clip(part("text_encoder_2"))))
    tensors = {begin + name: tensor.contiguous() for begin, part in pieces for name, tensor in part.items()}
    save_file(tensors, file, metadata=metadata)
    return file
