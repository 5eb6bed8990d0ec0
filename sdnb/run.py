"""`Run`: a planned sweep that is drawn in a thread of its own.

Whoever starts a run iterates over it to hear what happens: a cell in the notebook's own thread, the
panel in one of its own. So the notebook's interrupt never lands in the middle of a model call or of a
write to the store: `Run.stop` sets an event, the run ends within one step, and what is finished is kept.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING

from sdnb import runner
from sdnb.engine import Engine, Step
from sdnb.errors import RenderError, SdnbError, Stopped
from sdnb.picture import Picture
from sdnb.results import Results
from sdnb.store import Store
from sdnb.sweep import Sweep

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Finished", "Run", "Stepped", "Waits"]

_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Finished:
    """A picture is there: drawn, taken out of the store, or failed (its ``error`` says why)."""

    place: int
    picture: Picture


@dataclass(frozen=True)
class Stepped:
    """A model call is done: ``done`` of ``total`` of a batch of so many pictures, and small RGB previews."""

    done: int
    total: int
    batch: int
    previews: list[Image]


@dataclass(frozen=True)
class Waits:
    """The run waits for something, such as another run."""

    note: str


class Run:
    """Draws a sweep; iterate over it, from one thread at a time, to follow it to its end.

    Parameters
    ----------
    planned : Sweep
    engine : Engine
    keep : Store or None
        Where pictures are looked up and kept.
    redraw, latents, frames : bool
        As for `sdnb.runner.run`.
    due : callable, optional
        Asked before previews are made; without it no steps are told.

    Attributes
    ----------
    pictures : list of (Picture or None)
        What is there so far, by place.
    failure : BaseException or None
        Why the run ended before its end, if it failed.
    """

    def __init__(
        self,
        planned: Sweep,
        engine: Engine,
        keep: Store | None,
        *,
        redraw: bool = False,
        latents: bool = False,
        frames: bool = False,
        due: Callable[[], bool] | None = None,
    ) -> None:
        self.planned = planned
        self.keep = keep
        self.pictures: list[Picture | None] = [None] * len(planned.specs)
        self.failure: BaseException | None = None
        self._cancel = Event()
        self._events: SimpleQueue[Finished | Stepped | Waits | None] = SimpleQueue()
        context = contextvars.copy_context()
        wanted = {"redraw": redraw, "latents": latents, "frames": frames}
        work = (self._work, engine, wanted, due)
        self._thread = Thread(target=context.run, args=work, daemon=True, name="sdnb")

    def start(self) -> Run:
        """Begin to draw; return the run itself."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End it within one step; may be called from any thread."""
        self._cancel.set()

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._cancel.is_set()

    @property
    def drawn(self) -> int:
        """How many pictures are there and have no error."""
        return sum(picture is not None and not picture.error for picture in self.pictures)

    def __iter__(self) -> Iterator[Finished | Stepped | Waits]:
        """Yield what happens until the run ends; after an interrupt go on with a new ``for``."""
        while True:
            try:
                event = self._events.get(timeout=_POLL_SECONDS)
            except Empty:
                if not self._thread.is_alive():
                    return
                continue
            if event is None:
                return
            yield event

    def results(self) -> Results:
        """Return the pictures; those that are missing say why."""
        why = str(self.failure) if isinstance(self.failure, SdnbError) else "the run was stopped"
        pictures = [
            picture or Picture(spec=spec, error=why)
            for spec, picture in zip(self.planned.specs, self.pictures, strict=True)
        ]
        return Results(self.planned, pictures)

    def error(self, results: Results) -> BaseException | None:
        """Return what a run that did not end well is to raise, with its results."""
        if self.stopped:
            return Stopped(f"stopped: {self.drawn} of {len(self.pictures)} drawn", results)
        if isinstance(self.failure, SdnbError) and self.drawn:
            self.failure.results = results
        if self.failure is not None or self.drawn:
            return self.failure
        reasons = list(dict.fromkeys(picture.error for picture in results))
        more = f" (and {len(reasons) - 1} other reasons)" if len(reasons) > 1 else ""
        return RenderError(f"nothing could be drawn: {reasons[0]}{more}")

    def _work(self, engine: Engine, wanted: dict[str, bool], due: Callable[[], bool] | None) -> None:
        def on_step(step: Step) -> None:
            if due is None:
                return
            if step.note:
                self._events.put(Waits(step.note))
            elif due() or step.done == step.total:
                self._events.put(Stepped(step.done, step.total, len(step.specs), step.preview()))

        try:
            found = runner.run(self.planned, engine, self.keep, on_step, self._cancel, **wanted)
            for place, picture in found:
                self.pictures[place] = picture
                self._events.put(Finished(place, picture))
        except BaseException as error:
            self.failure = error.with_traceback(None) if isinstance(error, SdnbError) else error
        self._events.put(None)
