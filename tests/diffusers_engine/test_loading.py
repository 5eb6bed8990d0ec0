"""One file in the original layout draws what the folder draws, without the hub and without a network."""

from __future__ import annotations

import json
import math
import socket
from dataclasses import replace
from threading import Event

import numpy as np
import pytest
import torch

from sdnb import models, single_file
from sdnb.diffusers_engine import DiffusersEngine, loading, offload
from sdnb.engine import Group
from sdnb.errors import ModelError

from ..hub_server import Hub, reach, serve
from .original import clip, open_clip, unet, vae, write_original
from .tiny import apart, plain, render, spec_of, write_inpainting


@pytest.fixture
def no_network(monkeypatch):
    """Let every attempt to open a connection fail the test."""

    def refused(*args, **more):
        raise AssertionError("a connection was opened")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)


@pytest.mark.parametrize(("which", "family"), [("sd", "sd1"), ("sd_v", "sd2"), ("sdxl", "sdxl")])
def test_a_single_file_draws_what_its_folder_draws(which, family, request, tmp_path, no_network):
    """Every family's conversion gives the pixels of the folder that the file was written from."""
    model = request.getfixturevalue(which)
    file = write_original(model.path, tmp_path / "tiny.safetensors", family=family)
    single = replace(model, name="tiny", file=file)
    engine = DiffusersEngine(device="cpu", memo={})
    spec = spec_of(single, scheduler="dpmpp_2m_karras", clip_skip=1, negative_prompt="blur")
    (picture,) = render(engine, single, spec)
    assert apart(picture.image, plain(model, spec)) <= 2
    assert np.asarray(picture.image).std() > 5
    assert engine.identity(single)["fingerprint"] == models.fingerprint(single, {})


@pytest.mark.parametrize("name", ["sd1", "sd2", "sdxl"])
def test_the_shipped_configurations_take_every_tensor(name, no_network):
    """The families' full-size parts, in the original layout and back, leave no tensor out."""
    from accelerate import init_empty_weights
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    folder = single_file.CONFIGS / name
    known = {
        "sd1": (859_520_964, 123_060_480), "sd2": (865_910_724, 340_387_840),
        "sdxl": (2_567_463_684, 123_060_480, 694_659_840),
    }[name]  # fmt: skip
    with init_empty_weights():
        parts = [
            UNet2DConditionModel.from_config(json.loads((folder / "unet/config.json").read_text())),
            CLIPTextModel(CLIPTextConfig.from_pretrained(folder / "text_encoder")),
        ]
        if name == "sdxl":
            parts.append(
                CLIPTextModelWithProjection(CLIPTextConfig.from_pretrained(folder / "text_encoder_2"))
            )
        decoder = AutoencoderKL.from_config(json.loads((folder / "vae/config.json").read_text()))
    assert tuple(sum(math.prod(p.shape) for p in part.parameters()) for part in parts) == known
    written = {f"model.diffusion_model.{k}": v for k, v in unet(parts[0].state_dict(), 2).items()}
    assert set(convert_ldm_unet_checkpoint(written, parts[0].config)) == set(parts[0].state_dict())
    # the one tensor by which diffusers tells 1.x, and the one that every family's first layer has
    assert "model.diffusion_model.input_blocks.0.0.weight" in written
    assert ("model.diffusion_model.output_blocks.11.0.skip_connection.weight" in written) == (name != "sdxl")
    written = {f"first_stage_model.{k}": v for k, v in vae(decoder.state_dict(), 4).items()}
    assert set(convert_ldm_vae_checkpoint(written, decoder.config)) == set(decoder.state_dict())
    assert clip(parts[1].state_dict())
    assert open_clip(parts[-1].state_dict())


def test_the_shipped_tokenizers_are_those_of_clip(no_network):
    """Known prompts become the known numbers; the second padding of 2.x and XL is '!'."""
    expected = [49406, 320, 1125, 539, 320, 2368, 49407]
    for family in sorted({folder.parent.name for folder in single_file.CONFIGS.glob("*/model_index.json")}):
        model = models.Model(family, single_file.CONFIGS / family)
        tokenizer = loading.load_tokenizer(model)
        assert tokenizer("a photo of a cat").input_ids == expected
        assert tokenizer.model_max_length == 77
        assert tokenizer.pad_token_id == (0 if family.startswith("sd2") else 49407)
    assert (
        loading.load_tokenizer(models.Model("x", single_file.CONFIGS / "sdxl"), "tokenizer_2").pad_token_id
        == 0
    )


