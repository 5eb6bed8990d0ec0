"""Previews show the predicted x0, for every prediction type and scheduler."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from sdnb.diffusers_engine import preview, schedules

from .tiny import render, scheduler_of, spec_of


@pytest.mark.parametrize(
    "name", ["euler", "euler_karras", "euler_a", "ddim", "ddpm", "heun", "dpmpp_sde", "tcd"]
)
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_x0_is_what_the_scheduler_predicts(name, prediction):
    """Where a scheduler tells its predicted x0, ours is the same to rounding of its timesteps."""
    config = dict(scheduler_of(prediction).config, clip_sample=False)
    scheduler = schedules.build(name, 6, config)
    generator = torch.Generator().manual_seed(0)
    keywords = schedules.step_keywords(scheduler, [generator], [0]) | {"return_dict": True}
    clean = torch.randn(1, 4, 8, 8, generator=generator)
    noisy = torch.randn(1, 4, 8, 8, generator=generator) * scheduler.init_noise_sigma + clean
    for timestep in scheduler.timesteps[:3]:
        scaled = scheduler.scale_model_input(noisy, timestep)
        answer = torch.randn(1, 4, 8, 8, generator=generator)
        ours = preview.predict_x0(scheduler, timestep, scaled, answer)
        stepped = scheduler.step(answer, timestep, noisy, **keywords)
        theirs = getattr(stepped, "pred_original_sample", None)
        if theirs is not None:
            assert torch.allclose(ours, theirs, rtol=2e-2, atol=2e-2)
        noisy = stepped.prev_sample


def test_a_model_that_predicts_the_sample():
    """Prediction type `sample` is its own x0."""
    scheduler = schedules.build("ddim", 6, scheduler_of("sample").config)
    answer = torch.randn(1, 4, 8, 8)
    assert preview.predict_x0(scheduler, scheduler.timesteps[0], answer * 0, answer) is answer


def test_previews_come_one_per_spec_and_only_when_asked(engine, sd):
    """A step's preview is one small picture per spec, and after the run it holds nothing."""
    steps, sizes = [], []

    def look(step):
        steps.append(step)
        if step.done == 4:
            sizes.extend(image.size for image in step.preview())

    specs = [spec_of(sd, num_inference_steps=2), spec_of(sd, num_inference_steps=6)]
    render(engine, sd, *specs, on_step=look)
    assert sizes == [(8, 8), (8, 8)]
    assert steps[-1].preview() == []


def test_the_last_preview_is_near_the_latents(engine, sd):
    """At the last step of Euler the predicted x0 is the result itself."""
    found = []

    def look(step):
        if step.done == step.total:
            batch = step.preview.__self__
            found.append((batch.predicted()[0], batch._lanes[0].latents[0]))

    render(engine, sd, spec_of(sd), on_step=look)
    ((predicted, latents),) = found
    assert torch.allclose(predicted, latents, atol=0.05)


def test_a_model_ships_its_own_factors(engine, sd, tmp_path):
    """`preview.json` beside the weights takes the place of the family's factors."""
    parts = engine._parts(sd)
    assert preview.factors(parts)[0].shape == (4, 3)
    (tmp_path / "preview.json").write_text(json.dumps({"factors": [[1, 0, 0]] * 4, "bias": [0, 0, 1]}))
    own = preview.factors(replace(parts, path=tmp_path))
    (image,) = preview.to_images([torch.full((4, 2, 2), -1.0)], own)
    assert np.asarray(image)[0, 0].tolist() == [0, 128, 255]


def test_latents_that_are_not_finite_are_still_a_picture():
    """A preview of NaN is grey, not an exception."""
    latents = torch.full((4, 2, 2), float("nan"))
    (image,) = preview.to_images([latents], (torch.ones(4, 3), torch.zeros(3)))
    assert np.asarray(image)[0, 0].tolist() == [128, 128, 128]
