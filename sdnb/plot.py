"""The plot of error against model evaluations, on logarithmic axes, one line a scheduler.

It brings its own light paper: a plot without a ground is unreadable in a dark notebook or in a light
one. It is a vector picture inside one ``<div class="sdnb">``, its letters drawn as outlines, so that it
looks the same everywhere.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

from sdnb import extras
from sdnb.frame import framed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Line", "Plot", "plot"]

_PAPER, _INK, _RULE = "#fcfcfb", "#26282b", "#dfe1e4"
# Told apart on light paper, also by those who see fewer colours: Okabe and Ito's without the yellow, and
# two more; then each comes again with another mark.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b0579a", "#6a4c93", "#56a4d8", "#8c6d1f", "#555b63")
_MARKS = ("o", "s", "^", "D", "v", "P", "X")


@dataclass(frozen=True)
class Line:
    """One scheduler.

    Attributes
    ----------
    label : str
    evaluations : tuple of int
        Rising.
    errors, low, high : tuple of float
        Mean over the seeds, and its range.
    ranked : bool
        Whether it is drawn as one that can be ranked: whole and not dashed.
    """

    label: str
    evaluations: tuple[int, ...]
    errors: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    ranked: bool


@dataclass(frozen=True)
class Plot:
    """A plot that shows itself in a notebook.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        To be changed or saved: ``plot.figure.savefig("errors.pdf")``.
    title : str
        What it shows, in words.
    """

    figure: Figure
    title: str

    def svg(self) -> bytes:
        """Return it as an SVG file."""
        from matplotlib import rc_context

        buffer = BytesIO()
        with rc_context({"svg.hashsalt": "sdnb", "svg.fonttype": "path"}):
            self.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
        return buffer.getvalue()

    def img(self) -> str:
        """Return it as an ``<img>`` element."""
        data = b64encode(self.svg()).decode()
        width = round(self.figure.get_figwidth() * 96)
        return (
            f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(self.title)}" width="{width}" '
            'style="display:block;max-width:100%;height:auto;margin:8px 0;border-radius:4px">'
        )

    def __repr__(self) -> str:
        return f"<Plot: {self.title}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": framed(self.img())}


def plot(lines: Sequence[Line], *, what: str, title: str) -> Plot:
    """Draw the plot; pyplot and its state are left alone.

    Parameters
    ----------
    lines : sequence of Line
        A point that is no positive number is left out.
    what : str
        What the errors are.
    title : str

    Raises
    ------
    MissingExtra
        matplotlib is not installed.
    """
    extras.require("matplotlib", "the plot")
    from matplotlib import rc_context, rcParamsDefault
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

    with rc_context(rcParamsDefault):
        figure = Figure(figsize=(7.4, 4.2), facecolor=_PAPER, layout="constrained")
        axes = figure.subplots()
        axes.set(xscale="log", yscale="log", facecolor=_PAPER)
        for number, line in enumerate(lines):
            _draw(axes, number, line)
        axes.xaxis.set_major_locator(FixedLocator(_ticks(lines)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        low, high = axes.get_ylim()
        if high / low > 30:
            axes.yaxis.set_minor_formatter(NullFormatter())
        else:
            axes.yaxis.set_minor_formatter(lambda value, _: f"{value:.1g}" if _leads(value) else "")
        axes.grid(color=_RULE, linewidth=0.8, which="both")
        axes.set_axisbelow(True)
        axes.set_xlabel("model evaluations per picture", color=_INK)
        axes.set_ylabel(what, color=_INK)
        axes.set_title(title, color=_INK, fontsize=11, loc="left")
        axes.tick_params(colors=_INK, which="both", labelsize=9)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(_INK)
        figure.legend(loc="outside right upper", frameon=False, fontsize=9, labelcolor=_INK, handlelength=2.6)
    return Plot(figure, f"{what} against model evaluations, {title}")


def _draw(axes: Any, number: int, line: Line) -> None:
    points = [
        point
        for point in zip(line.evaluations, line.errors, line.low, line.high, strict=True)
        if math.isfinite(point[1]) and point[1] > 0
    ]
    colour = _COLOURS[number % len(_COLOURS)]
    label = line.label if line.ranked else f"{line.label}\n(adds noise: not ranked)"
    if not points:
        axes.plot([], [], color=colour, label=f"{line.label} (no figures)")
        return
    evaluations, errors, low, high = zip(*points, strict=True)
    axes.plot(
        evaluations,
        errors,
        color=colour,
        marker=_MARKS[number // len(_COLOURS) % len(_MARKS)] if line.ranked else "o",
        markersize=5,
        markerfacecolor=colour if line.ranked else _PAPER,
        linestyle="-" if line.ranked else (0, (4, 2)),
        linewidth=1.8 if line.ranked else 1.2,
        label=label,
    )
    if high != low and all(value > 0 for value in low):
        axes.fill_between(evaluations, low, high, color=colour, alpha=0.12, linewidth=0)


def _ticks(lines: Sequence[Line]) -> list[int]:
    """Return the counts of evaluations that were drawn, as far apart as their numbers need."""
    counts = sorted({count for line in lines for count in line.evaluations}, reverse=True)
    kept = counts[:1]
    apart = (counts[0] / counts[-1]) ** (1 / 12)
    for count in counts[1:]:
        if kept[-1] / count >= max(apart, 1.15):
            kept.append(count)
    return kept


def _leads(value: float) -> bool:
    """Whether a minor tick of a short axis is worth a number: 2 and 5 of each power of ten."""
    return round(value / 10 ** math.floor(math.log10(value))) in (2, 5)
