"""`SweepTab`: one to three settings as axes, their values typed as in a cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as ipw

from sdnb import axes
from sdnb.errors import SdnbError
from sdnb.option_line import split
from sdnb.panel.bounds import checked
from sdnb.panel.field import Field
from sdnb.panel.form import Form
from sdnb.panel.job import Job, planned
from sdnb.panel.words import TABLE, Words

__all__ = ["SweepTab"]

ROWS = 3
_NONE = ""
# What the first row offers when it is opened, so that the tab shows at once what it is for.
_FIRST = ("num_inference_steps", "4, 8, 16")


class SweepTab:
    """Rows of an axis and its values.

    Parameters
    ----------
    words : Words
    form : Form
        Where all that is no axis comes from.
    on_change : callable
        Called after anything has changed.
    """

    def __init__(self, words: Words, form: Form, on_change: Callable[[], None]) -> None:
        self._words = words
        self._form = form
        options = [(words("no_axis"), _NONE), (words("axis_prompt"), "prompt")]
        for name, setting in axes.SETTINGS.items():
            own = f"axis_{name}"
            options.append((words(own) if own in TABLE else setting.option, name))
        self.rows = [_Row(words, number, options, on_change) for number in range(1, ROWS + 1)]
        self.rows[0].choose(*_FIRST)
        self.pair = ipw.Checkbox(description=words("pair"), indent=False)
        self.pair.layout.width = "auto"
        self.pair.observe(lambda _: on_change(), "value")
        grammar = ipw.HTML(f"<span>{words('grammar')}</span>")
        grammar.add_class("sdnb-hint")
        self.box = ipw.VBox([*(row.box for row in self.rows), self.pair, grammar])
        self.box.add_class("sdnb-axes")

    def job(self) -> Job | None:
        """Return what to draw, or None after telling what is wrong."""
        swept: dict[str, tuple[Any, ...]] = {}
        good = True
        for row in self.rows:
            name = row.name.value
            twice = name in swept
            values = None if twice else row.read()
            if twice:
                row.values.tell(self._words("twice"))
            if values is None:
                good = False
            elif name:
                swept[name] = values
        if good and not swept:
            self.rows[0].values.tell(self._words("no_axes"))
            good = False
        asked = self._form.read(swept, pair=self.pair.value)
        return planned(asked, self._form.options.limit) if good and asked is not None else None


class _Row:
    """One axis: what it is, its values, what is wrong with them."""

    def __init__(
        self, words: Words, number: int, options: list[tuple[str, str]], on_change: Callable[[], None]
    ) -> None:
        self._words = words
        self._was: tuple[str, str] = ("", "")
        self._found: tuple[Any, ...] = ()
        self.name = ipw.Dropdown(description=words("axis", number=number), options=options)
        name = Field(self.name)
        self.values = Field(ipw.Text(description=words("values"), continuous_update=True), kind="wide")
        self.values.box.layout.display = "none"
        self.box = ipw.Box([name.box, self.values.box])
        self.box.add_class("sdnb-row")
        self.name.observe(self._named, "value")
        self.name.observe(lambda _: on_change(), "value")
        self.values.control.observe(lambda _: on_change(), "value")

    def choose(self, name: str, values: str) -> None:
        """Set both."""
        self.name.value = name
        self.values.value = values

    def read(self) -> tuple[Any, ...] | None:
        """Return the values, none for a row that is not used, or None after telling what is wrong."""
        name, text = self.name.value, self.values.value
        if not name:
            self.values.tell()
            return ()
        try:
            if not text.strip():
                raise ValueError
            if self._was != (name, text):  # seeds by chance are drawn once for what was typed
                self._found = _values(name, text)
                self._was = (name, text)
        except SdnbError as error:
            self.values.tell(str(error))
            return None
        except ValueError:
            self.values.tell(self._words("no_values"))
            return None
        self.values.tell()
        return self._found

    def _named(self, _: object) -> None:
        name = self.name.value
        self.values.box.layout.display = "" if name else "none"
        example = axes.SETTINGS[name].example if name in axes.SETTINGS else 'a fox, "a cat, asleep"'
        self.values.control.placeholder = example if name else ""


def _values(name: str, text: str) -> tuple[Any, ...]:
    if name == "prompt":
        return tuple(element.text for element in split(text))
    return checked(name, axes.read(name, text))
