r"""Emphasis in prompts, in the web UI's grammar: ``(more)``, ``(more:1.3)``, ``[less]``, ``BREAK``.

``(x)`` weighs 1.1 times as much, ``[x]`` as much divided by 1.1, ``(x:1.3)`` 1.3 times; they nest and
multiply, and one that is not closed runs to the end. ``BREAK`` begins a new chunk. Of backslashes before a
bracket two stand for one and an odd one makes the bracket literal; all others stand for themselves. What
changes a prompt while it is drawn, ``[a|b]`` and ``[from:to:when]``, is refused: see `check`.

compel, the usual library for this, is not used: its weights are another arithmetic (it moves states away
from those of an empty prompt), its ``clip_skip`` fails on transformers 5.23, and it cannot be installed
beside transformers 4. `sdnb.diffusers_engine.prompts` applies the weights.
"""

from __future__ import annotations

import re

from sdnb.errors import RequestError

__all__ = ["Piece", "check", "read"]

Piece = tuple[str, float]

ROUND, SQUARE = 1.1, 1 / 1.1
_NUMBER = r"[+-]?(?:[0-9]{1,4}(?:\.[0-9]{0,6})?|\.[0-9]{1,6})"
_MARK = re.compile(rf":\s{{0,9}}(?P<weight>{_NUMBER})\s{{0,9}}\)|(?P<slashes>\\*)(?P<mark>[()\[\]])")
_BREAK = re.compile(r"\s*\bBREAK\b\s*")
_SWITCH = re.compile(rf".*:\s{{0,9}}{_NUMBER}\s*", re.DOTALL)
_NETWORK = re.compile(r"<(lora|lyco|hypernet):[^>]*>")


def read(text: str) -> list[list[Piece]]:
    r"""Part a prompt at each ``BREAK`` and into pieces of one weight.

    Examples
    --------
    >>> read("a (red:1.3) fox [moon] \(sky\) BREAK ((snow))")
    [[('a ', 1.0), ('red', 1.3), (' fox ', 1.0), ('moon', 0.909091), (' (sky)', 1.0)], [('snow', 1.21)]]
    >>> read("a fox: 3) cats")
    [[('a fox: 3) cats', 1.0)]]
    """
    runs: list[tuple[str, float]] = []
    opened: dict[str, list[int]] = {"(": [], "[": []}

    def weigh(start: int, factor: float) -> None:
        runs[start:] = [(words, weight * factor) for words, weight in runs[start:]]

    at = 0
    for found in _MARK.finditer(text):
        runs.append((text[at : found.start()], 1.0))
        at = found.end()
        slashes, mark = found["slashes"] or "", found["mark"] or ")"
        if slashes:
            runs.append(("\\" * (len(slashes) // 2), 1.0))
        if len(slashes) % 2:
            runs.append((mark, 1.0))
        elif mark in opened:
            opened[mark].append(len(runs))
        elif not (starts := opened["(" if mark == ")" else "["]):
            runs.append((found.group()[len(slashes) :], 1.0))
        elif mark == ")":
            weigh(starts.pop(), float(found["weight"] or ROUND))
        else:
            weigh(starts.pop(), SQUARE)
    runs.append((text[at:], 1.0))
    for mark, factor in (("(", ROUND), ("[", SQUARE)):
        for start in opened[mark]:
            weigh(start, factor)
    return _parted(runs)


def _parted(runs: list[tuple[str, float]]) -> list[list[Piece]]:
    """Join neighbours of one weight, and part them where BREAK stands; one at the end parts nothing."""
    parts: list[list[Piece]] = [[]]
    for words, weight in runs:
        for number, piece in enumerate(_BREAK.split(words)):
            if number:
                parts.append([])
            here, weight = parts[-1], round(weight, 6)
            if here and here[-1][1] == weight:
                here[-1] = (here[-1][0] + piece, weight)
            elif piece:
                here.append((piece, weight))
    return parts if parts[-1] or len(parts) == 1 else parts[:-1]


def check(text: str) -> None:
    """Refuse what the web UI would read as something that sdnb does not do.

    Raises
    ------
    RequestError
        The prompt alternates or switches while it is drawn, or names a network by ``<lora:…>``.

    Examples
    --------
    >>> check("a [red:blue:0.5] fox")
    Traceback (most recent call last):
    ...
    sdnb.errors.RequestError: '[red:blue:0.5]' switches in the middle of a drawing in the web UI, ...
    """
    if found := _NETWORK.search(text):
        raise RequestError(
            f"{found.group()!r} in a prompt is not read; write the option --lora NAME:WEIGHT instead"
        )
    opened: list[int] = []
    for found in _MARK.finditer(text):
        if len(found["slashes"] or "") % 2:
            continue
        if found["mark"] == "[":
            opened.append(found.start("mark"))
        elif found["mark"] == "]" and opened:
            group = text[opened.pop() : found.end()]
            does = "alternates at every step" if "|" in group else ""
            if not does and _SWITCH.fullmatch(group[1:-1]):
                does = "switches in the middle of a drawing"
            if does:
                raise RequestError(
                    f"{group!r} {does} in the web UI, which sdnb does not do; write {{a|b}} for a picture "
                    r"of each, or \[ for a plain bracket"
                )
