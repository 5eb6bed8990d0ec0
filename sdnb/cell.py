"""The text of a ``%%diffuse`` cell, read and written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sdnb import axes, option_value
from sdnb.defaults import OWN
from sdnb.errors import RequestError
from sdnb.option_line import scan, split
from sdnb.options import BY_FLAG, OPTIONS, Option, complete, manual
from sdnb.settings import Sdnb, current
from sdnb.sweep import Request, Sweep

__all__ = ["OPTIONS", "Cell", "Option", "body", "complete", "manual", "parse", "read", "write"]

_MAGIC = re.compile(r"%%diffuse(?!\w)([^\n]*)(?:\n(.*))?", re.DOTALL)
_RULE = re.compile(r"---\s*")
# Lines that mean something to us or, wherever they stand, to IPython, which takes the >>> of a pasted
# session away. A backslash in front makes them text.
_MARKED = re.compile(r"\\*(?:---\s*|\s*>>>.*)")
# These it takes away only in the first two lines of a cell.
_PASTED = re.compile(r"\s*(\.\.\.|In \[)")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What a cell asks for.

    Attributes
    ----------
    request : Request
        What to draw.
    limit : int or None
        Most pictures to allow; None leaves it to the settings, as for the next two.
    device, dtype : str or None
        Where and how precisely to draw.
    out : str or None
        The name to bind the results to.
    save : str or None
        The folder to save the pictures into.
    compare : bool
        Whether schedulers are compared, the steps being budgets.
    equal : str or None
        What the budgets count; None leaves it to `sdnb.compare`, as for the next.
    reference : int or None
        Steps of its reference.
    trajectory : bool
        Whether the way of each picture is kept and shown.
    no_cache, redraw, dry_run, quiet : bool
        As in the options.
    """

    request: Request
    limit: int | None = None
    device: str | None = None
    dtype: str | None = None
    out: str | None = None
    save: str | None = None
    compare: bool = False
    equal: str | None = None
    reference: int | None = None
    trajectory: bool = False
    no_cache: bool = False
    redraw: bool = False
    dry_run: bool = False
    quiet: bool = False


def read(line: str, body: str | None, namespace: Mapping[str, Any]) -> Cell:
    """Read a cell.

    Parameters
    ----------
    line : str
        What stands behind the magic's name.
    body : str or None
        The lines below; None for the magic on one line, whose words are the prompt.
    namespace : mapping of str to object
        Where ``$name`` is looked up.

    Raises
    ------
    RequestError
        Anything in it is wrong; the message says what and what to write.

    Examples
    --------
    >>> cell = read("--seed 1..3 --quiet", "a red fox", {})
    >>> cell.request.prompts, cell.request.settings, cell.quiet
    (('a red fox',), {'seed': (1, 2, 3)}, True)
    """
    scanned = scan(line, {flag: option.takes for flag, option in BY_FLAG.items()}, words=body is None)
    given: dict[str, Any] = {}
    for flag, text in scanned.options:
        option = BY_FLAG[flag]
        if option.name in given and not option.repeats:
            hint = f"; one --{flag} takes a list" if option.takes == "list" else ""
            raise RequestError(f"--{flag} is given twice{hint}")
        value = option_value.read(option, text, namespace)
        given[option.name] = (*given.get(option.name, ()), value) if option.repeats else value
    if given.get("no_cache") and given.get("redraw"):
        raise RequestError("--redraw stores what it draws and --no-cache does not; drop one of the two")
    if only := [name for name in ("equal", "reference") if name in given and not given.get("compare")]:
        raise RequestError(f"--{only[0]} goes with --compare")
    if given.get("compare") and given.get("trajectory"):
        raise RequestError(
            "--compare and --trajectory are two things; without --compare, schedulers go under each other too"
        )
    prompts = _one_line(scanned.words) if body is None else _prompts(body, scanned.words)
    settings = {option.name for option in OPTIONS if option.kind in ("values", "count")}
    named = {name: given.pop(name) for name in list(given) if name in settings}
    request = Request(
        prompts=prompts,
        settings=named,
        zips=given.pop("zips", ()),
        rows=given.pop("rows", None),
        cols=given.pop("cols", None),
        drawn=tuple(int(seed) for seed in named.get("seed", ()) if isinstance(seed, axes.Drawn)),
    )
    return Cell(request=request, **given)


def parse(text: str, namespace: Mapping[str, Any]) -> Cell:
    """Read the whole text of a cell, its first line with ``%%diffuse``.

    Raises
    ------
    RequestError
        It is no such cell, or anything in it is wrong.
    """
    if not (found := _MAGIC.fullmatch(text)):
        raise RequestError("this is no %%diffuse cell: it begins with another line")
    return read(found[1].strip(), found[2] or "", namespace)


