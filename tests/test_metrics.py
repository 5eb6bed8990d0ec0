"""What is measured, on pictures whose distances are known."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from PIL import Image

from sdnb import metrics
from sdnb.errors import MissingExtra
from sdnb.picture import Picture
from tests.test_spec import spec


def picture(level: int, latents: float | None = None, seed: int = 1) -> Picture:
    """Make a picture that is grey with some fixed grain."""
    grain = np.random.default_rng(0).integers(0, 40, (32, 32, 3))
    made = Picture(spec=spec(seed=seed), pixels=Image.fromarray((grain + level).astype(np.uint8)))
    return made if latents is None else made.with_latents(np.full((4, 4, 4), latents, np.float32))


def test_the_measures_are_those_of_the_formulas() -> None:
    """A shift by 10 of 255 is 28.1 dB, latents that are 0.5 apart everywhere are 0.5 apart."""
    found = metrics.measure(picture(60, 1.0), picture(50, 0.5))
    assert found.psnr == pytest.approx(20 * math.log10(255 / 10))
    assert found.latent_rms == pytest.approx(0.5)
    assert 0.9 < found.ssim < 1
    equal = metrics.measure(picture(60), picture(60))
    assert equal.psnr == math.inf and equal.ssim == pytest.approx(1) and math.isnan(equal.latent_rms)


def test_what_was_not_drawn_is_not_measured() -> None:
    """A failed picture or reference gives no figures, and no error."""
    failed = Picture(spec=spec(), error="no")
    for one, other in ((failed, picture(1)), (picture(1), failed)):
        assert all(map(math.isnan, vars(metrics.measure(one, other)).values()))
    assert not metrics.same([failed], [failed])


def test_spread_is_a_standard_deviation() -> None:
    """Two pictures 51 apart spread by 0.2 over the root of two; one alone does not spread."""
    assert metrics.spread([picture(0), picture(51)]) == pytest.approx(0.2 / math.sqrt(2))
    assert math.isnan(metrics.spread([picture(0)]))


def test_rounding_is_the_same_picture() -> None:
    """By 2 of 255 the same picture may differ in another batch."""
    assert metrics.same([picture(50)], [picture(52)])
    assert not metrics.same([picture(50), picture(50)], [picture(50), picture(53)])


def test_a_missing_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without scikit-image the extra is named, also where it is asked beforehand."""
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(MissingExtra, match=r'scikit-image: pip install "sdnb\[lab\]"'):
        metrics.measure(picture(1), picture(2))
