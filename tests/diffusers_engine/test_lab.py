"""What comparisons and strips rest on: equal noise, final latents, the way, and the orders of solvers."""

from __future__ import annotations

import math
from itertools import pairwise
from threading import Event

import numpy as np
import pytest
import torch

from sdnb.diffusers_engine import schedules
from sdnb.diffusers_engine.decode import BLOCKED, Decoded
from sdnb.engine import Group

from .tiny import apart, render, spec_of

NAMES = ["euler", "heun", "ddim", "dpmpp_2m_karras", "unipc", "lms", "euler_a", "lcm"]


def kept(engine, model, *specs, **wanted):
    """Draw with latents or frames kept, in the order of the specs."""
    drawn = engine.render(Group(model, specs, **wanted), lambda step: None, Event())
    by_spec = {picture.spec: picture for picture in drawn}
    return [by_spec[spec] for spec in specs]


def test_every_scheduler_starts_from_the_same_noise(engine, sd):
    """The first input of the model is the seed's own noise of unit variance, whatever the scheduler."""
    specs = [spec_of(sd, scheduler=name, seed=5, num_inference_steps=50, guidance_scale=1) for name in NAMES]
    unet = engine._shelf.peek(sd.path).unet if engine._shelf and engine._shelf.peek(sd.path) else None
    if unet is None:
        render(engine, sd, specs[0])
        unet = engine._shelf.peek(sd.path).unet
    inputs = []
    hook = unet.register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
    try:
        render(engine, sd, *specs)
    finally:
        hook.remove()
    noise = torch.randn(inputs[0][:1].shape, generator=torch.Generator().manual_seed(5))
    for row in inputs[0]:
        assert float((row - noise[0]).abs().max()) < 0.02


def test_final_latents_are_what_the_vae_was_given(engine, sd):
    """Decoding them gives the picture; drawing without them gives the same picture and no latents."""
    spec = spec_of(sd)
    (picture,) = kept(engine, sd, spec, latents=True)
    assert picture.latents.dtype == np.float32 and picture.latents.shape == (4, 8, 8)
    parts = engine._shelf.peek(sd.path)
    with torch.inference_mode():
        latents = torch.from_numpy(picture.latents)[None] / parts.vae.config.scaling_factor
        pixels = parts.vae.decode(latents).sample
    decoded = ((pixels[0].permute(1, 2, 0) / 2 + 0.5).clamp(0, 1) * 255).round().numpy()
    assert apart(picture.image, decoded) <= 1
    (plain,) = render(engine, sd, spec)
    assert plain.latents is None and plain.frames == ()
    assert apart(plain.image, picture.image) == 0


def test_the_way_has_every_call_and_ends_at_the_picture(engine, sd):
    """One frame a call with falling noise, pictures of full size, the last near the finished one."""
    specs = [spec_of(sd, scheduler=name, num_inference_steps=6) for name in ("euler", "heun", "dpmpp_2m")]
    euler, heun, multistep = kept(engine, sd, *specs, frames=True)
    assert [len(picture.frames) for picture in (euler, heun, multistep)] == [6, 11, 6]
    for picture in (euler, heun, multistep):
        noises = [frame.noise for frame in picture.frames]
        assert noises == sorted(noises, reverse=True)
        assert {frame.image.size for frame in picture.frames} == {(64, 64)}
    config = engine._shelf.peek(sd.path).scheduler_config
    sigmas = schedules.build("euler", 6, config).sigmas[:6]
    assert [frame.noise for frame in euler.frames] == pytest.approx(sigmas.tolist(), rel=1e-3)
    # a random model's picture is grain, which WebP smooths in both
    (ended,) = euler.with_frames([(0.0, euler.image)]).frames
    far, near = (np.asarray(euler.frames[i].image, float) - np.asarray(ended.image) for i in (0, -1))
    assert np.abs(near).mean() < 1 < np.abs(far).mean()


def test_what_is_blocked_at_the_end_shows_no_way(engine, sd, monkeypatch):
    """The frames of a blocked picture are not kept."""
    from PIL import Image

    from sdnb.diffusers_engine import drawing

    black = Image.new("RGB", (64, 64))
    monkeypatch.setattr(
        drawing, "decode", lambda parts, latents: [Decoded(black, [BLOCKED]) for _ in latents]
    )
    (picture,) = kept(engine, sd, spec_of(sd), frames=True)
    assert BLOCKED in picture.notes and picture.frames == ()


SPREAD, MIDDLE = 0.5, 0.3


def error(name: str, steps: int) -> float:
    """Solve the flow of a Gaussian down to the smallest sigma; return the distance to the exact end.

    For data N(m, s^2) the posterior mean is D = (s^2 x + sigma^2 m) / (s^2 + sigma^2) and the flow ends at
    m + (x - m) sqrt((s^2 + sigma_end^2) / (s^2 + sigma_start^2)) (Karras et al. 2022, arXiv:2206.00364). The
    noise levels are Karras's, whose ends do not depend on the steps; the last call, down to zero, is left
    out, for there every solver takes a step of first order.
    """
    config = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    scheduler = schedules.build(name, steps, {**config, "prediction_type": "epsilon"})
    sigmas = scheduler.sigmas
    start, end = float(sigmas[0]), float(sigmas[sigmas > 0].min())
    x = torch.randn(1, 4, 1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    variance_kept = not math.isclose(float(scheduler.init_noise_sigma), start, rel_tol=0.01)
    sample = x.clone() if variance_kept else x * start  # the first scales by 1 / sqrt(1 + sigma^2) itself
    scheduler.set_begin_index(0)
    begin = sample * math.sqrt(1 + start**2) if variance_kept else sample
    for place, time in enumerate(scheduler.timesteps):
        index = scheduler.step_index or 0
        sigma = float(sigmas[index])
        if sigma == end and place == len(scheduler.timesteps) - 1:
            break
        scheduler.scale_model_input(sample, time)
        wide = sample * math.sqrt(1 + sigma**2) if variance_kept else sample
        clean = (SPREAD**2 * wide + sigma**2 * MIDDLE) / (SPREAD**2 + sigma**2)
        sample = scheduler.step((wide - clean) / sigma, time, sample, return_dict=False)[0]
    ended = sample * math.sqrt(1 + end**2) if variance_kept else sample
    factor = math.sqrt((SPREAD**2 + end**2) / (SPREAD**2 + start**2))
    return float((ended - (MIDDLE + (begin - MIDDLE) * factor)).square().mean().sqrt())


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("euler_karras", 1),
        ("dpmpp_2m_karras?solver_order=1", 1),
        ("heun_karras", 2),
        ("dpmpp_2m_karras", 2),
        ("deis_karras", 2),
        # order 2, and one more by its corrector (Zhao et al. 2023, arXiv:2302.04867, theorem 3.1)
        ("unipc_karras", 3),
    ],
)
def test_solvers_have_their_order(name, order):
    """On a Gaussian with a fixed last sigma twice the steps divide the error by 2 to the order."""
    errors = [error(name, steps) for steps in (20, 40, 80)]
    slopes = [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]
    assert slopes[-1] == pytest.approx(order, abs=0.25), (errors, slopes)
