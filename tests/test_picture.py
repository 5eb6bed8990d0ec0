"""Of `sdnb.picture`: what a picture holds, where it comes from, and what is said when it is gone."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sdnb import png
from sdnb.entry import to_file
from sdnb.errors import RenderError
from sdnb.picture import CHUNKS, FRAME_SIDE, Picture
from tests.test_spec import spec

RED = Image.new("RGB", (64, 64), (200, 7, 9))
LATENTS = np.random.default_rng(0).normal(size=(4, 8, 8)).astype(np.float32)


def full() -> Picture:
    """Return a picture with all it can hold."""
    drawn = Picture(spec=spec(), pixels=RED).with_latents(LATENTS)
    return drawn.with_frames(
        [(14.6, Image.new("RGB", (512, 128))), (0.5, RED), (0.0, Image.new("RGB", (1, 900)))]
    )


@pytest.fixture
def kept(tmp_path: Path) -> Picture:
    """Return the same, read from its file."""
    path = tmp_path / "kept.png"
    path.write_bytes(to_file("ab" * 32, full(), {}))
    return Picture(spec=spec(), path=path)


def test_a_file_gives_back_all_that_was_held(kept: Picture) -> None:
    """Pixels and latents bit for bit, frames in order with their noise; none of it is held."""
    assert kept.pixels is None and not kept.chunks
    for picture in (full(), kept):
        assert picture.image.tobytes() == RED.tobytes()
        assert picture.latents.dtype == np.float32 and (picture.latents == LATENTS).all()
        assert [frame.noise for frame in picture.frames] == [14.6, 0.5, 0.0]


def test_frames_are_small_and_never_enlarged(kept: Picture) -> None:
    """The longer side is at most what is promised, and no side is lost."""
    assert [frame.image.size for frame in kept.frames] == [(FRAME_SIDE, 64), (64, 64), (1, FRAME_SIDE)]


def test_what_was_not_asked_for_is_not_there() -> None:
    """No latents and no frames, held or kept."""
    assert Picture(spec=spec(), pixels=RED).latents is None
    assert Picture(spec=spec(), pixels=RED).frames == ()


def test_a_notebook_shows_the_picture_alone(kept: Picture) -> None:
    """The same pixels from memory and file, texts kept, latents and frames left out."""
    for picture in (full(), kept):
        shown = picture._repr_png_()
        assert Image.open(BytesIO(shown)).tobytes() == RED.tobytes()
        assert not any(kind in shown for kind in CHUNKS)
    assert "sdnb" in png.texts(BytesIO(kept._repr_png_()), ["sdnb"])


def test_what_was_not_drawn_says_why() -> None:
    """It is shown as words, and asking for its pixels is one clear line."""
    failed = Picture(spec=spec(), error="memory ran out")
    assert failed._repr_png_() is None and "failed: memory ran out" in repr(failed)
    with pytest.raises(RenderError, match="^this picture was not drawn: memory ran out$"):
        _ = failed.image


def test_what_left_the_store_says_so(kept: Picture) -> None:
    """A notebook shows a line instead of a traceback; what needs the file says what to do."""
    assert "gone" not in repr(kept)
    kept.path.unlink()
    assert kept._repr_png_() is None and "its file is gone; draw it again" in repr(kept)
    for use in ("image", "latents", "frames"):
        with pytest.raises(RenderError, match="cannot be read .*; draw it again$"):
            getattr(kept, use)
