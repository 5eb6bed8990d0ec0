"""Progress of a run."""

from __future__ import annotations

import pytest
from PIL import Image

from sdnb.picture import Picture
from sdnb.progress import EVERY_SECONDS, Progress
from sdnb.run import Finished, Stepped, Waits
from sdnb.spec import ImageSpec


class Clock:
    """A clock that stands still until it is told to go on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def picture(cached: bool = False) -> Picture:
    """Make a finished picture."""
    spec = ImageSpec(
        model="mini", prompt="a fox", seed=1, num_inference_steps=20, guidance_scale=4, scheduler="euler",
        width=64, height=64,
    )  # fmt: skip
    return Picture(spec=spec, cached=cached)


@pytest.fixture
def clock() -> Clock:
    """Make a clock."""
    return Clock()


def test_time_left_follows_pictures_and_steps(clock: Clock) -> None:
    """Half of one batch of two out of four drawn in 3 s leaves 9 s."""
    progress = Progress(5, clock)
    progress.take(Finished(0, picture(cached=True)))
    assert progress.left() is None
    clock.now += 3
    progress.take(Stepped(10, 20, 2, []))
    assert progress.left() == pytest.approx(9)
    assert progress.text() == "1 of 5 pictures · step 10 of 20 · 9 s left"
    for place in range(1, 5):
        progress.take(Finished(place, picture()))
    progress.take(Stepped(20, 20, 2, []))
    assert progress.left() == 0


def test_updates_are_bounded(clock: Clock) -> None:
    """After an update the next is due a fifth of a second later."""
    progress = Progress(1, clock)
    assert progress.due
    progress.take(Stepped(1, 4, 1, []))
    assert not progress.due
    clock.now += EVERY_SECONDS
    assert progress.due


def test_html_shows_previews_and_escapes(clock: Clock) -> None:
    """Previews are embedded, words are text."""
    progress = Progress(2, clock)
    progress.take(Stepped(1, 4, 2, [Image.new("RGB", (16, 16), "red"), Image.new("RGB", (8, 16), "blue")]))
    assert progress.take(Waits("<another run>"))
    assert not progress.take(Waits("<another run>"))
    page = progress.html()
    assert page.count("data:image/jpeg;base64,") == 2
    assert "waiting for &lt;another run&gt;" in page and "<another" not in page
    assert 'value="0.250"' in page


def test_nothing_is_shown_outside_of_a_notebook(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a kernel and without a terminal there is no output at all."""
    progress = Progress(1, clock)
    progress.take(Stepped(1, 1, 1, []))
    progress.close("done")
    assert not progress.shown and capsys.readouterr() == ("", "")
