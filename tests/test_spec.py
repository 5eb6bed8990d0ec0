"""The settings of one picture."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from sdnb.errors import RequestError
from sdnb.spec import ImageSpec


def spec(**changes: Any) -> ImageSpec:
    """Make a spec that differs from a plain one by `changes`."""
    plain: dict[str, Any] = {
        "model": "mini",
        "prompt": "a red fox",
        "seed": 1,
        "num_inference_steps": 20,
        "guidance_scale": 4.0,
        "scheduler": "euler",
        "width": 128,
        "height": 128,
    }
    return ImageSpec(**(plain | changes))


def test_number_types_do_not_matter() -> None:
    """Integers, whole floats and numpy numbers give one digest."""
    other = spec(
        seed=np.int64(1), num_inference_steps=20.0, guidance_scale=np.float32(4), width=np.uint8(128)
    )
    assert other == spec() and other.digest == spec().digest
    assert type(other.seed) is int and type(other.guidance_scale) is float
    assert spec(guidance_scale=-0.0).digest == spec(guidance_scale=0).digest


def test_the_digest_is_the_same_on_every_machine() -> None:
    """The canonical JSON is pinned, so stores and notebooks stay valid."""
    assert spec().canonical() == (
        '{"guidance_scale":4.0,"height":128,"model":"mini","num_inference_steps":20,'
        '"prompt":"a red fox","scheduler":"euler","seed":1,"width":128}'
    )


def test_it_survives_json() -> None:
    """What to_dict gives comes back through JSON."""
    made = spec(negative_prompt="blurry", clip_skip=1, prompt="ñandú 🦤")
    assert ImageSpec.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_every_setting_changes_the_digest() -> None:
    """No setting is forgotten in the digest."""
    changes: dict[str, Any] = {
        "model": "other", "prompt": "x", "negative_prompt": "y", "seed": 2, "num_inference_steps": 21,
        "guidance_scale": 5, "scheduler": "heun", "width": 136, "height": 136, "clip_skip": 1,
        "lora": "style:0.5", "vae": "soft", "init_image": "ab" * 32, "mask_image": "cd" * 32, "strength": 0.5,
    }  # fmt: skip
    assert set(changes) == {field.name for field in dataclasses.fields(ImageSpec)}
    needs = {name: {"init_image": "ef" * 32} for name in ("mask_image", "strength")}
    made = [spec(**needs.get(name, {}), **{name: value}) for name, value in changes.items()]
    assert len({one.digest for one in [*made, spec(), spec(**needs["strength"])]}) == len(changes) + 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": -1}, "seed must be from 0"),
        ({"seed": 1.5}, "whole number"),
        ({"seed": True}, "whole number"),
        ({"seed": "1"}, "whole number"),
        ({"num_inference_steps": 0}, "from 1 to 1000"),
        ({"guidance_scale": float("nan")}, "from 0 to 1000"),
        ({"guidance_scale": "7"}, "must be a number"),
        ({"width": 100}, "try 96 or 104"),
        ({"height": 10**6}, "from 8 to"),
        ({"scheduler": "eulr"}, "did you mean 'euler'"),
        ({"prompt": None}, "prompt must be text"),
        ({"prompt": "\ud800"}, "surrogate"),
        ({"clip_skip": -1}, "clip_skip must be from 0"),
        ({"init_image": "fox.png"}, "sha256 of 64 hex digits"),
        ({"strength": 0.5}, "strength needs a picture to begin from"),
        ({"mask_image": "ab" * 32}, "a mask needs a picture to begin from"),
        ({"lora": "a:1+a:2"}, "stands twice"),
        ({"strength": 0, "init_image": "ab" * 32}, "above 0 and at most 1"),
        ({"strength": float("nan"), "init_image": "ab" * 32}, "above 0 and at most 1"),
        ({"strength": 0.04, "init_image": "ab" * 32}, "leaves no step to make; try a strength of 0.05"),
    ],
)
def test_bad_values_are_refused(change: dict[str, Any], said: str) -> None:
    """Each bad value gives one line that names the setting and what is allowed."""
    with pytest.raises(RequestError, match=said):
        spec(**change)


@pytest.mark.parametrize(("steps", "strength", "made"), [(20, 0.8, 16), (10, 0.7, 7), (3, 0.5, 1), (7, 1, 7)])
def test_strength_leaves_steps(steps: int, strength: float, made: int) -> None:
    """As many steps are made as diffusers makes."""
    one = spec(num_inference_steps=steps, strength=strength, init_image="ab" * 32)
    assert one.steps_made == made and spec(num_inference_steps=steps).steps_made == steps


def test_unknown_and_missing_settings_are_named() -> None:
    """from_dict refuses what it does not know instead of dropping it."""
    with pytest.raises(RequestError, match="unknown settings size"):
        ImageSpec.from_dict(spec().to_dict() | {"size": 0.5})
    with pytest.raises(RequestError, match="incomplete"):
        ImageSpec.from_dict({"model": "mini"})
