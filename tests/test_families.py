"""Families: what each takes when nothing is named, and which schedulers fit it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sdnb import defaults, families, scheduler_kinds, single_file
from sdnb.errors import ModelError
from sdnb.spec import ImageSpec

CONFIGS = single_file.CONFIGS


def made(path: Path, like: str, *, unet: dict[str, Any] | None = None, **scheduler: Any) -> Path:
    """Write a family's configuration with some values changed."""
    import shutil

    shutil.copytree(CONFIGS / like, path)
    for file, more in ((path / "unet" / "config.json", unet or {}),
                       (path / "scheduler" / "scheduler_config.json", scheduler)):  # fmt: skip
        file.write_text(json.dumps(json.loads(file.read_text()) | more))
    return path


@pytest.mark.parametrize(
    ("config", "name", "expected"),
    [
        ("sd1", "dream", ("sd", 512, 25, 7.5, "pndm")),
        ("sd2", "v2-1", ("sd", 768, 25, 7.5, "ddim")),
        ("sd2-base", "v2-base", ("sd", 512, 25, 7.5, "pndm")),
        ("sdxl", "xl", ("sdxl", 1024, 30, 5.0, "euler")),
        ("sdxl", "sd_xl_turbo_1.0", ("sdxl turbo", 1024, 4, 0.0, "euler_trailing")),
        ("sdxl", "sdxl_lightning_8step", ("sdxl turbo", 1024, 8, 0.0, "euler_trailing")),
        ("sd1", "DreamShaper-LCM", ("sd lcm", 512, 4, 1.0, "lcm")),
        ("sd1", "turbojet", ("sd", 512, 25, 7.5, "pndm")),
    ],
)
def test_each_family_has_its_own_defaults(config: str, name: str, expected: tuple[Any, ...]) -> None:
    """Size, steps, guidance and scheduler come from the family and the name."""
    can = families.capabilities(CONFIGS / config, name)
    assert (can.title, can.width, can.num_inference_steps, can.guidance_scale, can.scheduler) == expected
    assert can.height == can.width


def test_distilled_models_are_told_by_their_configuration(tmp_path: Path) -> None:
    """Trailing timesteps are a Turbo, a guidance embedding or LCM's scheduler an LCM; zero SNR is neither."""
    turbo = made(
        tmp_path / "a", "sd2-base", _class_name="EulerDiscreteScheduler", timestep_spacing="trailing"
    )
    can = families.capabilities(turbo, "a")
    assert (can.kind, can.scheduler, can.num_inference_steps) == ("turbo", "euler", 4)
    reads = made(tmp_path / "b", "sd1", unet={"time_cond_proj_dim": 256})
    can = families.capabilities(reads, "b")
    assert (can.kind, can.guidance_scale, can.reads_guidance) == ("lcm", 8.0, True)
    can = families.capabilities(made(tmp_path / "c", "sd1", _class_name="LCMScheduler"), "c")
    assert (can.kind, can.guidance_scale, can.reads_guidance) == ("lcm", 1.0, False)
    zero = made(tmp_path / "d", "sd1", timestep_spacing="trailing", rescale_betas_zero_snr=True)
    assert families.capabilities(zero, "d").kind == ""


@pytest.mark.parametrize(
    ("name", "scheduler", "why"),
    [
        ("dream-lcm", "euler", "distilled for the samplers of consistency models; these do: lcm, tcd"),
        ("sd-turbo", "pndm", "in few steps, and the scheduler needs steps to warm up"),
        ("sd-turbo", "dpmpp_2s", "in few steps, and the scheduler takes no trailing timesteps"),
        ("dream", "flow_euler", "it is for models that match flows"),
    ],
)
def test_a_scheduler_that_does_not_fit_is_refused_with_the_reason(
    name: str, scheduler: str, why: str
) -> None:
    """And `all` does not offer it."""
    can = families.capabilities(CONFIGS / "sd1", name)
    assert scheduler not in can.schedulers
    spec = ImageSpec(
        model=name, prompt="", seed=0, num_inference_steps=4, guidance_scale=1, scheduler=scheduler,
        width=512, height=512,
    )  # fmt: skip
    with pytest.raises(ModelError, match=why):
        defaults.check(spec, can)


def test_what_fits_has_no_reason_against_it() -> None:
    """`unfit` is empty exactly for what fits."""
    can = families.capabilities(CONFIGS / "sd1", "dream-lcm")
    assert {name for name in scheduler_kinds.TABLE if not can.unfit(name)} == can.schedulers


@pytest.mark.parametrize(
    ("pipeline", "why"),
    [
        ("FluxPipeline", "Flux matches flows"),
        ("StableDiffusion3Pipeline", "Stable Diffusion 3 matches flows"),
        ("StableDiffusionXLImg2ImgPipeline", "a refiner only finishes"),
        ("KandinskyPipeline", "sdnb draws with Stable Diffusion 1.x, 2.x and XL"),
    ],
)
def test_other_families_are_refused_in_one_line(tmp_path: Path, pipeline: str, why: str) -> None:
    """What sdnb does not draw is named, with what it does."""
    folder = made(tmp_path / "other", "sd1")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    with pytest.raises(ModelError, match=why) as caught:
        families.capabilities(folder, "other")
    assert "\n" not in str(caught.value)
