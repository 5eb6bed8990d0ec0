"""Which picture stands where: rows, columns, and labelled sub-grids for the axes that are left over.

The grid in the notebook and the contact sheet are laid out by the same `Layout`. Without a word from
the user one axis is a wrapping row, two are a table (the first axis its rows), and of more the last
two are the table and the others part it into sub-grids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from sdnb import axes
from sdnb.errors import RequestError, unknown
from sdnb.sweep import Axis

__all__ = ["SHORT", "Layout", "Panel", "find", "heading", "lay_out"]

#: Names as people say them, by the names of diffusers.
SHORT = {name: setting.option for name, setting in axes.SETTINGS.items()}
# A value of these says by itself what it is.
_PLAIN = {"prompt", "scheduler", "model", "size"}


@dataclass(frozen=True)
class Panel:
    """One table of pictures.

    Attributes
    ----------
    title : str
        The place on the axes that are neither rows nor columns; empty when there are none.
    cells : tuple of tuple of int
        For each row and column the picture's index in row-major order of the sweep.
    beside : int or None
        A picture that stands in a last column of its own, beside all the rows.
    """

    title: str
    cells: tuple[tuple[int, ...], ...]
    beside: int | None = None


@dataclass(frozen=True)
class Layout:
    """A sweep laid out.

    Attributes
    ----------
    rows, cols : Axis or None
        The axis whose labels head the rows, and the one whose labels head the columns. With columns
        alone the pictures are one row, which may wrap.
    panels : tuple of Panel
        One, or one for each place on the other axes.
    """

    rows: Axis | None
    cols: Axis | None
    panels: tuple[Panel, ...]

    @property
    def wraps(self) -> bool:
        """Whether the pictures are a row that may be broken anywhere."""
        return self.rows is None


def short(axis: Axis) -> str:
    """Return the axis's name as people say it, such as ``steps`` or ``seed + prompt``."""
    return " + ".join(SHORT.get(name, name) for name in axis.names)


def heading(axis: Axis, position: int) -> str:
    """Return a label that can stand alone: the name goes before values that do not say what they are.

    Examples
    --------
    >>> heading(Axis(("num_inference_steps",), ((10,), (20,)), ("10", "20")), 1)
    'steps 20'
    >>> heading(Axis(("scheduler",), (("euler",),), ("euler",)), 0)
    'euler'
    """
    label = axis.labels[position]
    plain = len(axis.names) > 1 or axis.name.rstrip("0123456789") in _PLAIN
    return label if plain else f"{short(axis)} {label}"


def find(among: Sequence[Axis], name: str) -> Axis:
    """Return the axis of that name; one of several zipped names and short names are enough.

    Raises
    ------
    RequestError
        There is no such axis.
    """
    for axis in among:
        if name == axis.name or axes.named(name) in axis.names:
            return axis
    known = [SHORT.get(name, name) for axis in among for name in axis.names]
    if not known:
        raise RequestError(f"there is no axis {name!r}: this is a single picture")
    raise unknown("axis", name, known)


def lay_out(laid: Sequence[Axis], rows: str | None = None, cols: str | None = None) -> Layout:
    """Lay the axes out.

    Parameters
    ----------
    laid : sequence of Axis
        In the order of the sweep: the first varies slowest.
    rows, cols : str, optional
        Names of the axes to go down and across; what is not named is taken from the last axes.

    Raises
    ------
    RequestError
        A name is no axis, or both are the same.

    Examples
    --------
    >>> seed = Axis(("seed",), ((1,), (2,)), ("1", "2"))
    >>> steps = Axis(("num_inference_steps",), ((5,), (9,), (20,)), ("5", "9", "20"))
    >>> lay_out([seed, steps]).panels[0].cells
    ((0, 1, 2), (3, 4, 5))
    >>> lay_out([seed, steps], rows="steps").panels[0].cells
    ((0, 3), (1, 4), (2, 5))
    """
    down = find(laid, rows) if rows is not None else None
    across = find(laid, cols) if cols is not None else None
    if down is not None and down is across:
        raise RequestError(f"rows and cols are both {rows!r}: name two axes, or only one of them")
    free = [axis for axis in laid if axis is not down and axis is not across]
    if across is None and free:
        across = free.pop()
    if down is None and free:
        down = free.pop()

    strides = {axis.name: prod(len(later) for later in laid[i + 1 :]) for i, axis in enumerate(laid)}

    def steps(axis: Axis | None) -> range:
        return range(0, len(axis) * strides[axis.name], strides[axis.name]) if axis else range(1)

    panels = []
    for place in product(*(range(len(axis)) for axis in free)):
        start = sum(strides[axis.name] * i for axis, i in zip(free, place, strict=True))
        title = " · ".join(heading(axis, i) for axis, i in zip(free, place, strict=True))
        cells = tuple(tuple(start + r + c for c in steps(across)) for r in steps(down))
        panels.append(Panel(title, cells))
    return Layout(down, across, tuple(panels))
