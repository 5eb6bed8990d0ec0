"""The lists of models and schedulers."""

from __future__ import annotations

from pathlib import Path

from sdnb.panel.panel import Panel
from sdnb.testing import FakeEngine


def test_the_model_decides_schedulers_and_defaults(panel: Panel, engine: FakeEngine, tmp_path: Path) -> None:
    """A missing model is told; the schedulers offered are those that fit."""
    offered = [value for _, value in panel.form.fields["scheduler"].control.options]
    assert "euler_karras" in offered and "flow_euler" not in offered
    panel.form.fields["model"].value = ""
    assert "Write the model's folder" in panel.form.model.error
    panel.form.model.path.value = str(tmp_path / "none")
    assert "no model folder" in panel.form.fields["model"].error
    panel.form.fields["model"].value = "mini"
    assert not panel.form.fields["model"].error
