"""Every family, with the settings it brings of its own, draws what a plain call of diffusers draws."""

from __future__ import annotations

import diffusers
import pytest

from sdnb import models, runner, scheduler_kinds

from .tiny import apart, counted, plain, render, spec_of, write_sd

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


@pytest.fixture(scope="session")
def turbo(models_folder):
    """Give a tiny model whose scheduler is that of SD-Turbo."""
    own = diffusers.EulerDiscreteScheduler(**BETAS, timestep_spacing="trailing")
    return write_sd(models_folder / "tiny-few", scheduler=own)


@pytest.fixture(scope="session")
def lcm(models_folder):
    """Give a tiny model that reads its guidance, with the scheduler of LCM."""
    own = diffusers.LCMScheduler(**BETAS)
    return write_sd(models_folder / "tiny-reads", scheduler=own, time_cond_proj_dim=32)


@pytest.fixture(scope="session")
def zero(models_folder):
    """Give a tiny v-prediction model of zero terminal SNR."""
    own = diffusers.DDIMScheduler(
        **BETAS, prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing"
    )
    return write_sd(models_folder / "tiny-zero", scheduler=own)


@pytest.mark.parametrize(
    ("which", "title", "guidance", "steps", "scheduler"),
    [
        ("sd", "sd", 7.5, 25, "pndm"),
        ("sd_v", "sd", 7.5, 25, "pndm"),
        ("sdxl", "sdxl", 5.0, 30, "pndm"),
        ("turbo", "sd turbo", 0.0, 4, "euler"),
        ("lcm", "sd lcm", 8.0, 4, "lcm"),
        ("zero", "sd", 7.5, 25, "ddim"),
    ],
)
def test_a_family_draws_with_its_own_defaults(which, title, guidance, steps, scheduler, request, engine):
    """Steps, guidance, size and scheduler are the family's, and the pixels those of a plain call."""
    model = request.getfixturevalue(which)
    can = models.capabilities(model)
    assert (can.title, can.guidance_scale, can.num_inference_steps, can.scheduler) == (
        title, guidance, steps, scheduler,
    )  # fmt: skip
    spec = spec_of(
        model,
        guidance_scale=can.guidance_scale,
        num_inference_steps=min(can.num_inference_steps, 8),
        scheduler=can.scheduler,
        width=can.width,
        height=can.height,
    )
    (picture,) = render(engine, model, spec)
    assert not picture.error and not picture.notes
    assert apart(picture.image, plain(model, spec)) <= 2


@pytest.mark.parametrize("which", ["turbo", "lcm", "zero"])
def test_every_scheduler_that_is_offered_draws(which, request, engine):
    """What fits a distilled model is drawn as a plain call draws it, all in one run."""
    model = request.getfixturevalue(which)
    names = [name for name in scheduler_kinds.TABLE if name in models.capabilities(model).schedulers]
    specs = [spec_of(model, scheduler=name, num_inference_steps=4, guidance_scale=0.0) for name in names]
    for spec, picture in zip(specs, render(engine, model, *specs), strict=True):
        assert not picture.error, (spec.scheduler, picture.error)
        assert apart(picture.image, plain(model, spec)) <= 2, spec.scheduler


@pytest.mark.parametrize(("which", "doubled"), [("sd", [1, 1, 2]), ("lcm", [1, 1, 1])])
def test_guidance_doubles_only_what_does_not_read_it(which, doubled, request, engine):
    """The rows that the unet is called for are those that a dry run counts; an embedding adds none."""
    model = request.getfixturevalue(which)
    can = engine.capabilities(model)
    for guidance, times in zip((0.0, 1.0, 8.0), doubled, strict=True):
        spec = spec_of(model, scheduler="lcm", num_inference_steps=3, guidance_scale=guidance)
        with counted(engine, model) as rows:
            render(engine, model, spec)
        assert sum(rows) == 3 * times == runner.evaluations(spec, can)
