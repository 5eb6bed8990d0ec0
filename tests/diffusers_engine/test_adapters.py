"""LoRAs and VAEs draw what diffusers draws with them, and leave no trace."""

from __future__ import annotations

from threading import Event

import diffusers
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sdnb import adapters
from sdnb.diffusers_engine import DiffusersEngine, loading
from sdnb.engine import Group
from sdnb.errors import ModelError

from .tiny import BOUND, apart, plain, render, spec_of, tiny_vae, write_lora


def draw(engine, model, spec, *files, vae=None):
    """Draw one picture with LoRA files and a VAE."""
    worn = tuple(adapters.resolve("lora", str(file)) for file in files)
    if vae is not None:
        worn += (adapters.resolve("vae", str(vae)),)
    (picture,) = engine.render(Group(model, (spec,), adapters=worn), lambda step: None, Event())
    return picture


def reference(model, spec, *weighed):
    """Draw a spec with a pipeline of its own that has loaded LoRAs."""
    pipe = diffusers.DiffusionPipeline.from_pretrained(model.path)
    pipe.set_progress_bar_config(disable=True)
    for number, (file, _) in enumerate(weighed):
        pipe.load_lora_weights(file.parent, weight_name=file.name, adapter_name=f"a{number}")
    pipe.set_adapters([f"a{n}" for n in range(len(weighed))], [weight for _, weight in weighed])
    return plain(model, spec, pipe=pipe)


@pytest.mark.parametrize("form", ["peft", "kohya"])
def test_a_lora_is_that_of_diffusers(engine, sd, sdxl, tmp_path, form):
    """UNet and text encoders, both ways to name tensors, several weights and two at once."""
    for model in (sd, sdxl):
        style = write_lora(tmp_path, f"{model.name}-style.v1", model, form)
        detail = write_lora(tmp_path, f"{model.name}-detail", model, form, seed=1)
        bare = draw(engine, model, spec_of(model))
        for weighed in ([(style, 0.8)], [(style, -0.5)], [(style, 0.6), (detail, 1.2)]):
            lora = "+".join(f"{file.stem}:{weight}" for file, weight in weighed)
            spec = spec_of(model, lora=lora)
            picture = draw(engine, model, spec, *(file for file, _ in weighed))
            assert picture.notes == ()
            assert apart(picture.image, reference(model, spec, *weighed)) <= BOUND
            assert apart(picture.image, bare.image) > 5


def test_nothing_is_left_of_a_lora(sd, tmp_path, monkeypatch):
    """After a run modules, weights and pictures are as before, and the model was loaded once."""
    engine, loads = DiffusersEngine(device="cpu"), []
    load = loading.load
    monkeypatch.setattr(loading, "load", lambda *args, **more: loads.append(1) or load(*args, **more))
    file = write_lora(tmp_path, "style", sd)
    before = draw(engine, sd, spec_of(sd))
    parts = engine._parts(sd)
    modules = [
        (name, type(module))
        for part in (parts.unet, *parts.text_encoders)
        for name, module in part.named_modules()
    ]
    weights = {name: tensor.clone() for name, tensor in parts.unet.state_dict().items()}
    for weight in (0.5, 1.0, 0.5):
        draw(engine, sd, spec_of(sd, lora=f"style:{weight}"), file)
    assert [
        (name, type(module))
        for part in (parts.unet, *parts.text_encoders)
        for name, module in part.named_modules()
    ] == modules
    after = parts.unet.state_dict()
    assert list(after) == list(weights) and all(torch.equal(after[name], weights[name]) for name in weights)
    assert np.array_equal(draw(engine, sd, spec_of(sd)).image, before.image)
    assert not any(getattr(part, "peft_config", None) for part in (parts.unet, *parts.text_encoders))
    assert loads == [1]


def test_runs_that_take_turns_wear_their_own(engine, sd, tmp_path):
    """Two runs on one model, each left in the middle, draw with their own LoRA."""
    file = write_lora(tmp_path, "style", sd)
    worn = (adapters.resolve("lora", str(file)),)
    # pictures of different lengths, so that each run hands out in the middle of its work
    ours = [spec_of(sd, lora="style:1", num_inference_steps=steps) for steps in (3, 6)]
    theirs = [spec_of(sd, num_inference_steps=steps) for steps in (3, 6)]
    one = engine.render(Group(sd, tuple(ours), adapters=worn), lambda step: None, Event())
    two = engine.render(Group(sd, tuple(theirs)), lambda step: None, Event())
    drawn = [next(one), next(two), next(one), next(two)]
    one.close()
    two.close()
    for picture in drawn:
        weighed = [(file, 1.0)] if picture.spec.lora else []
        wanted = reference(sd, picture.spec, *weighed) if weighed else plain(sd, picture.spec)
        assert apart(picture.image, wanted) <= BOUND
    assert engine._parts(sd).outfit == ()


