"""The embedded model: what it draws, by the measure of its own evaluation."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

import sdnb  # noqa: E402
from sdnb import scheduler_kinds  # noqa: E402
from sdnb.diffusers_engine.schedules import build  # noqa: E402
from training.judge import Judge, read  # noqa: E402

MINI = Path(sdnb.__file__).parent / "mini"

pytestmark = pytest.mark.skipif(
    not (MINI / "model_index.json").exists(), reason="no weights in this checkout"
)

SCHEDULERS = [name for name, kind in scheduler_kinds.TABLE.items() if not kind.flow]
QUICK = ("ddim", "dpmpp_2m", "euler_a", "heun", "pndm")


@pytest.fixture(scope="module")
def pipe():
    """The shipped pipeline, loaded as anybody would load it."""
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(MINI)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw(pipe, prompt, steps=20, seed=0):
    """One picture, float32 [128, 128, 3] in 0..1."""
    generator = torch.Generator().manual_seed(seed)
    return pipe(
        prompt, num_inference_steps=steps, guidance_scale=2.0, generator=generator, output_type="np"
    ).images[0]


def test_size() -> None:
    """All files together stay within 25 MB."""
    assert sum(path.stat().st_size for path in MINI.rglob("*") if path.is_file()) <= 25_000_000


def test_loads_in_full_precision(pipe) -> None:
    """A plain from_pretrained gives float32 parts and the long prompt of the layout."""
    assert {pipe.unet.dtype, pipe.vae.dtype, pipe.text_encoder.dtype} == {torch.float32}
    assert pipe.tokenizer.model_max_length == 96
    assert pipe.tokenizer("a fox").input_ids[0] == pipe.tokenizer.bos_token_id


@pytest.mark.parametrize(
    ("prompt", "reddest"),
    [
        ("an apple on a red background", 0),
        ("an apple on a green background", 1),
        ("un coche sobre fondo azul", 2),
    ],
)
def test_background_colour(pipe, prompt: str, reddest: int) -> None:
    """The upper corners have the colour that was asked for."""
    picture = draw(pipe, prompt, steps=8)
    corners = np.concatenate([picture[:12, :12].reshape(-1, 3), picture[:12, -12:].reshape(-1, 3)])
    assert corners.mean(0).argmax() == reddest


def test_languages_agree(pipe) -> None:
    """From one seed English and Spanish give nearly the same picture; two languages' foxes are no car."""
    english, spanish = draw(pipe, "a fox on the moon"), draw(pipe, "un zorro en la luna")
    assert np.abs(english - spanish).mean() < 0.06
    assert np.abs(english - draw(pipe, "un coche en la luna")).mean() > 0.06


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in SCHEDULERS]
)
def test_every_scheduler_is_sane(pipe, name: str) -> None:
    """At 20 steps each scheduler of the table draws a strawberry on white: never noise, never black."""
    before = pipe.scheduler
    try:
        pipe.scheduler = build(name, 20, before.config)
        picture = draw(pipe, "a strawberry on a white background")
    finally:
        pipe.scheduler = before
    assert np.isfinite(picture).all()
    judge = Judge(read())
    assert judge.concepts(picture, "white")[0] == "strawberry"
    assert judge.background(picture) == "white"


@pytest.mark.parametrize(
    ("prompt", "concept", "background"),
    [
        ("a strawberry on a white background", "strawberry", "white"),
        ("a puppy on a blue background", "dog", "blue"),
        ("un castillo sobre fondo rosa", "castle", "pink"),
        ("un robot en la playa", "robot", "beach"),
        ("un gatito en la nieve", "cat", "snow"),
    ],
)
def test_concept_and_background(pipe, prompt: str, concept: str, background: str) -> None:
    """The nearest real picture is of the concept asked for, synonyms too, and so is the background."""
    judge = Judge(read())
    picture = draw(pipe, prompt, steps=10)
    assert judge.concepts(picture, background)[0] == concept
    assert judge.background(picture) == background


def test_the_judge_can_say_no(pipe) -> None:
    """A picture of noise is of nothing that was asked for, and another thing's picture is of that thing."""
    judge = Judge(read())
    noise = np.random.default_rng(0).random((128, 128, 3), np.float32)
    assert judge.concepts(noise, "white")[0] != "strawberry"
    assert judge.concepts(draw(pipe, "a car on a white background", steps=10), "white")[0] == "car"
