"""How far a run is: `Tally` counts, `Progress` shows it on one display, at most five times a second.

In a notebook it is one HTML display that is updated in place; in a terminal one line that is written
over. It appears only when something is really drawn, and shows the predicted pictures of the running
batch.
"""

from __future__ import annotations

import sys
import time
from base64 import b64encode
from collections.abc import Callable
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

from sdnb.picture import counted
from sdnb.run import Finished, Stepped, Waits

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["EVERY_SECONDS", "Progress", "Tally", "duration"]

EVERY_SECONDS = 0.2
PREVIEWS = 8
PREVIEW_SIDE = 96


class Tally:
    """Counts what a run tells.

    Parameters
    ----------
    pictures : int
        Pictures to show in all.
    clock : callable
        Seconds; replaced in tests.

    Attributes
    ----------
    finished, drawn : int
        Pictures that are there, and those of them that were not in the store.
    done, total : int
        Model calls of the running batch; ``done`` is 0 before the first.
    note : str
        What the run waits for.
    previews : list of str
        Data URLs of the predicted pictures of the running batch.
    """

    def __init__(self, pictures: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.pictures = pictures
        self.finished = 0
        self.drawn = 0
        self.done, self.total = 0, 1
        self.note = ""
        self.previews: list[str] = []
        self._batch = 0
        self._clock = clock
        self._began = clock()
        self._last = -1.0

    @property
    def due(self) -> bool:
        """Whether the next update is due; before that a preview need not be made."""
        return bool(self._clock() - self._last >= EVERY_SECONDS)

    def take(self, event: Finished | Stepped | Waits) -> bool:
        """Count an event of a run; return whether there is something new to show."""
        if isinstance(event, Finished):
            self.finished += 1
            self.drawn += not event.picture.cached
            return False
        if isinstance(event, Waits):
            new = event.note != self.note
            self.note = event.note
        else:
            new = True
            self.done, self.total = event.done, event.total
            self._batch = 0 if event.done == event.total else event.batch
            self.note = ""
            if event.previews:
                self.previews = [_data_url(image) for image in event.previews[:PREVIEWS]]
        if new:
            self._last = self._clock()
        return new

    @property
    def part(self) -> float:
        """How much of the run is done, 0 to 1."""
        return (self.finished + self._batch * self.done / self.total) / max(self.pictures, 1)

    def left(self) -> float | None:
        """Seconds left, or None before anything is known."""
        part = self.drawn + self._batch * self.done / self.total
        whole = self.drawn + self.pictures - self.finished
        if not part:
            return None
        return (self._clock() - self._began) * max(whole - part, 0) / part


class Progress(Tally):
    """Shows one run; see `Tally` for its parameters."""

    def __init__(self, pictures: int, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(pictures, clock)
        self._handle: Any = None
        self._terminal = False

    @property
    def shown(self) -> bool:
        """Whether anything was displayed."""
        return self._handle is not None or self._terminal

    def take(self, event: Finished | Stepped | Waits) -> bool:
        """Count an event of a run, and show what is new."""
        if new := super().take(event):
            self._show()
        return new

    def text(self) -> str:
        """Return the state in one line."""
        words = [f"{self.finished} of {counted(self.pictures)}"]
        if self.done:
            words.append(f"step {self.done} of {self.total}")
        if (left := self.left()) is not None:
            words.append(f"{duration(left)} left")
        if self.note:
            words.append(f"waiting for {self.note}")
        return " · ".join(words)

    def html(self) -> str:
        """Return the state as one HTML element without scripts."""
        images = "".join(
            f'<img src="{url}" alt="preview" '
            f'style="width:{PREVIEW_SIDE}px;border-radius:3px;margin:6px 6px 0 0">'
            for url in self.previews
        )
        return (
            '<div class="sdnb-progress" '
            'style="font:13px system-ui,sans-serif;color:var(--jp-ui-font-color1,inherit)">'
            f'<progress max="1" value="{self.part:.3f}" style="width:220px;vertical-align:middle">'
            f"</progress> <span>{escape(self.text())}</span><div>{images}</div></div>"
        )

    def close(self, last: str) -> None:
        """End the display; the line `last` stays where it stood."""
        if self._handle is not None:
            self._handle.update(_Shown(last, f'<div class="sdnb-progress">{escape(last)}</div>'))
        if self._terminal:
            sys.stderr.write("\r\x1b[K" + last + "\n")
            sys.stderr.flush()
        self.previews = []

    def _show(self) -> None:
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


def duration(seconds: float) -> str:
    """Say how long something takes.

    Examples
    --------
    >>> duration(8.7), duration(75)
    ('9 s', '1:15 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes else f"{rest} s"


def _data_url(image: Image) -> str:
    scale = PREVIEW_SIDE / max(image.size)
    small = image.resize((max(round(image.width * scale), 1), max(round(image.height * scale), 1)))
    buffer = BytesIO()
    small.save(buffer, "JPEG", quality=70)
    return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode()
