"""Planning: from a request to specs along axes."""

from pathlib import Path

import pytest
from hypothesis import given, settings

from sdnb.errors import ModelError, RequestError, SdnbError
from sdnb.models import Model
from sdnb.planner import plan
from sdnb.settings import Sdnb
from sdnb.sweep import Request, request
from tests.planning import MODELS, planned, requests, resolve


def test_a_single_picture_has_no_axes():
    """What is not named comes from the settings and then from the model."""
    sweep = planned("a red fox")
    assert sweep.axes == () and sweep.shape == ()
    (spec,) = sweep.specs
    assert (spec.model, spec.seed, spec.num_inference_steps, spec.guidance_scale) == ("mini", 0, 20, 4.0)
    assert (spec.scheduler, spec.width, spec.height, spec.negative_prompt) == ("ddim", 128, 128, "")


def test_settings_come_before_the_model():
    """A trait that is set is taken where nothing is named."""
    traits = Sdnb(
        steps=7, guidance=2.5, scheduler="Euler a", size="64x32", negative="dark", seed=3, model="big"
    )
    spec = plan(request("x", {"seed": 9}), settings=traits, resolve=resolve, limit=1).specs[0]
    assert (spec.num_inference_steps, spec.guidance_scale, spec.scheduler) == (7, 2.5, "euler_a")
    assert (spec.width, spec.height, spec.negative_prompt, spec.seed, spec.model) == (
        64,
        32,
        "dark",
        9,
        "big",
    )


def test_prompt_axes_come_first_then_settings_as_named():
    """The first axis varies slowest; single values are no axis."""
    sweep = planned(
        "{c: red|blue} {fox|cat}", scheduler=["euler", "heun"], seed=range(3), num_inference_steps=[5]
    )
    assert [axis.name for axis in sweep.axes] == ["c", "prompt", "scheduler", "seed"]
    assert sweep.shape == (2, 2, 2, 3)
    assert [s.seed for s in sweep.specs[:4]] == [0, 1, 2, 0]
    assert sweep.specs[0].prompt == "red fox" and sweep.specs[-1].prompt == "blue cat"
    assert {spec.num_inference_steps for spec in sweep.specs} == {5}


def test_several_prompts_are_flattened():
    """Prompts with their alternatives are one axis, labelled with the prompts."""
    sweep = planned(Request(prompts=("a {red|blue} fox", "a cat"), settings={"seed": (1, 2)}))
    assert sweep.shape == (3, 2)
    assert sweep.axes[0].labels == ("a red fox", "a blue fox", "a cat")


def test_labels():
    """Labels are short and on one line; a text that is empty says so."""
    sweep = planned(
        "{red|} fox", size=["64", "64x128"], guidance_scale=[1, 2.5], negative_prompt=["", "a  b"]
    )
    assert [axis.labels for axis in sweep.axes] == [
        ("red", "(none)"),
        ("64x64", "64x128"),
        ("1", "2.5"),
        ("(none)", "a b"),
    ]


def test_each_model_brings_its_own():
    """Of two models in one sweep each has its own default size, steps, guidance and scheduler."""
    small, big = planned("a fox", model=["mini", "big"]).specs
    assert (small.width, small.num_inference_steps, small.scheduler) == (128, 20, "ddim")
    assert (big.width, big.num_inference_steps, big.scheduler) == (1024, 30, "euler")


def test_zip_pairs_axes():
    """A zipped axis stands where its first name would, whatever the order it is zipped in."""
    sweep = planned(
        "{red|blue} fox",
        seed=[1, 2, 3],
        scheduler=["euler", "heun"],
        steps=[39, 20],
        zips=[("steps", "scheduler")],
    )
    assert [axis.names for axis in sweep.axes] == [
        ("prompt",),
        ("seed",),
        ("num_inference_steps", "scheduler"),
    ]
    assert sweep.axes[2].labels == ("39, euler", "20, heun")
    assert {(s.scheduler, s.num_inference_steps) for s in sweep.specs} == {("euler", 39), ("heun", 20)}


