"""Rows, columns and sub-grids of a sweep."""

from __future__ import annotations

import pytest

from sdnb.errors import RequestError
from sdnb.layout import find, heading, lay_out
from sdnb.sweep import Axis


def axis(*names: str, length: int) -> Axis:
    return Axis(names, tuple((i,) * len(names) for i in range(length)), tuple(map(str, range(length))))


SEED, STEPS, GUIDANCE = (
    axis("seed", length=2),
    axis("num_inference_steps", length=3),
    axis("guidance_scale", length=4),
)


def test_single_picture():
    """No axes make one cell and no headings."""
    layout = lay_out([])
    assert (layout.rows, layout.cols, layout.wraps) == (None, None, True)
    assert [panel.cells for panel in layout.panels] == [((0,),)]


def test_one_axis_is_a_row_that_wraps_unless_told():
    """One axis goes across, and down when it is named for the rows."""
    assert lay_out([STEPS]).panels[0].cells == ((0, 1, 2),)
    assert lay_out([STEPS]).wraps
    down = lay_out([STEPS], rows="steps")
    assert down.panels[0].cells == ((0,), (1,), (2,))
    assert not down.wraps


def test_two_axes_default_and_transposed():
    """The first of two axes goes down; naming either one turns the table."""
    assert lay_out([SEED, STEPS]).panels[0].cells == ((0, 1, 2), (3, 4, 5))
    for turned in (lay_out([SEED, STEPS], cols="seed"), lay_out([SEED, STEPS], rows="steps")):
        assert turned.panels[0].cells == ((0, 3), (1, 4), (2, 5))


def test_more_axes_become_titled_panels_that_hold_each_picture_once():
    """Of three axes the one that is neither rows nor columns titles sub-grids."""
    layout = lay_out([SEED, STEPS, GUIDANCE], rows="guidance", cols="seed")
    assert [panel.title for panel in layout.panels] == ["steps 0", "steps 1", "steps 2"]
    cells = [i for panel in layout.panels for row in panel.cells for i in row]
    assert sorted(cells) == list(range(24))
    assert layout.panels[1].cells[2][1] == 1 * 12 + 1 * 4 + 2


def test_names_short_long_and_zipped():
    """An axis is found by its long name, its short one, and any of its zipped names."""
    both = axis("seed", "negative_prompt", length=2)
    assert find([both], "negative") is find([both], "seed") is find([both], "seed+negative_prompt") is both
    assert find([STEPS], "steps") is find([STEPS], "num_inference_steps")
    assert heading(both, 1) == "1"


@pytest.mark.parametrize(
    ("axes", "rows", "cols", "message"),
    [
        ([SEED], "sed", None, "did you mean 'seed'"),
        ([SEED, STEPS], "guidance", None, "seed, steps"),
        ([SEED, STEPS], "steps", "num_inference_steps", "rows and cols are both"),
        ([], "seed", None, "single picture"),
    ],
)
def test_wrong_names(axes, rows, cols, message):
    """A name that is no axis, or stands for both directions, is told in one line."""
    with pytest.raises(RequestError, match=message):
        lay_out(axes, rows, cols)
