"""The training's code, driven for a few steps on a few made-up sprites."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
import torch
from diffusers import StableDiffusionPipeline

from training import text, unet, vae
from training.__main__ import Studio
from training.captions import Plan, caption, draw_plan, evaluation_plans, hidden
from training.card import card
from training.concepts import CONCEPTS
from training.evaluate import Exam, pair_plans, views
from training.judge import Judge, things
from training.optimizer import WARM, Optimizer, Report, cosine, orthogonal
from training.pictures import Painter
from training.scenes import BACKGROUNDS, background

from .conftest import KEYS


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny tensors are faster without threads that wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_names_are_told_apart() -> None:
    """No two concepts share their own name, in either language."""
    for language in ("en", "es"):
        names = [getattr(c, language)[0].text for c in CONCEPTS]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("plan", "english", "spanish"),
    [
        (Plan(("fox",), "alone", "moon"), "a fox on the moon", "un zorro en la luna"),
        (
            Plan(("orange",), "alone", "blue"),
            "an orange on a blue background",
            "una naranja sobre fondo azul",
        ),
        (
            Plan(("astronaut", "horse"), "riding", "moon"),
            "an astronaut riding a horse on the moon",
            "un astronauta montando un caballo en la luna",
        ),
        (Plan(("grapes", "unicorn"), "beside"), "grapes and a unicorn", "unas uvas y un unicornio"),
    ],
)
def test_plain_captions(plan: Plan, english: str, spanish: str) -> None:
    """Articles, genders and plurals are right in both languages."""
    assert caption(plan, "en") == english
    assert caption(plan, "es") == spanish


def test_hidden_plans_are_never_drawn() -> None:
    """Training's plans leave out exactly what evaluation asks for as held out."""
    rng = Random(0)
    assert hidden(Plan(("astronaut", "horse"), "riding", "beach"))
    assert not any(hidden(draw_plan(rng, KEYS)) for _ in range(300))
    assert all(hidden(plan) for plan in evaluation_plans("held out", KEYS, 12))
    assert not any(hidden(plan) for plan in evaluation_plans("seen", KEYS, 12))


def test_pairs_and_views() -> None:
    """Pairs are of the relation and kind asked for; views are counted in the plans of training."""
    for kind in ("seen", "held out"):
        plans = pair_plans("riding", kind, KEYS, 8)
        assert {plan.relation for plan in plans} == {"riding"}
        assert {hidden(plan) for plan in plans} == {kind == "held out"}
    found = views(KEYS, 4000, plans=2000)
    assert found["views a thing so far"] == pytest.approx(1300, abs=60)
    assert 50 < found["views a pair of thing and background so far"] < 80


@pytest.mark.parametrize("key", BACKGROUNDS)
def test_backgrounds_fill_the_picture(key: str) -> None:
    """Every background has the right shape and range, and no unpainted ground."""
    picture = background(key, 1)
    assert picture.shape == (128, 128, 3)
    assert picture.min() >= 0 and picture.max() <= 1
    assert (picture.sum(-1) > 0.05).all()


def test_judge_knows_real_pictures(painter: Painter) -> None:
    """The measure is right about what the painter itself painted."""
    judge = Judge(things(painter, KEYS), KEYS)
    for key in KEYS:
        for where in ("blue", "beach"):
            picture = painter.paint(Plan((key,), "alone", where), Random(3))
            assert judge.concepts(picture, where)[0] == key
            assert judge.background(picture) == where


def test_orthogonal_brings_singular_values_near_one() -> None:
    """Muon's iteration leaves all singular values within the band that its coefficients give."""
    values = torch.linalg.svdvals(orthogonal(torch.randn(24, 60, generator=torch.Generator().manual_seed(0))))
    assert values.min() > 0.6 and values.max() < 1.3


def test_fresh_autoencoder_passes_averages_through() -> None:
    """Before any training the autoencoder returns its input's eight-pixel averages."""
    torch.manual_seed(0)
    model = vae.build().eval()
    blocks = torch.rand(2, 3, 16, 16).repeat_interleave(8, 2).repeat_interleave(8, 3) * 2 - 1
    again = vae.decode(model, vae.encode(model, blocks))
    assert (again - blocks).abs().mean() < 0.25


