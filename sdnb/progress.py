"""`Progress`: how far a run is, on one display, at most five times a second.

In a notebook it is one HTML display that is updated in place; in a terminal one line that is written
over. It appears only when something is really drawn, and shows the predicted pictures of the running
batch.
"""

from __future__ import annotations

import sys
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["EVERY_SECONDS", "Progress"]

EVERY_SECONDS = 0.2
PREVIEWS = 8
PREVIEW_SIDE = 96


class Progress:
    """Shows one run.

    Parameters
    ----------
    pictures : int
        Pictures to show in all.
    clock : callable
        Seconds; replaced in tests.
    """

    def __init__(self, pictures: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.pictures = pictures
        self.finished = 0
        self.drawn = 0
        self.note = ""
        self._clock = clock
        self._began = clock()
        self._last = -1.0
        self._batch = (0, 1, 0)
        self._previews: list[str] = []
        self._handle: Any = None
        self._terminal = False

    @property
    def shown(self) -> bool:
        """Whether anything was displayed."""
        return self._handle is not None or self._terminal

    @property
    def due(self) -> bool:
        """Whether the next update is due; before that a preview need not be made."""
        return bool(self._clock() - self._last >= EVERY_SECONDS)

    def stored(self) -> None:
        """Count a picture that came out of the store."""
        self.finished += 1

    def picture(self) -> None:
        """Count a picture that was drawn."""
        self.finished += 1
        self.drawn += 1

    def step(self, done: int, total: int, batch: int, previews: Sequence[Image] = ()) -> None:
        """Tell that a model call is done; `previews` are RGB pictures of any size."""
        self._batch = (done, total, 0 if done == total else batch)
        if previews:
            self._previews = [_data_url(image) for image in previews[:PREVIEWS]]
        self.note = ""
        self._show()

    def say(self, note: str) -> None:
        """Show a word about what the run waits for."""
        if note != self.note:
            self.note = note
            self._show()

    def left(self) -> float | None:
        """Seconds left, or None before anything is known."""
        done, total, batch = self._batch
        part = self.drawn + batch * done / total
        whole = self.drawn + self.pictures - self.finished
        if not part:
            return None
        return (self._clock() - self._began) * max(whole - part, 0) / part

    def text(self) -> str:
        """Return the state in one line."""
        done, total, _ = self._batch
        words = [f"{self.finished} of {self.pictures} pictures"]
        if done:
            words.append(f"step {done} of {total}")
        if (left := self.left()) is not None:
            words.append(f"{_time(left)} left")
        if self.note:
            words.append(self.note)
        return " · ".join(words)

    def html(self) -> str:
        """Return the state as one HTML element without scripts."""
        done, total, batch = self._batch
        value = (self.finished + batch * done / total) / max(self.pictures, 1)
        images = "".join(
            f'<img src="{url}" alt="preview" '
            f'style="width:{PREVIEW_SIDE}px;border-radius:3px;margin:6px 6px 0 0">'
            for url in self._previews
        )
        return (
            '<div class="sdnb-progress" '
            'style="font:13px system-ui,sans-serif;color:var(--jp-ui-font-color1,inherit)">'
            f'<progress max="1" value="{value:.3f}" style="width:220px;vertical-align:middle"></progress> '
            f"<span>{escape(self.text())}</span><div>{images}</div></div>"
        )

    def close(self, last: str) -> None:
        """End the display; the line `last` stays where it stood."""
        if self._handle is not None:
            self._handle.update(_Shown(last, f'<div class="sdnb-progress">{escape(last)}</div>'))
        if self._terminal:
            sys.stderr.write("\r\x1b[K" + last + "\n")
            sys.stderr.flush()
        self._previews = []

    def _show(self) -> None:
        self._last = self._clock()
        if _in_kernel():
            shown = _Shown(self.text(), self.html())
            if self._handle is None:
                from IPython.display import display

                self._handle = display(shown, display_id=True)  # type: ignore[no-untyped-call]
            else:
                self._handle.update(shown)
        elif sys.stderr.isatty():
            self._terminal = True
            sys.stderr.write("\r\x1b[K" + self.text())
            sys.stderr.flush()


class _Shown:
    def __init__(self, text: str, html: str) -> None:
        self._text, self._html = text, html

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": self._text, "text/html": self._html}


def _in_kernel() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and getattr(shell, "kernel", None) is not None


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes else f"{rest} s"


def _data_url(image: Image) -> str:
    scale = PREVIEW_SIDE / max(image.size)
    small = image.resize((max(round(image.width * scale), 1), max(round(image.height * scale), 1)))
    buffer = BytesIO()
    small.save(buffer, "JPEG", quality=70)
    return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode()
