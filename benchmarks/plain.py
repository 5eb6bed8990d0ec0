"""What a user would write without sdnb: plain diffusers, nothing loaded twice, no progress bars."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import diffusers
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.utils import make_image_grid
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PIL.Image import Image

SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "ddim": ("DDIMScheduler", {}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "deis": ("DEISMultistepScheduler", {}),
    "dpmpp_2m": ("DPMSolverMultistepScheduler", {}),
    "dpmpp_2m_karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
}


diffusers.utils.logging.disable_progress_bar()


def load(folder: str) -> StableDiffusionPipeline:
    """Load a model's folder in full precision, which is what a CPU is fastest with."""
    pipe = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def picture(
    pipe: StableDiffusionPipeline,
    prompt: str,
    seed: int,
    steps: int,
    guidance: float,
    side: int | None = None,
) -> Image:
    """Draw one picture, as large as the model was made for unless told."""
    return pipe(
        prompt,
        num_inference_steps=steps,
        guidance_scale=guidance,
        height=side,
        width=side,
        generator=torch.Generator("cpu").manual_seed(seed),
    ).images[0]


def sweep(
    pipe: StableDiffusionPipeline, prompts: Iterable[str], seeds: Iterable[int], steps: int, guidance: float
) -> list[Image]:
    """Draw every prompt with every seed."""
    seeds = list(seeds)
    return [picture(pipe, prompt, seed, steps, guidance) for prompt in prompts for seed in seeds]


def compare(
    pipe: StableDiffusionPipeline, prompt: str, seed: int, steps: int, guidance: float
) -> list[Image]:
    """Draw one picture with every scheduler, putting the pipeline's own back at the end."""
    own, images = pipe.scheduler, []
    for name, keywords in SCHEDULERS.values():
        pipe.scheduler = getattr(diffusers, name).from_config(own.config, **keywords)
        images.append(picture(pipe, prompt, seed, steps, guidance))
    pipe.scheduler = own
    return images


def png_grid(images: list[Image], rows: int, cols: int) -> bytes:
    """Put pictures on one sheet, as a notebook would keep it."""
    data = BytesIO()
    make_image_grid(images, rows, cols).save(data, "PNG")
    return data.getvalue()


def make_full_size(mini: str, folder: str) -> None:
    """Write a model as large as Stable Diffusion 1.5, its weights random: 2.1 GB of halves, as it comes."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float16)
    tokenizer = CLIPTokenizer.from_pretrained(f"{mini}/tokenizer", model_max_length=77)
    text = CLIPTextConfig(
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        eos_token_id=tokenizer.eos_token_id,
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        sample_size=512,
    )
    StableDiffusionPipeline(
        unet=UNet2DConditionModel(sample_size=64, cross_attention_dim=768),
        vae=vae,
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        scheduler=DDIMScheduler(clip_sample=False, set_alpha_to_one=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
