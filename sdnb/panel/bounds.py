"""`checked`: values that were typed, held against what any picture allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sdnb import axes, schedulers
from sdnb.spec import ImageSpec

__all__ = ["checked"]

_SAFE: Mapping[str, Any] = {
    "model": "mini", "prompt": "a", "seed": 0, "num_inference_steps": 1, "guidance_scale": 1.0,
    "scheduler": "euler", "width": 64, "height": 64,
}  # fmt: skip
# What can be held against its bounds by itself; the others need a model or a picture, and the plan tells.
_BOUNDED = ("negative_prompt", "seed", "num_inference_steps", "guidance_scale", "clip_skip")


def checked(name: str, values: Sequence[Any]) -> tuple[Any, ...]:
    """Return values of one setting, each of them allowed.

    Raises
    ------
    RequestError
        One of them is out of range.

    Examples
    --------
    >>> checked("num_inference_steps", [4, 8])
    (4, 8)
    """
    for value in values:
        if name == "size":
            ImageSpec(**{**_SAFE, "width": value[0], "height": value[1]})
        elif name == "scheduler" and value != axes.ALL:
            schedulers.parse(value)
        elif name in _BOUNDED:
            ImageSpec(**{**_SAFE, name: value})
    return tuple(values)
