"""Names become the schedulers that they say, or an error."""

from __future__ import annotations

import sys

import pytest

from sdnb import schedulers
from sdnb.diffusers_engine import schedules
from sdnb.errors import MissingExtra, RenderError, RequestError

from .tiny import PLAIN, apart, plain, render, scheduler_of, spec_of

CONFIG = scheduler_of().config


@pytest.mark.parametrize("name", [*PLAIN, *(f"{n}_trailing" for n in ("euler", "ddim", "dpmpp_2m_karras"))])
def test_every_keyword_arrives(name):
    """Each name of the table makes its class with all of its keywords, and the checkpoint's betas."""
    asked = schedulers.parse(name)
    made = schedules.build(name, 10, CONFIG)
    assert type(made).__name__ == asked.class_name
    assert {key: made.config[key] for key in asked.kwargs} == dict(asked.kwargs)
    assert made.config.beta_end == CONFIG.beta_end
    assert len(made.timesteps) == asked.evaluations(10)
    assert made.timesteps.device.type == "cpu"


def test_a_dropped_keyword_is_an_error_that_names_it():
    """What from_config drops without a word is told, with what the class takes."""
    with pytest.raises(RequestError, match=r"EulerDiscreteScheduler does not take solver_order .*beta_end"):
        schedules.build("euler?solver_order=3", 10, CONFIG)


def test_a_refused_combination_is_one_line():
    """What diffusers refuses is said in one line with the name."""
    with pytest.raises(RequestError, match="diffusers refuses the scheduler dpmpp_2m") as refused:
        schedules.build("dpmpp_2m?algorithm_type=dpmsolver&final_sigmas_type=zero", 10, CONFIG)
    assert "\n" not in str(refused.value)
    assert refused.value.__context__ is None


def test_steps_that_cannot_be_made_are_an_error():
    """More steps than a distilled schedule has are told, not drawn."""
    with pytest.raises(RenderError, match="lcm cannot make 60 steps"):
        schedules.build("lcm", 60, CONFIG)


def test_a_missing_package_names_its_extra(monkeypatch):
    """DPM++ SDE without torchsde says what to install."""
    monkeypatch.setitem(sys.modules, "torchsde", None)
    with pytest.raises(MissingExtra, match=r'needs torchsde: pip install "sdnb\[sde\]"'):
        schedules.build("dpmpp_sde", 10, CONFIG)


def test_the_checkpoints_noise_schedule_gives_way():
    """A checkpoint that ships Karras sigmas takes another noise schedule when one is asked for."""
    shipped = schedules.build("euler_karras", 10, CONFIG).config
    made = schedules.build("euler_beta", 10, shipped)
    assert made.config.use_beta_sigmas
    assert not made.config.use_karras_sigmas


def test_two_names_of_one_scheduler_are_said(engine, sd):
    """Two names that come to one configuration are told on the later pictures, which are drawn."""
    same = spec_of(sd, scheduler="dpmpp_2m?solver_order=2")
    first, second, other = render(engine, sd, spec_of(sd, scheduler="dpmpp_2m"), same, spec_of(sd))
    assert second.notes == ("dpmpp_2m?solver_order=2 is the same scheduler as dpmpp_2m here",)
    assert not first.notes
    assert not other.notes
    assert apart(first.image, second.image) <= 1


def test_a_broken_scheduler_fails_its_pictures_only(engine, sd):
    """Of a sweep over schedulers one that cannot be built is a failed picture; alone it is an error."""
    broken = spec_of(sd, scheduler="euler?solver_order=3")
    good = spec_of(sd)
    failed, drawn = render(engine, sd, broken, good)
    assert "solver_order" in failed.error
    assert apart(drawn.image, plain(sd, good)) <= 2
    with pytest.raises(RequestError, match="solver_order"):
        render(engine, sd, broken)
