"""The panel's logic, without a browser."""

from __future__ import annotations

import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from sdnb import api, cell, compare
from sdnb.panel.panel import Panel
from sdnb.picture import Picture
from sdnb.testing import FakeEngine


def until(what: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


@pytest.fixture
def panel(engine: FakeEngine) -> Panel:
    """Make a panel with a prompt in it."""
    made = Panel("en")
    made.form.fields["prompt"].value = "a red fox"
    return made


def draw(panel: Panel) -> list[Picture]:
    """Press Generate and wait for the pictures."""
    panel.generate.click()
    until(lambda: not panel.generate.disabled)
    return panel.gallery.pictures


def test_generate_draws_what_the_fields_say(panel: Panel, engine: FakeEngine) -> None:
    """Every field reaches the picture; the results can be had from Python."""
    values = {
        "negative_prompt": "blurry, dark", "scheduler": "euler", "num_inference_steps": 3,
        "guidance_scale": 2.5, "size": "128x64", "seed": "7", "options": "--clip-skip 1",
    }  # fmt: skip
    for name, value in values.items():
        panel.form.fields[name].value = value
    panel.create.count.value = 2
    pictures = draw(panel)
    spec = pictures[1].spec
    assert [picture.spec.seed for picture in pictures] == [7, 8]
    assert (spec.prompt, spec.negative_prompt, spec.scheduler) == ("a red fox", "blurry, dark", "euler")
    assert (spec.num_inference_steps, spec.guidance_scale, spec.clip_skip) == (3, 2.5, 1)
    assert (spec.width, spec.height) == (128, 64)
    assert panel.results is api.last() and len(panel.results) == 2


def test_the_cell_draws_exactly_this(panel: Panel, engine: FakeEngine) -> None:
    """The text of Copy as cell, read again, plans to the same specs, on both tabs."""
    panel.form.fields["seed"].value = "3"
    panel.form.fields["prompt"].value = "a {red|blue} fox"
    for tab in ("create", "sweep"):
        panel.tabs.value = tab
        again = api.plan(cell.parse(panel.cell.text, {}).request)
        assert again.specs == tuple(picture.spec for picture in draw(panel))
        assert len(again.specs) == (2 if tab == "create" else 6)


def test_an_open_seed_is_drawn_anew_and_a_typed_one_stays(panel: Panel) -> None:
    """Without the lock each run has another seed, which the field then shows."""
    first, second = draw(panel)[0].spec.seed, draw(panel)[0].spec.seed
    assert first != second and panel.form.fields["seed"].value == str(second)
    panel.form.fields["seed"].value = "5"
    assert panel.form.locked
    assert draw(panel)[0].spec.seed == draw(panel)[0].spec.seed == 5


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("prompt", "  ", "Write a prompt"),
        ("num_inference_steps", 0, "1 to 1000"),
        ("guidance_scale", -1.0, "guidance_scale"),
        ("size", "100", "multiple of 8"),
        ("size", "big", "no size"),
        ("seed", "-1", "below 0"),
        ("seed", "random", "dice"),
        ("options", "--steps 4", "another place"),
        ("options", "--quiet", "another place"),
        ("options", "--clip-skp 1", "--clip-skip"),
    ],
)
def test_bad_input_is_told_beside_its_field(
    panel: Panel, engine: FakeEngine, name: str, value: object, said: str
) -> None:
    """One line at that field alone; nothing is drawn; put right, it is gone."""
    field = panel.form.fields[name]
    good, field.value = field.value, value
    assert said in field.error and "\n" not in field.error
    assert [n for n, other in panel.form.fields.items() if other.error] == [name]
    assert panel.cell.text == ""
    panel.generate.click()
    assert not panel.running.busy and panel.message.value and engine.calls == 0
    field.value = good
    assert not field.error and panel.cell.text


def test_what_only_the_plan_can_tell_is_shown(panel: Panel, engine: FakeEngine) -> None:
    """Too many pictures, a pairing that does not fit."""
    panel.tabs.value = "sweep"
    panel.sweep.rows[0].choose("seed", "1..500")
    assert "more than the limit of 64" in panel.message.value
    panel.sweep.rows[0].choose("seed", "1,2")
    panel.sweep.rows[1].choose("num_inference_steps", "1,2,3")
    assert panel.estimate.value.startswith("6 pictures")
    panel.sweep.pair.value = True
    assert "same length" in panel.message.value


def test_a_sweep_counts_as_it_is_typed(panel: Panel, engine: FakeEngine) -> None:
    """Number and cost follow the axes; what the store has is said; a bad value is told in its row."""
    panel.tabs.value = "sweep"
    rows = panel.sweep.rows
    rows[0].choose("num_inference_steps", "2, 4")
    rows[1].choose("scheduler", "euler,heun")
    rows[2].choose("prompt", 'a fox, "a cat, asleep"')
    until(lambda: "evaluations" in panel.estimate.value)
    assert panel.estimate.value == "8 pictures · 64 model evaluations"
    specs = [picture.spec for picture in draw(panel)]
    assert {spec.prompt for spec in specs} == {"a fox", "a cat, asleep"} and len(specs) == 8
    assert panel.results.shape == (2, 2, 2)
    panel.sweep.rows[0].values.value = "2, 4, 8"
    until(lambda: "in the store" in panel.estimate.value)
    assert panel.estimate.value.startswith("12 pictures · 8 in the store")
    rows[1].values.value = "eulr"
    assert "did you mean 'euler'" in rows[1].values.error and not rows[0].values.error
    rows[1].choose("num_inference_steps", "3")
    assert rows[1].values.error == "This axis is chosen twice."


