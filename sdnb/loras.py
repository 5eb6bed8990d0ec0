"""The grammar of ``--lora``: ``NAME:WEIGHT``, several joined by ``+``, as in ``style:0.8+detail:0.5``.

A NAME without a weight has weight 1; ``none`` is no LoRA. A weight may be a range, which makes the option an
axis: ``style:0..1[5]``. Names are files, folders or hub ids; what they lead to is `sdnb.adapters`'s.
"""

from __future__ import annotations

from itertools import product

from sdnb import ranges
from sdnb.errors import RequestError

__all__ = ["canonical", "expand", "parse", "write"]

MOST = 100.0


def expand(text: str) -> list[str]:
    """Return what one element of the option stands for: several where a weight is a range.

    Raises
    ------
    RequestError
        A name is missing or stands twice, or a weight is out of range.

    Examples
    --------
    >>> expand("style:0..1[3]+detail")
    ['style:0+detail:1', 'style:0.5+detail:1', 'style:1+detail:1']
    >>> expand("none")
    ['']
    """
    if text.strip() in ("", "none"):
        return [""]
    parts = [_part(part.strip(), text) for part in text.split("+")]
    names = [name for name, _ in parts]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise RequestError(f"lora: {twice} stands twice in {text!r}")
    return [write(zip(names, weights, strict=True)) for weights in product(*(some for _, some in parts))]


def parse(text: str) -> list[tuple[str, float]]:
    """Return names and weights of what `expand` gave."""
    if not text:
        return []
    pairs = (part.rpartition(":") for part in text.split("+"))
    return [(name, float(weight)) for name, _, weight in pairs]


def write(pairs: object) -> str:
    """Write names and weights, so that `parse` gives them back."""
    return "+".join(f"{name}:{repr(float(weight)).removesuffix('.0')}" for name, weight in pairs)  # type: ignore[attr-defined]


def canonical(text: str) -> str:
    """Return the one form of a text without ranges.

    Raises
    ------
    RequestError
        It has a range, or is wrong otherwise.
    """
    forms = expand(text)
    if len(forms) != 1:
        raise RequestError(f"lora must have one weight each, not {text!r}")
    return forms[0]


def _part(text: str, whole: str) -> tuple[str, list[float]]:
    """Part a name from its weights at the first colon that a number or range follows."""
    name, weights = text, [1.0]
    for at, letter in enumerate(text):
        if letter == ":" and (found := ranges.expand(text[at + 1 :].strip(), whole=False)) is not None:
            name, weights = text[:at].strip(), [float(value) for value in found]
            break
    if not name:
        raise RequestError(f"lora: a name is missing in {whole!r}; write style:0.8 or style:0.8+detail:0.5")
    if over := next((weight for weight in weights if not abs(weight) <= MOST), None):
        raise RequestError(
            f"lora: the weight {over:g} of {name} is out of range; it is from -{MOST:g} to {MOST:g}"
        )
    return name, weights
