"""Models of the hub: asked about once, downloaded as they are needed, stopped at once, used offline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from sdnb import api, desk, hub, models, single_file
from sdnb.errors import ModelError
from sdnb.testing import FakeEngine

from .hub_server import COMMIT, Hub, reach, serve
from .test_models import weights

CHECKER = ("safety_checker", ["stable_diffusion", "StableDiffusionSafetyChecker"])


def published(folder: Path, *, size: int = 1000) -> Path:
    """Write a model as the hub has it: both variants, pickles, and what nobody draws with."""
    import shutil

    shutil.copytree(single_file.CONFIGS / "sd1", folder)
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | dict([CHECKER])))
    for part, stem in (
        ("unet", "diffusion_pytorch_model"),
        ("vae", "diffusion_pytorch_model"),
        ("text_encoder", "model"),
        ("safety_checker", "model"),
    ):
        (folder / part).mkdir(exist_ok=True)
        (folder / part / "config.json").touch()
        if part == "safety_checker":
            (folder / part / "config.json").write_text("{}")
        weights(folder / part / f"{stem}.safetensors", holds=part.encode().ljust(size, b"."))
        weights(folder / part / f"{stem}.fp16.safetensors", holds=part.encode().ljust(size // 2, b"."))
        (folder / part / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "big-pruned.safetensors").write_bytes(b"x")
    (folder / "unet" / "flax_model.msgpack").write_bytes(b"x")
    (folder / "README.md").write_text("a card")
    return folder


@pytest.fixture
def online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Give a hub with one model, and an empty cache, to this process and to those it starts."""
    with serve(Hub({"tiny/sd": published(tmp_path / "published")})) as made:
        reach(made, tmp_path / "hub", monkeypatch)
        yield made


def fetched(model: models.Model, *, half: bool = False, checker: bool = True) -> list[tuple[int, int]]:
    """Download what a model lacks; return what was told on the way."""
    told: list[tuple[int, int]] = []
    assert model.remote is not None
    missing = model.remote.missing(half=half, safety_checker=checker)
    assert hub.fetch(model.remote, missing, lambda *progress: told.append(progress), Event())
    return told


def test_planning_takes_only_the_configuration(online: Hub) -> None:
    """Resolving asks once, takes no weights, and knows the family, the size and what is missing."""
    model = models.resolve("tiny/sd@v1")
    assert (model.name, model.commit) == ("tiny/sd@v1", COMMIT)
    assert models.capabilities(model).width == 512
    assert not [name for name in online.sent() if name.endswith((".safetensors", ".bin", ".md"))]
    assert models.fingerprint(model, {}) == COMMIT
    assert model.remote is not None
    full = dict(model.remote.missing(half=False, safety_checker=True))
    half = dict(model.remote.missing(half=True, safety_checker=False))
    assert sorted(full) == [
        "safety_checker/model.safetensors", "text_encoder/model.safetensors",
        "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors",
    ]  # fmt: skip
    assert sorted(half) == [
        "text_encoder/model.fp16.safetensors", "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.fp16.safetensors",
    ]  # fmt: skip
    assert all(size > 1000 for size in full.values())


