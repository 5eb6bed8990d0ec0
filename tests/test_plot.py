"""Of `sdnb.plot`: what is drawn, what is left out, and that nothing else is touched."""

from __future__ import annotations

import math

import matplotlib

from sdnb.plot import Line, plot


def line(label: str, errors: list[float], *, ranked: bool = True, wide: float = 0.0) -> Line:
    """Return a line at 5, 10, 20, … evaluations."""
    counts = tuple(5 * 2**i for i in range(len(errors)))
    low, high = (tuple(error * (1 + side * wide) for error in errors) for side in (-1, 1))
    return Line(label, counts, tuple(errors), low, high, ranked)


LINES = [
    line("euler", [0.4, 0.2, 0.1], wide=0.1),
    line("euler_a", [0.5, 0.5, 0.5], ranked=False),
    line("ddim", [0.3, math.nan, 0.0]),
    line("lms", [math.nan, math.inf, 0.0]),
]


def test_a_point_that_no_logarithm_has_is_left_out() -> None:
    """Zero, infinity and what is missing; a line of nothing else is named all the same."""
    figure = plot(LINES, what="distance", title="to 60 steps").figure
    (axes,) = figure.axes
    drawn = {drawn.get_label(): list(drawn.get_xdata()) for drawn in axes.lines}
    assert drawn == {
        "euler": [5, 10, 20],
        "euler_a\n(adds noise: not ranked)": [5, 10, 20],
        "ddim": [5],
        "lms (no figures)": [],
    }
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(drawn)
    dashed = [drawn.is_dashed() for drawn in axes.lines]
    assert dashed[:2] == [False, True] and len(axes.collections) == 1  # the one range over the seeds


def test_evaluations_that_lie_close_share_a_tick() -> None:
    """The counts that were drawn are the ticks, as far apart as their numbers need."""
    close = Line("heun", (10, 11, 12, 40), (0.4,) * 4, (0.4,) * 4, (0.4,) * 4, True)
    (axes,) = plot([close], what="distance", title="").figure.axes
    assert sorted(axes.get_xticks()) == [10, 12, 40]


def test_the_same_lines_are_the_same_file(monkeypatch) -> None:
    """Whatever the user's settings are, which stay as they were; nothing of time or machine is in it."""
    before = plot(LINES, what="distance", title="a < b")
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 30)
    monkeypatch.setitem(matplotlib.rcParams, "axes.facecolor", "black")
    after = plot(LINES, what="distance", title="a < b")
    assert before.svg() == after.svg() and b"<dc:date>" not in after.svg()
    assert matplotlib.rcParams["font.size"] == 30
    page = after._repr_mimebundle_()
    assert 'alt="distance against model evaluations, a &lt; b"' in page["text/html"]
    assert page["text/plain"] == "<Plot: distance against model evaluations, a < b>"
