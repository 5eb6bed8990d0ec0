"""`Estimate`: how many pictures are asked for and what they would cost, told as the fields change."""

from __future__ import annotations

from time import sleep

import ipywidgets as ipw

from sdnb import api, runner
from sdnb.panel.message import Message
from sdnb.panel.run import background
from sdnb.panel.words import Words
from sdnb.progress import duration
from sdnb.sweep import Sweep

__all__ = ["Estimate"]

_PAUSE_SECONDS = 0.15


class Estimate:
    """A line beside Generate.

    Parameters
    ----------
    words : Words
    message : Message
        Tells what goes wrong in the background.

    Attributes
    ----------
    box : widget
    """

    def __init__(self, words: Words, message: Message) -> None:
        self._words = words
        self._weigh = message.guarded(self._weighed)
        self._planned: Sweep | None = None
        self.box = ipw.HTML()
        self.box.add_class("sdnb-hint")

    def follow(self, planned: Sweep | None) -> None:
        """Tell of another sweep: the number of its pictures at once, what they cost a little later."""
        self._planned = planned
        self.box.value = "" if planned is None else self._count(len(planned.specs))
        if planned is not None:
            background(lambda: self._weigh(planned))

    def refresh(self) -> None:
        """Tell anew what the sweep would cost, as after a run; it takes a while."""
        if (planned := self._planned) is not None:
            self._weigh(planned)

    def _weighed(self, planned: Sweep) -> None:
        """Tell what a sweep would cost, unless something else is asked for meanwhile."""
        sleep(_PAUSE_SECONDS)
        if planned is not self._planned:
            return
        cost = runner.estimate(planned, api.engine_for(), api.store_for())
        said = [self._count(cost.places)]
        if cost.stored:
            said.append(self._words("stored", count=cost.stored))
        if cost.seconds is None:
            said.append(self._words("evaluations", count=cost.evaluations))
        elif cost.evaluations:
            said.append(self._words("about", time=duration(max(cost.seconds, 1))))
        if planned is self._planned:
            self.box.value = " · ".join(said)

    def _count(self, number: int) -> str:
        return self._words("picture") if number == 1 else self._words("pictures", count=number)
