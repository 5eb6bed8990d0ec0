"""The engine from outside: what it imports, who it waits for, what it tells."""

from __future__ import annotations

import gc
import json
import shutil
import subprocess
import sys
import threading
from threading import Event

import pytest

from sdnb.diffusers_engine import DiffusersEngine, devices, loading
from sdnb.engine import Engine, Group
from sdnb.errors import ModelError, RequestError
from sdnb.models import Model

from .tiny import apart, plain, render, spec_of

HEAVY = ["torch", "diffusers", "transformers", "numpy", "PIL"]


def imported(code: str) -> list[str]:
    """Run code in a new process; return the heavy packages it imported."""
    code += f"; import sys, json; print(json.dumps([n for n in {HEAVY} if n in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_the_engine_imports_no_torch():
    """Importing and making the engine is light."""
    assert imported("from sdnb.diffusers_engine import DiffusersEngine; DiffusersEngine()") == []


def test_a_remembered_device_needs_no_torch(sd):
    """Identity, capabilities and status come without torch once `auto` was answered; before, by a probe."""
    memo: dict[str, str] = {}
    first = DiffusersEngine(memo=memo).identity(sd)
    assert any(key.startswith("device ") for key in memo)
    code = (
        "from pathlib import Path; from sdnb.models import Model; "
        "from sdnb.diffusers_engine import DiffusersEngine; "
        f"engine = DiffusersEngine(memo={memo!r}); model = Model({sd.name!r}, Path({str(sd.path)!r})); "
        f"assert engine.identity(model) == {dict(first)!r}; engine.capabilities(model); engine.status()"
    )
    assert imported(code) == []


def test_identity_has_what_changes_pixels(sd, sd_v):
    """Weights, device, precision and versions are in it, and other weights make another identity."""
    engine = DiffusersEngine(device="cpu", dtype="bfloat16")
    said = engine.identity(sd)
    assert said["engine"] == "diffusers"
    assert said["device"] == "cpu"
    assert said["dtype"] == "bfloat16"
    assert {"torch", "diffusers", "transformers"} <= set(said)
    assert said["fingerprint"] != engine.identity(sd_v)["fingerprint"]