def test_zip_pairs_prompts():
    """Axes of the prompt are zipped by name too."""
    sweep = planned("{c: red|blue} fox", seed=[1, 2], zips=["c", "seed"])
    assert [(s.prompt, s.seed) for s in sweep.specs] == [("red fox", 1), ("blue fox", 2)]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"seed": [1, 2], "steps": [1, 2, 3], "zips": ["seed", "steps"]},
            "seed has 2 and num_inference_steps has 3",
        ),
        ({"seed": [1, 2], "zips": ["seed", "steps"]}, "seed has 2 and num_inference_steps has 1"),
        ({"seed": [1, 2], "zips": ["seed"]}, "two or more"),
        ({"seed": [1, 2], "zips": ["seed", "sede"]}, "unknown axis 'sede'; did you mean 'seed'"),
        ({"seed": [1, 2], "steps": [1, 2], "zips": ["seed", "steps", "seed"]}, "zipped twice"),
        ({"seed": [1, 2], "rows": "colour"}, "rows: unknown axis 'colour'; axes here: seed"),
        ({"rows": "colour"}, "single picture"),
        ({"seed": [1, 2], "rows": "seed", "cols": "seed"}, "rows and cols are both seed"),
        ({"size": "100x64"}, "try 96 or 104"),
        ({"steps": 0}, "num_inference_steps must be from 1"),
        ({"sed": 1}, "unknown setting 'sed'; did you mean 'seed'"),
        ({"count": 0}, "count must be"),
        ({"count": 2, "seed": [1, 2]}, "2 seeds are given"),
        ({"scheduler": "eulr"}, "did you mean 'euler'"),
    ],
)
def test_refused(given, told):
    """Each slip gives one line that says what is wrong."""
    with pytest.raises(RequestError, match=told) as caught:
        planned("a fox", **given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("prompts", [(), ("",), (" \n",), ("a", " "), ("{|a}",), ("{|a}", "b")])
def test_empty_prompts(prompts):
    """Nothing to draw is told, also when only an alternative leaves nothing."""
    with pytest.raises(RequestError, match="prompt"):
        planned(Request(prompts=prompts))


def test_prompt_axes_cannot_be_called_like_settings():
    """A name has one meaning in a sweep."""
    for name in ("seed", "steps", "width", "num_inference_steps"):
        with pytest.raises(RequestError, match="name of a setting"):
            planned(f"{{{name}: a|b}} fox")


def test_rows_and_columns_are_checked_and_full_names():
    """Short names will do; a setting that has come down to one value lays nothing out."""
    sweep = planned("a fox", steps=[1, 2], seed=[1, 2], rows="steps", cols="seed")
    assert (sweep.request.rows, sweep.request.cols) == ("num_inference_steps", "seed")
    assert planned("a fox", seed=[1, 2], rows="steps").request.rows is None


def test_count():
    """Seeds are counted up from the one named or from the default, in the place where it was named."""
    sweep = planned("a fox", count=3, scheduler=["euler", "heun"], seed=5)
    assert [axis.name for axis in sweep.axes] == ["seed", "scheduler"]
    assert sweep.axes[0].labels == ("5", "6", "7")
    assert planned("a fox", count=2).axes[0].labels == ("0", "1")


def test_limit_comes_before_the_work():
    """Too many pictures are refused with the count, however many there would be."""
    with pytest.raises(RequestError, match=r"65 pictures \(65\).*--limit 65"):
        planned("a fox", limit=64, seed=range(65))
    many = {"seed": "0..9999", "steps": "1..1000", "guidance": "0..999.9:0.1", "clip_skip": "0..7"}
    prompts = ("{" + "{a|b}" * 13 + "|c}") * 3
    with pytest.raises(RequestError, match="more than the limit of 64"):
        planned(Request(prompts=(prompts, prompts), settings=request("x", many).settings), limit=64)


def test_all_schedulers_fit_the_models():
    """`all` is every scheduler that fits all models of the sweep, written out."""
    both = planned("a fox", scheduler="all", model=["mini", "big"])
    names = both.request.settings["scheduler"]
    assert "euler" in names and "lms" not in names and "flow_euler" not in names
    assert set(planned("a fox", scheduler="all").request.settings["scheduler"]) - set(names) == {"lms"}


def test_what_a_model_cannot_do():
    """A scheduler that does not fit and layers that are not there are refused, with what is allowed."""
    with pytest.raises(ModelError, match="lms_karras does not fit big.*these do: euler, euler_a"):
        planned("a fox", model="big", scheduler="lms_karras")
    with pytest.raises(ModelError, match="below 8"):
        planned("a fox", model="big", clip_skip=8)
    paired = planned("a fox", model=["mini", "big"], scheduler=["lms", "euler"], zips=["model", "scheduler"])
    assert [spec.scheduler for spec in paired.specs] == ["lms", "euler"]


def test_models_of_one_name():
    """Two places with one name could not be told apart; one place named twice can."""

    def by_place(text):
        return Model("tuned", Path(text)), MODELS["mini"]

    wanted = request("a fox", {"model": ["/a/tuned", "/b/tuned"]})
    with pytest.raises(ModelError, match="two models are called 'tuned': /a/tuned and /b/tuned"):
        plan(wanted, settings=Sdnb(), resolve=by_place, limit=None)
    twice = request("a fox", {"model": ["/a/tuned", "/a/tuned"]})
    assert plan(twice, settings=Sdnb(), resolve=by_place, limit=None).shape == (2,)


def test_notes():
    """Seeds that were drawn and two names for one scheduler are told; both places stay."""
    sweep = planned("a fox", seed="random[2]", scheduler=["DPM++ 2M Karras", "dpmpp_2m_karras"])
    assert sweep.shape == (2, 2)
    drawn, same = sweep.notes
    assert drawn == f"seeds drawn: {sweep.specs[0].seed}, {sweep.specs[2].seed}"
    assert same.startswith("DPM++ 2M Karras and dpmpp_2m_karras come to the same scheduler")


def test_white_space_around_prompts_is_taken_off():
    """Prompts that differ only in what encoders never see are one spec."""
    assert planned("  a fox \r\non the moon\n").specs == planned("a fox\non the moon").specs


@settings(max_examples=150, deadline=None)
@given(requests())
def test_a_completed_request_plans_to_the_same(wanted):
    """The request of a sweep is complete: planning it again gives the same axes and specs."""
    try:
        sweep = planned(wanted)
    except SdnbError:
        return
    again = planned(sweep.request)
    assert (again.axes, again.specs, again.request) == (sweep.axes, sweep.specs, sweep.request)
