"""The turn to draw: one run of a process has it, and who waits for it says so.

Two runs at once would share the memory and the cores, and both be slower. An engine takes the turn for as
long as its model works and leaves it while a picture is handed out, so runs of cells and panels alternate.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, RLock

from sdnb.engine import OnStep, Step

__all__ = ["hold", "if_free", "wait"]

_TURN = RLock()
_RUN = "another run"
_note = _RUN  # what others wait for now
_LOOK = 0.1  # seconds between looks at Ctrl-C and `cancel`


@contextmanager
def wait(on_step: OnStep, cancel: Event) -> Iterator[bool]:
    """Have the turn within; False if `cancel` was set while waiting for it.

    Waiting is told in the `note` of a step, and ends at once with Ctrl-C. An interrupt may come between
    taking the lock and noting it, so the way out releases whatever this thread holds.
    """
    try:
        mine = _TURN.acquire(blocking=False)
        if not mine:
            on_step(Step(note=_note))
        while not mine and not cancel.is_set():
            mine = _TURN.acquire(timeout=_LOOK)
        yield mine
    finally:
        with suppress(RuntimeError):
            _TURN.release()


@contextmanager
def hold(note: str = _RUN) -> Iterator[None]:
    """Have the turn within, after whoever has it now; `note` is what others are told they wait for."""
    global _note
    with _TURN:
        _note = note
        try:
            yield
        finally:
            _note = _RUN


@contextmanager
def if_free() -> Iterator[bool]:
    """Have the turn within if nobody else has it; tells whether."""
    mine = _TURN.acquire(blocking=False)
    try:
        yield mine
    finally:
        if mine:
            _TURN.release()