def test_the_probe_is_asked_again_when_the_machine_changes(monkeypatch):
    """Other visible GPUs are another question."""
    memo: dict[str, str] = {}
    answers = iter(["cpu", "cuda"])
    monkeypatch.setattr(devices, "_probe", lambda: next(answers))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert [devices.device("auto", memo) for _ in range(2)] == ["cpu", "cpu"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert devices.device("auto", memo) == "cuda"


def test_free_memory_is_a_plausible_number():
    """The system's free memory is positive and below a petabyte, where it is known."""
    free = devices.free_ram()
    assert free is None or 0 < free < 10**15


def test_it_keeps_the_protocol(engine):
    """The engine is an Engine."""
    kept: Engine = engine
    assert kept.name == "diffusers"


def test_a_model_to_load_is_told(sd):
    """The first run of a model says that it waits for it, the second does not."""
    engine, told = DiffusersEngine(device="cpu"), []
    for _ in range(2):
        render(engine, sd, spec_of(sd, num_inference_steps=1), on_step=lambda step: told.append(step.note))
    assert told == ["the model to load", "", ""]


def test_a_warm_model_is_loaded_once(sd, monkeypatch):
    """What `warm` has loaded the first run draws with, and says nothing of loading."""
    loads, told = [], []
    right = loading.load
    monkeypatch.setattr(loading, "load", lambda *a, **k: loads.append(1) or right(*a, **k))
    engine = DiffusersEngine(device="cpu")
    engine.warm(sd)
    engine.warm(sd)
    (picture,) = render(engine, sd, spec_of(sd), on_step=lambda step: told.append(step.note))
    assert len(loads) == 1
    assert not any(told)
    assert apart(picture.image, plain(sd, spec_of(sd))) <= 2


def test_a_run_waits_for_a_model_that_is_being_made_ready(sd, monkeypatch):
    """A run that comes while `warm` loads says so, can be stopped, and loads nothing itself."""
    loads, began, go, cancel, notes = [], Event(), Event(), Event(), []
    right = loading.load

    def slow(*arguments, **keywords):
        loads.append(1)
        began.set()
        assert go.wait(30)
        return right(*arguments, **keywords)

    monkeypatch.setattr(loading, "load", slow)
    engine = DiffusersEngine(device="cpu")
    warming = threading.Thread(target=lambda: engine.warm(sd))
    warming.start()
    assert began.wait(30)
    stopped = engine.render(
        Group(sd, (spec_of(sd),)), lambda step: (notes.append(step.note), cancel.set()), cancel
    )
    assert list(stopped) == []
    assert notes == ["the model to load"]
    drawn, waits = [], Event()
    run = threading.Thread(
        target=lambda: drawn.extend(render(engine, sd, spec_of(sd), on_step=lambda step: waits.set()))
    )
    run.start()
    assert waits.wait(30)
    go.set()
    warming.join(30)
    run.join(30)
    assert len(loads) == len(drawn) == 1
    assert gc.isenabled()


def test_a_model_that_cannot_be_made_ready(sd, tmp_path):
    """A broken model fails `warm` with the reason, and leaves the turn and the collector free."""
    shutil.copytree(sd.path, tmp_path / "broken")
    next((tmp_path / "broken" / "unet").glob("*.safetensors")).write_bytes(b"no tensors")
    engine = DiffusersEngine(device="cpu")
    with pytest.raises(ModelError, match="broken"):
        engine.warm(Model("broken", tmp_path / "broken"))
    assert gc.isenabled()
    assert render(engine, sd, spec_of(sd))[0].pixels is not None


def test_a_second_run_waits_and_says_so(sd):
    """While one thread draws another waits, tells what for, and draws when the first is done."""
    first, second = DiffusersEngine(device="cpu"), DiffusersEngine(device="cpu")
    inside, waits, go, drawn = Event(), Event(), Event(), []

    def hold(step):
        inside.set()
        assert go.wait(30)

    def look(step):
        if step.note == "another run":
            waits.set()

    one = threading.Thread(target=lambda: render(first, sd, spec_of(sd, num_inference_steps=2), on_step=hold))
    two = threading.Thread(target=lambda: drawn.extend(render(second, sd, spec_of(sd), on_step=look)))
    one.start()
    assert inside.wait(30)
    two.start()
    assert waits.wait(30)
    assert not drawn
    go.set()
    one.join(30)
    two.join(30)
    assert apart(drawn[0].image, plain(sd, spec_of(sd))) <= 2


def test_a_picture_in_hand_blocks_nobody(engine, sd):
    """A run that nobody goes on with does not keep the turn."""
    drawing = engine.render(
        Group(sd, tuple(spec_of(sd, seed=s) for s in range(2))), lambda step: None, Event()
    )
    next(drawing)
    drawn = []
    other = threading.Thread(target=lambda: drawn.extend(render(engine, sd, spec_of(sd, "moon"))))
    other.start()
    other.join(30)
    assert len(drawn) == 1
    assert len(list(drawing)) == 1


def test_an_impossible_size_is_an_error_before_drawing(engine, sd, monkeypatch):
    """A VAE of coarser latents refuses sizes that it cannot make."""
    monkeypatch.setattr(type(engine._parts(sd)), "pixels_per_latent", 16)
    with pytest.raises(RequestError, match="height must be a multiple of 16 for tiny-sd, not 72"):
        render(engine, sd, spec_of(sd, height=72))


def test_nothing_asked_is_nothing_drawn(engine, sd):
    """An empty group loads and draws nothing; a cancelled one too."""
    assert list(engine.render(Group(sd, ()), lambda step: None, Event())) == []
    cancel = Event()
    cancel.set()
    fresh = DiffusersEngine(device="cpu")
    assert list(fresh.render(Group(sd, (spec_of(sd),)), lambda step: None, cancel)) == []
    assert fresh.status()["models in memory"] == "none"
