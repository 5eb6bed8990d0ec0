"""The folder `sdnb/mini`: weights in half precision, configs, preview factors, words, the model card."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from .concepts import CONCEPTS
from .scenes import COLOURS, SCENES
from .text import PROMPT, save_tokenizer
from .unet import schedule

LARGEST = 25_000_000
RECORD = "trained.json"
# What it draws with unless told; the guidance is the lowest of those with the best fidelity (see the card).
STEPS, GUIDANCE = 20, 2.0


def export(
    folder: Path,
    vae: AutoencoderKL,
    encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    unet: UNet2DConditionModel,
    preview: dict,
    record: dict,
) -> int:
    """Write the pipeline's folder, and return its size in bytes.

    Parameters
    ----------
    folder
        Where to.
    vae, encoder, tokenizer, unet
        The parts, in float32, which they still are afterwards.
    preview
        What `preview_factors` gave.
    record
        What `trained` gave.

    Raises
    ------
    ValueError
        When the folder is larger than LARGEST.
    """
    pipe = StableDiffusionPipeline(
        vae=vae,
        text_encoder=encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=schedule(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    originals = [{name: t.clone() for name, t in part.state_dict().items()} for part in (vae, encoder, unet)]
    pipe.to(torch.float16).save_pretrained(folder)
    pipe.to(torch.float32)
    for part, original in zip((vae, encoder, unet), originals, strict=True):
        part.load_state_dict(original)
    config = folder / "text_encoder" / "config.json"
    # Both names of the key, for transformers 5 and 4: a part in half precision would meet a UNet in full.
    named = json.loads(config.read_text("utf-8")) | {"dtype": "float32", "torch_dtype": "float32"}
    config.write_text(json.dumps(named, indent=2) + "\n", "utf-8")
    for config in folder.glob("*/config.json"):
        named = json.loads(config.read_text("utf-8"))
        named.pop("_name_or_path", None)
        config.write_text(json.dumps(named, indent=2) + "\n", "utf-8")
    save_tokenizer(tokenizer, folder / "tokenizer")
    (folder / "preview.json").write_text(json.dumps(preview, indent=2) + "\n", "utf-8")
    (folder / "knows.json").write_text(json.dumps(knows(), indent=1, ensure_ascii=False) + "\n", "utf-8")
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > LARGEST:
        raise ValueError(f"{folder} has {size} bytes, more than {LARGEST}; make a part of the model smaller")
    return size


def trained(folder: Path, seconds: Mapping[str, float], samples: int) -> dict:
    """How long every part of a folder's weights was trained in all, once this run's are added.

    Parameters
    ----------
    folder
        The exported folder; what it says already is added to.
    seconds
        Of this run, by part.
    samples
        Pictures that this run showed the UNet.

    Returns
    -------
    dict
        `hours` by part, and the UNet's `samples`.
    """
    file = folder / RECORD
    before = json.loads(file.read_text("utf-8")) if file.exists() else {"hours": {}, "samples": 0}
    hours = dict(before["hours"])
    for part, spent in seconds.items():
        hours[part] = round(hours.get(part, 0.0) + spent / 3600, 2)
    return {"hours": hours, "samples": before["samples"] + samples}


def preview_factors(latents: Tensor, pictures: Tensor) -> dict:
    """The least-squares map from latents to RGB.

    Parameters
    ----------
    latents
        float32 [count, 4, 16, 16], as the pipeline holds them.
    pictures
        float32 [count, 3, 128, 128] in -1..1.

    Returns
    -------
    dict
        `factors`, a row of RGB for each latent channel, and `bias`.
    """
    small = torch.nn.functional.avg_pool2d(pictures, 8)
    x = latents.permute(0, 2, 3, 1).reshape(-1, 4).numpy()
    y = small.permute(0, 2, 3, 1).reshape(-1, 3).numpy()
    solved = np.linalg.lstsq(np.concatenate([x, np.ones((len(x), 1))], 1), y, rcond=None)[0]
    rows = [[round(float(value), 4) for value in row] for row in solved]
    return {"factors": rows[:4], "bias": rows[4]}


def knows() -> dict:
    """What the model has learned, how long its prompts may be, and what it draws with unless told."""
    return {
        "prompt_tokens": PROMPT - 2,
        "defaults": {"num_inference_steps": STEPS, "guidance_scale": GUIDANCE},
        "concepts": [
            {
                "en": c.en[0].text,
                "es": c.es[0].text,
                "group": c.group,
                "synonyms": {"en": [n.text for n in c.en[1:]], "es": [n.text for n in c.es[1:]]},
            }
            for c in CONCEPTS
        ],
        "colours": [
            {
                "en": c.en[0],
                "es": c.es[0][0],
                "synonyms": {
                    "en": list(c.en[1:]),
                    "es": sorted({word for pair in c.es for word in pair} - {c.es[0][0]}),
                },
            }
            for c in COLOURS.values()
        ],
        "scenes": [
            {"en": s.en[0], "es": s.es[0], "synonyms": {"en": list(s.en[1:]), "es": list(s.es[1:])}}
            for s in SCENES.values()
        ],
        "styles": [{"en": "3d render", "es": "render 3d", "synonyms": {"en": [], "es": []}}],
    }
