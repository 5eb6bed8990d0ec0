"""Scheduler names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdnb import scheduler_kinds, schedulers
from sdnb.errors import RequestError, SdnbError


@pytest.mark.parametrize("name", schedulers.names())
def test_every_name_is_canonical(name: str) -> None:
    """A listed name reads back as itself, with and without trailing spacing."""
    scheduler = schedulers.parse(name)
    assert scheduler.name == name
    assert name == "_".join(filter(None, (scheduler.kind.name, scheduler.sigmas)))
    if scheduler.kind.spacing:
        assert schedulers.parse(name + "_trailing").kwargs["timestep_spacing"] == "trailing"


@pytest.mark.parametrize("kind", scheduler_kinds.TABLE.values(), ids=lambda kind: kind.name)
def test_web_ui_and_class_names_are_read(kind: scheduler_kinds.Kind) -> None:
    """The web UI's title gives the row, the class name a row of the same class."""
    assert schedulers.parse(kind.title).kind is kind
    assert schedulers.parse(kind.class_name + "Scheduler").kind.class_name == kind.class_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("DPM++ 2M Karras", "dpmpp_2m_karras"),
        ("dpm++ 2m sde exponential", "dpmpp_2m_sde_exponential"),
        ("Euler a", "euler_a"),
        ("euler?use_beta_sigmas=true", "euler_beta"),
        ("euler?timestep_spacing=trailing", "euler_trailing"),
        (
            "dpmpp_2m?solver_order=3&lower_order_final=false",
            "dpmpp_2m?lower_order_final=false&solver_order=3",
        ),
        ("euler?use_karras_sigmas=false", "euler"),
        ("pndm?skip_prk_steps=true", "pndm"),
    ],
)
def test_names_become_canonical(text: str, name: str) -> None:
    """Other spellings come to the canonical name, which is stable."""
    assert schedulers.parse(text).name == name
    assert schedulers.parse(name).name == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dpmp_2m", "did you mean 'dpmpp_2m'"),
        ("ddim_karras", "takes no karras"),
        ("euler_karras?use_beta_sigmas=true", "two noise schedules"),
        ("euler?x", "is not key=value"),
        ("euler?a=1&a=2", "given twice"),
        ("dpmpp_2s_trailing", "takes no timestep_spacing"),
        ("", "unknown scheduler"),
    ],
)
def test_what_cannot_be_is_refused(text: str, said: str) -> None:
    """Each wrong name gives one line that says why."""
    with pytest.raises(RequestError, match=said) as caught:
        schedulers.parse(text)
    assert "\n" not in str(caught.value)


@given(st.text())
def test_any_text_is_a_scheduler_or_an_error(text: str) -> None:
    """No text leads to another exception, and what is read is canonical."""
    try:
        scheduler = schedulers.parse(text)
    except SdnbError:
        return
    assert schedulers.parse(scheduler.name) == scheduler


def test_a_checkpoints_scheduler_is_named() -> None:
    """The most specific row that agrees with the configuration is taken."""
    config = {"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "sde-dpmsolver++"}
    assert schedulers.from_config(config).name == "dpmpp_2m_sde"
    assert schedulers.from_config(config | {"solver_order": 3}).name == "dpmpp_3m_sde"
    assert schedulers.from_config(
        {"_class_name": "EulerDiscreteScheduler", "use_karras_sigmas": True}
    ).name == ("euler_karras")
    with pytest.raises(RequestError, match="unknown scheduler"):
        schedulers.from_config({"_class_name": "WuerstchenScheduler"})
