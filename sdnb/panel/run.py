"""`Running`: the run of one panel, followed in the background: progress, previews, Stop, pictures."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Sequence
from html import escape
from itertools import product
from threading import Thread

import ipywidgets as ipw

from sdnb import api, layout
from sdnb.errors import SdnbError, Stopped
from sdnb.panel.words import Words
from sdnb.picture import Picture
from sdnb.progress import Tally, duration
from sdnb.results import Results
from sdnb.run import Finished, Run
from sdnb.sweep import Axis, Sweep

__all__ = ["Running", "background", "labels"]


def background(work: Callable[[], None]) -> Thread:
    """Start work in a thread that may set the traits of widgets.

    A thread without the context of the cell or the click that starts it cannot do so on every ipykernel.
    """
    thread = Thread(target=contextvars.copy_context().run, args=(work,), daemon=True, name="sdnb-panel")
    thread.start()
    return thread


def labels(axes: Sequence[Axis]) -> list[str]:
    """Return a label for each picture of a sweep: where it stands on the axes."""
    places = product(*(range(len(axis)) for axis in axes))
    return [" · ".join(layout.heading(axis, i) for axis, i in zip(axes, at, strict=True)) for at in places]


class Running:
    """At most one run at a time.

    Parameters
    ----------
    words : Words
    on_picture : callable
        Is given each finished picture and its label, in the background.
    on_end : callable
        Is given the results (None if there are none) and what went wrong (empty if nothing), in the
        background, when the run is over and the next may begin.

    Attributes
    ----------
    box : widget
        Progress and previews.
    busy : bool
        Whether a run goes on.
    """

    def __init__(
        self,
        words: Words,
        on_picture: Callable[[Picture, str], None],
        on_end: Callable[[Results | None, str], None],
    ) -> None:
        self._words = words
        self._on_picture = on_picture
        self._on_end = on_end
        self._run: Run | None = None
        self.busy = False
        self.bar = ipw.FloatProgress(min=0.0, max=1.0)
        self.bar.layout.width = "auto"
        self.text = ipw.HTML()
        self.previews = ipw.HTML()
        self.bar.add_class("sdnb-bar")
        self.text.add_class("sdnb-status")
        self.previews.add_class("sdnb-previews")
        self.box = ipw.VBox([self.bar, self.text, self.previews])
        self.box.layout.display = "none"

    def start(self, planned: Sweep, how: api.How) -> Thread:
        """Draw a sweep; return the thread that follows it."""
        self.busy = True
        tally = Tally(len(planned.specs))
        self._show(tally)
        self.box.layout.display = ""
        try:
            self._run = run = api.begin(planned, how, due=lambda: tally.due)
        except BaseException:
            self.busy = False
            self.box.layout.display = "none"
            raise
        return background(lambda: self._follow(run, tally))

    def stop(self) -> None:
        """End the run within one step."""
        if self._run is not None:
            self._run.stop()

    def _follow(self, run: Run, tally: Tally) -> None:
        results: Results | None = None
        said: list[str] = []
        try:
            self._feed(run, tally)
            results = api.finish(run, tell=said.append)
        except Stopped as error:
            results = error.results
            said.append(self._words("stopped", drawn=run.drawn, count=len(run.pictures)))
        except SdnbError as error:
            results = error.results
            said.append(str(error))
        except Exception as error:  # nobody sees the errors of a thread
            said.append(f"{type(error).__name__}: {error}")
        finally:
            run.stop()
            self._run = None
            self.busy = False
            self.box.layout.display = "none"
            self.previews.value = ""
        self._on_end(results, "\n".join(said))

    def _feed(self, run: Run, tally: Tally) -> None:
        """Show what happens as it happens."""
        said = labels(run.planned.axes)
        for event in run:
            new = tally.take(event)
            if isinstance(event, Finished):
                self._on_picture(event.picture, said[event.place])
            if new or isinstance(event, Finished):
                self._show(tally)

    def _show(self, tally: Tally) -> None:
        parts = [self._words("finished", count=tally.finished, total=tally.pictures)]
        if tally.done:
            parts.append(self._words("step", count=tally.done, total=tally.total))
        if (left := tally.left()) is not None:
            parts.append(self._words("left", time=duration(left)))
        if tally.note:
            known = {"another run": "another_run", "the model to load": "the_model"}
            note = self._words(known[tally.note]) if tally.note in known else tally.note
            parts.append(self._words("waits", note=note))
        self.bar.value = tally.part
        self.text.value = f'<span role="status">{escape(" · ".join(parts))}</span>'
        images = "".join(f'<img src="{url}" alt="{self._words("preview")}">' for url in tally.previews)
        if images != self.previews.value:
            self.previews.value = images
