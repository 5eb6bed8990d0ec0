"""Turns: one run draws, the others say what they wait for, and waiting can be ended."""

from __future__ import annotations

import _thread
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from sdnb import turn
from sdnb.engine import Step


def ignore(step: Step) -> None:
    """Do nothing with a step."""


@contextmanager
def taken(note: str) -> Iterator[None]:
    """Let another thread have the turn within."""
    there, done = Event(), Event()

    def work() -> None:
        with turn.hold(note):
            there.set()
            assert done.wait(30)

    other = Thread(target=work)
    other.start()
    assert there.wait(30)
    try:
        yield
    finally:
        done.set()
        other.join(30)


def free() -> bool:
    """Tell whether a new thread could have the turn."""
    said: list[bool] = []

    def look() -> None:
        with turn.if_free() as mine:
            said.append(mine)

    other = Thread(target=look)
    other.start()
    other.join(30)
    return said[0]


def test_a_free_turn_is_taken_without_a_word() -> None:
    """Nothing is told, others find it taken, and afterwards it is free."""
    with turn.wait(lambda step: pytest.fail(step.note), Event()) as mine:
        assert mine and not free()
    assert free()


def test_what_is_waited_for_is_told_and_cancel_ends_it() -> None:
    """The note of who has the turn is told once; the next one who has it has another."""
    cancel, notes = Event(), []

    def told(step: Step) -> None:
        notes.append(step.note)
        cancel.set()

    with taken("the model to load"), turn.wait(told, cancel) as mine:
        assert not mine
    cancel.clear()
    with taken("another run"), turn.wait(told, cancel) as mine:
        assert not mine
    assert notes == ["the model to load", "another run"]
    assert free()


def test_the_turn_comes_when_the_other_is_done() -> None:
    """Whoever waits gets it."""
    waits, had = Event(), []

    def work() -> None:
        with turn.wait(lambda step: waits.set(), Event()) as mine:
            had.append(mine)

    second = Thread(target=work)
    with taken("another run"):
        second.start()
        assert waits.wait(30) and not had
    second.join(30)
    assert had == [True] and free()


def test_an_interrupt_ends_the_waiting() -> None:
    """Ctrl-C is raised at once, and what it interrupts holds nothing."""
    with taken("another run"):
        with pytest.raises(KeyboardInterrupt), turn.wait(lambda step: _thread.interrupt_main(), Event()):
            pytest.fail("the turn was another's")
        assert not free()
    assert free()


def test_an_error_gives_the_turn_back() -> None:
    """However a run ends."""
    for way in (turn.hold(), turn.wait(ignore, Event()), turn.if_free()):
        with pytest.raises(ZeroDivisionError), way:
            raise ZeroDivisionError
        assert free()
