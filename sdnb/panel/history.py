"""`History`: what the store keeps, searched and shown a page at a time; nothing is drawn again.

Paging goes on among the pictures that were there when the first page was shown: what other kernels draw
meanwhile comes into view on the first page and never moves what is on the others.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import ipywidgets

from sdnb import api
from sdnb.errors import RequestError, SdnbError
from sdnb.panel.field import Field
from sdnb.panel.gallery import Gallery
from sdnb.panel.words import Words
from sdnb.picture import Picture
from sdnb.search import Wanted

__all__ = ["History"]

_TICK = timedelta(milliseconds=1)
_DAY = timedelta(days=1)


class History(ipywidgets.VBox):  # type: ignore[misc]
    """Everything in the store, the latest first; it looks when `refresh` is called.

    Parameters
    ----------
    words : Words
    page : int
        Most pictures at a time.

    Attributes
    ----------
    gallery : Gallery
        The page that is shown.
    """

    def __init__(self, words: Words, page: int = 24) -> None:
        say = self._say = words
        self._size = page
        self._at = 0
        self._newest: datetime | None = None
        self._lock = threading.RLock()
        self._busy = False
        self.gallery = Gallery(words)
        self._text = ipywidgets.Text(
            description=say("history_search"), placeholder=say("history_words"), continuous_update=False
        )
        self._model = ipywidgets.Dropdown(
            description=say("history_model"), options=[(say("history_any"), "")]
        )
        self._from = ipywidgets.DatePicker(description=say("history_from"))
        self._to = ipywidgets.DatePicker(description=say("history_to"))
        self._pinned = ipywidgets.Checkbox(
            description=say("history_pinned"), indent=False, layout={"width": "auto"}
        )
        self._newer = ipywidgets.Button(description=say("history_newer"), layout={"width": "auto"})
        self._older = ipywidgets.Button(description=say("history_older"), layout={"width": "auto"})
        self._place = ipywidgets.Label()
        for control in (self._text, self._model, self._from, self._to, self._pinned):
            control.observe(self._changed, "value")
        self._newer.on_click(lambda _: self._turn(-1))
        self._older.on_click(lambda _: self._turn(1))
        kinds = {self._text: "full", self._model: "narrow", self._from: "short", self._to: "short"}
        fields = ipywidgets.Box([Field(control, kind=kind).box for control, kind in kinds.items()])
        fields.add_class("sdnb-row")
        wraps = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "2px 12px"}
        pages = ipywidgets.HBox([self._newer, self._place, self._older, self._pinned], layout=wraps)
        super().__init__([fields, pages, self.gallery])
        self._fill([], 0)

    def refresh(self) -> None:
        """Look into the store anew and show the first page of what is searched for."""
        with self._lock:
            self._at = 0
            self._look()

    def _changed(self, _: object) -> None:
        if not self._busy:
            self.refresh()

    def _turn(self, by: int) -> None:
        with self._lock:
            self._at = max(0, self._at + by)
            self._look()

    def _wanted(self) -> Wanted:
        ends = [self._to.value + _DAY] if self._to.value else []
        before = datetime.combine(ends[0], datetime.min.time()) if ends else None
        if self._at and self._newest:
            before = min(filter(None, (before, self._newest)))
        return Wanted(
            text=self._text.value,
            model=self._model.value,
            after=self._from.value,
            before=before,
            pinned=self._pinned.value,
        )

    def _look(self) -> None:
        """Show the page that is at; what the store says against it is shown instead."""
        self.gallery.notice = ""
        try:
            store = api.store_for()
            self._offer(store.models())
            wanted = self._wanted()
            found = store.count(wanted)
            self._at = min(self._at, max(0, (found - 1) // self._size))
            entries = store.search(wanted, offset=self._at * self._size, limit=self._size)
        except SdnbError as error:
            self.gallery.clear()
            self.gallery.notice = str(error)
            return
        if self._at == 0:
            self._newest = datetime.fromtimestamp(entries[0].created) + _TICK if entries else None
        shown: list[tuple[Picture, str]] = []
        for entry in entries:
            try:
                picture = store.picture(entry)
            except RequestError:
                self.gallery.notice = self._say("history_unread")
                continue
            shown.append((picture, f"{datetime.fromtimestamp(entry.created):%Y-%m-%d %H:%M}"))
        self._fill(shown, found)

    def _offer(self, models: list[str]) -> None:
        """Let the models of the store be chosen, keeping what is chosen as long as it is there."""
        options = [(self._say("history_any"), ""), *((name, name) for name in models)]
        if list(self._model.options) == options:
            return
        chosen, self._busy = self._model.value, True
        try:
            self._model.options = options
            self._model.value = chosen if chosen in models else ""
        finally:
            self._busy = False

    def _fill(self, shown: list[tuple[Picture, str]], found: int) -> None:
        self.gallery.show([picture for picture, _ in shown], [label for _, label in shown])
        first = self._at * self._size
        said: dict[str, Any] = {"first": first + 1, "last": min(first + self._size, found), "count": found}
        self._place.value = self._say("history_place", **said) if found else self._say("history_none")
        self._newer.disabled = self._at == 0
        self._older.disabled = first + self._size >= found
