"""A lane steps its pictures as plain diffusers calls do, with every scheduler and setting."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sdnb import scheduler_kinds, schedulers
from sdnb.diffusers_engine.lane import lane_of

from .tiny import BOUND, PLAIN, apart, counted, plain, render, spec_of, write_sd


def test_pictures_of_one_lane_share_what_steps_them(sd):
    """Seeds and prompts do not part lanes; scheduler, steps, guidance and what is begun from do."""
    spec = spec_of(sd)
    assert lane_of(spec) == lane_of(replace(spec, seed=1, prompt="moon", negative_prompt="blur", clip_skip=1))
    picture = {"init_image": "a" * 64, "strength": 0.5}
    others = [
        {"scheduler": "heun"},
        {"num_inference_steps": 6},
        {"guidance_scale": 1.0},
        picture,
        picture | {"strength": 0.6},
        picture | {"mask_image": "b" * 64},
    ]
    lanes = [lane_of(spec), *(lane_of(replace(spec, **other)) for other in others)]
    assert len(set(lanes)) == len(lanes)
    assert lane_of(replace(spec, **picture)) == lane_of(replace(spec, **picture | {"init_image": "c" * 64}))


@pytest.mark.parametrize("name", PLAIN)
def test_one_picture_is_that_of_a_plain_call(engine, sd, name):
    """Every scheduler with every noise schedule it takes draws what the plain pipeline draws."""
    spec = spec_of(sd, "red fox", scheduler=name, seed=3)
    (picture,) = render(engine, sd, spec)
    assert not picture.error
    assert not picture.notes
    assert apart(picture.image, plain(sd, spec)) <= BOUND


@pytest.mark.parametrize("settings", [{}, {"guidance_scale": 1.0}, {"clip_skip": 1}, {"width": 96}], ids=str)
def test_settings_are_those_of_a_plain_call(engine, sd, settings):
    """Guidance, skipped text layers and sizes mean what they mean in diffusers."""
    spec = spec_of(sd, scheduler="dpmpp_2m_karras", **settings)
    (picture,) = render(engine, sd, spec)
    assert apart(picture.image, plain(sd, spec)) <= BOUND


@pytest.mark.parametrize(
    "settings", [{}, {"negative_prompt": "blur", "clip_skip": 1}, {"guidance_scale": 0.0}], ids=str
)
def test_sdxl_pictures_are_those_of_a_plain_call(engine, sdxl, settings):
    """Two text encoders, pooled embeddings, size conditions and the zeroed empty negative."""
    specs = [
        spec_of(sdxl, prompt, scheduler=name, seed=seed, **settings)
        for seed, (prompt, name) in enumerate(
            [("red fox", "euler"), ("moon", "dpmpp_2m_sde"), ("fox", "heun")]
        )
    ]
    for spec, picture in zip(specs, render(engine, sdxl, *specs), strict=True):
        assert apart(picture.image, plain(sdxl, spec)) <= BOUND


def test_a_model_distilled_to_read_its_guidance(engine, models_folder):
    """A UNet with a guidance embedding gets one per row and no negative branch."""
    model = write_sd(models_folder / "tiny-lcm", time_cond_proj_dim=32)
    specs = [spec_of(model, scheduler="lcm", seed=i, guidance_scale=g) for i, g in enumerate([1.5, 8.0])]
    with counted(engine, model) as rows:
        pictures = render(engine, model, *specs)
    assert set(rows) == {2}
    for spec, picture in zip(specs, pictures, strict=True):
        assert apart(picture.image, plain(model, spec)) <= BOUND


@pytest.mark.parametrize(
    "kind", [k for k in scheduler_kinds.TABLE.values() if not k.flow], ids=lambda k: k.name
)
def test_evaluations_are_counted_ones(engine, sd, kind):
    """The table's number of evaluations is what the scheduler makes, for one, few and more steps."""
    for steps in (1, 2, 6):
        with counted(engine, sd) as rows:
            render(engine, sd, spec_of(sd, scheduler=kind.name, num_inference_steps=steps))
        assert len(rows) == schedulers.parse(kind.name).evaluations(steps)
