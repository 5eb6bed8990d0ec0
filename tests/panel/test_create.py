"""The tab of pictures from the form."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from sdnb.panel.panel import Panel


def test_a_file_without_settings_is_told(panel: Panel) -> None:
    """One line, and the fields stay as they are."""
    stream = BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "PNG")
    panel.create._on_file(stream.getvalue(), "blank.png")
    assert "says nothing of its settings" in panel.message.box.value
    assert panel.form.fields["prompt"].value == "a red fox"
