"""`Message`: the panel's one line for what went wrong and what is worth knowing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as ipw

from sdnb.errors import SdnbError
from sdnb.panel.field import line

__all__ = ["Message"]


class Message:
    """What is told of the panel as a whole; a field tells of itself.

    Attributes
    ----------
    box : widget
    """

    def __init__(self) -> None:
        self.box = ipw.HTML()
        self.box.add_class("sdnb-message")

    @property
    def empty(self) -> bool:
        """Whether nothing is told."""
        return not self.box.value

    def tell(self, text: str = "", *, wrong: bool = False) -> None:
        """Say something, a line or several, instead of what was said before."""
        (self.box.add_class if wrong else self.box.remove_class)("sdnb-error")
        self.box.value = "<br>".join(map(line, text.splitlines()))

    def guarded(self, work: Callable[..., object]) -> Callable[..., None]:
        """Make a callback whose errors are told, for nobody sees those of widgets and threads."""

        def called(*args: Any) -> None:
            try:
                work(*args)
            except SdnbError as error:
                self.tell(str(error), wrong=True)
            except Exception as error:
                self.tell(f"{type(error).__name__}: {error}", wrong=True)

        return called