def test_schedulers_are_compared(panel: Panel, engine: FakeEngine) -> None:
    """Ticks and budgets draw the lab's comparison; its cell asks for the same; mistakes are told."""
    panel.tabs.value = "compare"
    tab = panel.compare
    for name, tick in tab.ticks.items():
        tick.value = name in ("euler", "heun")
    tab.budgets.value = "5, 9"
    tab.reference.value = 50
    asked = cell.parse(panel.cell.text, {})
    assert asked.compare and asked.reference == 50
    again = compare.plan(asked.request, equal=asked.equal, reference_steps=asked.reference)
    drawn = [picture.spec for picture in draw(panel)]
    assert tuple(drawn) == again.sweep.specs
    assert {(spec.scheduler, spec.num_inference_steps) for spec in drawn} == {
        ("euler", 5), ("euler", 9), ("heun", 3), ("heun", 5), ("euler", 50),
    }  # fmt: skip
    assert "<table" in panel.grid.value and panel.view.value == "grid"
    assert panel.gallery.layout.display == "none"
    panel.view.value = "pictures"
    assert panel.gallery.layout.display == ""
    tab.budgets.value = "5, many"
    assert "'many'" in tab.budgets.error
    tab.budgets.value = "5"
    tab.reference.value = 4
    assert "the reference takes 4 steps" in panel.message.value
    for tick in tab.ticks.values():
        tick.value = False
    assert "Tick at least one" in tab._ticked.value and panel._job is None


def test_a_sweep_of_two_axes_is_shown_as_its_grid(panel: Panel, engine: FakeEngine) -> None:
    """With the pictures beside it; the next run of one picture shows none."""
    panel.tabs.value = "sweep"
    panel.sweep.rows[0].choose("seed", "1,2")
    panel.sweep.rows[1].choose("scheduler", "euler,heun")
    draw(panel)
    assert panel.grid.value.count("<img") == 4 and panel.view.layout.display == ""
    panel.tabs.value = "create"
    draw(panel)
    assert not panel.grid.value and panel.view.layout.display == "none"


def test_random_seeds_are_drawn_once(panel: Panel) -> None:
    """The cell that is shown, the estimate and the run have the same ones."""
    panel.tabs.value = "sweep"
    panel.sweep.rows[0].choose("seed", "random[3]")
    shown = cell.parse(panel.cell.text, {}).request.settings["seed"]
    assert tuple(picture.spec.seed for picture in draw(panel)) == shown


def test_stop_ends_within_a_step(panel: Panel, engine: FakeEngine) -> None:
    """What is finished stays in the gallery, the buttons come back, the next run works."""
    engine.batch, engine.seconds_per_call = 1, 0.02
    panel.form.fields["seed"].value = "1"
    panel.create.count.value = 9
    panel.generate.click()
    assert panel.generate.disabled and not panel.stop.disabled
    until(lambda: len(panel.gallery.pictures) == 2)
    calls = engine.calls
    panel.stop.click()
    until(lambda: not panel.generate.disabled)
    assert engine.calls <= calls + 2
    assert "Stopped: 2 of 9 drawn." in panel.message.value
    assert sum(not picture.error for picture in panel.gallery.pictures) == 2
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
    until(lambda: len(other.gallery.pictures) == 1)
    other.stop.click()
    until(lambda: not panel.generate.disabled)
    assert [picture.spec.prompt for picture in panel.gallery.pictures] == ["a red fox"] * 3
    assert other.generate.description == "Generar"