def _one_line(words: tuple[str, ...]) -> tuple[str, ...]:
    prompt = " ".join(words)
    if len(words) == 1 and len(prompt) > 1 and prompt[0] == prompt[-1] and prompt[0] in "\"'":
        prompt = split(prompt)[0].text
    if not prompt.strip():
        raise RequestError("there is no prompt; write it in the line, as in: %diffuse a red fox --seed 3")
    return (prompt.strip(),)


def _prompts(body: str, words: tuple[str, ...]) -> tuple[str, ...]:
    if words:
        left = " ".join(words)
        raise RequestError(
            f"{left!r} belongs to no option: the prompt stands on the lines below %%diffuse, "
            "and a value with spaces in quotes"
        )
    if not body.strip():
        raise RequestError("the cell has no prompt; write one below its first line, such as: a red fox")
    parts: list[list[str]] = [[]]
    for line in body.splitlines():
        if _RULE.fullmatch(line):
            parts.append([])
        else:
            parts[-1].append(line[1:] if line.startswith("\\") and _MARKED.fullmatch(line) else line)
    prompts = tuple("\n".join(lines).strip() for lines in parts)
    for number, prompt in enumerate(prompts, 1):
        if not prompt:
            raise RequestError(f"prompt {number} of {len(prompts)} is empty: each --- parts two prompts")
    return prompts


def write(what: Sweep | Request) -> str:
    """Write the ``%%diffuse`` cell that asks for the same pictures.

    Of a sweep everything that decides its pictures is written, so that other defaults change
    nothing; where each model brought its own steps, guidance, scheduler or size, they are paired
    with the models. Of a request only what it names is written.

    Raises
    ------
    RequestError
        A model's path holds a line break, which no option can.
    """
    request = what.request if isinstance(what, Sweep) else what
    settings = dict(request.settings)
    zips = list(request.zips)
    if isinstance(what, Sweep):
        paired = _own(what)
        settings |= paired
        if any(len(listed) > 1 for listed in paired.values()):
            old = next((names for names in zips if "model" in names), ("model",))
            zips = [names for names in zips if names != old] + [(*old, *paired)]
        rest = {"clip_skip": (0,)} | ({} if current().negative else {"negative_prompt": ("",)})
        settings = {name: listed for name, listed in settings.items() if rest.get(name) != listed}
    words = ["%%diffuse"]
    for name in sorted(settings, key=lambda name: len(settings[name]) == 1 and name != "count"):
        text = str(settings[name][0]) if name == "count" else axes.write(name, settings[name])
        words.append(f"--{_short(name)} {text}")
    words += ["--zip " + ",".join(map(_short, names)) for names in zips]
    words += [f"--{side} {_short(name)}" for side in ("rows", "cols") if (name := getattr(request, side))]
    if isinstance(what, Sweep) and len(what.specs) > Sdnb.class_traits()["limit"].default_value:
        words.append(f"--limit {len(what.specs)}")
    line = " ".join(words)
    if len(line.splitlines()) > 1:
        raise RequestError("a value with a line break in it cannot stand on the first line of a cell")
    text = body(request.prompts)
    return f"{line}\n" + ("\n" if _PASTED.match(text) else "") + text + "\n"


def body(prompts: Iterable[str]) -> str:
    r"""Write prompts as the body of a cell; one to be taken literally goes through `templates.escape`.

    Examples
    --------
    >>> body(["a fox", "a cat"])
    'a fox\n---\na cat'
    """
    return "\n---\n".join(map(_escape_rules, prompts))


def _short(name: str) -> str:
    return axes.SETTINGS[name].option if name in axes.SETTINGS else name


def _own(sweep: Sweep) -> dict[str, tuple[Any, ...]]:
    """Return, along the axis of models, what each model brought of its own."""
    named = sweep.request.settings
    missing = [name for name in OWN if name not in named and not (name == "size" and "init_image" in named)]
    if not missing:
        return {}
    specs = {spec.model: spec for spec in sweep.specs}
    column = next((axis.column("model") for axis in sweep.axes if "model" in axis.names), tuple(specs))
    return {
        name: tuple(
            (specs[model].width, specs[model].height) if name == "size" else getattr(specs[model], name)
            for model in column
        )
        for name in missing
    }


def _escape_rules(prompt: str) -> str:
    """Put a backslash before lines that would not be read as text, or look as if they already had one."""
    lines = prompt.strip().splitlines()
    return "\n".join("\\" + line if _MARKED.fullmatch(line) else line for line in lines)
