"""`Panel`: the form, its tabs, the run and the pictures put together."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import ipywidgets as ipw

from sdnb import infotext
from sdnb.errors import SdnbError
from sdnb.panel.cell_text import CellText
from sdnb.panel.compare import CompareTab
from sdnb.panel.create import Create
from sdnb.panel.display import NAME, Display
from sdnb.panel.estimate import Estimate
from sdnb.panel.form import Form
from sdnb.panel.history import History
from sdnb.panel.job import Job
from sdnb.panel.message import Message
from sdnb.panel.run import Running
from sdnb.panel.sweep import SweepTab
from sdnb.panel.views import Views
from sdnb.panel.words import Words
from sdnb.picture import Picture
from sdnb.results import Results

__all__ = ["Panel"]

VARIED = 4


class Panel:
    """Everything that a cell does, with the mouse; what ``%sdnb panel`` shows.

    Several panels may work side by side. Each draws in the background, so that other cells run meanwhile.

    Parameters
    ----------
    lang : str, optional
        ``en`` or ``es``; the locale's unless told.
    """

    def __init__(self, lang: str | None = None) -> None:
        self._words = words = Words(lang)
        self._job: Job | None = None
        self._grid: Callable[[Results], str] | None = None
        self._made = self._closed = False
        _use_colab()

        self.message = Message()
        guarded = self.message.guarded
        self.form = Form(words, self._changed, _namespace)
        self.create = Create(words, self.form, self._changed, guarded(self._take_file))
        self.sweep = SweepTab(words, self.form, self._changed)
        self.compare = CompareTab(words, self.form, self._changed)
        self.history = History(words)
        self.views = Views(words, self.message)
        self.running = Running(words, self.views.gallery.add, self._ended)
        self.cell = CellText(words)
        self.estimate = Estimate(words, self.message)
        self.display = Display(words, self.views, self.close)
        for gallery in (self.views.gallery, self.history.gallery):
            gallery.on_action(guarded(self._act))
        self.views.gallery.on_file(guarded(self._take_file))

        self._pages = {
            "create": self.create.box, "sweep": self.sweep.box, "compare": self.compare.box,
            "history": self.history,
        }  # fmt: skip
        self.tabs = ipw.ToggleButtons(
            options=[(words(name), name) for name in self._pages],
            tooltips=[words(f"{name}_hint") for name in self._pages],
        )
        self.tabs.style.button_width = "auto"
        self.tabs.add_class("sdnb-tabs")
        self.tabs.observe(guarded(lambda _: self._turn()), "value")
        self.generate = self._button("generate", self._generate, "play", style="primary")
        self.stop = self._button("stop", self.running.stop, "stop")
        self.stop.disabled = True
        close = self._button("close", self.close, "times")
        close.add_class("sdnb-icon")
        close.description, close.layout.width = "", "34px"
        actions = ipw.Box([self.generate, self.stop, self.cell.button, self.cell.shown, self.estimate.box])
        actions.add_class("sdnb-actions")
        head = ipw.Box([self.tabs, close])
        head.add_class("sdnb-head")
        told = [self.cell.box, self.running.box, self.message.box]
        self._work = ipw.VBox([actions, *told, self.views.choice, self.views.grid, self.views.gallery])
        self.box = ipw.VBox([self.display.style, self.form.box, head, *self._pages.values(), self._work])
        for name in ("sdnb-panel", f"sdnb-{words.lang}"):
            self.box.add_class(name)
        self._made = True
        self._turn()

    @property
    def results(self) -> Results | None:
        """What the panel drew last."""
        return self.views.results

    def close(self) -> None:
        """Stop what is being drawn and take the panel away."""
        if self._closed:
            return
        self._closed = True
        self.running.stop()
        self.box.close()
        self.display.forget()
        self.display.save()

    def __repr__(self) -> str:
        return NAME

    def _ipython_display_(self) -> None:
        self.display.show(self.box)

    def _button(self, key: str, work: Callable[[], object], icon: str, style: str = "") -> Any:
        button = ipw.Button(description=self._words(key), icon=icon, button_style=style)
        button.tooltip = self._words(key)
        button.layout.width = "auto"
        button.on_click(self.message.guarded(lambda _: work()))
        return button

    def _turn(self) -> None:
        """Show the tab that was chosen."""
        chosen = self.tabs.value
        for name, page in self._pages.items():
            page.layout.display = "" if name == chosen else "none"
        self._work.layout.display = self.form.box.layout.display = "none" if chosen == "history" else ""
        if chosen == "history":
            self.history.refresh()
        else:
            self._changed()

    def _plan(self) -> Job | None:
        """Plan what the open tab asks for, or tell what is wrong and return None."""
        if self.tabs.value == "sweep":
            return self.sweep.job()
        return self.compare.job() if self.tabs.value == "compare" else self.create.job()

    def _changed(self) -> None:
        """Follow the fields: their mistakes, the cell, the number of pictures, what they would cost."""
        if not self._made:
            return
        self._job = None
        self.estimate.follow(None)
        try:
            self._job = self._plan()
        except SdnbError as error:
            self.message.tell(str(error), wrong=True)
        else:
            self.message.tell("\n".join(self._job.sweep.notes) if self._job is not None else "")
        self.cell.show(self._job.cell if self._job is not None else "")
        if self._job is not None:
            self.estimate.follow(self._job.sweep)

    def _generate(self) -> None:
        if self.running.busy:
            return
        if self.tabs.value == "create" and not self.form.locked:
            self.form.roll()
        self._changed()
        if (job := self._job) is None:
            if self.message.empty:
                self.message.tell(self._words("mend"), wrong=True)
            return
        self._grid = job.show
        self.views.clear()
        self.generate.disabled, self.stop.disabled = True, False
        try:
            self.running.start(job.sweep, job.how)
        except BaseException:
            self.generate.disabled, self.stop.disabled = False, True
            raise

    def _ended(self, results: Results | None, said: str) -> None:
        """Take what a run came to; called in the background."""
        try:
            if not self._closed:
                self.message.tell(said, wrong=True)
                if results is not None:
                    self.views.show(results, self._grid if not said else None)
                self.display.save()
        finally:
            self.generate.disabled, self.stop.disabled = False, True
        self.estimate.refresh()

    def _take_file(self, data: bytes, name: str) -> None:
        """Fill the form from the metadata of a picture, and show it."""
        said = infotext.from_png(data)
        if self.tabs.value == "history":
            self.tabs.value = "create"
        left = self.form.fill(said)
        self.message.tell("\n".join([self._words("taken", name=name), *left]))

    def _act(self, action: str, picture: Picture) -> None:
        """Do what a picture's button asks for."""
        if action not in ("use", "vary"):
            return
        spec = picture.spec
        if action == "vary":
            spec = replace(spec, seed=spec.seed + 1)
        self.tabs.value = "create"
        self.create.count.value = VARIED if action == "vary" else 1
        left = self.form.fill(asdict(spec))
        self.message.tell("\n".join(left))
        if action == "vary" and not left:
            self._generate()


def _use_colab() -> None:
    """Ask Colab for what it needs to show other widgets than its own."""
    if "google.colab" in sys.modules:
        from google.colab import output

        output.enable_custom_widget_manager()


def _namespace() -> Mapping[str, Any]:
    from IPython import get_ipython

    shell = get_ipython()
    return shell.user_ns if shell is not None else {}
