"""Tiny pipelines with random weights, in the layout of diffusers; plain calls of them, and counted ones."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import numpy as np
import torch

from sdnb import schedulers
from sdnb.engine import Group
from sdnb.models import Model
from sdnb.spec import ImageSpec

SIDE = 64
CONTEXT = 16
BOUND = 2  # of 255: batched and plain differ by rounding only
PLAIN = [name for name in schedulers.names() if not schedulers.parse(name).kind.flow]
_WORDS = ("fox", "moon", "red", "blue", "blur")


def write_tokenizer(folder: Path) -> None:
    """Write a small byte-level BPE as CLIP's: every byte, and a few whole words by merging."""
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    folder.mkdir(parents=True)
    letters = [chr(code) for code in range(33, 127)]
    vocabulary = letters + [letter + "</w>" for letter in letters]
    merges = []
    for word in _WORDS:
        pieces = [*word[:-1], word[-1] + "</w>"]
        while len(pieces) > 1:
            merge = (pieces[0], pieces[1])
            pieces = ["".join(merge), *pieces[2:]]
            if merge not in merges:
                merges.append(merge)
                vocabulary.append(pieces[0])
    vocabulary += ["<|startoftext|>", "<|endoftext|>"]
    ids = {token: i for i, token in enumerate(dict.fromkeys(vocabulary))}
    (folder / "vocab.json").write_text(json.dumps(ids))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(map(" ".join, merges)) + "\n")
    CLIPTokenizer.from_pretrained(folder, model_max_length=CONTEXT).save_pretrained(folder)


def text_config(tokenizer, width: int = 32, **more):
    """Configure a text encoder that a tokenizer fits."""
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=37,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=CONTEXT,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_factor=5.0,
        **more,
    )


def tiny_vae():
    """Make a VAE of 8 pixels a latent."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 16),
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        layers_per_block=1,
    )


def tiny_unet(**more):
    """Make a UNet of two levels."""
    from diffusers import UNet2DConditionModel

    options = {
        "block_out_channels": (32, 64),
        "layers_per_block": 1,
        "sample_size": SIDE // 8,
        "in_channels": 4,
        "out_channels": 4,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": 32,
        "attention_head_dim": 8,
        "norm_num_groups": 8,
    }
    return UNet2DConditionModel(**(options | more))


def scheduler_of(prediction: str = "epsilon"):
    """Make the scheduler that Stable Diffusion 1.5 ships, for another prediction type if need be."""
    from diffusers import PNDMScheduler

    return PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        skip_prk_steps=True,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=prediction,
    )


def write_sd(folder: Path, prediction: str = "epsilon", scheduler=None, **unet) -> Model:
    """Write a tiny Stable Diffusion pipeline."""
    from diffusers import StableDiffusionPipeline
    from transformers import CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    write_tokenizer(folder / "tokenizer")
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    StableDiffusionPipeline(
        vae=tiny_vae(),
        text_encoder=CLIPTextModel(text_config(tokenizer)),
        tokenizer=tokenizer,
        unet=tiny_unet(**unet),
        scheduler=scheduler or scheduler_of(prediction),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder, safe_serialization=True)
    return Model(folder.name, folder)


def write_inpainting(folder: Path, write=write_sd) -> Model:
    """Write a tiny pipeline whose UNet reads a mask and the picture around it beside the latents."""
    model = write(folder, in_channels=9)
    index = folder / "model_index.json"
    said = json.loads(index.read_text())
    said["_class_name"] = said["_class_name"].replace("Pipeline", "InpaintPipeline")
    index.write_text(json.dumps(said))
    return model


def write_sdxl(folder: Path, **unet) -> Model:
    """Write a tiny Stable Diffusion XL pipeline."""
    from diffusers import StableDiffusionXLPipeline
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    torch.manual_seed(0)
    write_tokenizer(folder / "tokenizer")
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    StableDiffusionXLPipeline(
        vae=tiny_vae(),
        text_encoder=CLIPTextModel(text_config(tokenizer)),
        text_encoder_2=CLIPTextModelWithProjection(text_config(tokenizer, projection_dim=32)),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=tiny_unet(
            cross_attention_dim=64,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=8 * 6 + 32,
            transformer_layers_per_block=(1, 1),
            use_linear_projection=True,
            **unet,
        ),
        scheduler=scheduler_of(),
        add_watermarker=False,
    ).save_pretrained(folder, safe_serialization=True)
    return Model(folder.name, folder)


def write_lora(folder: Path, name: str, model: Model, form: str = "peft", seed: int = 0) -> Path:
    """Write a LoRA for a tiny model with random weights that show, by the names of peft or of kohya."""
    from safetensors.torch import save_file

    pipe = pipeline(model)
    parts = {"unet": pipe.unet, "text_encoder": pipe.text_encoder}
    if hasattr(pipe, "text_encoder_2"):
        parts["text_encoder_2"] = pipe.text_encoder_2
    short = {"unet": "unet", "text_encoder": "te1" if len(parts) == 3 else "te", "text_encoder_2": "te2"}
    chance = torch.Generator().manual_seed(seed)
    tensors = {}
    for part, module in parts.items():
        for path, layer in module.named_modules():
            if not (
                path.endswith(("to_k", "to_out.0", "k_proj", "out_proj")) and hasattr(layer, "in_features")
            ):
                continue
            down = torch.randn(4, layer.in_features, generator=chance) * 0.2
            up = torch.randn(layer.out_features, 4, generator=chance) * 0.2
            if part != "unet":
                path = f"text_model.{path.removeprefix('text_model.')}"
            if form == "peft":
                tensors[f"{part}.{path}.lora_A.weight"], tensors[f"{part}.{path}.lora_B.weight"] = down, up
            else:
                key = f"lora_{short[part]}_{path.replace('.', '_')}"
                tensors[f"{key}.lora_down.weight"], tensors[f"{key}.lora_up.weight"] = down, up
                tensors[f"{key}.alpha"] = torch.tensor(2.0)
    file = folder / f"{name}.safetensors"
    save_file(tensors, file)
    return file


def write_checked(model: Model, folder: Path) -> Model:
    """Write a copy of a model with a safety checker that blocks every picture."""
    import shutil

    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessorPil

    shutil.copytree(model.path, folder)
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = CLIPConfig(projection_dim=8, vision_config=vision | {"image_size": 30, "patch_size": 10})
    checker = StableDiffusionSafetyChecker(config)
    checker.concept_embeds_weights.data.fill_(-10.0)  # every score is above its threshold
    checker.concept_embeds.data.fill_(1.0)
    checker.save_pretrained(folder / "safety_checker")
    size = {"height": 30, "width": 30}
    CLIPImageProcessorPil(size={"shortest_edge": 30}, crop_size=size).save_pretrained(
        folder / "feature_extractor"
    )
    index = json.loads((folder / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    index["feature_extractor"] = ["transformers", "CLIPImageProcessor"]
    (folder / "model_index.json").write_text(json.dumps(index))
    return Model(folder.name, folder)


def spec_of(model: Model, prompt: str = "red fox", **more) -> ImageSpec:
    """Make a spec of the tiny models' size."""
    settings = {
        "seed": 0,
        "num_inference_steps": 5,
        "guidance_scale": 4.0,
        "scheduler": "euler",
        "width": SIDE,
        "height": SIDE,
    }
    return ImageSpec(model=model.name, prompt=prompt, **(settings | more))


