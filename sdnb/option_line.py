"""The text of an option line: words, quotes and comma lists. What the values mean is `sdnb.axes`'s.

A quote opens only where an element begins (after a space, a comma or ``=``), so ``fox's`` needs
none; inside, the same quote is written twice. A backslash is an ordinary character.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sdnb.errors import RequestError, unknown

__all__ = ["NAME", "Element", "Line", "Takes", "quote", "scan", "split"]

#: A value of the notebook: a dollar sign and a Python name.
NAME = re.compile(r"\$([^\W\d]\w*)")

Takes = Literal["nothing", "one", "list"]
QUOTES = "\"'"

_FLAG = re.compile(r"--[A-Za-z][^\s=]*")
_BLANK = re.compile(r"\s*")
_WORD = re.compile(r"\S*")
_ITEM = re.compile(r"[^\s,]*")
# The web UI puts a space before the step or the number of values of a range: 1-10 (+3), 1-10 [5].
_RANGE = re.compile(r"random|[+-]?[0-9.]+(-|\.\.)[+-]?[0-9.]+")
_SUFFIX = re.compile(r"\s+(?:\(\s*[+-]?\s*[0-9.]+\s*\)|\[\s*[0-9]+\s*\])(?=\s|,|$)")


@dataclass(frozen=True)
class Element:
    """One element of a comma list, its quotes taken off."""

    text: str
    quoted: bool


@dataclass(frozen=True)
class Line:
    """An option line in its parts.

    Attributes
    ----------
    options : tuple of (str, str)
        Flags without their dashes, and the raw text of the value, quotes and all.
    words : tuple of str
        What belongs to no option, as it was typed.
    """

    options: tuple[tuple[str, str], ...]
    words: tuple[str, ...]


def quote(text: str) -> str:
    """Put text into quotes, so that `split` gives it back as one element.

    Examples
    --------
    >>> print(quote('a "b", c'))
    "a ""b"", c"
    """
    return '"' + text.replace('"', '""') + '"'


def split(text: str) -> list[Element]:
    """Part a comma list.

    Raises
    ------
    RequestError
        An element is empty, a quote is not closed, or text follows a closing quote.

    Examples
    --------
    >>> [element.text for element in split('a, "b, c",d')]
    ['a', 'b, c', 'd']
    """
    elements = []
    position = 0
    while True:
        position = _skip(text, position)
        if text[position : position + 1] in (*QUOTES,):
            end = _closing(text, position)
            mark = text[position]
            elements.append(Element(text[position + 1 : end - 1].replace(mark * 2, mark), True))
            position = _skip(text, end)
            if text[position : position + 1] not in ("", ","):
                raise RequestError(f"a comma is missing after the closing quote, before {text[position:]!r}")
        else:
            comma = text.find(",", position)
            end = len(text) if comma < 0 else comma
            part = text[position:end].strip()
            if not part:
                raise RequestError(
                    f'there is an empty value in {text.strip()!r}; drop the comma, or write "" for no text'
                )
            elements.append(Element(part, False))
            position = end
        if position == len(text):
            return elements
        position += 1


def scan(line: str, takes: Mapping[str, Takes], *, words: bool) -> Line:
    """Part an option line into options and words.

    Parameters
    ----------
    line : str
        What stands behind ``%%diffuse`` or ``%diffuse``.
    takes : mapping of str to Takes
        What each flag takes: ``nothing``, ``one`` value, or a comma ``list``.
    words : bool
        Whether words of their own are expected. If they are, a list must hold no spaces outside
        quotes, for ``--seed 1, fox`` could mean either.

    Raises
    ------
    RequestError
        An option is unknown or lacks its value, or a quote is not closed.

    Examples
    --------
    >>> scan('--seed 1, 2 --quiet', {"seed": "list", "quiet": "nothing"}, words=False).options
    (('seed', '1, 2'), ('quiet', ''))
    """
    options: list[tuple[str, str]] = []
    loose: list[str] = []
    position = 0
    while (position := _skip(line, position)) < len(line):
        if flag := _FLAG.match(line, position):
            name = flag.group()[2:]
            if name not in takes:
                raise _unknown_flag(name, takes)
            position = flag.end()
            glued = line.startswith("=", position)
            if takes[name] == "nothing":
                if glued:
                    raise RequestError(f"--{name} takes no value")
                options.append((name, ""))
                continue
            start = position + 1 if glued else _skip(line, position)
            if not glued and _FLAG.match(line, start):
                raise RequestError(f"--{name} needs a value before {line[start:].split()[0]}")
            ends = _list_end if takes[name] == "list" else _one_end
            position = ends(line, start, name, words)
            if not line[start:position].strip():
                raise RequestError(f"--{name} needs a value")
            options.append((name, line[start:position]))
        else:
            end = _loose_end(line, position)
            loose.append(line[position:end])
            position = end
    return Line(tuple(options), tuple(loose))


def _unknown_flag(name: str, takes: Mapping[str, Takes]) -> RequestError:
    if meant := [f"--{flag}" for flag in takes if flag.startswith(name)]:
        return RequestError(f"options are not shortened: for --{name} write {' or '.join(meant)}")
    return unknown("option", f"--{name}", [f"--{flag}" for flag in takes], "%%diffuse? lists them")


def _one_end(line: str, start: int, name: str, words: bool) -> int:
    if line[start : start + 1] in (*QUOTES,):
        return _closed(line, start)
    return _end(_WORD, line, start)


def _list_end(line: str, start: int, name: str, words: bool) -> int:
    position = start
    while True:
        if line[position : position + 1] in (*QUOTES,):
            position = _closed(line, position)
        else:
            item = position
            position = _end(_ITEM, line, position)
            suffix = _SUFFIX.match(line, position)
            if suffix and _RANGE.fullmatch(line, item, position):
                position = suffix.end()
        comma = _skip(line, position)
        if not line.startswith(",", comma):
            return position
        after = _skip(line, comma + 1)
        if after == len(line) or _FLAG.match(line, after):
            return comma + 1
        if words and (after > comma + 1 or comma > position):
            raise RequestError(
                f"it is not clear whether {line[after:].split()[0]!r} belongs to --{name} or to the prompt: "
                "write the list without spaces (1,2,3) or drop the comma"
            )
        position = after


def _loose_end(line: str, start: int) -> int:
    if line[start] in QUOTES:
        try:
            return _closed(line, start)
        except RequestError:  # an apostrophe: 'tis
            pass
    return _end(_WORD, line, start)


def _closed(line: str, start: int) -> int:
    end = _closing(line, start)
    if end < len(line) and line[end] != "," and not line[end].isspace():
        raise RequestError(f"a space or comma is missing after the closing quote of {line[start:end]}")
    return end


def _closing(text: str, start: int) -> int:
    """Return the position behind the quote that closes the one at `start`."""
    mark = text[start]
    position = start + 1
    while (position := text.find(mark, position)) >= 0:
        if text[position + 1 : position + 2] != mark:
            return position + 1
        position += 2
    raise RequestError(f"the quote that opens {text[start:]!r} is not closed")


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    return found.end() if found else position


def _skip(text: str, position: int) -> int:
    return _end(_BLANK, text, position)