def test_patches_keep_their_place() -> None:
    """Row j of the patches is the j-th 2x2 square of the latents, row by row."""
    latents = torch.arange(4 * 256.0).reshape(1, 4, 16, 16)
    rows = text.patches(latents)
    assert rows.shape == (1, 64, 16)
    assert set(rows[0, 9].tolist()) == set(latents[0, :, 2:4, 2:4].flatten().tolist())


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts so small that a second of training is many steps."""
    monkeypatch.setattr(unet, "CHANNELS", (16, 16, 16))
    monkeypatch.setattr(vae, "CHANNELS", (8, 8, 16, 16))


def learn(studio: Studio) -> list[str]:
    """All stages' lines."""
    lines = [*studio.learn_vae(pictures=8), *studio.learn_text(pairs=8, captions=200)]
    return [*lines, *studio.learn_unet(first=8)]


@pytest.mark.usefixtures("small")
def test_all_stages_run_and_export(painter: Painter, tmp_path: Path) -> None:
    """A few seconds end with a folder that diffusers draws with; the next run trains its UNet alone."""
    studio = Studio(painter, tmp_path / "work", tmp_path / "mini", 4.0, watched=4)
    lines = learn(studio)
    assert sum("done" in line for line in lines) == 3
    assert lines[-1].endswith("0.0 min left in all")
    assert studio.deliver(8) < 25_000_000
    pipe = StableDiffusionPipeline.from_pretrained(tmp_path / "mini")
    pipe.set_progress_bar_config(disable=True)
    assert pipe("a fox", num_inference_steps=2, output_type="np").images.shape == (1, 128, 128, 3)
    saved = json.loads((tmp_path / "mini" / "tokenizer" / "tokenizer.json").read_text())
    assert saved["padding"] is None and saved["truncation"] is None
    exam = Exam(pipe, painter, 1)
    exam.things()
    exam.pairs(1)
    record = json.loads((tmp_path / "mini" / "trained.json").read_text())
    text = card(exam.figures | {"dB": 30.9}, 1.5, 3.0, (16, 16, 16), record, 1)
    assert "| two things riding, held out |" in text and "- dB: 30.9" in text
    assert exam.figures["control: real pictures, blurred"]["top1"] == 1.0
    again = Studio(painter, tmp_path / "work", tmp_path / "mini", 0.5, watched=4)
    assert again.seconds == {"unet": 0.5}
    assert [line.split()[0] for line in learn(again) if "done" in line] == ["unet"]
    first = json.loads((tmp_path / "mini" / "trained.json").read_text())["samples"]
    again.deliver(8)
    assert json.loads((tmp_path / "mini" / "trained.json").read_text())["samples"] > first > 0


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", ["vae", "text_encoder", "unet"])
def test_a_stopped_stage_goes_on(
    painter: Painter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A run that stops in the middle of a stage goes on at its next step, with the time that was left."""
    monkeypatch.setattr(Report, "EVERY", 0.0)
    work, mini = tmp_path / "work", tmp_path / "mini"

    def lines() -> Iterator[str]:
        studio = Studio(painter, work, mini, 1.0, watched=4)
        studio.seconds |= {name: 60.0}
        yield from studio.learn_vae(pictures=8)
        yield from studio.learn_text(pairs=8, captions=200)
        yield from studio.learn_unet(first=8)

    stopped = (line for line in lines() if line.startswith(f"{name.split('_')[0]} "))
    next(stopped), next(stopped)
    stopped.close()
    kept = torch.load(work / f"{name}.pt", weights_only=True)
    again = lines()
    assert next(again).startswith("painting")
    assert f"step {kept['state']['steps'] + 1}," in next(again)
    assert kept["spent"] < torch.load(work / f"{name}.pt", weights_only=True)["spent"] < 60
    again.close()


def test_learning_rate_rises_and_falls() -> None:
    """A fresh optimizer begins low; the cosine ends at its floor."""
    assert cosine(0.0) == 1.0 and cosine(1.0) == pytest.approx(0.02)
    layer = torch.nn.Linear(4, 4)
    optimizer = Optimizer(layer, muon=0.1, adam=0.1)
    layer(torch.ones(1, 4)).sum().backward()
    optimizer.step(1.0)
    assert optimizer.parts[0].param_groups[0]["lr"] == pytest.approx(0.1 / WARM)