def test_errors_are_shown(panel: Panel, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the run and those of a callback; the buttons come back."""
    engine.fails = "fox"
    draw(panel)
    assert "nothing could be drawn" in panel.message.value
    monkeypatch.setattr(engine, "render", lambda *_: 1 / 0)
    draw(panel)
    assert "ZeroDivisionError" in panel.message.value
    monkeypatch.setattr(api, "begin", lambda *_, **__: [][1])
    panel.generate.click()
    assert "IndexError" in panel.message.value and not panel.generate.disabled


def test_a_picture_fills_the_fields(panel: Panel, engine: FakeEngine) -> None:
    """A PNG of ours and a web UI's text; braces of its prompt are literal; the seed is locked."""
    panel.form.fields["prompt"].value = r"a \{red\|blue\} fox"
    panel.form.fields["options"].value = "--clip-skip 1"
    panel.form.fields["scheduler"].value = "heun"
    (picture,) = draw(panel)
    spec = picture.spec
    fresh = Panel("en")
    fresh._take_file(picture.path.read_bytes(), "fox.png")
    assert "The settings of fox.png" in fresh.message.value
    assert fresh.form.locked and fresh._job.sweep.specs == (spec,)
    said = {
        "prompt": "a cat",
        "model": "deliberate",
        "scheduler": "dpmpp_2m_karras",
        "width": 96,
        "height": 64,
    }
    left = fresh.form.fill(said | {"extras": {}})
    assert len(left) == 1 and "deliberate" in left[0] and "mini" in left[0]
    (planned,) = fresh._job.sweep.specs
    assert (planned.prompt, planned.scheduler, planned.width) == ("a cat", "dpmpp_2m_karras", 96)
    assert planned.seed == spec.seed


def test_a_file_without_settings_is_told(panel: Panel) -> None:
    """One line, and the fields stay as they are."""
    from PIL import Image

    stream = BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "PNG")
    panel.create._on_file(stream.getvalue(), "blank.png")
    assert "says nothing of its settings" in panel.message.value
    assert panel.form.fields["prompt"].value == "a red fox"


def test_use_and_vary(panel: Panel, engine: FakeEngine) -> None:
    """Use fills the fields; vary draws the neighbouring seeds."""
    panel.form.fields["seed"].value = "10"
    (picture,) = draw(panel)
    panel.form.fields["prompt"].value = "something else"
    panel._act("use", picture)
    assert panel._job.sweep.specs == (picture.spec,)
    panel._act("vary", picture)
    until(lambda: not panel.generate.disabled)
    assert [p.spec.seed for p in panel.gallery.pictures] == [11, 12, 13, 14]


def test_the_history_gives_back_the_very_picture(panel: Panel, engine: FakeEngine) -> None:
    """Whatever its prompt holds, seed 0 too: "use these settings" plans its spec, which is in the store."""
    asked = [
        {"prompt": r"a \{x|y\} fox", "seed": 0},
        {"prompt": 'two\n---x\nlines, "quoted"', "negative_prompt": 'a, "b" {c}', "seed": 2**62},
        {"prompt": "$x {a} (b:1.2)", "clip_skip": 2, "scheduler": "dpmpp_2m?solver_order=3"},
        {"prompt": "a cat", "size": "128x64", "guidance_scale": 0.0},
    ]
    specs = [api.diffuse(progress=False, **settings)[0].spec for settings in asked]
    for spec in specs:
        panel.tabs.value = "history"
        name = next(n for n, t in panel.history.gallery._tiles.items() if t.picture.spec == spec)
        panel.history.gallery._handle_custom_msg({"kind": "action", "action": "use", "id": name}, [])
        assert panel.tabs.value == "create" and panel._job.sweep.specs == (spec,)
    (picture,) = draw(panel)
    assert picture.cached and picture.spec == specs[-1]
    panel.tabs.value = "history"
    panel.gallery._handle_custom_msg({"kind": "file", "name": "a.png"}, [picture.path.read_bytes()])
    assert panel.tabs.value == "create" and "The settings of a.png" in panel.message.value


def test_a_saved_notebook_keeps_the_pictures(panel: Panel) -> None:
    """The static bundle holds the last pictures and needs no widget."""
    before = panel._static()
    draw(panel)
    after = panel._static()
    assert set(after) == {"text/plain", "text/html"}
    assert "data:image/" in after["text/html"] and "data:image/" not in before["text/html"]
    assert after["text/html"].startswith('<div class="sdnb">')


@pytest.mark.parametrize("lang", ["en", "es"])
def test_every_control_has_a_name(engine: FakeEngine, lang: str) -> None:
    """A label, or a tooltip where there is an icon only."""
    import ipywidgets

    made = Panel(lang)

    def walk(widget: object) -> None:
        for child in getattr(widget, "children", ()):
            walk(child)
        if isinstance(widget, ipywidgets.DOMWidget) and hasattr(widget, "value"):
            named = (ipywidgets.HTML, ipywidgets.Label, ipywidgets.FloatProgress, ipywidgets.ToggleButtons)
            if not isinstance(widget, named):
                assert (
                    getattr(widget, "description", "")
                    or getattr(widget, "tooltip", "")
                    or (getattr(widget, "placeholder", ""))
                ), widget
        elif isinstance(widget, ipywidgets.Button):
            assert widget.description or widget.tooltip, widget

    walk(made.box)


def test_the_model_decides_schedulers_and_defaults(panel: Panel, engine: FakeEngine, tmp_path: Path) -> None:
    """A missing model is told; the schedulers offered are those that fit."""
    offered = [value for _, value in panel.form.fields["scheduler"].control.options]
    assert "euler_karras" in offered and "flow_euler" not in offered
    panel.form.fields["model"].value = ""
    panel.form._path.value = str(tmp_path / "none")
    assert "no model folder" in panel.form.fields["model"].error
    panel.form.fields["model"].value = "mini"
    assert not panel.form.fields["model"].error