def test_a_single_file_made_for_inpainting_is_loaded_whole(models_folder, tmp_path, no_network):
    """Its nine channels arrive as they were written."""
    model = write_inpainting(models_folder / "tiny-fills")
    file = write_original(model.path, tmp_path / "tiny.safetensors", family="sd1")
    parts = [
        loading.load(each, "cpu", "float32", safety_checker=True)
        for each in (model, replace(model, name="tiny", file=file))
    ]
    for name in ("unet", "vae"):
        one, other = (getattr(each, name).state_dict() for each in parts)
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_single_file_that_lacks_a_tensor_is_told(sd, tmp_path):
    """A file without one of the tensors is refused, and not filled up."""
    from safetensors.torch import load_file, save_file

    file = write_original(sd.path, tmp_path / "tiny.safetensors", family="sd1")
    tensors = load_file(file)
    for gone, part in (
        ("model.diffusion_model.out.2.weight", "unet"),
        ("cond_stage_model.transformer.text_model.final_layer_norm.weight", "text_encoder"),
    ):
        save_file({k: v for k, v in tensors.items() if k != gone}, file)
        with pytest.raises(ModelError, match=f"the {part} of tiny lacks some of its tensors"):
            loading.load(replace(sd, name="tiny", file=file), "cpu", "float32", safety_checker=True)


def test_a_model_of_the_hub_is_downloaded_by_the_run(sd, tmp_path, monkeypatch):
    """Planned with its configuration alone, downloaded in the run with word of how far it is, and drawn."""
    with serve(Hub({"tiny/sd": sd.path})) as hub:
        reach(hub, tmp_path / "hub", monkeypatch)
        model = models.resolve("tiny/sd")
        engine, told = DiffusersEngine(device="cpu", memo={}), []
        missing = engine.missing(model)
        assert missing == sum(file.stat().st_size for file in sd.path.rglob("*.safetensors"))
        spec = spec_of(model)
        stopped = Event()
        stopped.set()
        assert not list(engine.render(Group(model, (spec,)), lambda step: None, stopped))
        assert engine.missing(model) == missing
        (picture,) = render(engine, model, spec, on_step=lambda step: told.append(step.note))
    assert told[0] == f"tiny/sd, 0.0 MB of {missing / 1e6:.1f} MB downloaded"
    assert "the model to load" in told
    assert apart(picture.image, plain(sd, spec)) <= 2
    assert engine.missing(models.resolve("tiny/sd", ask=False)) == 0


def test_parts_take_turns_where_the_card_is_small(sd, sdxl, monkeypatch):
    """Of a model that does not fit one part at a time is on the card, and the pictures stay the same."""
    from sdnb.diffusers_engine import pipelines

    monkeypatch.setattr(pipelines, "_too_large", lambda on, need: need > 1000)
    there: list[object] = []
    moves: list[str] = []

    def move(part, where):
        moves.append(f"{type(part).__name__} to {'card' if part not in there else 'home'}")
        there.remove(part) if part in there else there.append(part)
        assert len(there) <= 1

    monkeypatch.setattr(offload, "move", move)
    for model in (sd, sdxl):
        engine = DiffusersEngine(device="cpu", memo={})
        specs = [spec_of(model, seed=seed, num_inference_steps=3 + seed) for seed in range(2)]
        for spec, picture in zip(specs, render(engine, model, *specs), strict=True):
            assert apart(picture.image, plain(model, spec)) <= 2
        assert engine.status()["one part at a time on the GPU"] == model.name
        visitors = [move.split()[0] for move in moves if move.endswith("card")]
        texts = ["CLIPTextModel", "CLIPTextModelWithProjection"][: 1 + (model is sdxl)]
        drawn = ["UNet2DConditionModel", "AutoencoderKL"]
        assert visitors == [*texts, *drawn, *drawn]
        moves.clear()
        there.clear()


def test_a_card_with_room_takes_the_model_whole(monkeypatch):
    """What decides is the free memory of a CUDA card; other devices have no memory of their own."""
    from sdnb.diffusers_engine import pipelines

    monkeypatch.setattr(pipelines, "free_gpu", lambda device: 8_000_000_000)
    monkeypatch.setattr(pipelines, "free_ram", lambda: 1)
    assert not pipelines._too_large("cuda", 5_000_000_000)
    assert pipelines._too_large("cuda", 7_000_000_000)
    assert not pipelines._too_large("cpu", 7_000_000_000)
    assert not pipelines._too_large("mps", 7_000_000_000)


@pytest.mark.parametrize("which", ["sd", "sdxl"])
def test_weights_come_straight_in_the_precision_asked_for(which, request):
    """Every number of a loaded model is in one precision, whatever the file holds."""
    parts = loading.load(request.getfixturevalue(which), "cpu", "bfloat16", safety_checker=True)
    for part in (parts.unet, parts.vae, *parts.text_encoders):
        assert {tensor.dtype for tensor in part.parameters()} == {torch.bfloat16}
