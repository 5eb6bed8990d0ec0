"""Comparisons: what is drawn, what is shown, what is said; real pictures of `mini` at the end."""

from __future__ import annotations

import re
import sys

import pytest

import sdnb
from sdnb import api, compare
from sdnb.errors import MissingExtra, RequestError
from sdnb.store import Store
from sdnb.testing import FakeEngine

TWO = {"scheduler": ["euler", "heun"], "budget": [4, 9], "reference_steps": 60, "progress": False}


def html(comparison: sdnb.Comparison) -> str:
    """Return what a notebook shows."""
    return comparison._repr_mimebundle_()["text/html"]


def test_what_is_drawn(engine: FakeEngine) -> None:
    """Each scheduler takes the steps that its budget allows, and the reference comes last, seed by seed."""
    found = sdnb.compare_schedulers("a fox", seed=[3, 4], **TWO)
    assert [(s.scheduler, s.num_inference_steps, s.seed) for s in found.results.sweep.specs] == [
        (name, steps, seed)
        for name, steps in (("euler", 4), ("euler", 9), ("heun", 2), ("heun", 5), ("euler", 60))
        for seed in (3, 4)
    ]
    assert [picture.spec.num_inference_steps for picture in found.references] == [60, 60]
    assert len(engine.drawn) == 10
    again = sdnb.compare_schedulers("a fox", seed=[3, 4], **TWO)
    assert len(engine.drawn) == 10 and repr(again) == repr(found)


def test_equal_steps(engine: FakeEngine) -> None:
    """Every scheduler takes the budget as steps, and the table says what they cost."""
    found = sdnb.compare_schedulers("a fox", equal="steps", **TWO)
    table = found.to_frame()
    assert list(table["steps"]) == [4, 9, 4, 9]
    assert list(table["evaluations"]) == [4, 9, 7, 17]


def test_pictures_without_latents_are_drawn_once_more(engine: FakeEngine) -> None:
    """A plain sweep keeps none; the comparison draws again and keeps them, and no third time."""
    sdnb.diffuse("a fox", scheduler="euler", num_inference_steps=9, progress=False)
    assert api.last()[0].latents is None
    found = sdnb.compare_schedulers("a fox", **TWO)
    assert len(engine.drawn) == 1 + 5
    assert all(picture.latents.shape == (4, 8, 8) for picture in found.results)
    sdnb.diffuse("a fox", scheduler="euler", num_inference_steps=9, progress=False)
    assert len(engine.drawn) == 6


def test_latents_lie_in_the_pictures_file(engine: FakeEngine, tmp_path) -> None:
    """Another process finds them, saved copies are without them, and with no store they are held."""
    found = sdnb.compare_schedulers("a fox", **TWO)
    picture = found.results[1]
    kept = Store(api.store_for().folder, 10**9).get(picture.path.stem)
    assert (kept.latents == picture.latents).all()
    assert not picture.chunks
    saved = found.results.save(tmp_path / "saved")
    assert b"laTN" in picture.path.read_bytes() and b"laTN" not in saved[1].read_bytes()
    loose = sdnb.compare_schedulers("a fox", cache=False, **TWO)
    assert (loose.results[1].latents == picture.latents).all()


def test_what_is_shown(engine: FakeEngine) -> None:
    """One div without scripts: every tile tells steps and evaluations, a reference beside, a plot below."""
    found = sdnb.compare_schedulers("a fox", seed=[1, 2], **TWO)
    page = html(found)
    assert page.count("<div") == page.count("</div>") == 1 and "<script" not in page and "\n" not in page
    assert page.count("4 steps · 4 evals") == page.count("5 steps · 9 evals") == 2
    assert page.count("euler, 60 steps<br>60 evals") == 2
    assert page.count('src="data:image/svg+xml') == 1
    assert "seed 1</span>" in page and "seed 2</span>" in page
    assert repr(found).startswith(
        "Comparison: 2 schedulers × 2 budgets × 2 seeds of equal evaluations against 60 Euler steps, "
    )


def test_noise_is_marked_and_never_ranked(engine: FakeEngine) -> None:
    """Ancestral and SDE schedulers have no decibels on their tiles, and the sentence leaves them out."""
    asked = {**TWO, "scheduler": ["euler", "euler_a", "dpmpp_2m?algorithm_type=sde-dpmsolver++"]}
    one = sdnb.compare_schedulers("a fox", **asked)
    assert list(one.to_frame()["ranked"]) == [True, True] + [False] * 4
    assert "euler_a (adds noise)" in html(one) and html(one).count("not ranked") == 4
    assert "several seeds" in html(one)
    assert "euler_a" not in one.sentence()
    several = sdnb.compare_schedulers("a fox", seed=[1, 2], **asked)
    assert len(re.findall(r"spread 0\.\d+", html(several))) == 8
    assert (several.to_frame()["spread"] > 0).all()
    lines = {text.get_text() for text in several.plot().figure.legends[0].get_texts()}
    assert "euler_a\n(adds noise: not ranked)" in lines and "euler" in lines


