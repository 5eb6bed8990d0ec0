"""Models by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sdnb import models, settings
from sdnb.errors import ModelError

CHECKPOINT = {
    "model.diffusion_model.input_blocks.0.0.weight": [320, 4, 3, 3],
    "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [320, 768],
    "cond_stage_model.transformer.text_model.final_layer_norm.weight": [768],
    "first_stage_model.decoder.conv_in.weight": [512, 4, 3, 3],
}


def weights(file: Path, *, holds: bytes = b"1234", **tensors: list[int]) -> Path:
    """Write a safetensors file with one tensor, or with those named, whose data nobody reads."""
    header = {}
    for name, shape in (tensors or {"x": [1]}).items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [0, len(holds)]}
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + holds)
    return file


def folder(path: Path, **index: Any) -> Path:
    """Write a model folder with configuration files and made-up weights."""
    parts = {"unet": {"sample_size": 64}, "vae": {"block_out_channels": [1, 2, 3, 4]}, "text_encoder": {}}
    for part, config in parts.items():
        (path / part).mkdir(parents=True)
        (path / part / "config.json").write_text(json.dumps(config))
        weights(path / part / "model.safetensors", holds=part.encode())
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


def test_a_copy_of_mini_brings_the_same_defaults(tmp_path: Path) -> None:
    """What a model draws with unless told stands in its folder, whatever the folder is called."""
    copy = shutil.copytree(models.MINI, tmp_path / "our-model")
    (mini, other) = (models.capabilities(models.resolve(text)) for text in ("mini", str(copy)))
    assert mini == other
    assert (mini.num_inference_steps, mini.guidance_scale) == (20, 2.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model.ckpt", "pickle checkpoint"),
        ("minni", "did you mean 'mini'"),
        ("nobody/nothing", "is not on this machine; fetch it once .* with: hf download nobody/nothing"),
        ("nobody/nothing@v2", "hf download nobody/nothing --revision v2"),
        ("sdxl-turbo", "stabilityai/sdxl-turbo is not on this machine"),
        ("sdxll", "did you mean 'sdxl'"),
        ("/no/such/folder", "no model folder"),
        ("no/such.safetensors", "there is no file no/such.safetensors"),
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
    weights(tmp_path / "b" / "unet" / "model.safetensors", holds=b"other weights")
    assert models.fingerprint(first, memo) != models.fingerprint(second, memo)


def test_a_download_that_broke_off_is_told(tmp_path: Path) -> None:
    """A weight file that is shorter than its header says is named with both sizes, before torch."""
    made = folder(tmp_path / "cut")
    file = made / "vae" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"vae/model.safetensors is cut off: it has .* MB; fetch it again"):
        models.resolve(str(made))
    file.write_text("<html>not found</html>")
    with pytest.raises(ModelError, match="is no safetensors file, or a broken download"):
        models.resolve(str(made))


def test_a_shared_folder_is_only_read(tmp_path: Path) -> None:
    """Its models resolve by their basename, before aliases; they are listed, and nothing is written."""
    shared = tmp_path / "class"
    folder(shared / "sd-turbo")
    weights(shared / "dream.safetensors", **CHECKPOINT)
    (shared / "notes").mkdir()
    before = sorted(shared.rglob("*"))
    shared.chmod(0o555)
    settings.activate(settings.Sdnb(models_dir=str(shared)))
    assert models.resolve("sd-turbo").path == shared / "sd-turbo"
    for name in ("dream", "dream.safetensors"):
        model = models.resolve(name)
        assert (model.name, model.file) == ("dream", shared / "dream.safetensors")
    assert models.here()[:3] == ["mini", "dream", "sd-turbo"]
    assert models.describe(models.resolve("dream")).title == "sd"
    assert sorted(shared.rglob("*")) == before
    shared.chmod(0o755)
    settings.activate(settings.Sdnb(models_dir=str(tmp_path / "gone")))
    with pytest.raises(ModelError, match="models_dir is .*gone, which is no folder"):
        models.resolve("dream")


def test_aliases_are_names_for_other_names(tmp_path: Path) -> None:
    """The user's aliases go before the built-in ones; a model is named by what they stand for."""
    made = folder(tmp_path / "mine")
    settings.activate(settings.Sdnb(aliases={"sdxl": str(made), "own": str(made)}))
    assert [models.resolve(name).name for name in ("sdxl", "own")] == ["mine", "mine"]
    assert {"sdxl", "own"} <= set(models.here())
    assert models.aliases()["sd15"] == "stable-diffusion-v1-5/stable-diffusion-v1-5"


def test_the_fingerprint_of_a_file_is_its_hash(tmp_path: Path) -> None:
    """Whatever the file is called."""
    import hashlib

    file = weights(tmp_path / "dream.safetensors", **CHECKPOINT)
    model = models.resolve(str(file))
    assert models.fingerprint(model, {}) == hashlib.sha256(file.read_bytes()).hexdigest()


def test_what_a_model_needs_is_told_from_headers(tmp_path: Path) -> None:
    """Numbers are counted, and the variant that is not used is not."""
    made = folder(tmp_path / "big")
    weights(made / "unet" / "diffusion_pytorch_model.fp16.safetensors", x=[1000, 1000])
    weights(made / "unet" / "model.safetensors", x=[30, 10])
    facts = models.describe(models.resolve(str(made)))
    assert facts.parameters == 302
    assert facts.to_fetch == 0
