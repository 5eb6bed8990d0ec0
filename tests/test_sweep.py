"""Parts of a sweep: values and labels select, and what is selected can be planned again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdnb.errors import RequestError, SdnbError
from tests.planning import planned, requests


def test_select_drops_or_keeps():
    """One value takes the axis away, a list keeps it; the indices point into the old sweep."""
    sweep = planned("{c: red|blue} fox", seed=range(4), scheduler=["euler", "heun"], rows="seed")
    narrowed, indices = sweep.select(c="blue", seed=[2, 0])
    assert [axis.name for axis in narrowed.axes] == ["seed", "scheduler"]
    assert narrowed.axes[0].labels == ("2", "0")
    assert [sweep.specs[i] for i in indices] == list(narrowed.specs)
    assert {spec.prompt for spec in narrowed.specs} == {"blue fox"}
    assert narrowed.request.rows == "seed"
    assert sweep.select(seed=1)[0].request.rows is None


@pytest.mark.parametrize(
    ("chosen", "number"),
    [
        ({"scheduler": "Euler"}, 2),
        ({"steps": "10"}, 2),
        ({"steps": 10.0}, 2),
        ({"size": "64x64"}, 2),
        ({"size": (64, 64)}, 2),
        ({"size": 64}, 2),
        ({"steps": 10, "size": 64}, 2),
        ({"scheduler+num_inference_steps+size": "euler, 10, 64x64"}, 2),
        ({"scheduler": "heun"}, 4),
        ({"seed": range(1, 3)}, 6),
    ],
)
def test_select_by_value_or_label(chosen, number):
    """Values are found as they are written, shown, or meant; on a zipped axis all that match."""
    zipped = {"scheduler": ["euler", "heun", "heun"], "steps": [10, 20, 30], "size": [64, 128, 128]}
    sweep = planned("a fox", seed=[1, 2], zips=list(zipped), **zipped)
    assert len(sweep.select(**chosen)[0].specs) == number


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"seed": 9}, "9 is not on the axis seed; there are: 1, 2"),
        ({"sede": 1}, "unknown axis 'sede'; did you mean 'seed'"),
        ({"scheduler": "euler"}, "unknown axis 'scheduler'; axes here: seed"),
        ({"seed": []}, "nothing on the axis seed"),
    ],
)
def test_select_refuses(chosen, told):
    """A value or axis that is not there is told, with those that are."""
    with pytest.raises(RequestError, match=told):
        planned("a fox", seed=[1, 2]).select(**chosen)


@settings(max_examples=150, deadline=None)
@given(requests(), st.data())
def test_a_selection_plans_to_itself(wanted, data):
    """The request of a narrowed sweep asks for exactly the specs of that sweep."""
    try:
        sweep = planned(wanted)
    except SdnbError:
        return
    chosen = {}
    for axis in sweep.axes:
        if data.draw(st.booleans()):
            column = axis.column(axis.names[0])
            several = st.lists(st.sampled_from(column), min_size=1, unique=True)
            chosen[axis.names[0]] = data.draw(st.one_of(st.sampled_from(column), several))
    narrowed, indices = sweep.select(**chosen)
    assert tuple(sweep.specs[index] for index in indices) == narrowed.specs
    assert planned(narrowed.request).specs == narrowed.specs
