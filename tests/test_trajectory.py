"""Strips: which call stands at which noise level, and what a notebook shows."""

from __future__ import annotations

import re

import pytest

import sdnb
from sdnb.errors import RequestError
from sdnb.testing import FakeEngine
from sdnb.trajectory import COLUMNS, in_step


def strips(engine: FakeEngine, **settings) -> sdnb.results.Trajectory:
    """Draw with the way kept."""
    return sdnb.diffuse("a fox", trajectory=True, progress=False, **settings).trajectory()


def test_a_frame_for_every_call(engine: FakeEngine) -> None:
    """Each call has its noise level and picture, falling; they come out of the store again."""
    way = strips(engine, scheduler=["euler", "heun"], num_inference_steps=4)
    assert [len(way[i]) for i in range(2)] == [4, 7]
    noises = [frame.noise for frame in way[1]]
    assert noises == sorted(noises, reverse=True)
    assert {frame.image.size for frame in way[1]} == {(16, 16)}
    assert len(engine.drawn) == 2
    again = strips(engine, scheduler=["euler", "heun"], num_inference_steps=4)
    assert len(engine.drawn) == 2 and again[1] == way[1] and repr(again) == repr(way)


def test_what_was_kept_without_its_way_is_drawn_again(engine: FakeEngine) -> None:
    """Results of a plain run have none, and say how to get it."""
    plain = sdnb.diffuse("a fox", progress=False)
    with pytest.raises(RequestError, match="draw them with --trajectory"):
        plain.trajectory()
    strips(engine)
    assert len(engine.drawn) == 2


def test_rows_go_in_step() -> None:
    """Each level has the nearest call, of two at one level the later, and none goes back."""
    assert in_step([8, 4, 4, 2, 2, 1], [8, 4, 2, 1]) == [0, 2, 4, 5]
    assert in_step([8, 1], [8, 4, 2, 1]) == [0, 0, 1, 1]
    assert in_step([8, 4, 2, 1], [8, 1]) == [0, 3]
    assert in_step([1], [8, 0]) == [0, 0]


def test_what_is_shown(engine: FakeEngine) -> None:
    """Strips under each other: all levels as columns, wide cells for long steps, the picture at the end."""
    way = strips(engine, scheduler=["euler", "heun"], num_inference_steps=4)
    page = way._repr_mimebundle_()["text/html"]
    assert page.count("<div") == 1 and "<script" not in page
    assert page.count('<th scope="col"') == 7 + 1
    rows = page.split("<tbody>")[1].split("</tr>")[:-1]
    spans = [[int(width) for width in re.findall(r'colspan="(\d+)"', row)] for row in rows]
    assert [len(row) for row in spans] == [5, 8] and all(sum(row) == 8 for row in spans)
    assert "call 7 · σ" in rows[1] and "call 5" not in rows[0]
    long = strips(engine, num_inference_steps=50)._repr_mimebundle_()["text/html"]
    assert long.count("<img") == COLUMNS + 1 and "Of at most 50 calls 40 levels" in long


def test_a_failed_picture_has_a_row_that_says_why() -> None:
    """The others are shown all the same."""
    sdnb.api.use_engine(FakeEngine(fails="wolf"))
    way = sdnb.diffuse("a {fox|wolf}", trajectory=True, progress=False).trajectory()
    assert "not drawn: the fake engine fails" in way._repr_mimebundle_()["text/html"]


def test_the_magic_shows_strips(shell, engine: FakeEngine) -> None:
    """`--trajectory` returns the strips, and does not go with `--compare`."""
    result = shell.run_cell("%%diffuse --trajectory --scheduler euler,heun --out way\na fox").result
    assert repr(result).startswith("Trajectory: 2 pictures, ") and shell.user_ns["way"] is result
    assert not shell.run_cell("%%diffuse --trajectory --compare\na fox").success
