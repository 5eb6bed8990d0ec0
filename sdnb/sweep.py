"""From a request to the array of specs it asks for. Pure Python; nothing is drawn here.

A `Request` is what the user named. `plan` fills in what was not named, multiplies (or zips) the
axes, and lays the pictures out in row-major order: the first axis varies slowest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from sdnb.models import Model
from sdnb.spec import ImageSpec

__all__ = ["Axis", "Request", "Sweep"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user named, in the order it was named.

    Attributes
    ----------
    prompts : tuple of str
        Prompt texts, alternatives not expanded; several are one axis ``prompt``.
    settings : mapping of str to tuple
        Values by the names of `ImageSpec` (``size`` for width and height, as ``(width, height)``);
        one value is a constant, several are an axis. Only what was named is in it.
    zips : tuple of tuple of str
        Names of axes that are paired instead of multiplied.
    rows, cols : str or None
        Axes that the grid is laid out by.
    drawn : tuple of int
        Seeds that were drawn by ``random``, to be told to the user.
    """

    prompts: tuple[str, ...]
    settings: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    zips: tuple[tuple[str, ...], ...] = ()
    rows: str | None = None
    cols: str | None = None
    drawn: tuple[int, ...] = ()


@dataclass(frozen=True)
class Axis:
    """One dimension of a sweep.

    Attributes
    ----------
    names : tuple of str
        The setting that varies; several when they are zipped.
    values : tuple of tuple
        One entry a position, each with one value a name.
    labels : tuple of str
        One short text a position, as the grid shows it.
    """

    names: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    labels: tuple[str, ...]

    @property
    def name(self) -> str:
        """The names joined by ``+``."""
        return "+".join(self.names)

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Sweep:
    """Specs laid out along axes.

    Attributes
    ----------
    request : Request
        What it was planned from.
    axes : tuple of Axis
        The first varies slowest; none for a single picture.
    specs : tuple of ImageSpec
        Row-major, ``prod(shape)`` of them; the same spec may stand in several places.
    models : mapping of str to Model
        Where the models named in the specs lie.
    """

    request: Request
    axes: tuple[Axis, ...]
    specs: tuple[ImageSpec, ...]
    models: Mapping[str, Model]

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return tuple(len(axis) for axis in self.axes)

    def __post_init__(self) -> None:
        assert len(self.specs) == prod(self.shape)
