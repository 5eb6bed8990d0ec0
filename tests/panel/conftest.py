"""A panel to test."""

from __future__ import annotations

import pytest

from sdnb.panel.panel import Panel
from sdnb.testing import FakeEngine


@pytest.fixture
def panel(engine: FakeEngine) -> Panel:
    """Make a panel with a prompt in it."""
    made = Panel("en")
    made.form.fields["prompt"].value = "a red fox"
    return made
