"""The contact sheet: every picture in its place, texts that fit, sizes that stay sensible."""

from __future__ import annotations

import numpy as np
import pytest

from sdnb.contact_sheet import contact_sheet
from sdnb.errors import RequestError
from sdnb.picture import Picture
from tests.test_grid import sweep


def plain(swept, fail=()):
    """One flat colour a picture, a multiple of 20 in red."""
    from PIL import Image

    return [
        Picture(spec=spec, error="no memory")
        if i in fail
        else Picture(spec=spec, pixels=Image.new("RGB", (spec.width, spec.height), (20 * i + 10, 0, 200)))
        for i, spec in enumerate(swept.specs)
    ]


def places(sheet):
    """Mean place (x, y) of each picture's colour, by picture."""
    pixels = np.asarray(sheet).astype(int)
    found = {}
    for i in range(12):
        y, x = np.nonzero((pixels == (20 * i + 10, 0, 200)).all(-1))
        if len(y):
            found[i] = (x.mean(), y.mean(), len(y))
    return found


def test_table_puts_each_picture_in_its_cell():
    """Rows go down, columns across, every tile has the size asked for."""
    swept = sweep(("seed", (1, 2)), ("scheduler", ("euler", "heun", "lms")))
    found = places(contact_sheet(plain(swept), swept, tile=64))
    assert [found[i][2] for i in range(6)] == [64 * 64] * 6
    assert found[0][0] < found[1][0] < found[2][0] and found[0][1] == found[1][1] == found[2][1]
    assert found[3][0] == found[0][0] and found[3][1] > found[0][1]


def test_long_labels_and_failures_fit():
    """Long prompts are wrapped beside their row, and a failed picture leaves a labelled tile."""
    swept = sweep(("prompt", ("word " * 80, "x" * 300, "a\nb")), ("seed", (1, 2)))
    sheet = contact_sheet(plain(swept, fail=(3,)), swept, tile=128)
    assert set(places(sheet)) == {0, 1, 2, 4, 5}
    assert sheet.width < 5 * 128 and sheet.height < 5 * 128


def test_mixed_sizes_keep_their_proportions():
    """Pictures of different sizes are shown at one scale."""
    swept = sweep(("width", (64, 128)))
    found = places(contact_sheet(plain(swept), swept, tile=128))
    assert (found[0][2], found[1][2]) == (64 * 64, 128 * 64)


def test_sub_grids_stand_below_each_other():
    """A third axis makes titled blocks, one under the other."""
    swept = sweep(("guidance_scale", (1.0, 2.0)), ("seed", (1, 2)), ("scheduler", ("euler", "heun")))
    found = places(contact_sheet(plain(swept), swept, tile=32))
    assert found[4][1] > found[2][1] and found[4][0] == found[0][0]


@pytest.mark.parametrize("count", [1, 3, 12])
def test_row_is_broken_to_a_block(count):
    """One axis becomes a block that is not much wider than high; a single picture has no heading."""
    swept = sweep(("seed", tuple(range(count)))) if count > 1 else sweep()
    sheet = contact_sheet(plain(swept), swept)
    assert len(places(sheet)) == count
    assert sheet.width < 4096 and sheet.height < 4096


def test_many_large_pictures_stay_in_bounds():
    """The sheet of a large sweep is at most about 4096 pixels wide and high."""
    swept = sweep(("seed", tuple(range(10))), ("clip_skip", tuple(range(6))), width=1024, height=1024)
    failed = [Picture(spec=spec, error="no memory") for spec in swept.specs]
    assert max(contact_sheet(failed, swept).size) <= 4400


@pytest.mark.parametrize(("options", "message"), [({"tile": 8}, "from 32"), ({"font": "/no.ttf"}, "no.ttf")])
def test_wrong_options(options, message):
    """A tile out of range and a font that is not there are told in one line."""
    swept = sweep()
    with pytest.raises(RequestError, match=message):
        contact_sheet(plain(swept), swept, **options)
