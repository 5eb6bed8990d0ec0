"""Models by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sdnb import models
from sdnb.errors import ModelError


def folder(path: Path, **index: Any) -> Path:
    """Write a model folder with configuration files and made-up weights."""
    parts = {"unet": {"sample_size": 64}, "vae": {"block_out_channels": [1, 2, 3, 4]}, "text_encoder": {}}
    for part, config in parts.items():
        (path / part).mkdir(parents=True)
        (path / part / "config.json").write_text(json.dumps(config))
        (path / part / "model.safetensors").write_bytes(part.encode())
    (path / "scheduler").mkdir()
    (path / "scheduler" / "scheduler_config.json").write_text('{"_class_name": "PNDMScheduler"}')
    entries = {
        "_class_name": "StableDiffusionPipeline",
        **{part: ["diffusers", "X"] for part in parts},
        **index,
    }
    (path / "model_index.json").write_text(json.dumps(entries))
    return path


def test_a_folder_is_named_by_its_last_part(tmp_path: Path) -> None:
    """The name holds no path, and the defaults come from the configuration."""
    model = models.resolve(str(folder(tmp_path / "my-model")))
    can = models.capabilities(model)
    assert model.name == "my-model"
    assert (can.width, can.height, can.scheduler, can.family) == (512, 512, "pndm", "sd")


def test_mini_ships_with_its_own_defaults() -> None:
    """The embedded model is found by its name and knows words in two languages."""
    can = models.capabilities(models.resolve("mini"))
    assert (can.width, can.height) == (128, 128)
    known = models.knows(models.resolve("mini"))
    assert known is not None and all(entry["en"] and entry["es"] for entry in known["concepts"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model.ckpt", "pickle checkpoint"),
        ("minni", "did you mean 'mini'"),
        ("nobody/nothing", "is not on this machine; fetch it once with: hf download nobody/nothing"),
        ("/no/such/folder", "no model folder"),
    ],
)
def test_what_is_not_there_is_said(text: str, said: str) -> None:
    """Each missing or refused model gives one line that says what to do."""
    with pytest.raises(ModelError, match=said) as caught:
        models.resolve(text)
    assert "\n" not in str(caught.value)


def test_broken_folders_are_told_before_torch(tmp_path: Path) -> None:
    """A missing index, part, weights or pickled weights are each named."""
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ModelError, match="no model_index.json"):
        models.resolve(str(empty))
    with pytest.raises(ModelError, match="no safety/"):
        models.resolve(str(folder(tmp_path / "a", safety=["diffusers", "Checker"])))
    broken = folder(tmp_path / "b")
    (broken / "unet" / "model.safetensors").rename(broken / "unet" / "model.bin")
    with pytest.raises(ModelError, match="only pickle files"):
        models.resolve(str(broken))
    (broken / "unet" / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        models.resolve(str(broken))


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    """Copies agree, changed weights do not, and files are hashed once."""
    first, second = models.resolve(str(folder(tmp_path / "a"))), models.resolve(str(folder(tmp_path / "b")))
    memo: dict[str, str] = {}
    assert models.fingerprint(first, memo) == models.fingerprint(second, memo)
    count = len(memo)
    models.fingerprint(first, memo)
    assert len(memo) == count
    (tmp_path / "b" / "unet" / "model.safetensors").write_bytes(b"other weights")
    assert models.fingerprint(first, memo) != models.fingerprint(second, memo)
