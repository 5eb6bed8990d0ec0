"""The options of ``%%diffuse``: one table that the reading, the manual and the completion go by."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import dedent
from typing import Literal

from sdnb.axes import ALL, SETTINGS
from sdnb.budget import EQUAL
from sdnb.option_line import Takes
from sdnb.settings import Sdnb

__all__ = ["BY_FLAG", "OPTIONS", "Option", "complete", "manual"]


def _choices(name: str) -> tuple[str, ...]:
    return tuple(getattr(Sdnb.class_traits()[name], "values", ()))


@dataclass(frozen=True)
class Option:
    """One row of the table.

    Attributes
    ----------
    flag : str
        As typed, without its dashes.
    name : str
        The setting, or the field of `sdnb.cell.Cell`, that it gives.
    metavar, help : str
        For the manual.
    kind : str
        How its value is read: ``values`` of a setting, ``count`` of seeds, an ``axis``, several
        ``axes``, a whole ``number``, one of the ``choices``, a Python ``name``, a ``folder``, or a
        ``switch`` without a value.
    choices : tuple of str
        What is allowed, where that is a fixed list.
    """

    flag: str
    name: str
    metavar: str
    help: str
    kind: Literal["values", "count", "axis", "axes", "number", "choice", "name", "folder", "switch"]
    choices: tuple[str, ...] = ()

    @property
    def takes(self) -> Takes:
        """What `sdnb.option_line.scan` must expect behind the flag."""
        if self.kind == "switch":
            return "nothing"
        return "list" if self.kind in ("values", "axes") else "one"

    @property
    def repeats(self) -> bool:
        """Whether it may be given more than once."""
        return self.kind == "axes"


OPTIONS = (
    Option("model", "model", "NAMES", "mini, an alias, a folder, a .safetensors file, or a hub id", "values"),
    Option("negative", "negative_prompt", "TEXTS", "what the picture should not show", "values"),
    Option("seed", "seed", "NUMBERS", "seeds; random or random[4] draws some and tells them", "values"),
    Option("count", "count", "N", "so many seeds, counted up from the first", "count"),
    Option("steps", "num_inference_steps", "NUMBERS", "denoising steps", "values"),
    Option("guidance", "guidance_scale", "NUMBERS", "how closely to follow the prompt", "values"),
    Option("scheduler", "scheduler", "NAMES", "schedulers; all takes every one that fits", "values"),
    Option("size", "size", "SIZES", "512x768, or one number for a square", "values"),
    Option("clip-skip", "clip_skip", "NUMBERS", "last layers of the text encoder to skip", "values"),
    Option(
        "lora", "lora", "NAMES", "LoRAs to add, style:0.8 or style:0.8+detail:0.5; none for none", "values"
    ),
    Option("vae", "vae", "NAMES", "a VAE to decode with instead of the model's own", "values"),
    Option("init", "init_image", "PICTURES", "a file or $picture to begin from instead of noise", "values"),
    Option(
        "strength", "strength", "NUMBERS", "how far from it to go, above 0 to 1 (0.8 unless told)", "values"
    ),
    Option(
        "mask", "mask_image", "PICTURES", "white where the picture is drawn anew, black where kept", "values"
    ),
    Option("rows", "rows", "AXIS", "the axis that goes down the grid", "axis"),
    Option("cols", "cols", "AXIS", "the axis that goes across the grid", "axis"),
    Option("zip", "zips", "AXES", "pair these axes instead of multiplying them; may be repeated", "axes"),
    Option(
        "compare", "compare", "", "compare schedulers, --steps being budgets, against a reference", "switch"
    ),
    Option("equal", "equal", "WHAT", "what the budgets of --compare count", "choice", EQUAL),
    Option("reference", "reference", "STEPS", "Euler steps of its reference (500 unless told)", "number"),
    Option(
        "trajectory", "trajectory", "", "show how each picture comes out of noise, call by call", "switch"
    ),
    Option("limit", "limit", "N", "most pictures to allow (64 unless told)", "number"),
    Option("device", "device", "DEVICE", "where to draw", "choice", _choices("device")),
    Option("dtype", "dtype", "DTYPE", "precision of the weights", "choice", _choices("dtype")),
    Option("out", "out", "NAME", "bind the results to this name", "name"),
    Option("save", "save", "FOLDER", "also save the pictures into this folder", "folder"),
    Option("no-cache", "no_cache", "", "neither read nor write the store", "switch"),
    Option("redraw", "redraw", "", "draw again what the store has", "switch"),
    Option("dry-run", "dry_run", "", "only tell what would be drawn and what it costs", "switch"),
    Option("quiet", "quiet", "", "show neither progress nor grid", "switch"),
)
BY_FLAG = {option.flag: option for option in OPTIONS}

_MANUAL = """
    Draw pictures: a cell that begins with %%diffuse is a prompt, its output a grid.

        %%diffuse [options]
        a red fox on the moon

    On one line:

        %diffuse a red fox on the moon --seed 3

    Any setting with several values is an axis of the grid, and axes are multiplied:

        %%diffuse --seed 1..4 --scheduler euler,dpmpp_2m_karras
        {colour: red|blue} fox on the moon

    Options
    @options

    Values
      1,2,5  a,"b, c"        lists; quotes protect commas and spaces, a quote inside is doubled
      1..4  1..9:2  10..1    ranges with both ends, with a step, falling
      0..1[5]                so many values, evenly spaced
      1-10 (+3)  1-10 [5]    ranges as the web UI writes them
      $name                  a value, list or array of the notebook

    Prompts
      {red|blue}             alternatives, an axis named prompt (the next is prompt2)
      {colour: red|blue}     an axis named colour; the same name again varies with it
      {very |}red            an alternative may be empty; they nest
      \\{a\\|b\\}               a backslash makes them literal
      (word)  (word:1.3)     emphasis, 1.1 or 1.3 times; [word] weakens; \\( is a plain bracket
      BREAK                  begins a new chunk; long prompts are read in chunks by themselves
      ---                    a line of its own parts several prompts

    LoRAs and VAEs
      --lora style:0.8       a .safetensors file, a folder or a hub id, with its weight (1 unless told)
      --lora style:0..1[5]   an axis; so is none,style:0.5,detail:0.5
      --lora style:0.8+detail:0.5        both at once

    From a picture
      --init fox.png         begins from it, --strength 0.4 near it, --strength 1 far
      --init $foxes          of the notebook: a PIL image, drawn pictures; several are an axis
      --init sha256:1f2e…    one that was used on this machine, as to_cell() writes it
      It is drawn at its own size, or smaller where it is large for the model; where --size has
      other proportions its middle is taken. A mask is as large as the picture.

    Examples
        %%diffuse --guidance 1..7[4] --steps 10,20 --rows steps
        %%diffuse --scheduler euler,heun --steps 39,20 --zip scheduler,steps
        %%diffuse --negative "blurry, dark",watermark --size 512x768 --out foxes
        %%diffuse --seed random[4] --dry-run
        %%diffuse --trajectory --scheduler euler,dpmpp_2m_karras --steps 12
        %%diffuse --compare --scheduler euler,heun,unipc --steps 5,10,20,40 --count 3

    Defaults are set by %config Sdnb.steps = 30, in IPython's configuration, or as SDNB_STEPS=30.
"""


def manual() -> str:
    """Return the text of ``%%diffuse?``."""
    rows = []
    for option in OPTIONS:
        told = option.help + (f": {', '.join(option.choices)}" if option.choices else "")
        rows.append(f"  {f'--{option.flag} {option.metavar}':<23}{told}")
    return dedent(_MANUAL).strip().replace("@options", "\n".join(rows)) + "\n"


_FRAGMENT = re.compile(r"""[^\s,="']*$""")
_LAST_FLAG = re.compile(r"--([A-Za-z][\w-]*)(=|\s+)")


def complete(
    line: str,
    *,
    schedulers: Iterable[str],
    models: Iterable[str],
    axes: Sequence[str] = (),
) -> list[str]:
    """Return what the word that ends the line may become.

    Parameters
    ----------
    line : str
        The magic's line up to the cursor.
    schedulers, models : iterable of str
        Names that are known.
    axes : sequence of str
        Axes that the prompt has.

    Examples
    --------
    >>> complete("--seed 1 --sched", schedulers=[], models=[])
    ['--scheduler']
    >>> complete("--scheduler heun,eu", schedulers=["euler", "euler_a", "heun"], models=[])
    ['euler', 'euler_a']
    """
    fragment = _FRAGMENT.search(line)
    typed = fragment.group() if fragment else ""
    if typed.startswith("-"):
        used = {flag for flag, _ in _LAST_FLAG.findall(line)}
        open_flags = (o for o in OPTIONS if o.repeats or o.flag not in used)
        return [f"--{o.flag}" for o in open_flags if f"--{o.flag}".startswith(typed)]
    before = line[: len(line) - len(typed)]
    flags = list(_LAST_FLAG.finditer(before))
    option = BY_FLAG.get(flags[-1][1]) if flags else None
    if option is None or not _in_value(before[flags[-1].end() :], option):
        return []
    offered: Iterable[str]
    if option.name == "scheduler":
        offered = [*schedulers, ALL]
    elif option.name == "model":
        offered = models
    elif option.name == "seed":
        offered = ["random"]
    elif option.kind in ("axis", "axes"):
        named = [s.option for s in SETTINGS.values() if f"--{s.option}" in line]
        if "--count" in line and "seed" not in named:
            named.append("seed")
        offered = dict.fromkeys([*axes, "prompt", *named])
    else:
        offered = option.choices
    return [name for name in offered if name.startswith(typed)]


def _in_value(text: str, option: Option) -> bool:
    """Whether the cursor still stands in the option's value: nothing yet, or just behind a comma."""
    behind = r"(.*,)?\s*[\"']?" if option.takes == "list" else r"[\"']?"
    return re.fullmatch(behind, text, re.DOTALL) is not None
