"""`Views`: what the panel drew last, one picture at a time or as the grid that a tab makes of it."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as ipw

from sdnb.panel.gallery import Gallery
from sdnb.panel.message import Message
from sdnb.panel.run import labels
from sdnb.panel.words import Words
from sdnb.results import Results

__all__ = ["Views"]


class Views:
    """The gallery, and where there is one, the grid and the choice between the two.

    Parameters
    ----------
    words : Words
    message : Message

    Attributes
    ----------
    gallery, grid, choice : widget
        One below the other: ``choice``, ``grid``, ``gallery``.
    results : Results or None
        What is shown, once a run has ended.
    """

    def __init__(self, words: Words, message: Message) -> None:
        self.results: Results | None = None
        self.gallery = Gallery(words)
        self.grid = ipw.HTML()
        self.grid.add_class("sdnb-result")
        self.choice = ipw.ToggleButtons(
            options=[(words(f"view_{name}"), name) for name in ("pictures", "grid")],
            tooltips=[words("view_hint")] * 2,
        )
        self.choice.style.button_width = "auto"
        self.choice.add_class("sdnb-tabs")
        self.choice.observe(message.guarded(lambda _: self._look()), "value")
        self._look()

    def clear(self) -> None:
        """Show nothing, for a run begins."""
        self.gallery.clear()
        self.grid.value = ""
        self._look()

    def show(self, results: Results, grid: Callable[[Results], str] | None = None) -> None:
        """Show what a run came to, as its grid if there is one."""
        self.results = results
        self.gallery.show([*results], labels(results.axes))
        if grid is not None:
            self.grid.value = grid(results)
            self.choice.value = "grid"
        self._look()

    def html(self) -> str:
        """Return the pictures for where no kernel runs: their grid, or else the gallery's latest."""
        return self.grid.value or self.gallery.html()

    def _look(self) -> None:
        there = bool(self.grid.value)
        chosen = there and self.choice.value == "grid"
        self.choice.layout.display = "" if there else "none"
        self.grid.layout.display = "" if chosen else "none"
        self.gallery.layout.display = "none" if chosen else ""
