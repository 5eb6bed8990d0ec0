"""`Create`: the tab that draws the form's pictures, one seed or several."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as ipw

from sdnb.axes import MAX_VALUES
from sdnb.panel.field import Field
from sdnb.panel.form import Form
from sdnb.panel.job import Job, planned
from sdnb.panel.words import Words

__all__ = ["Create"]


class Create:
    """How many pictures, and a picture to take the settings from.

    Parameters
    ----------
    words : Words
    form : Form
    on_change : callable
        Called after the count has changed.
    on_file : callable
        Is given the bytes and the name of a chosen file.
    """

    def __init__(
        self,
        words: Words,
        form: Form,
        on_change: Callable[[], None],
        on_file: Callable[[bytes, str], None],
    ) -> None:
        self._words = words
        self._form = form
        self._on_file = on_file
        self.count = Field(
            ipw.IntText(value=1, description=words("count"), continuous_update=True), kind="short"
        )
        self.count.control.observe(lambda _: on_change(), "value")
        self.upload = ipw.FileUpload(
            description=words("from_picture"), accept=".png,.jpg,.jpeg,.webp", multiple=False
        )
        self.upload.layout.width = "auto"
        self.upload.tooltip = words("from_picture_hint")
        self.upload.observe(self._uploaded, "value")
        hint = ipw.HTML(f"<span>{words('from_picture_hint')}</span>")
        hint.add_class("sdnb-hint")
        upload = ipw.VBox([self.upload, hint])
        upload.add_class("sdnb-field")
        upload.add_class("sdnb-wide")
        self.box = ipw.Box([self.count.box, upload])
        self.box.add_class("sdnb-row")

    def job(self) -> Job | None:
        """Return what to draw, or None after telling what is wrong."""
        count = self.count.value
        good = 1 <= count <= MAX_VALUES
        self.count.tell("" if good else self._words("bad_count", most=MAX_VALUES))
        asked = self._form.read({}, count=count if good else 1)
        return planned(asked, self._form.options.limit) if good and asked is not None else None

    def _uploaded(self, change: dict[str, object]) -> None:
        value = self.upload.value
        if isinstance(value, dict):  # ipywidgets 7
            files = [(name, file["content"]) for name, file in value.items()]
        else:
            files = [(file["name"], file["content"]) for file in value]
            if files:
                self.upload.value = ()  # so that the same file can be chosen again
        for name, data in files[:1]:
            self._on_file(bytes(data), name)
