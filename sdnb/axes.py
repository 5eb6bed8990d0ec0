"""The axis grammar: which values a text, or a Python object, gives one setting.

Comma lists everywhere; in numeric settings ranges too, ours (``1..4``, ``1..9:2``, ``0..1[5]``) and
the web UI's (``1-10``, ``1-10 (+3)``, ``1-10 [5]``), rising or falling, both ends included;
``random`` and ``random[4]`` for seeds; ``all`` for schedulers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from numbers import Integral, Real
from random import SystemRandom
from typing import Any, Literal

from sdnb import inputs, loras, ranges
from sdnb.errors import RequestError, unknown
from sdnb.option_line import NAME, quote, split
from sdnb.ranges import MAX_VALUES

__all__ = ["ALL", "MAX_VALUES", "SETTINGS", "Drawn", "Setting", "label", "named", "read", "values", "write"]

ALL = "all"
_RANDOM_SEEDS = 2**32


class Drawn(int):
    """A seed that chance drew: the user is told, and can name it the next time."""


@dataclass(frozen=True)
class Setting:
    """A setting that can be an axis.

    Attributes
    ----------
    name : str
        As in `sdnb.spec.ImageSpec`; ``size`` stands for width and height.
    option : str
        As in the magic's options.
    kind : str
        How its values are read.
    example : str
        What a message shows.
    """

    name: str
    option: str
    kind: Literal["text", "scheduler", "whole", "number", "size", "picture", "lora"]
    example: str


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("model", "model", "text", "mini"),
        Setting("negative_prompt", "negative", "text", '"blurry, dark"'),
        Setting("seed", "seed", "whole", "3, 1,2,3, 1..4 or random[4]"),
        Setting("num_inference_steps", "steps", "whole", "20, 10,20,40 or 10..40:10"),
        Setting("guidance_scale", "guidance", "number", "4, 1,4,7.5 or 1..7[3]"),
        Setting("scheduler", "scheduler", "scheduler", "euler or euler,dpmpp_2m_karras"),
        Setting("size", "size", "size", "512, 512x768 or 512x768,768x512"),
        Setting("clip_skip", "clip-skip", "whole", "1 or 0,1,2"),
        Setting("init_image", "init", "picture", "fox.png or $picture"),
        Setting("mask_image", "mask", "picture", "mask.png or $mask"),
        Setting("lora", "lora", "lora", "style:0.8, style:0..1[5] or style:0.8+detail:0.5"),
        Setting("vae", "vae", "text", "a file or folder"),
        Setting("strength", "strength", "number", "0.6 or 0.2..1[5]"),
    )
}
_SHORT = {s.option: s.name for s in SETTINGS.values()} | {"clip_skip": "clip_skip"}

_RANDOM = re.compile(r"random\s*(?:\[\s*([0-9]{1,40})\s*\])?")
_SIZE = re.compile(r"([0-9]{1,9})(?:\s*[xX×*]\s*([0-9]{1,9}))?")
_PLAIN = re.compile(r"[\w.+/@?&=:~^][\w.+/@?&=:~^-]*")


def named(name: str) -> str:
    """Return a setting's full name for its short one; other names (prompt axes) as they are.

    Examples
    --------
    >>> named("steps"), named("colour")
    ('num_inference_steps', 'colour')
    """
    return _SHORT.get(name.strip(), name.strip())


def read(setting: str, text: str, lookup: Callable[[str], Any] | None = None) -> tuple[Any, ...]:
    """Read the values of one setting.

    Parameters
    ----------
    setting : str
        A name in `SETTINGS`, full or short.
    text : str
        A comma list in the axis grammar.
    lookup : callable, optional
        Gives the notebook's value for an unquoted ``$name``.

    Returns
    -------
    tuple
        Concrete values: int, float, str, ``(width, height)``, or `sdnb.inputs.Input`. Seeds that chance
        drew are `Drawn`. `ALL` stands for itself until the model is known.

    Raises
    ------
    RequestError
        The text is no list of such values, or gives more than `MAX_VALUES`.

    Examples
    --------
    >>> read("seed", "1..3, 10-1 (-3)")
    (1, 2, 3, 10, 7, 4, 1)
    >>> read("guidance", "0..0.3:0.1")
    (0.0, 0.1, 0.2, 0.3)
    >>> read("negative", 'blurry, "dark, noisy"')
    ('blurry', 'dark, noisy')
    >>> read("size", "512,512x768")
    ((512, 512), (512, 768))
    """
    kind = _setting(setting)
    found: list[Any] = []
    for element in split(text):
        if lookup and not element.quoted and element.text.startswith("$"):
            if name := NAME.fullmatch(element.text):
                found.extend(values(setting, lookup(name[1])))
                continue
            if NAME.match(element.text):
                raise RequestError(
                    f"{element.text!r}: after $ stands one plain name; assign the value to a name first, "
                    "or put text in quotes"
                )
        found.extend(_element(kind, element.text, element.quoted))
        if len(found) > MAX_VALUES:
            raise RequestError(f"{kind.option}: {len(found)} values are too many; the most is {MAX_VALUES}")
    return tuple(found)


def values(setting: str, given: object) -> tuple[Any, ...]:
    """Return the values that a Python object gives one setting.

    A text or a number is one value, any other iterable (list, range, array, Series) several. For
    ``size`` a tuple of two numbers is one size, a list of two numbers two square ones. A text given
    to a numeric setting may be a range.

    Raises
    ------
    RequestError
        A value is of the wrong kind, or there are none or too many.

    Examples
    --------
    >>> values("seed", range(3)), values("size", (512, 768)), values("guidance_scale", 4)
    ((0, 1, 2), ((512, 768),), (4.0,))
    """
    kind = _setting(setting)
    if isinstance(given, (set, frozenset, dict)):
        raise RequestError(f"{kind.option}: a {type(given).__name__} has no order to lay out; use a list")
    if isinstance(given, str) and kind.kind != "text":
        return _element(kind, given.strip(), False)
    if _is_one(kind, given):
        return (_one(kind, given),)
    try:
        listed = list(islice(iter(given), MAX_VALUES + 1))  # type: ignore[call-overload]
    except TypeError:
        return (_one(kind, given),)
    if not listed:
        raise RequestError(f"{kind.option}: the {type(given).__name__} is empty; it needs at least one value")
    if len(listed) > MAX_VALUES:
        raise RequestError(f"{kind.option}: more than {MAX_VALUES} values")
    found: list[Any] = []
    for item in listed:
        if isinstance(item, str) and kind.kind != "text":
            found.extend(_element(kind, item.strip(), False))
        else:
            found.append(_one(kind, item))
    return tuple(found)


def label(setting: str, value: Any) -> str:
    """Return the short text that a grid shows for a value.

    Examples
    --------
    >>> label("size", (512, 768)), label("guidance_scale", 4.0), label("negative_prompt", "")
    ('512x768', '4', '(none)')
    """
    if setting == "size":
        return "x".join(map(str, value))
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() else repr(value)
    return " ".join(str(value).split()) or "(none)"


def write(setting: str, listed: Iterable[Any]) -> str:
    """Write values so that `read` gives them back.

    Examples
    --------
    >>> write("seed", [1, 2, 3, 4, 7]), write("negative", ["a", "b, c"])
    ('1..4,7', 'a,"b, c"')
    """
    kind = _setting(setting)
    if kind.kind == "whole":
        return ",".join(_runs([int(value) for value in listed]))
    if kind.kind == "picture":
        return ",".join(value.short for value in listed)
    if kind.kind in ("number", "size"):
        return ",".join(label(kind.name, value) for value in listed)
    if kind.kind == "lora":
        listed = [value or "none" for value in listed]
    return ",".join(value if _PLAIN.fullmatch(value) else quote(value) for value in listed)


def _runs(numbers: Sequence[int]) -> list[str]:
    """Write rising runs of three or more as ranges."""
    parts: list[str] = []
    start = 0
    for end in range(1, len(numbers) + 1):
        if end < len(numbers) and numbers[end] == numbers[end - 1] + 1 and end - start < MAX_VALUES:
            continue
        run = numbers[start:end]
        parts.extend([f"{run[0]}..{run[-1]}"] if len(run) > 2 else map(str, run))
        start = end
    return parts


def _setting(name: str) -> Setting:
    try:
        return SETTINGS[named(name)]
    except KeyError:
        raise unknown("setting", name, SETTINGS) from None


def _element(kind: Setting, text: str, quoted: bool) -> tuple[Any, ...]:
    if kind.kind == "text":
        return (_text(kind, text),)
    if kind.kind == "scheduler":
        return (ALL if text == ALL and not quoted else text,)
    if kind.kind == "size":
        return (_size(kind, text),)
    if kind.kind == "picture":
        return (inputs.read(text),)
    if kind.kind == "lora":
        return tuple(loras.expand(text))
    return _numbers(kind, text.strip())


def _numbers(kind: Setting, text: str) -> tuple[Any, ...]:
    if kind.name == "seed" and (drawn := _RANDOM.fullmatch(text)):
        count = int(drawn[1] or 1)
        if not 1 <= count <= MAX_VALUES:
            raise RequestError(f"seed: {text!r} asks for {count} seeds; 1 to {MAX_VALUES} can be drawn")
        return tuple(map(Drawn, SystemRandom().sample(range(_RANDOM_SEEDS), count)))
    try:
        numbers = ranges.expand(text, whole=kind.kind == "whole")
    except RequestError as error:
        raise RequestError(f"{kind.option}: {error}") from None
    if numbers is None:
        what = "number" if kind.kind == "number" else "whole number"
        raise RequestError(f"{kind.option}: {text!r} is no {what} and no range; write {kind.example}")
    return tuple(_number(kind, value, text) for value in numbers)


def _number(kind: Setting, value: Fraction, text: str) -> int | float:
    if kind.name == "seed" and value < 0:
        raise RequestError(f"seed: {text!r} goes below 0; for a seed by chance write random")
    if kind.kind == "number":
        return float(value)
    if value.denominator != 1:
        raise RequestError(f"{kind.option}: {text!r} gives {float(value)}, which is no whole number")
    return int(value)


def _size(kind: Setting, text: str) -> tuple[int, int]:
    if not (found := _SIZE.fullmatch(text.strip())):
        raise RequestError(f"{kind.option}: {text!r} is no size; write {kind.example}")
    return int(found[1]), int(found[2] or found[1])


def _is_one(kind: Setting, given: object) -> bool:
    if isinstance(given, (str, os.PathLike, Real)):
        return True
    if kind.kind == "picture":  # of arrays one of three axes; lists, results and stacks hold several
        return not hasattr(given, "__len__") or getattr(given, "ndim", 0) in (2, 3)
    pair = isinstance(given, tuple) and len(given) == 2
    return pair and kind.kind == "size" and all(isinstance(side, Real) for side in given)  # type: ignore[attr-defined]


def _one(kind: Setting, value: Any) -> Any:
    if kind.kind == "picture":
        return inputs.read(os.fspath(value)) if isinstance(value, (str, os.PathLike)) else inputs.of(value)
    if not isinstance(value, (str, Real)) and callable(item := getattr(value, "item", None)):
        try:
            value = item()  # arrays and tensors of one number
        except (TypeError, ValueError, RuntimeError):
            raise RequestError(f"{kind.option}: {value!r} is not one value") from None
    if kind.kind in ("text", "scheduler", "lora"):
        return _text(kind, value)
    if kind.kind == "size" and isinstance(value, (tuple, list)) and len(value) == 2:
        return _whole(kind, value[0]), _whole(kind, value[1])
    if kind.kind == "size":
        return (_whole(kind, value),) * 2
    if kind.kind == "whole":
        return _whole(kind, value)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise RequestError(f"{kind.option}: {value!r} is no number; write {kind.example}")
    return float(value)


def _whole(kind: Setting, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise RequestError(f"{kind.option}: {value!r} is no whole number; write {kind.example}")
    if isinstance(value, int):
        return value
    number = float(value)
    if not isinstance(value, Integral) and not number.is_integer():
        raise RequestError(f"{kind.option}: {value} is no whole number")
    return int(value) if isinstance(value, Integral) else int(number)


def _text(kind: Setting, value: object) -> str:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise RequestError(f"{kind.option}: {value!r} is no text; write {kind.example}")
    if kind.name != "negative_prompt":
        return str(value)
    # A cell's options stand on one line; text encoders read any white space as one space.
    return " ".join(line for line in value.splitlines()).strip()
