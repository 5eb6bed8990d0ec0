"""The panel: what its parts do together."""

from __future__ import annotations

import pytest

from sdnb import api
from sdnb.panel.panel import Panel
from sdnb.testing import FakeEngine
from tests.panel.drawing import draw, until


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


def test_use_and_vary(panel: Panel, engine: FakeEngine) -> None:
    """Use fills the fields; vary draws the neighbouring seeds."""
    panel.form.fields["seed"].value = "10"
    (picture,) = draw(panel)
    panel.form.fields["prompt"].value = "something else"
    panel._act("use", picture)
    assert panel._job.sweep.specs == (picture.spec,)
    panel._act("vary", picture)
    until(lambda: not panel.generate.disabled)
    assert [p.spec.seed for p in panel.views.gallery.pictures] == [11, 12, 13, 14]


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
    panel.views.gallery._handle_custom_msg({"kind": "file", "name": "a.png"}, [picture.path.read_bytes()])
    assert panel.tabs.value == "create" and "The settings of a.png" in panel.message.box.value


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
