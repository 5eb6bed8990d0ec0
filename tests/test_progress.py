"""Progress of a run."""

from __future__ import annotations

import pytest
from PIL import Image

from sdnb.progress import EVERY_SECONDS, Progress


class Clock:
    """A clock that stands still until it is told to go on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Make a clock."""
    return Clock()


def test_time_left_follows_pictures_and_steps(clock: Clock) -> None:
    """Half of one batch of two out of four drawn in 3 s leaves 9 s."""
    progress = Progress(5, clock)
    progress.stored()
    assert progress.left() is None
    clock.now += 3
    progress.step(10, 20, 2)
    assert progress.left() == pytest.approx(9)
    assert progress.text() == "1 of 5 pictures · step 10 of 20 · 9 s left"
    for _ in range(4):
        progress.picture()
    progress.step(20, 20, 2)
    assert progress.left() == 0


def test_updates_are_bounded(clock: Clock) -> None:
    """After an update the next is due a fifth of a second later."""
    progress = Progress(1, clock)
    assert progress.due
    progress.step(1, 4, 1)
    assert not progress.due
    clock.now += EVERY_SECONDS
    assert progress.due


def test_html_shows_previews_and_escapes(clock: Clock) -> None:
    """Previews are embedded, words are text."""
    progress = Progress(2, clock)
    progress.step(1, 4, 2, [Image.new("RGB", (16, 16), "red"), Image.new("RGB", (8, 16), "blue")])
    progress.say("<waiting>")
    page = progress.html()
    assert page.count("data:image/jpeg;base64,") == 2
    assert "&lt;waiting&gt;" in page and "<waiting>" not in page
    assert 'value="0.250"' in page


def test_nothing_is_shown_outside_of_a_notebook(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a kernel and without a terminal there is no output at all."""
    progress = Progress(1, clock)
    progress.step(1, 1, 1)
    progress.close("done")
    assert not progress.shown and capsys.readouterr() == ("", "")
