"""The form: its fields, read and filled."""

from __future__ import annotations

import pytest

from sdnb.panel.panel import Panel
from sdnb.testing import FakeEngine
from tests.panel.drawing import draw


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
    assert not panel.running.busy and panel.message.box.value and engine.calls == 0
    field.value = good
    assert not field.error and panel.cell.text


def test_a_picture_fills_the_fields(panel: Panel, engine: FakeEngine) -> None:
    """A PNG of ours and a web UI's text; braces of its prompt are literal; the seed is locked."""
    panel.form.fields["prompt"].value = r"a \{red\|blue\} fox"
    panel.form.fields["options"].value = "--clip-skip 1"
    panel.form.fields["scheduler"].value = "heun"
    (picture,) = draw(panel)
    spec = picture.spec
    fresh = Panel("en")
    fresh._take_file(picture.path.read_bytes(), "fox.png")
    assert "The settings of fox.png" in fresh.message.box.value
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
