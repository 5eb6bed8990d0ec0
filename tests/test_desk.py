"""Of `sdnb.desk`: what ``%sdnb`` answers where something is missing or broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdnb import api, desk, settings
from sdnb.errors import RequestError
from sdnb.testing import FakeEngine
from tests.test_models import CHECKPOINT, folder, weights


def test_the_schedulers_that_fit_are_listed_and_the_others_with_their_reason(tmp_path: Path) -> None:
    """For the default model or another."""
    said = desk.answer("schedulers")
    assert "dpmpp_2m" in said and "Not for mini: flow_euler, flow_heun (it is for models that match" in said
    file = weights(tmp_path / "dream-lcm.safetensors", **CHECKPOINT)
    names = [line.split()[0] for line in desk.answer("schedulers", str(file)).splitlines()]
    assert names == ["name", "lcm", "tcd", "Also", "Not", "Not"]


def test_one_broken_model_hides_no_other(engine: FakeEngine, tmp_path: Path) -> None:
    """The list goes on, and says of the broken one what is wrong."""
    folder(tmp_path / "good")
    (folder(tmp_path / "cut") / "vae" / "config.json").unlink()
    settings.activate(settings.Sdnb(models_dir=str(tmp_path)))
    lines = desk.answer("models").splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["model", "mini", "good"]
    assert "the model folder cut is broken: it has no vae/config.json" in lines


def test_a_model_that_does_not_say_what_it_knows(engine: FakeEngine, tmp_path: Path) -> None:
    """Its family and defaults are told all the same."""
    said = desk.answer("models", str(folder(tmp_path / "mine"))).splitlines()
    assert said[0].startswith("mine: family sd, 512x512, 25 steps, guidance 7.5, scheduler pndm")
    assert said[1:] == ["It does not say what it knows; ask it for anything."]


def test_completion_outlives_a_shared_folder_that_is_gone(tmp_path: Path) -> None:
    """It is no place for an error; the answer is."""
    settings.activate(settings.Sdnb(models_dir=str(tmp_path / "gone")))
    assert desk.model_names() == ["mini"]
    settings.activate(None)
    assert {"mini", "sdxl"} <= set(desk.model_names())


def test_clearing_tells_how_many(engine: FakeEngine) -> None:
    """Pinned ones stay and are not counted; another word is refused, and nothing goes."""
    api.diffuse("a fox", seed=[1, 2, 3], progress=False)
    store = api.store_for()
    store.pin(store.search()[0].key)
    with pytest.raises(RequestError, match="did you mean 'clear'"):
        desk.answer("cache", "clera")
    assert desk.answer("cache").startswith("3 pictures, ")
    assert desk.answer("cache", "clear") == "2 pictures removed; pinned ones stay"
    assert desk.answer("cache").startswith("1 picture, ")
