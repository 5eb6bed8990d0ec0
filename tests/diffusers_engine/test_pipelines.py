"""Loading: local safetensors only, once per model; broken folders say what is wrong."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
import torch

from sdnb.diffusers_engine import DiffusersEngine, loading, pipelines
from sdnb.errors import ModelError, RequestError

from .tiny import apart, plain, render, spec_of, write_sd


@pytest.fixture
def copied(sd, tmp_path):
    """Give a copy of the tiny model that a test may break."""
    shutil.copytree(sd.path, tmp_path / "copy")
    return replace(sd, path=tmp_path / "copy")


@pytest.fixture
def loads(monkeypatch):
    """Count what is loaded."""
    seen = []
    right = loading.load
    monkeypatch.setattr(loading, "load", lambda m, *a, **k: seen.append(m.path.name) or right(m, *a, **k))
    return seen


def test_a_model_is_loaded_once(sd, loads):
    """Every scheduler and every further run uses the model that is in memory."""
    engine = DiffusersEngine(device="cpu")
    for name in ("euler", "heun", "ddim", "dpmpp_2m_karras"):
        render(engine, sd, spec_of(sd, scheduler=name, num_inference_steps=2))
    assert loads == ["tiny-sd"]
    assert engine.status()["models in memory"] == "tiny-sd"
    assert engine.unload() == 1
    assert engine.unload() == 0
    render(engine, sd, spec_of(sd, num_inference_steps=2))
    assert len(loads) == 2


def test_weights_that_change_are_loaded_again(copied, models_folder, loads):
    """Other weights under the same path are another model."""
    engine = DiffusersEngine(device="cpu")
    spec = spec_of(copied, num_inference_steps=2)
    (before,) = render(engine, copied, spec)
    other = write_sd(models_folder / "other", "v_prediction")
    shutil.copytree(other.path, copied.path, dirs_exist_ok=True)
    (after,) = render(engine, copied, spec)
    assert len(loads) == 2
    assert apart(before.image, after.image) > 2


def test_the_least_recently_used_model_leaves(sd, sd_v, sdxl, loads):
    """At most `max_models` stay; a use makes a model young again."""
    engine = DiffusersEngine(device="cpu", max_models=2)
    for model in (sd, sd_v, sd, sdxl, sd):
        render(engine, model, spec_of(model, num_inference_steps=1))
    assert loads == ["tiny-sd", "tiny-v", "tiny-xl"]
    assert engine.status()["models in memory"] == "tiny-xl, tiny-sd"


def test_short_memory_lets_models_go(sd, sd_v, loads, monkeypatch):
    """Where the next model would not fit the older ones leave first."""
    monkeypatch.setattr(pipelines, "free_ram", lambda: 1000)
    engine = DiffusersEngine(device="cpu")
    for model in (sd, sd_v):
        render(engine, model, spec_of(model, num_inference_steps=1))
    assert engine.status()["models in memory"] == "tiny-v"


def test_a_folder_in_half_precision_runs_in_full_on_a_cpu(sd, tmp_path):
    """float16 weights are drawn with in float32, and the picture is near that of the full ones."""
    from diffusers import StableDiffusionPipeline

    pipe = StableDiffusionPipeline.from_pretrained(sd.path).to(torch.float16)
    pipe.save_pretrained(tmp_path / "half")
    half = replace(sd, path=tmp_path / "half")
    engine = DiffusersEngine(device="cpu")
    (picture,) = render(engine, half, spec_of(sd))
    parts = engine._parts(half)
    for part in (parts.unet, parts.vae, *parts.text_encoders):
        assert {tensor.dtype for tensor in part.parameters()} == {torch.float32}
    assert engine.identity(half)["dtype"] == "float32"
    assert apart(picture.image, plain(sd, spec_of(sd))) <= 40


def test_a_folder_with_only_the_fp16_variant(copied):
    """Weights that are there only as *.fp16.safetensors are found."""
    for part in ("unet", "vae", "text_encoder"):
        (file,) = (copied.path / part).glob("*.safetensors")
        file.rename(file.with_suffix(".fp16.safetensors"))
    (picture,) = render(DiffusersEngine(device="cpu"), copied, spec_of(copied))
    assert apart(picture.image, plain_of_copy(copied)) <= 2


def plain_of_copy(copied):
    """Draw with diffusers' own pipeline from the fp16 variant."""
    from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline

    pipe = StableDiffusionPipeline.from_pretrained(copied.path, variant="fp16")
    pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(0)
    return pipe(
        "red fox", num_inference_steps=5, guidance_scale=4.0, width=64, height=64, generator=generator
    ).images[0]


def test_a_damaged_file_is_one_line(copied):
    """A weight file that is no safetensors gives one line with the model's name, and pins nothing."""
    (copied.path / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"not a weight file")
    with pytest.raises(ModelError, match="is no safetensors file, or a broken download") as broken:
        render(DiffusersEngine(device="cpu"), copied, spec_of(copied))
    assert "\n" not in str(broken.value)
    assert broken.value.__context__ is None


def test_a_missing_tensor_is_told(copied):
    """Weights that lack a tensor are not filled with random numbers."""
    from safetensors.torch import load_file, save_file

    for part in ("unet", "text_encoder"):
        (file,) = (copied.path / part).glob("*.safetensors")
        tensors = load_file(file)
        name, tensor = tensors.popitem()
        save_file(tensors, file, metadata={"format": "pt"})
        with pytest.raises(ModelError, match=f"the {part} of tiny-sd lacks 1 of its tensors"):
            render(DiffusersEngine(device="cpu"), copied, spec_of(copied))
        save_file(tensors | {name: tensor}, file, metadata={"format": "pt"})


def test_a_foreign_part_is_told(copied):
    """A class that sdnb does not draw with is named, with those it does."""
    index = json.loads((copied.path / "model_index.json").read_text())
    index["vae"] = ["diffusers", "AutoencoderDC"]
    (copied.path / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match="vae of tiny-sd is a AutoencoderDC; sdnb draws with AutoencoderKL"):
        render(DiffusersEngine(device="cpu"), copied, spec_of(copied))


def test_an_inpainting_model_is_told(models_folder):
    """A UNet that reads more than latents is refused at loading, not in the middle of a run."""
    model = write_sd(models_folder / "tiny-inpaint", in_channels=9)
    with pytest.raises(ModelError, match="draws neither from text alone nor under a mask"):
        render(DiffusersEngine(device="cpu"), model, spec_of(model))


def test_a_device_that_is_not_there_is_told(sd):
    """CUDA on a machine without it names what there is."""
    if torch.cuda.is_available():
        return
    with pytest.raises(RequestError, match="has no device cuda; it has cpu"):
        render(DiffusersEngine(device="cuda"), sd, spec_of(sd))


def test_loading_says_nothing(copied, capfd, recwarn):
    """Neither progress bars nor warnings come with a model."""
    loading.load(copied, "cpu", "float32", safety_checker=True)
    said = capfd.readouterr()
    assert said.out == said.err == ""
    assert [str(warning.message) for warning in recwarn] == []
