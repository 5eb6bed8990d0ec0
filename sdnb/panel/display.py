"""`Display`: how the panel stands in a notebook, as two outputs.

One is the widgets, the other a static grid of the last pictures. The grid is what a saved notebook shows
where there is no kernel; the live widgets hide it. It is an output of its own because an update of the
widgets' would draw them anew, and take the focus from the field in which somebody types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any
from uuid import uuid4

import ipywidgets as ipw

from sdnb.panel.views import Views
from sdnb.panel.words import Words

__all__ = ["NAME", "Display"]

#: What a notebook without widgets shows.
NAME = "sdnb panel"
_CSS = (Path(__file__).parent / "panel.css").read_text(encoding="utf-8")
_VIEW = "application/vnd.jupyter.widget-view+json"
# Panels by the cell that shows them: run again, it shows another one, and nobody could stop the old.
_shown: dict[str, tuple[str, Display]] = {}


class Display:
    """The outputs of one panel.

    Parameters
    ----------
    words : Words
    views : Views
        The pictures that a saved notebook keeps.
    close : callable
        Closes the panel; called when its cell shows another one.

    Attributes
    ----------
    style : widget
        The style sheet, to be put into the panel's box, which has the classes ``sdnb-panel`` and
        ``sdnb-en`` or that of another language.
    """

    def __init__(self, words: Words, views: Views, close: Callable[[], object]) -> None:
        self._words = words
        self._views = views
        self._close = close
        self._mark = f'data-sdnb-panel="{uuid4().hex[:12]}"'
        self._saved: Any = None
        mark, spoken = f"[{self._mark}]", f".sdnb-panel.sdnb-{words.lang}"
        label = words("from_picture")  # its second form is not read out beside the one it covers
        self.style = ipw.HTML(
            f"<style>{_CSS}\n.jp-OutputArea-child:has({mark}),.sdnb:has({mark}){{display:none}}\n"
            f'{spoken}.jupyter-widgets-disconnected::after{{content:"{words("lost")}"}}\n'
            f'{spoken} .widget-upload::after{{content:"{label}";content:"{label}"/""}}</style>'
        )
        self.style.layout.display = "none"

    def show(self, box: Any) -> None:
        """Show the widgets below the cell that runs, and after them the pictures."""
        from IPython.display import display

        self._replace_older()
        told = self._words("needs_kernel")
        data = {
            "text/plain": f"{NAME}: {told}",
            "text/html": f"<p>{escape(told)}</p>",
            _VIEW: {"version_major": 2, "version_minor": 0, "model_id": box.model_id},
        }
        display(data, raw=True)  # type: ignore[no-untyped-call]
        same = True if self._saved is None else self._saved.display_id
        self._saved = display(self.static(), raw=True, display_id=same)  # type: ignore[no-untyped-call]

    def save(self) -> None:
        """Bring the static pictures up to date, where they are shown."""
        if self._saved is not None:
            self._saved.update(self.static(), raw=True)

    def forget(self) -> None:
        """Let go of the cell that shows the panel, which is closed."""
        for cell, (_, display) in list(_shown.items()):
            if display is self:
                del _shown[cell]

    def static(self) -> dict[str, str]:
        """Return the pictures as a bundle that needs no kernel, hidden while the widgets live."""
        widgets = f".jp-OutputArea-child:has(+ .jp-OutputArea-child [{self._mark}]):not(:has(.sdnb-panel))"
        opening = '<div class="sdnb">'
        hidden = f"<span {self._mark}></span><style>{widgets}{{display:none}}</style>"
        shown = self._views.html().replace(opening, opening + hidden, 1)
        return {
            "text/plain": f"{NAME}: {len(self._views.gallery.pictures)} pictures",
            "text/html": shown,
        }

    def _replace_older(self) -> None:
        """Close the panel that an earlier run of the same cell has shown."""
        from IPython import get_ipython

        parent: Mapping[str, Any] = getattr(get_ipython(), "get_parent", dict)()
        cell = parent.get("metadata", {}).get("cellId", "")
        run = parent.get("header", {}).get("msg_id", "")
        if not cell:
            return
        before, old = _shown.get(cell, ("", None))
        if old is not None and old is not self and before != run:
            old._close()
        _shown[cell] = (run, self)