def test_only_what_is_drawn_with_is_downloaded_and_then_used_offline(
    online: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No pickle, no other framework, no second variant; afterwards nothing is asked any more."""
    model = models.resolve("tiny/sd")
    told = fetched(model)
    total = told[0][1]
    assert told[0] == (0, total) and total > 4000
    sent = [name for name in online.sent() if name.endswith((".safetensors", ".bin", ".msgpack", ".md"))]
    assert len(sent) == 4 and not any("fp16" in name for name in sent)
    assert hub.cached() == ["tiny/sd"]
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    count = len(online.asked)
    again = models.resolve("tiny/sd")
    assert again.path == model.path and again.remote is not None
    assert again.remote.missing(half=False, safety_checker=True) == []
    assert len(online.asked) == count


def test_a_download_shows_how_far_it_is_and_stops_at_once(online: Hub) -> None:
    """Bytes are told while they come; when it is stopped the rest stays away, and the next run has it all."""
    (file,) = (online.models["tiny/sd"] / "unet").glob("diffusion_pytorch_model.safetensors")
    weights(file, holds=b"u" * 40_000_000)
    model = models.resolve("tiny/sd")
    assert model.remote is not None
    missing = model.remote.missing(half=False, safety_checker=False)
    online.pause, cancel, told = 0.1, Event(), []

    def look(there: int, total: int) -> None:
        told.append(there)
        if there > 5_000_000:
            cancel.set()

    assert not hub.fetch(model.remote, missing, look, cancel)
    assert told[0] == 0 and told == sorted(told) and 0 < told[-1] < 40_000_000
    online.pause = 0.0
    with pytest.raises(ModelError, match="fetch it once"):
        models.resolve("tiny/sd", ask=False)
    begun = list((model.path.parents[1] / "blobs").glob("*.incomplete"))
    assert all(file.name.count(".") == 1 for file in begun)  # only what huggingface_hub resumes is left
    fetched(models.resolve("tiny/sd"))
    assert models.resolve("tiny/sd", ask=False).path == model.path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tiny/none", "the hub has no model tiny/none, or only for its members"),
        ("tiny/sd@v9", "the hub has no revision 'v9' of tiny/sd"),
        ("tiny/gated", "tiny/gated asks for consent: give it on its page"),
        ("tiny/single", "no model_index.json; download its dream.safetensors and name that file"),
        ("tiny/pickled", "the hub has the unet of tiny/pickled only as pickle files, which are refused"),
    ],
)
def test_what_the_hub_cannot_give_is_one_line(online: Hub, tmp_path: Path, text: str, said: str) -> None:
    """Unknown, gated, other layouts and pickles: said before anything large is downloaded."""
    online.models["tiny/gated"] = online.models["tiny/sd"]
    online.gated.add("tiny/gated")
    single, pickled = tmp_path / "single", published(tmp_path / "pickled")
    single.mkdir()
    (single / "dream.safetensors").write_bytes(b"x")
    for file in (pickled / "unet").glob("*.safetensors"):
        file.unlink()
    online.models |= {"tiny/single": single, "tiny/pickled": pickled}
    with pytest.raises(ModelError, match=said) as caught:
        models.resolve(text)
    assert "\n" not in str(caught.value)
    assert not any(".safetensors" in name or ".bin" in name for name in online.sent())


def test_a_hub_that_does_not_answer_is_one_line(online: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to run where there is a network."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="the hub does not answer .* hf download tiny/sd") as caught:
        models.resolve("tiny/sd")
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_told_before_the_download(online: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """With both sizes."""
    model = models.resolve("tiny/sd")
    assert model.remote is not None
    monkeypatch.setattr(hub.shutil, "disk_usage", lambda path: type("Disk", (), {"free": 1000})())
    with pytest.raises(ModelError, match="tiny/sd is 0.0 MB, and the disk has room for 0.0 MB"):
        hub.fetch(model.remote, model.remote.missing(half=False, safety_checker=True), print, Event())


def test_the_size_is_told_before(online: Hub) -> None:
    """By a dry run and by %sdnb models NAME; %sdnb models asks nobody."""

    class Waiting(FakeEngine):
        def missing(self, model: models.Model) -> int:
            return 5_100_000_000

    api.use_engine(Waiting())
    planned = api.plan(api.sweep.request("a fox", {"model": ("tiny/sd",)}))
    assert "tiny/sd is downloaded first: 5.1 GB" in api.dry_run(planned, api.How())
    assert "for the first time: 5.1 GB" in desk.answer("models", "tiny/sd")
    count = len(online.asked)
    assert "tiny/sd" in desk.answer("models")
    assert len(online.asked) == count
