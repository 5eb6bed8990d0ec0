"""`Wanted`: which of the kept pictures are looked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

__all__ = ["Wanted"]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which kept pictures are looked for; what is left alone asks for nothing.

    Attributes
    ----------
    text : str
        Words that the prompt or the negative prompt must all hold, in any case.
    model : str
        The model's name.
    after, before : date or datetime, optional
        Drawn at or after the one, and before the other; local time, a date being its midnight.
    pinned : bool
        Pinned ones only.

    Examples
    --------
    >>> Wanted(text="Red fox", pinned=True).sql()
    ('instr(text, ?) AND instr(text, ?) AND pinned = 1', ['red', 'fox'])
    """

    text: str = ""
    model: str = ""
    after: date | None = None
    before: date | None = None
    pinned: bool = False

    def sql(self) -> tuple[str, list[Any]]:
        """Return it as an SQL condition and its values."""
        tests: list[tuple[str, list[Any]]] = [("instr(text, ?)", [w]) for w in self.text.casefold().split()]
        if self.model:
            tests.append(("model = ?", [self.model]))
        if self.after is not None:
            tests.append(("created >= ?", [_seconds(self.after)]))
        if self.before is not None:
            tests.append(("created < ?", [_seconds(self.before)]))
        if self.pinned:
            tests.append(("pinned = 1", []))
        where = " AND ".join(sql for sql, _ in tests) or "1"
        return where, [value for _, values in tests for value in values]


def _seconds(moment: date) -> float:
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    return moment.timestamp()
