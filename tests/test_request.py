"""Requests made of Python values."""

import pytest

from sdnb.errors import RequestError
from sdnb.request import Request, request


def test_an_iterable_is_an_axis():
    """Numbers and texts are constants, lists and ranges axes; None was not given."""
    made = request("a fox", {"seed": range(2), "steps": 5, "scheduler": None, "size": (64, 32)}, rows="seed")
    assert made == Request(
        prompts=("a fox",),
        settings={"seed": (0, 1), "num_inference_steps": (5,), "size": ((64, 32),)},
        rows="seed",
    )


def test_zips_may_be_one_pairing():
    """Bare names are one pairing, sequences of names several."""
    assert request("x", {}, zips=["seed", "steps"]).zips == (("seed", "steps"),)
    assert request("x", {}, zips=[("a", "b"), ["c", "d"]]).zips == (("a", "b"), ("c", "d"))


def test_drawn_seeds_are_told():
    """Seeds by chance are named in the request."""
    made = request("x", {"seed": "random[3]"})
    assert made.drawn == made.settings["seed"]


@pytest.mark.parametrize(
    ("prompt", "given", "told"),
    [
        (["a", 3], {}, "a prompt is text, not 3"),
        ("a", {"steps": 1, "num_inference_steps": 2}, "given twice"),
        ("a", {"stepps": 1}, "unknown setting 'stepps'"),
        ("a", {"seed": []}, "empty"),
    ],
)
def test_refused(prompt, given, told):
    """Wrong names and kinds are told in one line."""
    with pytest.raises(RequestError, match=told):
        request(prompt, given)
