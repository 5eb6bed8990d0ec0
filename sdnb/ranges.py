"""Ranges of numbers as text: ours (``1..4``, ``1..9:2``, ``0..1[5]``) and the web UI's.

The web UI writes ``1-10``, ``1-10 (+3)`` and ``1-10 [5]`` in its X/Y/Z plot. Both ends are in, rising
or falling. Numbers are reckoned as fractions, so that steps of 0.1 end at 0.3 and not beside it.
"""

from __future__ import annotations

import re
from fractions import Fraction

from sdnb.errors import RequestError

__all__ = ["MAX_VALUES", "expand"]

MAX_VALUES = 10_000

# Bounded, so that no text makes a number that takes long to reckon with.
_N = r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{1,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?"
_NUMBER = re.compile(_N)
_COUNT = r"\[\s*([0-9]{1,40})\s*\]"
_DOTS = re.compile(rf"({_N})\s*\.\.\s*({_N})(?:\s*:\s*({_N})|\s*{_COUNT})?")
_DASH = re.compile(rf"({_N})\s*-\s*({_N})(?:\s*\(\s*([+-]?\s*{_N})\s*\)|\s*{_COUNT})?")


def expand(text: str, *, whole: bool) -> list[Fraction] | None:
    """Return the numbers that a text stands for.

    Parameters
    ----------
    text : str
        One number, or a range.
    whole : bool
        Whether so many values between two ends are cut to whole numbers, as the web UI does.

    Returns
    -------
    list of Fraction or None
        None for a text that is neither number nor range.

    Raises
    ------
    RequestError
        The step does not lead to the end, or there would be more than `MAX_VALUES`.

    Examples
    --------
    >>> [str(number) for number in expand("1-10 [5]", whole=True)]
    ['1', '3', '5', '7', '10']
    >>> [float(number) for number in expand("0.3..0:.1", whole=False)]
    [0.3, 0.2, 0.1, 0.0]
    """
    if _NUMBER.fullmatch(text):
        return [_fraction(text)]
    if found := _DOTS.fullmatch(text):
        first, last, step, count = found.groups()
        signed = step is not None and step.startswith("-")
    elif found := _DASH.fullmatch(text):
        first, last, step, count = found.groups()
        signed = step is not None and step.startswith(("+", "-"))
    else:
        return None
    start, end = _fraction(first), _fraction(last)
    if count is not None:
        return _spread(start, end, int(count), text, whole)
    way = 1 if end >= start else -1
    stride = Fraction(way) if step is None else _fraction(re.sub(r"\s", "", step))
    if not signed and step is not None:
        stride *= way
    if stride * way <= 0:
        raise RequestError(f"no steps of {step} lead from {first} to {last} in {text!r}")
    number = int((end - start) / stride) + 1
    _check(number)
    return [start + stride * i for i in range(number)]


def _spread(start: Fraction, end: Fraction, number: int, text: str, whole: bool) -> list[Fraction]:
    if number < 1:
        raise RequestError(f"{text!r} asks for no values")
    _check(number)
    stride = (end - start) / max(number - 1, 1)
    if number > 1 and (stride == 0 or (whole and abs(stride) < 1)):
        raise RequestError(f"there are no {number} different values in {text!r}")
    numbers = [start + stride * i for i in range(number)]
    return [Fraction(int(value)) for value in numbers] if whole else numbers


def _fraction(text: str) -> Fraction:
    number = Fraction(text)
    if abs(number) >= 10**40:
        raise RequestError(f"{text} is too large")
    return number


def _check(number: int) -> None:
    if number > MAX_VALUES:
        raise RequestError(f"{number} values are too many; the most is {MAX_VALUES}")
