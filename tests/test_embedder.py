"""Pictures in a notebook's bytes: lossless where they fit, and never more than their part."""

from __future__ import annotations

import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from sdnb import grid
from tests.test_grid import images, stored, sweep


def test_small_pictures_are_embedded_losslessly_without_metadata(tmp_path):
    """Where the budget allows, the embedded pixels are the stored ones, and no text goes with them."""
    swept = sweep(("seed", (1, 2)), prompt="secret words")
    pictures = stored(tmp_path, swept)
    for (kind, data), picture in zip(
        images(grid.html(pictures, swept, kilobytes=700)), pictures, strict=True
    ):
        assert kind == "png" and b"secret" not in data
        assert Image.open(BytesIO(data)).convert("RGB").tobytes() == picture.image.tobytes()


@pytest.mark.parametrize("kilobytes", [20, 150])
def test_budget_is_kept(tmp_path, kilobytes):
    """All images together stay under the budget, and a tile shows the picture it should."""
    swept = sweep(("seed", tuple(range(8))), width=256, height=192)
    pictures = stored(tmp_path, swept)
    found = images(grid.html(pictures, swept, kilobytes=kilobytes))
    assert sum(4 * -(-len(data) // 3) for _, data in found) <= kilobytes * 1000
    for (_, data), picture in zip(found, pictures, strict=True):
        small = np.asarray(Image.open(BytesIO(data)).convert("RGB").resize((16, 12), 4), dtype=float)
        true = np.asarray(picture.image.resize((16, 12), 4), dtype=float)
        assert abs(small - true).mean() < 8


def test_notebook_of_a_large_sweep_stays_small(tmp_path):
    """A 5x5 sweep of 512 px photographs saves a notebook under 1 MB, its tiles far larger than shown."""
    swept = sweep(
        ("seed", tuple(range(5))),
        ("scheduler", ("euler", "heun", "ddim", "unipc", "lms")),
        width=512,
        height=512,
        prompt="a fox in the rain, " * 20,
    )
    html = grid.html(stored(tmp_path, swept), swept, kilobytes=700)
    assert len(json.dumps({"text/html": html}).encode()) < 950_000
    assert all(Image.open(BytesIO(data)).width >= 384 for _, data in images(html))
