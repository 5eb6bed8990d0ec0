"""The panel's run: Stop, closing, two at once, a cell that comes meanwhile."""

from __future__ import annotations

import _thread

import pytest
from IPython.core.interactiveshell import InteractiveShell

from sdnb import turn
from sdnb.panel.panel import Panel
from sdnb.progress import Progress
from sdnb.run import Finished, Stepped, Waits
from sdnb.testing import FakeEngine
from tests.panel.drawing import draw, until


def test_stop_ends_within_a_step(panel: Panel, engine: FakeEngine) -> None:
    """What is finished stays in the gallery, the buttons come back, the next run works."""
    engine.batch, engine.seconds_per_call = 1, 0.02
    panel.form.fields["seed"].value = "1"
    panel.create.count.value = 9
    panel.generate.click()
    assert panel.generate.disabled and not panel.stop.disabled
    until(lambda: len(panel.views.gallery.pictures) == 2)
    calls = engine.calls
    panel.stop.click()
    until(lambda: not panel.generate.disabled)
    assert engine.calls <= calls + 2
    assert "Stopped: 2 of 9 drawn." in panel.message.box.value
    assert {picture.error for picture in panel.views.gallery.pictures} == {"", "the run was stopped"}
    assert sum(not picture.error for picture in panel.views.gallery.pictures) == 2
    engine.seconds_per_call = 0
    assert len(draw(panel)) == 9 and len(engine.drawn) == 9


def test_closing_leaves_nothing_running(panel: Panel, engine: FakeEngine) -> None:
    """The run ends within a step."""
    engine.seconds_per_call = 0.02
    panel.create.count.value = 9
    panel.generate.click()
    until(lambda: engine.calls)
    panel.close()
    until(lambda: not panel.running.busy)
    assert len(engine.drawn) < 9


def test_two_panels_do_not_disturb_each_other(panel: Panel, engine: FakeEngine) -> None:
    """Each has its own fields, run, pictures and Stop."""
    engine.seconds_per_call = 0.01
    other = Panel("es")
    other.form.fields["prompt"].value = "un zorro"
    panel.create.count.value = 3
    panel.generate.click()
    other.generate.click()
    until(lambda: len(other.views.gallery.pictures) == 1)
    other.stop.click()
    until(lambda: not panel.generate.disabled)
    assert [picture.spec.prompt for picture in panel.views.gallery.pictures] == ["a red fox"] * 3
    assert other.generate.description == "Generar"


def test_a_cell_waits_for_the_panel(
    panel: Panel, engine: FakeEngine, shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so; an interrupt ends the waiting alone; when the panel has ended it draws."""
    said: list[str] = []
    take = Progress.take

    def told(progress: Progress, event: Finished | Stepped | Waits) -> bool:
        new = take(progress, event)
        if isinstance(event, Waits):
            said.append(progress.text())
            if len(said) == 1:
                _thread.interrupt_main()
            else:
                engine.seconds_per_call = 0
                panel.stop.click()
        return new

    def taken() -> bool:
        with turn.if_free() as mine:
            return not mine

    monkeypatch.setattr(Progress, "take", told)
    engine.seconds_per_call = 60
    panel.generate.click()
    until(taken)
    stopped = shell.run_cell("%%diffuse\na fox")
    assert str(stopped.error_in_exec) == "stopped: 0 of 1 drawn"
    assert panel.running.busy and taken() and engine.calls == 0
    drawn = shell.run_cell("%%diffuse\na fox")
    assert [picture.spec.prompt for picture in drawn.result] == ["a fox"]
    assert said == ["0 of 1 picture · waiting for another run"] * 2
    until(lambda: not panel.running.busy)
    assert [spec.prompt for spec in engine.drawn] == ["a fox"]
    assert "Stopped: 0 of 1 drawn." in panel.message.box.value
