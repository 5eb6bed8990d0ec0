"""The measure that tells sharp from smudged."""

import numpy as np
import pytest

from training.captions import Plan
from training.evaluate import blur
from training.fidelity import fidelity, likeness, nearest_others, structure
from training.pictures import Painter

PLANS = [Plan(("fox",), "alone", "blue"), Plan(("apple", "car"), "riding", "white")]


def test_structure_is_one_of_a_picture_with_itself() -> None:
    """The similarity is 1 with itself, near 0 with noise of its own, and less than 0 with its negative."""
    noise = np.random.default_rng(0).random((2, 128, 128, 3), np.float32)
    assert structure(noise[0], noise[0]).min() == pytest.approx(1.0, abs=1e-3)
    assert abs(structure(noise[0], noise[1]).mean()) < 0.05
    assert structure(noise[0], 1 - noise[0]).mean() < -0.8


def test_likeness_forgives_a_shift_and_not_a_blur(painter: Painter) -> None:
    """Moved by a few pixels a picture counts as the same; smudged it does not."""
    real = painter.paint(PLANS[0])
    shape = painter.layer(PLANS[0])[..., 3]
    same = likeness(np.roll(real, (3, -4), (0, 1)), real, shape)
    assert same.psnr > 40 and same.ssim > 0.99
    assert likeness(blur(real, 4.0), real, shape).ssim < same.ssim


def test_fidelity_goes_from_another_thing_to_a_perfect_copy(painter: Painter) -> None:
    """It is 1 for what equals the copies, 0 for the nearest other things, and falls with blur."""
    others = nearest_others(painter, tuple(painter.sprites))
    assert all(key != other for key, other in others.items())
    real = np.stack([painter.paint(plan) for plan in PLANS])
    wrong = np.stack(
        [painter.paint(Plan(tuple(map(others.get, p.things)), p.relation, p.background)) for p in PLANS]
    )
    blurred = np.stack([blur(picture, 4.0) for picture in real])
    found = {
        name: fidelity(painter, others, pictures, real, PLANS)["fidelity"]
        for name, pictures in (("real", real), ("wrong", wrong), ("blurred", blurred))
    }
    assert found["real"] == 1.0 and found["wrong"] == 0.0
    assert found["blurred"] < 1.0
