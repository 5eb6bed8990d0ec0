"""Of `sdnb.diffusers_engine.drawing`: how many pictures share a call."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from sdnb.diffusers_engine import drawing

from .tiny import counted, render, spec_of

GB = 10**9


def parts(device: str, dtype: torch.dtype = torch.float16, channels: int = 320) -> SimpleNamespace:
    """Give what is asked of a model: where it is, how exact and how wide; Stable Diffusion 1.5's width."""
    unet = SimpleNamespace(config=SimpleNamespace(block_out_channels=(channels,)))
    return SimpleNamespace(pixels_per_latent=8, device=torch.device(device), dtype=dtype, unet=unet)


@pytest.mark.parametrize(
    ("free", "side", "dtype", "rows"),
    [
        (8 * GB, 512, torch.float16, 19),
        (8 * GB, 512, torch.float32, 9),
        (8 * GB, 1024, torch.float16, 4),
        (0, 512, torch.float16, 2),
        (500 * GB, 512, torch.float16, 64),
    ],
)
def test_a_card_takes_what_half_of_its_free_memory_holds(sd, monkeypatch, free, side, dtype, rows):
    """0.2 GB a row for Stable Diffusion 1.5 in half precision; from one guided picture to 64 rows."""
    monkeypatch.setattr(drawing, "free_gpu", lambda device: free)
    spec = spec_of(sd, width=side, height=side)
    assert drawing.rows_at_once(parts("cuda", dtype), spec) == rows


@pytest.mark.parametrize(("side", "rows"), [(64, 64), (128, 32), (512, 2), (1024, 2)])
def test_a_processor_takes_what_pays(sd, side, rows):
    """Many small pictures a call, one large one; memory does not count."""
    assert drawing.rows_at_once(parts("cpu"), spec_of(sd, width=side, height=side)) == rows


def test_no_call_has_more_rows_than_fit(engine, sd, monkeypatch):
    """Guided pictures count twice, others once; the fullest batches are taken, and nobody is left out."""
    monkeypatch.setattr(drawing, "rows_at_once", lambda parts, spec: 5)
    specs = [
        spec_of(sd, seed=seed, num_inference_steps=1, guidance_scale=guidance)
        for seed in range(4)
        for guidance in (1.0, 4.0)
    ]
    with counted(engine, sd) as rows:
        pictures = render(engine, sd, *specs)
    assert not any(picture.error for picture in pictures)
    assert sum(rows) == 4 * 1 + 4 * 2 and max(rows) <= 5 and len(rows) == 3
