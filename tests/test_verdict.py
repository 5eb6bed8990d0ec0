"""Of `sdnb.verdict`: what the figures of a comparison come to."""

from __future__ import annotations

import math

import pytest
from PIL import Image

from sdnb import verdict
from sdnb.budget import Spent
from sdnb.metrics import Measured
from sdnb.picture import Picture
from sdnb.verdict import Row
from tests.test_spec import spec


def row(name: str, evaluations: int, psnr: float) -> Row:
    """Return a row of which only PSNR is known."""
    nothing = dict.fromkeys(verdict.ERRORS, math.nan)
    spent = Spent(name, evaluations, evaluations, evaluations)
    return Row(spent, nothing | {"psnr": psnr}, nothing, 0.5, math.nan)


def test_a_row_is_the_mean_of_what_was_drawn() -> None:
    """Failed pictures count neither in the distances nor in the seconds."""
    grey = [Image.new("RGB", (8, 8), (light,) * 3) for light in (100, 110)]
    pictures = [Picture(spec=spec(), seconds=1.0 + 2 * i, pixels=pixels) for i, pixels in enumerate(grey)]
    pictures.append(Picture(spec=spec(), seconds=9.0, error="no memory"))
    measured = [Measured(20.0, 0.8, 0.1), Measured(30.0, 0.6, 0.3), Measured()]
    found = Row.of(Spent("euler", 5, 5, 5), pictures, measured)
    figures = found.figures()
    assert figures["seconds"] == 2.0 and figures["spread"] == pytest.approx(10 / 255 / math.sqrt(2), rel=1e-3)
    assert (figures["psnr"], figures["ssim"], figures["latent_rms"]) == pytest.approx((25.0, 0.7, 0.2))
    assert figures["psnr_std"] == pytest.approx(math.sqrt(50)) and figures["evaluations"] == 5
    assert found.said("psnr", 1) == "25.0 ± 7.1"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row("euler", 10, math.nan), row("euler_a", 10, 30)], "Nothing here can be ranked."),
        (
            [row("euler", 10, 30), row("unipc", 10, 31), row("ddim", 10, 29.5), row("euler_a", 5, 99)],
            "unipc reaches 28.0 dB at 10 evaluations; so do euler, ddim (28.0 dB is 3 below the best here).",
        ),
        (
            [row("euler", 40, 60), row("heun", 20, 37.5), row("lms", 10, 20), row("lms", 40, 30)],
            "heun reaches 37.0 dB at 20 evaluations; euler needs 40; lms does not get there "
            "(37.0 dB is 3 below 40 dB, beyond which hardly an eye sees more).",
        ),
        (
            [row("euler", 20, math.inf), row("lms", 10, 1), row("ddim", 10, 1)],
            "euler reaches 37.0 dB at 20 evaluations; lms, ddim do not get there "
            "(37.0 dB is 3 below 40 dB, beyond which hardly an eye sees more).",
        ),
    ],
)
def test_the_sentence_names_the_cheapest_that_is_good(rows: list[Row], said: str) -> None:
    """Whoever adds noise never counts, ties are told, the best counts no more than an eye can see."""
    assert verdict.sentence(rows, 3.0) == said


def test_lines_go_up_by_evaluations() -> None:
    """Whatever the order of the budgets; the range is over the seeds, and a seed that failed is left out."""
    spent = [Spent("heun", 9, 5, 9), Spent("euler", 4, 4, 4), Spent("heun", 4, 2, 3)]
    measured = [
        [Measured(40.0, 0.9, 0.1), Measured(20.0, 0.7, 0.3)],
        [Measured(), Measured()],
        [Measured(20.0, 0.5, 0.5), Measured()],
    ]
    heun, euler = verdict.lines(spent, measured, "latent_rms")
    assert (heun.label, heun.evaluations, heun.ranked) == ("heun", (3, 9), True)
    assert (heun.errors, heun.low, heun.high) == ((0.5, pytest.approx(0.2)), (0.5, 0.1), (0.5, 0.3))
    assert all(map(math.isnan, euler.errors + euler.low + euler.high))
    heun, _ = verdict.lines(spent, measured, "psnr")
    assert heun.low[1] == pytest.approx(0.01) and heun.high[1] == pytest.approx(0.1)
    heun, _ = verdict.lines(spent, measured, "ssim")
    assert heun.errors == pytest.approx((0.5, 0.2))


def test_the_table_has_no_distance_of_the_unranked() -> None:
    """A dash stands where there is nothing to tell, and names are escaped."""
    page = verdict.table([row("euler", 10, 24.04), row("euler_a", 10, 31.5), row("dpmpp_2m?a=1&b=2", 10, 9)])
    assert page.count("<tr ") == 4 and "<td" in page
    assert "24.0" in page and "31.5" not in page and "euler_a (adds noise)" in page
    assert "?a=1&amp;b=2<" in page and "spread" not in page and "nan" not in page
