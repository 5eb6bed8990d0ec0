"""The prompts of a sweep: one template with its axes, or several texts flattened into one axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod

from sdnb.errors import RequestError
from sdnb.templates import parse

__all__ = ["Prompts", "tidy"]


def tidy(prompt: str) -> str:
    r"""Take off what no text encoder sees and no notebook keeps: white space at the ends of all lines.

    Examples
    --------
    >>> tidy("  a fox \r\n on the moon\n")
    'a fox\n on the moon'
    """
    return "\n".join(line.rstrip() for line in prompt.splitlines()).strip()


class Prompts:
    """Prompt texts with the axes they have: those of the one, or ``prompt`` over all that several give.

    Parameters
    ----------
    sources : sequence of str
        One or more texts for `parse`.

    Attributes
    ----------
    lengths : dict of str to int
        The length of each axis, known without filling in anything.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        self._read = [parse(text) for text in sources]
        self._filled: list[str] = []
        if len(self._read) == 1:
            self.lengths = {name: len(texts) for name, texts in self._read[0].axes.items()}
        else:
            self.lengths = {"prompt": sum(prod(map(len, t.axes.values())) for t in self._read)}

    def texts(self, name: str) -> tuple[str, ...]:
        """Return what stands on one of the axes."""
        return self._read[0].axes[name] if len(self._read) == 1 else tuple(self._all())

    def fill(self, at: Mapping[str, int]) -> str:
        """Return the prompt at a place on the axes, without white space around it.

        Raises
        ------
        RequestError
            Nothing is left of it.
        """
        if len(self._read) > 1:
            return self._all()[at["prompt"]]
        return _kept(self._read[0].fill(**{name: at[name] for name in self.lengths}))

    def _all(self) -> list[str]:
        if not self._filled:
            for template in self._read:
                names = template.axes
                for places in product(*map(range, map(len, names.values()))):
                    self._filled.append(_kept(template.fill(**dict(zip(names, places, strict=True)))))
        return self._filled


def _kept(prompt: str) -> str:
    if not (prompt := tidy(prompt)):
        raise RequestError("one of the alternatives leaves the prompt empty; keep a word beside it")
    return prompt
