"""`CellText`: the ``%%diffuse`` cell that draws what the panel shows, to be copied."""

from __future__ import annotations

from html import escape

import ipywidgets as ipw

from sdnb.panel.words import Words

__all__ = ["CellText"]

# A page may write to the clipboard only while a click is handled, so the kernel cannot do it.
_COPY = """
const button = this, text = button.dataset.text;
const tell = (word) => {
  button.textContent = button.dataset[word];
  setTimeout(() => { button.textContent = button.dataset.rest; }, 2000);
};
const old = () => {
  const area = document.body.appendChild(document.createElement('textarea'));
  area.value = text;
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  button.focus();
  tell(done ? 'copied' : 'failed');
};
navigator.clipboard ? navigator.clipboard.writeText(text).then(() => tell('copied'), old) : old();
"""
_CLASSES = "lm-Widget p-Widget jupyter-widgets jupyter-button widget-button"


class CellText:
    """A button that copies the cell, and the cell's text to be copied by hand.

    Parameters
    ----------
    words : Words

    Attributes
    ----------
    text : str
        The cell; empty while what is asked for cannot be drawn.
    button, shown, box : widget
        The button, what shows the text, and the text.
    """

    def __init__(self, words: Words) -> None:
        self._words = words
        self.text = ""
        self.button = ipw.HTML()
        self.button.add_class("sdnb-copy")
        self.shown = ipw.ToggleButton(
            description=words("the_cell"), icon="code", tooltip=words("the_cell_hint")
        )
        self.shown.layout.width = "auto"
        self.box = ipw.HTML()
        self.box.add_class("sdnb-cell")
        self.box.layout.display = "none"
        self.shown.observe(self._toggled, "value")
        self._write()

    def show(self, text: str) -> None:
        """Show another cell, or none."""
        if text != self.text:
            self.text = text
            self._write()

    def _write(self) -> None:
        said = {"text": self.text, "rest": self._words("copy")}
        said |= {"copied": self._words("copied"), "failed": self._words("copy_failed")}
        data = " ".join(f'data-{name}="{escape(value)}"' for name, value in said.items())
        state = "" if self.text else " disabled"
        self.button.value = (
            f'<button type="button" class="{_CLASSES}" {data}{state} onclick="{escape(_COPY)}">'
            f"{escape(said['rest'])}</button>"
        )
        shown = self.text or self._words("no_cell")
        self.box.value = f'<pre tabindex="0" aria-label="{self._words("the_cell")}">{escape(shown)}</pre>'

    def _toggled(self, _: object) -> None:
        self.box.layout.display = "" if self.shown.value else "none"
