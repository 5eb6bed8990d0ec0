"""`Field`: a control with its label above it, and a line below it for what is wrong."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as ipw

__all__ = ["Field", "line"]


class Field:
    """One control of the panel.

    Parameters
    ----------
    control : widget
        With a ``description``, its label.
    beside : widget, optional
        Stand to the right of the control, such as small buttons.
    kind : str
        ``short``, ``narrow``, ``wide`` or ``full``: how much of a row it takes.

    Attributes
    ----------
    box : widget
        What is shown.
    error : str
        What is wrong; empty when nothing is.
    """

    def __init__(self, control: Any, *beside: Any, kind: str = "narrow") -> None:
        self.control = control
        self.error = ""
        control.style.description_width = "auto"
        control.layout.width = "auto"
        self._line = ipw.HTML()
        self._line.add_class("sdnb-error")
        row = control
        if beside:
            row = ipw.HBox([control, *beside])
            row.add_class("sdnb-beside")
        self.box = ipw.VBox([row, self._line])
        self.box.add_class("sdnb-field")
        self.box.add_class(f"sdnb-{kind}")

    @property
    def value(self) -> Any:
        """The control's value."""
        return self.control.value

    @value.setter
    def value(self, value: Any) -> None:
        self.control.value = value

    def tell(self, error: str = "") -> None:
        """Say what is wrong, in one line below the control; nothing takes it away."""
        self.error = error
        self._line.value = line(error) if error else ""
        (self.box.add_class if error else self.box.remove_class)("sdnb-wrong")


def line(text: str, role: str = "alert") -> str:
    """Return a text as HTML that a screen reader speaks."""
    return f'<span role="{role}">{escape(text)}</span>'