def render(engine, model: Model, *specs: ImageSpec, on_step=lambda step: None, cancel=None):
    """Draw specs as one group; return the pictures in the order of the specs."""
    drawn = list(engine.render(Group(model, specs), on_step, cancel or Event()))
    by_digest = {picture.spec.digest: picture for picture in drawn}
    assert len(drawn) == len(specs)
    return [by_digest[spec.digest] for spec in specs]


@contextmanager
def counted(engine, model):
    """Count the model calls, and their rows, that are made within."""
    unet = engine._parts(model).unet
    rows: list[int] = []
    hook = unet.register_forward_pre_hook(lambda module, args: rows.append(len(args[0])))
    try:
        yield rows
    finally:
        hook.remove()


_pipes: dict[Path, tuple[object, object]] = {}


def pipeline(model: Model):
    """Give diffusers' own pipeline of a model."""
    import diffusers
    from transformers.utils import logging

    logging.disable_progress_bar()
    if model.path not in _pipes:
        pipe = diffusers.DiffusionPipeline.from_pretrained(model.path)
        pipe.set_progress_bar_config(disable=True)
        if not hasattr(pipe.text_encoder, "text_model"):
            # the pipeline's clip_skip asks for what transformers 5 took away
            object.__setattr__(pipe.text_encoder, "text_model", pipe.text_encoder)
        _pipes[model.path] = pipe, pipe.scheduler.config
    return _pipes[model.path][0]


def plain(model: Model, spec: ImageSpec, *, pipe=None, **more):
    """Draw a spec with a plain call of diffusers' own pipeline, or of another one of its parts.

    Embeddings, if given, stand for the prompts.
    """
    import diffusers

    own = pipeline(model)
    pipe = pipe or own
    asked = schedulers.parse(spec.scheduler)
    sde = {"noise_sampler_seed": [spec.seed]} if asked.kind.needs == "torchsde" else {}
    config = _pipes[model.path][1]
    pipe.scheduler = getattr(diffusers, asked.class_name).from_config(config, **asked.kwargs, **sde)
    if "prompt_embeds" not in more:
        more |= {"prompt": spec.prompt, "negative_prompt": spec.negative_prompt or None}
        more |= {"clip_skip": spec.clip_skip or None}
    if "image" not in more or "mask_image" in more:
        more |= {"width": spec.width, "height": spec.height}
    return pipe(
        num_inference_steps=spec.num_inference_steps,
        guidance_scale=spec.guidance_scale,
        generator=torch.Generator().manual_seed(spec.seed),
        **more,
    ).images[0]


def apart(one, other) -> int:
    """Return the largest difference between two pictures, in steps of 1/255."""
    return int(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max())
