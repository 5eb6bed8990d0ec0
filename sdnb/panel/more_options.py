"""`MoreOptions`: what has no field of its own, written as on the first line of a ``%%diffuse`` cell."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from typing import Any

import ipywidgets as ipw

from sdnb import axes, cell, inputs
from sdnb.errors import RequestError, SdnbError
from sdnb.panel.bounds import checked
from sdnb.panel.field import Field
from sdnb.panel.words import Words
from sdnb.request import Request
from sdnb.spec import ImageSpec

__all__ = ["MoreOptions"]


class MoreOptions(Field):
    """One line of options.

    Parameters
    ----------
    words : Words
    elsewhere : collection of str
        Settings that have a field of their own, and are refused here.
    namespace : callable
        Gives the notebook's names, for ``$name``.

    Attributes
    ----------
    limit : int or None
        Most pictures to allow, as the line says.
    """

    def __init__(
        self, words: Words, elsewhere: Collection[str], namespace: Callable[[], Mapping[str, Any]]
    ) -> None:
        text = ipw.Text(description=words("options"), placeholder="--clip-skip 1", continuous_update=True)
        super().__init__(text, kind="wide")
        self._words = words
        self._elsewhere = elsewhere
        self._namespace = namespace
        self.limit: int | None = None

    def read(self) -> Request:
        """Return what the line asks for, without a prompt of its own.

        Raises
        ------
        RequestError
            An option is unknown, out of range, or stands in another place of the panel.
        """
        asked = cell.read(self.value, "a", self._namespace())
        rest = cell.Cell(request=asked.request, limit=asked.limit)
        other = [f.name for f in fields(cell.Cell) if getattr(asked, f.name) != getattr(rest, f.name)]
        other += [name for name in asked.request.settings if name in self._elsewhere]
        if other:
            raise RequestError(self._words("not_here", name=other[0].replace("_", "-")))
        for name, values in asked.request.settings.items():
            if name in axes.SETTINGS:
                checked(name, values)
        self.limit = asked.limit
        return asked.request

    def write(self, said: Mapping[str, Any]) -> list[str]:
        """Write settings of a picture instead of what is there; return what to tell of those left out."""
        rest = {field.name: field.default for field in fields(ImageSpec)}
        words, left = [], []
        for name, value in said.items():
            if value == rest.get(name):
                continue
            try:
                if axes.SETTINGS[name].kind == "picture":
                    value = inputs.find(f"sha256:{value}")
                words.append(f"--{axes.SETTINGS[name].option} {axes.write(name, [value])}")
            except (KeyError, SdnbError):
                left.append(self._words("not_taken", name=name))
        self.value = " ".join(words)
        return left