def test_an_interrupt_while_it_is_put_on_leaves_nothing(engine, sd, tmp_path, monkeypatch):
    """A LoRA that was half put on is gone from the next picture."""
    file = write_lora(tmp_path, "style", sd)

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("sdnb.diffusers_engine.adapters._unfit", interrupt)
        draw(engine, sd, spec_of(sd, lora="style:1"), file)
    assert apart(draw(engine, sd, spec_of(sd)).image, plain(sd, spec_of(sd))) <= BOUND
    assert engine._parts(sd).outfit == ()


def test_a_lora_of_another_model_is_refused(engine, sd, sdxl, tmp_path):
    """One that fits nowhere, or not in size, is told, and the model draws as before."""
    other = write_lora(tmp_path, "other", sdxl)
    strange = tmp_path / "strange.safetensors"
    save_file(
        {"unet.nowhere.lora_A.weight": torch.zeros(4, 8), "unet.nowhere.lora_B.weight": torch.zeros(8, 4)},
        strange,
    )
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing")
    for file in (other, strange, broken):
        with pytest.raises(ModelError, match=rf"{file.stem}.*tiny-sd") as caught:
            draw(engine, sd, spec_of(sd, lora=f"{file.stem}:1"), file)
        assert "\n" not in str(caught.value)
    (picture,) = render(engine, sd, spec_of(sd))
    assert apart(picture.image, plain(sd, spec_of(sd))) <= BOUND


def test_what_is_left_out_of_a_lora_is_told(engine, sd, tmp_path):
    """Tensors that fit nowhere are counted in a note."""
    tensors = load_file(write_lora(tmp_path, "whole", sd))
    tensors |= {f"unet.nowhere.to_q.lora_{bank}.weight": torch.zeros(4, 4) for bank in "AB"}
    save_file(tensors, tmp_path / "partly.safetensors")
    picture = draw(engine, sd, spec_of(sd, lora="partly:1"), tmp_path / "partly.safetensors")
    assert picture.notes == (f"2 of the {len(tensors)} tensors of the LoRA partly fit nothing in this model",)


def test_another_vae_decodes(engine, sd, tmp_path):
    """A folder and a single file draw as a pipeline with that VAE; the model's own is back afterwards."""
    torch.manual_seed(5)
    other = tiny_vae()
    other.save_pretrained(tmp_path / "soft")
    (tmp_path / "single.safetensors").write_bytes(
        (tmp_path / "soft" / "diffusion_pytorch_model.safetensors").read_bytes()
    )
    pipe = diffusers.DiffusionPipeline.from_pretrained(sd.path, vae=other)
    pipe.set_progress_bar_config(disable=True)
    wanted = plain(sd, spec_of(sd), pipe=pipe)
    for name in ("soft", "single"):
        picture = draw(engine, sd, spec_of(sd, vae=name), vae=tmp_path / name)
        assert apart(picture.image, wanted) <= BOUND
        assert apart(picture.image, plain(sd, spec_of(sd))) > 5
    assert apart(draw(engine, sd, spec_of(sd)).image, plain(sd, spec_of(sd))) <= BOUND


def test_a_vae_of_another_kind_is_refused(engine, sd, tmp_path):
    """Other latents and other classes are told in one line."""
    from diffusers import AutoencoderKL, VQModel

    wide = {"block_out_channels": (32,) * 4, "down_block_types": ("DownEncoderBlock2D",) * 4}
    wide |= {"up_block_types": ("UpDecoderBlock2D",) * 4, "latent_channels": 8}
    AutoencoderKL(**wide).save_pretrained(tmp_path / "wide")
    VQModel().save_pretrained(tmp_path / "vq")
    for name, told in (("wide", "has 8 channels and the model's own 4"), ("vq", "vq is a VQModel")):
        with pytest.raises(ModelError, match=told):
            draw(engine, sd, spec_of(sd, vae=name), vae=tmp_path / name)
    assert apart(draw(engine, sd, spec_of(sd)).image, plain(sd, spec_of(sd))) <= BOUND
