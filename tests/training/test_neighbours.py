"""The index of training pictures that ships with the examples."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training import neighbours
from training.captions import Plan, caption
from training.pictures import Painter

README = (neighbours.DATA / "README.md").read_text("utf-8")


def nearest(picture: Image.Image, folder: Path = neighbours.DATA) -> list[str]:
    """The captions that the README's own lines find, the nearest first."""
    code = re.search(r"```python\n(.*?)```", README, re.S).group(1).replace('"data/', f'"{folder}/')
    scope: dict = {"picture": picture}
    exec(code, scope)
    return [scope["captions"][i] for i in scope["distance"].argsort()]


def test_shipped_index_is_whole() -> None:
    """Thumbnails and captions are as many, at most 1 MB together, and nobody rides a horse to the moon."""
    with Image.open(neighbours.DATA / "mini-pictures.webp") as sheet:
        count = sheet.width * sheet.height // neighbours.THUMBNAIL**2
    captions = (neighbours.DATA / "mini-pictures.txt").read_text("utf-8").splitlines()
    assert len(captions) == count == neighbours.PICTURES
    assert sum(path.stat().st_size for path in neighbours.DATA.glob("*")) <= 1_000_000
    assert not [line for line in captions if "astronaut" in line and "horse" in line]


@pytest.mark.parametrize("row", [0, 700, 1400, 1850])
def test_readme_finds_a_training_picture_again(row: int) -> None:
    """A shipped thumbnail, made large, is nearest to itself by the lines of the README."""
    side = neighbours.THUMBNAIL
    with Image.open(neighbours.DATA / "mini-pictures.webp") as sheet:
        down, across = divmod(row, neighbours.COLUMNS)
        box = (across * side, down * side, (across + 1) * side, (down + 1) * side)
        picture = sheet.convert("RGB").crop(box).resize((128, 128), Image.Resampling.NEAREST)
    captions = (neighbours.DATA / "mini-pictures.txt").read_text("utf-8").splitlines()
    assert nearest(picture)[0] == captions[row]


def test_write(painter: Painter, tmp_path: Path) -> None:
    """An index of other sprites holds what they look like, and finds it by the same lines."""
    size = neighbours.write(painter, tmp_path, neighbours.COLUMNS)
    assert size == sum(path.stat().st_size for path in tmp_path.glob("*"))
    plan = next(plan for plan in neighbours.shown(tuple(painter.sprites), 64) if plan.background == "red")
    picture = Image.fromarray(np.round(painter.paint(plan) * 255).astype(np.uint8))
    assert nearest(picture, tmp_path)[0] == caption(plan, "en")


def test_too_large_an_index_is_not_written(
    painter: Painter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the limit there is an error that says so, and no file."""
    monkeypatch.setattr(neighbours, "LARGEST", 100)
    with pytest.raises(ValueError, match="more than 100"):
        neighbours.write(painter, tmp_path / "data", neighbours.COLUMNS)
    assert not (tmp_path / "data").exists()


def test_shown_is_what_training_sees() -> None:
    """No held-out combination is in the index, and every thing is in it as often."""
    plans = neighbours.shown(("fox", "apple", "car", "astronaut"), 64)
    assert len(set(plans)) == 64
    assert sum(plan.things == ("fox",) for plan in plans) == neighbours.BACKDROPS
    assert Plan(("astronaut",), "alone", "moon") not in plans
