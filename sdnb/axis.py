"""`Axis`: one dimension of a sweep; where values stand on it, and where it stands among others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sdnb import axes, schedulers
from sdnb.errors import RequestError, unknown

__all__ = ["Axis", "find", "known"]


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

    def column(self, name: str) -> tuple[Any, ...]:
        """Return the values of one of its names."""
        return tuple(entry[self.names.index(name)] for entry in self.values)

    def places(self, name: str, wanted: object) -> list[int]:
        """Return where a value, or its label, stands on one of the names, or on all of them together.

        Raises
        ------
        RequestError
            It stands nowhere; the message lists what does.
        """
        if name in self.names:
            column: Sequence[Any] = self.column(name)
            labels = [axes.label(name, value) for value in column]
        else:
            column, labels = self.values, list(self.labels)
        asked: list[object] = [wanted]
        if name in axes.SETTINGS:
            try:
                asked += axes.values(name, wanted)[:1]
                if name == "scheduler":
                    asked.append(schedulers.parse(str(wanted)).name)
            except RequestError:
                pass
        found = [
            i
            for i, (value, text) in enumerate(zip(column, labels, strict=True))
            if value in asked or text == wanted
        ]
        if not found:
            raise RequestError(
                f"{wanted!r} is not on the axis {name}; there are: {', '.join(dict.fromkeys(labels))}"
            )
        return found


def find(laid: Sequence[Axis], name: str) -> int:
    """Return which of some axes has a name, its own or that of one of its settings.

    Raises
    ------
    RequestError
        None has; the message lists the names.

    Examples
    --------
    >>> seed = Axis(("seed",), ((1,), (2,)), ("seed 1", "seed 2"))
    >>> find([seed], "seed")
    0
    >>> find([seed], "sed")
    Traceback (most recent call last):
    ...
    sdnb.errors.RequestError: unknown axis 'sed'; did you mean 'seed'?
    """
    for number, axis in enumerate(laid):
        if name == axis.name or name in axis.names:
            return number
    names = [name for axis in laid for name in axis.names]
    raise unknown("axis", name, names, known(names))


def known(names: Collection[str]) -> str:
    """Say which axes there are."""
    return "axes here: " + ", ".join(names) if names else "this is a single picture, it has no axes"
