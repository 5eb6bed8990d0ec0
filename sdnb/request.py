"""`Request`: what the user named, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sdnb import axes
from sdnb.errors import RequestError

__all__ = ["Request", "request"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user named, in the order it was named.

    Attributes
    ----------
    prompts : tuple of str
        Prompt texts, alternatives not expanded; several are one axis ``prompt``.
    settings : mapping of str to tuple
        Values by the names of `ImageSpec` (``size`` for width and height, as ``(width, height)``);
        one value is a constant, several are an axis. Only what was named is in it. ``count`` (one
        whole number) asks for that many seeds, counted up from the one named or the default.
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


def request(
    prompt: str | Iterable[str],
    given: Mapping[str, Any],
    *,
    zips: Iterable[Iterable[str]] = (),
    rows: str | None = None,
    cols: str | None = None,
) -> Request:
    """Make a request of Python values: an iterable is an axis, anything else a constant.

    Parameters
    ----------
    prompt : str or iterable of str
    given : mapping of str to object
        Settings by name, and ``count``; None counts as not given.
    zips, rows, cols
        As in `Request`; ``zips`` of bare names is one pairing.

    Raises
    ------
    RequestError
        A name is unknown or a value is of the wrong kind.

    Examples
    --------
    >>> request("a fox", {"seed": range(2), "guidance_scale": 4}).settings
    {'seed': (0, 1), 'guidance_scale': (4.0,)}
    """
    prompts = (prompt,) if isinstance(prompt, str) else tuple(prompt)
    if strange := [text for text in prompts if not isinstance(text, str)]:
        raise RequestError(f"a prompt is text, not {strange[0]!r}")
    settings: dict[str, tuple[Any, ...]] = {}
    for name, value in given.items():
        if value is not None:
            full = axes.named(name)
            if full in settings:
                raise RequestError(f"{full} is given twice")
            settings[full] = (value,) if full == "count" else axes.values(full, value)
    listed = list(zips)
    bare = tuple(name for name in listed if isinstance(name, str))
    pairings = [bare] if listed and len(bare) == len(listed) else [tuple(names) for names in listed]
    return Request(
        prompts=prompts,
        settings=settings,
        zips=tuple(pairings),
        rows=rows,
        cols=cols,
        drawn=tuple(int(seed) for seed in settings.get("seed", ()) if isinstance(seed, axes.Drawn)),
    )
