"""`Panel`: the form, its tabs, the run and the pictures put together.

The panel displays itself as two outputs: the widgets, and a static grid of its last pictures. The grid
is what a saved notebook shows where there is no kernel; the live widgets hide it. It is a display of its
own because an update of the widgets' display would draw them anew, and take the focus from the field
in which somebody types.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from html import escape
from itertools import count
from pathlib import Path
from time import sleep
from typing import Any
from uuid import uuid4

import ipywidgets as ipw

from sdnb import api, infotext, runner
from sdnb.errors import SdnbError
from sdnb.panel.cell_text import CellText
from sdnb.panel.compare import CompareTab
from sdnb.panel.create import Create
from sdnb.panel.field import line
from sdnb.panel.form import Form
from sdnb.panel.gallery import Gallery
from sdnb.panel.history import History
from sdnb.panel.job import Job
from sdnb.panel.run import Running, background, labels
from sdnb.panel.sweep import SweepTab
from sdnb.panel.words import Words
from sdnb.picture import Picture
from sdnb.progress import duration
from sdnb.results import Results
from sdnb.sweep import Sweep

__all__ = ["Panel"]

VARIED = 4
_PAUSE_SECONDS = 0.15
_CSS = (Path(__file__).parent / "panel.css").read_text(encoding="utf-8")
_VIEW = "application/vnd.jupyter.widget-view+json"
# Panels by the cell that shows them: run again, it shows another one, and nobody could stop the old.
_shown: dict[str, tuple[str, Panel]] = {}


class Panel:
    """Everything that a cell does, with the mouse; what ``%sdnb panel`` shows.

    Several panels may work side by side. Each draws in the background, so that other cells run meanwhile.

    Parameters
    ----------
    lang : str, optional
        ``en`` or ``es``; the locale's unless told.

    Attributes
    ----------
    results : Results or None
        What the panel drew last.
    """

    def __init__(self, lang: str | None = None) -> None:
        self._words = words = Words(lang)
        self._id = uuid4().hex[:12]
        self._numbers = count()
        self._newest = -1
        self._saved: Any = None
        self._job: Job | None = None
        self._drawing: Job | None = None
        self._closed = False
        self.results: Results | None = None
        self._colab()

        self.form = Form(words, self._changed, _namespace)
        self.create = Create(words, self.form, self._changed, self._guarded(self._take_file))
        self.sweep = SweepTab(words, self.form, self._changed)
        self.compare = CompareTab(words, self.form, self._changed)
        self.gallery = Gallery(words.lang)
        self.history = History(words.lang)
        self.running = Running(words, self.gallery.add, self._ended)
        self.cell = CellText(words)
        for pictures in (self.gallery, self.history):
            pictures.on_action(self._guarded(self._act))
        self.gallery.on_file(self._guarded(self._take_file))

        names = ("create", "sweep", "compare", "history")
        self.tabs = ipw.ToggleButtons(
            options=[(words(name), name) for name in names],
            tooltips=[words(f"{name}_hint") for name in names],
        )
        self.tabs.style.button_width = "auto"
        self.tabs.add_class("sdnb-tabs")
        self.generate = self._button("generate", self._generate, "play", style="primary")
        self.stop = self._button("stop", self.running.stop, "stop")
        self.stop.disabled = True
        self.estimate = ipw.HTML()
        self.estimate.add_class("sdnb-hint")
        self.message = ipw.HTML()
        self.message.add_class("sdnb-message")
        close = self._button("close", self.close, "times")
        close.add_class("sdnb-icon")
        close.description, close.layout.width = "", "34px"
        self._pages = {
            "create": self.create.box, "sweep": self.sweep.box, "compare": self.compare.box,
            "history": self.history,
        }  # fmt: skip
        self.view = ipw.ToggleButtons(
            options=[(words(f"view_{name}"), name) for name in ("pictures", "grid")],
            tooltips=[words("view_hint")] * 2,
        )
        self.view.style.button_width = "auto"
        self.view.add_class("sdnb-tabs")
        self.view.layout.display = "none"
        self.grid = ipw.HTML()
        self.grid.add_class("sdnb-result")
        self.view.observe(self._guarded(lambda _: self._look()), "value")
        actions = ipw.Box([self.generate, self.stop, self.cell.button, self.cell.shown, self.estimate])
        actions.add_class("sdnb-actions")
        head = ipw.Box([self.tabs, close])
        head.add_class("sdnb-head")
        self._work = ipw.VBox(
            [actions, self.cell.box, self.running.box, self.message, self.view, self.grid, self.gallery]
        )
        self.box = ipw.VBox([self._style(), self.form.box, head, *self._pages.values(), self._work])
        self.box.add_class("sdnb-panel")
        self.tabs.observe(self._guarded(lambda _: self._turn()), "value")
        self._turn()

    def close(self) -> None:
        """Stop what is being drawn and take the panel away."""
        if self._closed:
            return
        self._closed = True
        self.running.stop()
        self.box.close()
        for where, (_, panel) in list(_shown.items()):
            if panel is self:
                del _shown[where]
        self._save()

    def __repr__(self) -> str:
        return "sdnb panel"

    def _ipython_display_(self) -> None:
        from IPython.display import display

        self._replace_older()
        told = self._words("needs_kernel")
        data = {
            "text/plain": f"{self!r}: {told}",
            "text/html": f"<p>{escape(told)}</p>",
            _VIEW: {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id},
        }
        display(data, raw=True)  # type: ignore[no-untyped-call]
        saved = self._static()
        if self._saved is None:
            self._saved = display(saved, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            display(saved, raw=True, display_id=self._saved.display_id)  # type: ignore[no-untyped-call]

    def _replace_older(self) -> None:
        """Close the panel that an earlier run of the same cell has shown."""
        from IPython import get_ipython

        shell = get_ipython()
        parent: Mapping[str, Any] = getattr(shell, "get_parent", dict)()
        where = parent.get("metadata", {}).get("cellId", "")
        run = parent.get("header", {}).get("msg_id", "")
        if not where:
            return
        before, old = _shown.get(where, ("", None))
        if old is not None and old is not self and before != run:
            old.close()
        _shown[where] = (run, self)

    def _static(self) -> dict[str, str]:
        """Return the pictures as a bundle that needs no kernel, hidden while the widgets live."""
        mark = f'data-sdnb-panel="{self._id}"'
        widgets = f".jp-OutputArea-child:has(+ .jp-OutputArea-child [{mark}]):not(:has(.sdnb-panel))"
        opening = '<div class="sdnb">'
        hidden = f"<span {mark}></span><style>{widgets}{{display:none}}</style>"
        shown = (self.grid.value or self.gallery.html()).replace(opening, opening + hidden, 1)
        return {"text/plain": f"{self!r}: {len(self.gallery.pictures)} pictures", "text/html": shown}

    def _save(self) -> None:
        if self._saved is not None:
            self._saved.update(self._static(), raw=True)

    def _style(self) -> Any:
        mark = f'[data-sdnb-panel="{self._id}"]'
        lost = escape(self._words("lost"), quote=False)
        style = ipw.HTML(
            f"<style>{_CSS}\n.jp-OutputArea-child:has({mark}),.sdnb:has({mark}){{display:none}}\n"
            f'.sdnb-panel.jupyter-widgets-disconnected::after{{content:"{lost}"}}</style>'
        )
        style.layout.display = "none"
        return style

    def _button(self, key: str, work: Callable[[], object], icon: str, style: str = "") -> Any:
        button = ipw.Button(description=self._words(key), icon=icon, button_style=style)
        button.tooltip = self._words(key)
        button.layout.width = "auto"
        button.on_click(self._guarded(lambda _: work()))
        return button

    def _guarded(self, work: Callable[..., object]) -> Callable[..., None]:
        """Make a callback whose errors are shown, for nobody sees those of widgets."""

        def called(*args: Any) -> None:
            try:
                work(*args)
            except SdnbError as error:
                self._tell(str(error), wrong=True)
            except Exception as error:
                self._tell(f"{type(error).__name__}: {error}", wrong=True)

        return called

    def _tell(self, text: str = "", *, wrong: bool = False) -> None:
        (self.message.add_class if wrong else self.message.remove_class)("sdnb-error")
        self.message.value = "<br>".join(map(line, text.splitlines()))

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
        if not hasattr(self, "grid"):
            return
        self._newest = next(self._numbers)
        self._job = None
        self.estimate.value = ""
        try:
            self._job = self._plan()
        except SdnbError as error:
            self._tell(str(error), wrong=True)
        else:
            self._tell("\n".join(self._job.sweep.notes) if self._job is not None else "")
        self.cell.show(self._job.cell if self._job is not None else "")
        if (job := self._job) is not None:
            number = self._newest
            self.estimate.value = self._count(len(job.sweep.specs))
            background(self._guarded(lambda: self._weigh(job.sweep, number)))

    def _weigh(self, planned: Sweep, number: int) -> None:
        """Tell what a sweep would cost, unless something else is asked for meanwhile."""
        sleep(_PAUSE_SECONDS)
        if number != self._newest:
            return
        cost = runner.estimate(planned, api.engine_for(), api.store_for())
        said = [self._count(cost.places)]
        if cost.stored:
            said.append(self._words("stored", count=cost.stored))
        if cost.seconds is None:
            said.append(self._words("evaluations", count=cost.evaluations))
        elif cost.evaluations:
            said.append(self._words("about", time=duration(max(cost.seconds, 1))))
        if number == self._newest:
            self.estimate.value = " · ".join(said)

    def _count(self, number: int) -> str:
        return self._words("picture") if number == 1 else self._words("pictures", count=number)

    def _generate(self) -> None:
        if self.running.busy:
            return
        if self.tabs.value == "create" and not self.form.locked:
            self.form.roll()
        self._changed()
        if (job := self._job) is None:
            if not self.message.value:
                self._tell(self._words("mend"), wrong=True)
            return
        self._drawing = job
        self.gallery.clear()
        self.grid.value = ""
        self._look()
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
                self._tell(said, wrong=True)
                if results is not None:
                    self._show(results, whole=not said)
                self._save()
        finally:
            self.generate.disabled, self.stop.disabled = False, True
        if self._job is not None:
            self._weigh(self._job.sweep, self._newest)

    def _show(self, results: Results, *, whole: bool) -> None:
        self.results = results
        self.gallery.show([*results], labels(results.axes))
        if whole and self._drawing is not None and self._drawing.show is not None:
            self.grid.value = self._drawing.show(results)
            self.view.value = "grid"
        self._look()

    def _look(self) -> None:
        """Show the pictures one by one or, where there is one, their grid."""
        grid = bool(self.grid.value)
        self.view.layout.display = "" if grid else "none"
        self.grid.layout.display = "" if grid and self.view.value == "grid" else "none"
        self.gallery.layout.display = "none" if grid and self.view.value == "grid" else ""

    def _take_file(self, data: bytes, name: str) -> None:
        """Fill the form from the metadata of a picture, and show it."""
        said = infotext.from_png(data)
        if self.tabs.value == "history":
            self.tabs.value = "create"
        left = self.form.fill(said)
        self._tell("\n".join([self._words("taken", name=name), *left]))

    def _act(self, action: str, picture: Picture) -> None:
        if action not in ("use", "vary"):
            return
        spec = picture.spec
        if action == "vary":
            spec = replace(spec, seed=spec.seed + 1)
        self.tabs.value = "create"
        self.create.count.value = VARIED if action == "vary" else 1
        left = self.form.fill(asdict(spec))
        self._tell("\n".join(left))
        if action == "vary" and not left:
            self._generate()

    def _colab(self) -> None:
        if "google.colab" in sys.modules:
            from google.colab import output

            output.enable_custom_widget_manager()


def _namespace() -> Mapping[str, Any]:
    from IPython import get_ipython

    shell = get_ipython()
    return shell.user_ns if shell is not None else {}
