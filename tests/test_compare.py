"""Of `sdnb.compare`: what is planned and drawn; real pictures of `mini` at the end."""

from __future__ import annotations

import sys

import pytest

import sdnb
from sdnb import api, compare
from sdnb.errors import MissingExtra
from sdnb.store import Store
from sdnb.testing import FakeEngine
from tests.test_comparison import TWO, html


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
    """Odd steps, a poor reference and names that are one stand under the grid."""
    page = html(
        sdnb.compare_schedulers("a fox", **{**TWO, "scheduler": ["ddim", "Euler", "euler"], "budget": 30})
    )
    assert "ddim does not converge" in page and "few for a reference" in page
    assert "Euler and euler come to the same scheduler" in page
    assert page.count(">euler</span>") == 1


def test_when_nothing_could_be_drawn_there_is_no_comparison() -> None:
    """It is an error, as for a plain sweep."""
    api.use_engine(FakeEngine(fails="wolf"))
    with pytest.raises(sdnb.SdnbError, match="nothing could be drawn"):
        sdnb.compare_schedulers("a wolf", **TWO)


def test_without_the_extra(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without scikit-image nothing is drawn."""
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(MissingExtra, match="scikit-image"):
        sdnb.compare_schedulers("a fox", **TWO)
    assert not engine.drawn


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
