"""`Form`: the settings of a picture as fields, read into a `Request` and filled from a picture's metadata.

The prompt is read as the body of a ``%%diffuse`` cell is, and what has no field of its own stands under
"More options" as on the cell's first line. So the panel can ask for whatever a cell can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import SystemRandom
from typing import Any

import ipywidgets as ipw

from sdnb import axes, cell, models, schedulers, settings, templates
from sdnb.errors import RequestError, SdnbError
from sdnb.models import Capabilities
from sdnb.panel.bounds import checked
from sdnb.panel.choice import ModelChoice, SchedulerChoice
from sdnb.panel.field import Field
from sdnb.panel.more_options import MoreOptions
from sdnb.panel.words import Words
from sdnb.request import Request

__all__ = ["Form"]

_SEEDS = 2**32


class Form:
    """The settings that all tabs share.

    Parameters
    ----------
    words : Words
    on_change : callable
        Called after any field has changed.
    namespace : callable
        Gives the notebook's names, for ``$name`` under "More options".

    Attributes
    ----------
    fields : dict of str to Field
        By the names of `ImageSpec`, ``size`` for width and height, and ``options``.
    model, scheduler, options : Field
        Those of the fields that know more than their value.
    box : widget
    """

    def __init__(
        self, words: Words, on_change: Callable[[], None], namespace: Callable[[], Mapping[str, Any]] = dict
    ) -> None:
        self._words = words
        self._on_change = on_change
        self._quiet = False
        self._can: Capabilities | None = None
        defaults = settings.current()

        def text(kind: type, key: str, **more: Any) -> Any:
            return kind(description=words(key), continuous_update=True, **more)

        self._dice = ipw.Button(icon="random", tooltip=words("dice"))
        self._lock = ipw.ToggleButton(icon="unlock", tooltip=words("lock"))
        small = (self._dice, self._lock)
        for button in small:
            button.layout.width = "34px"
            button.add_class("sdnb-icon")
        self.model = ModelChoice(words, defaults.model)
        self.scheduler = SchedulerChoice(words)
        self.fields: dict[str, Field] = {
            "prompt": Field(
                text(ipw.Textarea, "prompt", rows=3, placeholder=words("prompt_hint")), kind="full"
            ),
            "negative_prompt": Field(
                text(ipw.Textarea, "negative", rows=3, value=defaults.negative), kind="wide"
            ),
            "model": self.model,
            "scheduler": self.scheduler,
            "num_inference_steps": Field(text(ipw.IntText, "steps")),
            "guidance_scale": Field(text(ipw.FloatText, "guidance", step=0.5)),
            "size": Field(ipw.Combobox(description=words("size"), ensure_option=False)),
            "seed": Field(text(ipw.Text, "seed", value=str(defaults.seed)), *small),
        }
        self.options = MoreOptions(words, (*self.fields, "count"), namespace)
        self.fields["options"] = self.options
        top = [self.fields[name].box for name in ("prompt", "negative_prompt")]
        rest = [field.box for name, field in self.fields.items() if name not in ("prompt", "negative_prompt")]
        rows = [ipw.Box(top), ipw.Box(rest)]
        for row in rows:
            row.add_class("sdnb-row")
        self.box = ipw.VBox(rows)
        self._fit()
        for name, field in self.fields.items():
            field.control.observe(self._changed(name), "value")
        self.model.path.observe(self._changed("model"), "value")
        self._lock.observe(lambda _: self._show_lock(), "value")
        self._dice.on_click(lambda _: self.roll(lock=True))

    @property
    def locked(self) -> bool:
        """Whether the seed stays: it was typed, taken over, or the lock was pressed."""
        return bool(self._lock.value)

    def roll(self, *, lock: bool = False) -> None:
        """Draw another seed by chance, and lock it or leave it to be drawn anew for the next run."""
        with self._together():
            self.fields["seed"].value = str(SystemRandom().randrange(_SEEDS))
            self._lock.value = lock

    def read(
        self, swept: Mapping[str, Sequence[Any]], *, count: int = 1, pair: bool = False
    ) -> Request | None:
        """Return what the fields ask for, or None after telling beside each field what is wrong with it.

        Parameters
        ----------
        swept : mapping of str to sequence
            Axes by the names of settings, and ``prompt``; they take the place of the fields.
        count : int
            So many seeds, counted up from the field's.
        pair : bool
            Whether the swept axes are paired instead of multiplied.
        """
        values: dict[str, tuple[Any, ...]] = {}
        for name, field in self.fields.items():
            try:
                values[name] = () if name in swept else self._value(name)
            except SdnbError as error:
                field.tell(str(error))
            else:
                field.tell()
        if any(field.error for field in self.fields.values()):
            return None
        (asked,) = values.pop("options")
        prompts = tuple(swept.get("prompt", values.pop("prompt")))
        named = {name: tuple(listed) for name, listed in swept.items() if name != "prompt"}
        given = {**asked.settings, **values, **named}
        if count > 1 and "seed" not in swept:
            given["count"] = (count,)
        return Request(
            prompts=prompts,
            settings=given,
            zips=(*asked.zips, tuple(swept)) if pair and len(swept) > 1 else asked.zips,
            rows=asked.rows,
            cols=asked.cols,
            drawn=tuple(int(seed) for seed in named.get("seed", ()) if isinstance(seed, axes.Drawn)),
        )

    def fill(self, said: Mapping[str, Any]) -> list[str]:
        """Take over settings, such as `sdnb.infotext.from_png` gives them; return what could not be.

        What is not said stays as it is; the seed is locked.
        """
        left: list[str] = []
        said = {name: value for name, value in said.items() if name != "extras"}
        if "width" in said and "height" in said:
            said["size"] = (said.pop("width"), said.pop("height"))
        with self._together():
            if (model := said.pop("model", None)) is not None and not self.model.take(model):
                left.append(self._words("no_model", name=model, kept=self.model.text))
            if (name := said.pop("scheduler", None)) is not None and not self.scheduler.take(name):
                left.append(self._words("no_scheduler", name=name, kept=self.scheduler.value))
            self._fit()
            for name in ("num_inference_steps", "guidance_scale"):
                if name in said:
                    self.fields[name].value = said.pop(name)
            if "prompt" in said:
                self.fields["prompt"].value = cell.body([templates.escape(said.pop("prompt"))])
            for name in ("negative_prompt", "seed", "size"):
                if name in said:
                    value = said.pop(name)
                    self.fields[name].value = "" if value == "" else axes.label(name, value)
            self._lock.value = True
            left += self.options.write(said)
        return left

    def _value(self, name: str) -> tuple[Any, ...]:
        value = self.fields[name].value
        if name == "prompt":
            if not value.strip():
                raise RequestError(self._words("no_prompt"))
            return cell.read("", value, {}).request.prompts
        if name == "options":
            return (self.options.read(),)
        if name == "model":
            if not self.model.text:
                raise RequestError(self._words("no_path"))
            models.resolve(self.model.text)
            return (self.model.text,)
        if name == "seed" and "random" in value:
            raise RequestError(self._words("no_random"))
        return checked(name, axes.values(name, value))

    def _fit(self) -> None:
        """Follow the model: schedulers that fit it; its own defaults where the user left the old one's."""
        try:
            can = self.model.capabilities()
        except SdnbError:
            return  # it is told beside the field
        if can == self._can:
            return
        old = _defaults(self._can) if self._can is not None else {}
        self._can, new = can, _defaults(can)
        self.scheduler.offer(can, new["scheduler"], old.get("scheduler"))
        for name in ("num_inference_steps", "guidance_scale", "size"):
            if not old or self.fields[name].value == old[name]:
                self.fields[name].value = new[name]
        square = can.width
        sides = dict.fromkeys([new["size"], f"{square}x{square}", *_sizes(square)])
        self.fields["size"].control.options = tuple(sides)

    def _show_lock(self) -> None:
        self._lock.icon = "lock" if self._lock.value else "unlock"

    def _changed(self, name: str) -> Callable[[object], None]:
        def changed(_: object) -> None:
            if self._quiet:
                return
            with self._together():
                if name == "model":
                    self._fit()
                if name == "seed":
                    self._lock.value = True

        return changed

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Change several fields and tell of it once."""
        if self._quiet:
            yield
            return
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False
        self._on_change()


def _defaults(can: Capabilities) -> dict[str, Any]:
    ours = settings.current()
    size = ours.size if "x" in ours.size else f"{ours.size}x{ours.size}" if ours.size else ""
    return {
        "num_inference_steps": ours.steps or can.num_inference_steps,
        "guidance_scale": can.guidance_scale if ours.guidance is None else ours.guidance,
        "scheduler": schedulers.parse(ours.scheduler).name if ours.scheduler else can.scheduler,
        "size": size or f"{can.width}x{can.height}",
    }


def _sizes(side: int) -> list[str]:
    """Offer the shapes of 3:2 and 4:3 of about the model's own area."""
    pairs = [(side * 3 // 2, side), (side, side * 3 // 2), (side * 4 // 3, side), (side, side * 4 // 3)]
    return [f"{width // 8 * 8}x{height // 8 * 8}" for width, height in pairs]
