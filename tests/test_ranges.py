"""Ranges of numbers."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdnb.errors import RequestError
from sdnb.ranges import MAX_VALUES, expand


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 9))
def test_steps_stay_between_the_ends(first, last, step):
    """A range begins at its first end and never passes the other, whichever way it goes."""
    numbers = expand(f"{first}..{last}:{step}", whole=True)
    assert numbers[0] == first and min(first, last) <= min(numbers) and max(numbers) <= max(first, last)
    assert all(abs(b - a) == step for a, b in pairwise(numbers))
    assert abs(last - numbers[-1]) < step


@given(st.integers(0, 100), st.integers(0, 100), st.integers(2, 20))
def test_spread_has_both_ends(first, last, number):
    """So many values are evenly spaced and hold both ends."""
    if first == last:
        return
    numbers = expand(f"{first}-{last} [{number}]", whole=False)
    assert (numbers[0], numbers[-1], len(numbers)) == (first, last, number)
    assert len({b - a for a, b in pairwise(numbers)}) == 1


def test_the_most_is_allowed_and_one_more_is_not():
    """The bound is where it is said to be."""
    assert len(expand(f"1..{MAX_VALUES}", whole=True)) == MAX_VALUES
    for text in (f"0..{MAX_VALUES}", f"0..1[{MAX_VALUES + 1}]"):
        with pytest.raises(RequestError, match=f"{MAX_VALUES + 1} values are too many"):
            expand(text, whole=False)


def test_fractions_are_exact():
    """Tenths add up."""
    assert expand("0..1:0.1", whole=False)[3] == Fraction(3, 10)


@pytest.mark.parametrize(
    "text", ["", "a", "1..", "..2", "1-2-3", "1..2(+1)", "1-2:3", "0x10", "1_0", "nan", "inf"]
)
def test_what_is_no_range(text):
    """Other texts are left to the caller."""
    assert expand(text, whole=False) is None


def test_too_large():
    """Numbers that no setting takes are refused before they are reckoned with."""
    with pytest.raises(RequestError, match="too large"):
        expand("1e999", whole=False)
