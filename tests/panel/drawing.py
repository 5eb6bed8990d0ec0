"""What the panel's tests share: waiting, and drawing by its button."""

from __future__ import annotations

import time
from collections.abc import Callable

from sdnb.panel.panel import Panel
from sdnb.picture import Picture


def until(what: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def draw(panel: Panel) -> list[Picture]:
    """Press Generate and wait for the pictures."""
    panel.generate.click()
    until(lambda: not panel.generate.disabled)
    return panel.views.gallery.pictures
