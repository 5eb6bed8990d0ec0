"""`CompareTab`: schedulers ticked, budgets typed, and the lab's comparison of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import ipywidgets as ipw

from sdnb import api, axes, cell, compare, extras, schedulers
from sdnb.budget import EQUAL
from sdnb.comparison import Comparison, Plan
from sdnb.errors import SdnbError
from sdnb.panel.bounds import checked
from sdnb.panel.field import Field
from sdnb.panel.form import Form
from sdnb.panel.job import Job
from sdnb.panel.words import Words
from sdnb.results import Results

__all__ = ["CompareTab"]

_SEEDS = 16


class CompareTab:
    """What is compared, and at what cost.

    Parameters
    ----------
    words : Words
    form : Form
        Where all else comes from.
    on_change : callable
        Called after anything has changed.
    """

    def __init__(self, words: Words, form: Form, on_change: Callable[[], None]) -> None:
        self._words = words
        self._form = form
        self._on_change = on_change
        self.ticks: dict[str, Any] = {}
        self._ticks = ipw.Box()
        self._ticks.add_class("sdnb-ticks")
        self._ticked = ipw.HTML()
        self._ticked.add_class("sdnb-error")
        self.budgets = Field(
            ipw.Text(
                value=", ".join(map(str, compare.BUDGETS)),
                description=words("budgets"),
                continuous_update=True,
            )
        )
        self.equal = Field(
            ipw.Dropdown(
                description=words("equal"), options=[(words(f"equal_{name}"), name) for name in EQUAL]
            )
        )
        self.count = Field(ipw.IntText(value=1, description=words("seeds"), continuous_update=True))
        self.reference = Field(
            ipw.IntText(value=compare.REFERENCE_STEPS, description=words("reference"), continuous_update=True)
        )
        fields = (self.budgets, self.equal, self.count, self.reference)
        for field in fields:
            field.control.observe(self._changed, "value")
        title = ipw.HTML(f"<span>{words('ticks')}</span>")
        title.add_class("sdnb-hint")
        row = ipw.Box([field.box for field in fields])
        row.add_class("sdnb-row")
        self.box = ipw.VBox([title, self._ticks, self._ticked, row])
        self.box.add_class("sdnb-axes")
        self.follow()

    def follow(self) -> None:
        """Offer the schedulers that fit the form's model; those that were ticked stay so."""
        on = {name for name, tick in self.ticks.items() if tick.value} or set(compare.SCHEDULERS)
        names = [name for name in self._form.scheduler.names if _offered(name)]
        if names == list(self.ticks):
            return
        self.ticks = {}
        for name in names:
            tick = ipw.Checkbox(value=name in on, description=name, indent=False)
            tick.layout.width = "auto"
            tick.observe(self._changed, "value")
            self.ticks[name] = tick
        self._ticks.children = tuple(self.ticks.values())

    def job(self) -> Job | None:
        """Return what to draw, or None after telling what is wrong."""
        self.follow()
        chosen = tuple(name for name, tick in self.ticks.items() if tick.value)
        self._ticked.value = "" if chosen else f'<span role="alert">{self._words("no_ticks")}</span>'
        count = self.count.value
        self.count.tell("" if 1 <= count <= _SEEDS else self._words("bad_count", most=_SEEDS))
        budgets: tuple[Any, ...] = ()
        try:
            budgets = checked("num_inference_steps", axes.read("steps", self.budgets.value))
            self.budgets.tell()
        except SdnbError as error:
            self.budgets.tell(str(error))
        except ValueError:
            self.budgets.tell(self._words("no_values"))
        asked = self._form.read(
            {"scheduler": chosen, "num_inference_steps": budgets}, count=count if not self.count.error else 1
        )
        if asked is None or not chosen or self.count.error or self.budgets.error:
            return None
        equal = self.equal.value
        steps = self.reference.value
        plan = compare.plan(asked, equal=equal, reference_steps=steps, limit=self._form.options.limit)
        words = "--compare"
        words += f" --equal {equal}" if equal != EQUAL[0] else ""
        words += f" --reference {steps}" if steps != compare.REFERENCE_STEPS else ""
        text = cell.write(asked).replace("%%diffuse", f"%%diffuse {words}", 1)
        return Job(plan.sweep, text, api.How(latents=True), partial(_html, plan))

    def _changed(self, _: object) -> None:
        self._on_change()


def _offered(name: str) -> bool:
    """Whether a scheduler has a tick: the plain ones and Karras, with what they need installed."""
    scheduler = schedulers.parse(name)
    if scheduler.sigmas not in ("", "karras"):
        return False
    return not scheduler.kind.needs or extras.installed(scheduler.kind.needs)


def _html(plan: Plan, results: Results) -> str:
    return Comparison(plan, results)._repr_mimebundle_()["text/html"]
