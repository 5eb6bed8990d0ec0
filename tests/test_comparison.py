"""Of `sdnb.comparison`: what is shown and said of what was drawn."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

import pytest
from PIL import Image

import sdnb
from sdnb import api, cell, compare
from sdnb.comparison import Comparison
from sdnb.errors import MissingExtra, RequestError
from sdnb.picture import Picture
from sdnb.results import Results
from sdnb.spec import ImageSpec
from sdnb.testing import FakeEngine

TWO = {"scheduler": ["euler", "heun"], "budget": [4, 9], "reference_steps": 60, "progress": False}


def html(comparison: sdnb.Comparison) -> str:
    """Return what a notebook shows."""
    return comparison._repr_mimebundle_()["text/html"]


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
    assert api.plan(cell.parse(found.to_cell(), {}).request).specs == found.results.sweep.specs


def test_without_matplotlib_all_is_shown_but_the_plot(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line says what the plot needs, and asking for it is an error."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    found = sdnb.compare_schedulers("a fox", **TWO)
    assert "the plot needs matplotlib" in html(found) and "svg" not in html(found)
    with pytest.raises(MissingExtra, match="matplotlib"):
        found.plot()


def compared(draw: Callable[[ImageSpec], Picture]) -> Comparison:
    """Compare euler and heun at equal steps on pictures that were drawn elsewhere."""
    wanted = sdnb.sweep.request("a fox", {"scheduler": ["euler", "heun"], "num_inference_steps": 4})
    plan = compare.plan(wanted, equal="steps", reference_steps=60)
    return Comparison(plan, Results(plan.sweep, [draw(spec) for spec in plan.sweep.specs]))


def painted(spec: ImageSpec, light: int) -> Picture:
    """Return a grey picture without latents."""
    return Picture(spec=spec, pixels=Image.new("RGB", (64, 64), (light, light, light)))


def test_names_that_drew_the_same_are_told(engine: FakeEngine) -> None:
    """By their pictures, not by their names."""
    page = html(compared(lambda spec: painted(spec, 90 if spec.num_inference_steps == 60 else 100)))
    assert "euler and heun drew the same pictures" in page
    page = html(compared(lambda spec: painted(spec, 90 if spec.scheduler == "heun" else 100)))
    assert "drew the same pictures" not in page


def test_without_latents_the_plot_is_of_the_pixels(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their distances are missing, which is said, and PSNR takes their place."""
    found = compared(lambda spec: painted(spec, spec.num_inference_steps + len(spec.scheduler)))
    plot, asked = Comparison.plot, []
    monkeypatch.setattr(Comparison, "plot", lambda self, what: asked.append(what) or plot(self, what))
    assert "the engine kept no latents" in html(found) and asked == ["psnr"]
    assert found.to_frame()["latent_rms"].isna().all() and found.to_frame()["psnr"].notna().all()


def test_a_reference_that_failed_measures_nothing(engine: FakeEngine) -> None:
    """Its tile says why, a note says what follows, and no scheduler is named as the best."""
    failed = compared(
        lambda spec: (
            Picture(spec=spec, error="no memory")
            if spec.num_inference_steps == 60
            else painted(spec, 90 + len(spec.scheduler))
        )
    )
    assert "the reference could not be drawn, so nothing is measured: no memory" in html(failed)
    assert failed.to_frame()["psnr"].isna().all()
    assert "euler" not in failed.sentence().partition("Measured against")[0]


def test_a_tolerance_is_a_number_of_decibels(engine: FakeEngine) -> None:
    """What the sentence takes for good enough can be asked anew; nonsense is one line."""
    found = sdnb.compare_schedulers("a fox", **TWO)
    assert found.sentence() == found.sentence(3) != found.sentence(0)
    for wrong in (-1, 101, True, "3"):
        with pytest.raises(RequestError, match="decibels from 0 to 100"):
            found.sentence(wrong)
    with pytest.raises(RequestError, match="unknown measure 'ssmi'; did you mean 'ssim'"):
        found.plot("ssmi")
