"""What the text behind an option means: one reader for each kind of option."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from keyword import iskeyword
from typing import Any

from sdnb import axes
from sdnb.errors import RequestError, unknown
from sdnb.option_line import NAME, split
from sdnb.options import Option

__all__ = ["read", "text"]


def read(option: Option, typed: str, namespace: Mapping[str, Any]) -> Any:
    """Read the text of an option as its kind wants it.

    Parameters
    ----------
    option : Option
        Whose text it is.
    typed : str
        What stands behind its flag, quotes included; empty for a switch.
    namespace : mapping of str to object
        Where ``$name`` is looked up.

    Raises
    ------
    RequestError
        The text is nothing of that kind, or the notebook has no such name.

    Examples
    --------
    >>> from sdnb.options import BY_FLAG
    >>> read(BY_FLAG["steps"], "5,$more", {"more": [10, 20]})
    (5, 10, 20)
    >>> read(BY_FLAG["limit"], "100", {})
    100
    """
    return _READERS[option.kind](option, typed, namespace)


def text(taker: str, typed: str, namespace: Mapping[str, Any]) -> str:
    """Read one text: as it is typed, in quotes, or what a ``$name`` stands for, which may be a path.

    Parameters
    ----------
    taker : str
        What a message calls it, such as ``--save takes text (FOLDER)``.
    typed : str
        Not empty.
    namespace : mapping of str to object
        Where ``$name`` is looked up.

    Raises
    ------
    RequestError
        It is no text, an empty one, or a name that the notebook does not have.

    Examples
    --------
    >>> text("it takes text", "$folder", {"folder": "a b"}), text("it takes text", "'a b'", {})
    ('a b', 'a b')
    """
    value = _single(typed, namespace)
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str) or not value.strip():
        raise RequestError(f"{taker}, not {value!r}")
    return value


def _lookup(namespace: Mapping[str, Any]) -> Callable[[str], Any]:
    def find(name: str) -> Any:
        try:
            return namespace[name]
        except KeyError:
            known = [known for known in namespace if isinstance(known, str) and not known.startswith("_")]
            hint = "set it in a cell above, or put text in quotes"
            raise unknown("name", f"${name}", [f"${known}" for known in known], hint) from None

    return find


def _values(option: Option, typed: str, namespace: Mapping[str, Any]) -> tuple[Any, ...]:
    return axes.read(option.name, typed, _lookup(namespace))


def _single(typed: str, namespace: Mapping[str, Any]) -> Any:
    if typed[0] in "\"'":
        first, *more = split(typed)
        if more:
            raise RequestError(f"{typed} is a list, and one value is taken here")
        return first.text
    name = NAME.fullmatch(typed)
    return _lookup(namespace)(name[1]) if name else typed


def _word(option: Option, typed: str, namespace: Mapping[str, Any]) -> str:
    return text(f"--{option.flag} takes text ({option.metavar})", typed, namespace)


def _number(option: Option, typed: str, namespace: Mapping[str, Any]) -> int:
    value = _single(typed, namespace)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
        value = int(value)
    try:
        whole = None if isinstance(value, (str, bool)) else int(value.__index__())
    except AttributeError:
        whole = None
    if whole is None or whole < 1:
        raise RequestError(f"--{option.flag} takes a whole number from 1, not {value!r}")
    return whole


def _count(option: Option, typed: str, namespace: Mapping[str, Any]) -> tuple[int, ...]:
    return (_number(option, typed, namespace),)


def _axis(option: Option, typed: str, namespace: Mapping[str, Any]) -> str:
    return axes.named(_word(option, typed, namespace))


def _axes(option: Option, typed: str, namespace: Mapping[str, Any]) -> tuple[str, ...]:
    find = _lookup(namespace)
    names: list[object] = []
    for element in split(typed):
        name = None if element.quoted else NAME.fullmatch(element.text)
        value = find(name[1]) if name else element.text
        names.extend(value if isinstance(value, (list, tuple)) else [value])
    if strange := [name for name in names if not isinstance(name, str)]:
        raise RequestError(f"--{option.flag} takes names of axes, not {strange[0]!r}")
    return tuple(axes.named(str(name)) for name in names)


def _choice(option: Option, typed: str, namespace: Mapping[str, Any]) -> str:
    value = _word(option, typed, namespace)
    if value not in option.choices:
        raise unknown(option.flag, value, option.choices)
    return value


def _python_name(option: Option, typed: str, namespace: Mapping[str, Any]) -> str:
    value = _word(option, typed, namespace)
    if not value.isidentifier() or iskeyword(value):
        raise RequestError(f"--{option.flag} takes a Python name to bind the results to, not {value!r}")
    return value


def _switch(option: Option, typed: str, namespace: Mapping[str, Any]) -> bool:
    return True


_READERS: dict[str, Callable[[Option, str, Mapping[str, Any]], Any]] = {
    "values": _values,
    "count": _count,
    "axis": _axis,
    "axes": _axes,
    "number": _number,
    "choice": _choice,
    "name": _python_name,
    "folder": _word,
    "switch": _switch,
}
