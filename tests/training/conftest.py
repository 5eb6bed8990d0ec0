"""Made-up sprites for the training's tests."""

import numpy as np
import pytest

from training.pictures import SPRITE, Painter

KEYS = ("fox", "apple", "car", "astronaut")


@pytest.fixture(scope="session")
def painter() -> Painter:
    """A painter of four discs of different colours and sizes."""
    y, x = np.mgrid[0:SPRITE, 0:SPRITE] / SPRITE - 0.5
    sprites = {}
    for key, colour, radius in zip(KEYS, np.eye(4, 3), (0.5, 0.4, 0.3, 0.2), strict=True):
        disc = ((x**2 + y**2) < radius**2).astype(np.float32)[..., None]
        sprites[key] = np.concatenate([disc * colour.astype(np.float32), disc], -1)
    return Painter(sprites)