def test_frames(engine: FakeEngine) -> None:
    """One row a run with means and deviations, or one a picture."""
    found = sdnb.compare_schedulers("a fox", seed=[1, 2], **TWO)
    runs, pictures = found.to_frame(), found.to_frame(per="picture")
    assert len(runs) == 4 and len(pictures) == 8
    mean = pictures.groupby(["scheduler", "budget"], sort=False)["latent_rms"].mean()
    assert list(runs["latent_rms"]) == pytest.approx(list(mean))
    assert (runs["latent_rms_std"] > 0).all()
    with pytest.raises(RequestError, match="unknown table"):
        found.to_frame(per="seed")


def test_the_plain_cell_draws_the_same(engine: FakeEngine) -> None:
    """`to_cell` writes a sweep of the same specs."""
    found = sdnb.compare_schedulers("a fox", **TWO)
    from sdnb import cell

    assert api.plan(cell.parse(found.to_cell(), {}).request).specs == found.results.sweep.specs


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"guidance_scale": [1, 4]}, "guidance 1 and 1 more are too much at once"),
        ({"reference_steps": 9}, "it needs more than the dearest picture, which costs 9"),
        ({"reference_steps": 2000}, "at most 1000"),
        ({"scheduler": "ddim_karras"}, "dropped silently"),
        ({"scheduler": "flow_euler"}, "does not fit"),
        ({"budget": 0}, "must be from 1"),
        ({"equal": "time"}, "unknown way to make it equal"),
        ({"tolerance": -1}, "decibels"),
    ],
)
def test_mistakes_are_one_line(engine: FakeEngine, wrong: dict, said: str) -> None:
    """What cannot be compared is told before anything is drawn."""
    with pytest.raises(sdnb.SdnbError, match=said):
        sdnb.compare_schedulers("a fox", **{**TWO, **wrong})
    assert not engine.drawn


def test_what_does_not_apply_is_said(engine: FakeEngine) -> None:
    """Odd steps, a poor reference, names that are one, and a failing reference stand under the grid."""
    page = html(
        sdnb.compare_schedulers("a fox", **{**TWO, "scheduler": ["ddim", "Euler", "euler"], "budget": 30})
    )
    assert "ddim does not converge" in page and "few for a reference" in page
    assert "Euler and euler come to the same scheduler" in page
    assert page.count(">euler</span>") == 1
    api.use_engine(FakeEngine(fails="wolf"))
    with pytest.raises(sdnb.SdnbError, match="nothing could be drawn"):
        sdnb.compare_schedulers("a wolf", **TWO)


def test_without_the_extra(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without scikit-image nothing is drawn; without matplotlib all is shown but the plot."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    found = sdnb.compare_schedulers("a fox", **TWO)
    assert "the plot needs matplotlib" in html(found) and "svg" not in html(found)
    with pytest.raises(MissingExtra, match="matplotlib"):
        found.plot()
    before = len(engine.drawn)
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(MissingExtra, match="scikit-image"):
        sdnb.compare_schedulers("a wolf", **TWO)
    assert len(engine.drawn) == before


def test_the_magic_compares(shell, engine: FakeEngine) -> None:
    """`--compare` gives the same comparison, bound and returned; its options need it."""
    line = "--compare --scheduler euler,heun --steps 4,9 --reference 60 --out found"
    result = shell.run_cell(f"%%diffuse {line}\na fox").result
    assert isinstance(result, sdnb.Comparison) and shell.user_ns["found"] is result
    assert repr(result) == repr(sdnb.compare_schedulers("a fox", **TWO))
    drawn = len(engine.drawn)
    assert shell.run_cell("%%diffuse --compare --steps 5 --dry-run\na wolf").result is None
    assert len(engine.drawn) == drawn
    for wrong in ("--equal steps", "--reference 9", "--compare --rows seed"):
        assert not shell.run_cell(f"%%diffuse {wrong}\na fox").success


def test_plans_of_the_defaults(engine: FakeEngine) -> None:
    """Nothing named but a prompt: four schedulers, four budgets, 500 Euler steps."""
    planned = compare.plan(sdnb.sweep.request("a fox", {}))
    assert len(planned.spent) == 16 and planned.reference_steps == 500
    assert {spec.seed for spec in planned.sweep.specs} == {0}


@pytest.mark.slow
def test_mini_errors_fall_and_higher_orders_win() -> None:
    """On `mini` more evaluations come nearer, and dpmpp_2m and unipc beat euler at equal evaluations."""
    found = sdnb.compare_schedulers(
        "a red fox on the moon",
        scheduler=["euler", "dpmpp_2m", "unipc"],
        budget=[10, 20, 40],
        reference_steps=200,
        progress=False,
    )
    errors = found.to_frame().pivot(index="budget", columns="scheduler", values="latent_rms")
    assert (errors.diff().dropna() < 0).all().all(), errors
    assert (errors["dpmpp_2m"] < errors["euler"]).all(), errors
    assert (errors["unipc"] < errors["euler"]).all(), errors
    assert found.sentence().startswith(("dpmpp_2m", "unipc"))
