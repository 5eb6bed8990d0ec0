"""The axis grammar."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdnb import axes
from sdnb.errors import RequestError, SdnbError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", (3,)),
        ("1,2,5", (1, 2, 5)),
        ("1..4", (1, 2, 3, 4)),
        ("4..1", (4, 3, 2, 1)),
        ("1..9:2", (1, 3, 5, 7, 9)),
        ("1..8:2", (1, 3, 5, 7)),
        ("9..1:2", (9, 7, 5, 3, 1)),
        ("9..1:-2", (9, 7, 5, 3, 1)),
        ("0..10[3]", (0, 5, 10)),
        ("7..7", (7,)),
        ("1-10", tuple(range(1, 11))),
        ("1-10 (+3)", (1, 4, 7, 10)),
        ("1-10(+3)", (1, 4, 7, 10)),
        ('"1-10 (+3)"', (1, 4, 7, 10)),
        ("1-10 [5]", (1, 3, 5, 7, 10)),
        ("10-1 (-3)", (10, 7, 4, 1)),
        ("5-1", (5, 4, 3, 2, 1)),
        (" 1 , '2' ", (1, 2)),
        ("2e1", (20,)),
    ],
)
def test_whole_numbers(text, expected):
    """Lists and ranges of ours and of the web UI, with both ends, rising and falling."""
    assert axes.read("num_inference_steps", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4", (4.0,)),
        ("0..1[5]", (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("0..0.5:0.1", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
        ("0-1 (+.25)", (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("1..0:.5", (1.0, 0.5, 0.0)),
        ("1..2[1]", (1.0,)),
        ("-1..1", (-1.0, 0.0, 1.0)),
        ("-1-1", (-1.0, 0.0, 1.0)),
        ("1--1", (1.0, 0.0, -1.0)),
        ("1e-3", (0.001,)),
    ],
)
def test_numbers(text, expected):
    """Numbers with fractions come out clean."""
    assert axes.read("guidance_scale", text) == expected


@pytest.mark.parametrize(
    ("setting", "text", "told"),
    [
        ("seed", "abc", "'abc' is no whole number"),
        ("seed", "-1", "write random"),
        ("seed", "1..100000000000000000000", "100000000000000000000 values are too many"),
        ("guidance", "0..1:1e-9", "1000000001 values are too many"),
        ("guidance", "0..1[99999999999]", "99999999999 values are too many"),
        ("steps", "1.5", "no whole number"),
        ("steps", "1..3:0.5", "no whole number"),
        ("steps", "1..3[5]", "no 5 different values"),
        ("steps", "1..5[0]", "no values"),
        ("steps", "1..9:0", "no steps of 0"),
        ("steps", "1..9:-2", "no steps of -2"),
        ("steps", "10-1 (+3)", r"no steps of \+3"),
        ("steps", "random", "no whole number"),
        ("seed", "random[0]", "asks for 0 seeds"),
        ("seed", "1,,2", "empty value"),
        ("size", "512x", "no size"),
        ("colour", "1", "unknown setting"),
        ("seed", "1" * 10_000, "is no whole number"),
        ("guidance", "1e999999999..2", "is no number"),
        ("seed", "\u0661", "is no whole number"),
    ],
)
def test_refused(setting, text, told):
    """What is no value is refused in one line, and long ranges before they are built."""
    with pytest.raises(RequestError, match=told) as caught:
        axes.read(setting, text)
    assert "\n" not in str(caught.value)


def test_ranges_are_for_numbers():
    """In texts and names two dots and a dash are letters."""
    assert axes.read("negative", "1..4,1-3") == ("1..4", "1-3")


def test_sizes():
    """A size is two numbers, or one for a square."""
    assert axes.read("size", "512x768, 512,8X16") == ((512, 768), (512, 512), (8, 16))


def test_random_seeds_are_concrete_and_marked():
    """Chance draws different seeds that can be told from those that were typed."""
    seeds = axes.read("seed", "7,random[50]")
    assert len(set(seeds)) == 51 and all(0 <= seed < 2**32 for seed in seeds)
    assert [isinstance(seed, axes.Drawn) for seed in seeds] == [False] + [True] * 50
    assert axes.read("seed", "random[50]") != seeds[1:]


def test_all_schedulers_stand_for_themselves():
    """`all` is only known once the model is, and quoted it is an ordinary name."""
    assert axes.read("scheduler", "all,euler") == (axes.ALL, "euler")


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("seed", 3, (3,)),
        ("seed", range(2), (0, 1)),
        ("seed", np.arange(2), (0, 1)),
        ("seed", np.int64(5), (5,)),
        ("seed", np.array(5), (5,)),
        ("seed", [1, "3..4"], (1, 3, 4)),
        ("seed", 4.0, (4,)),
        ("guidance", np.float64(1.5), (1.5,)),
        ("guidance", (1, 2), (1.0, 2.0)),
        ("size", (512, 768), ((512, 768),)),
        ("size", [512, 768], ((512, 512), (768, 768))),
        ("size", [(512, 768), "64x32"], ((512, 768), (64, 32))),
        ("negative", "a,b", ("a,b",)),
        ("negative", ["a", "b"], ("a", "b")),
        ("scheduler", "all", (axes.ALL,)),
    ],
)
def test_python_values(setting, value, expected):
    """A number or text is one value, another iterable several, of plain Python types."""
    found = axes.values(setting, value)
    assert found == expected
    assert all(type(item) in (int, float, str, tuple) for item in found)


def test_series():
    """A column of a pandas table is a list of values."""
    pd = pytest.importorskip("pandas")
    assert axes.values("seed", pd.Series([3, 1])) == (3, 1)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("seed", True), ("seed", 1.5), ("seed", []), ("seed", {1, 2}), ("seed", object()), ("guidance", "x"),
     ("negative", 3), ("model", None), ("seed", iter(int, 1)), ("size", ((1, 2, 3),)),
     ("seed", np.ones((2, 2)))],
)  # fmt: skip
def test_python_values_refused(setting, value):
    """Wrong kinds, nothing at all, no order, and no end are refused."""
    with pytest.raises(RequestError):
        axes.values(setting, value)


def test_negative_prompts_are_one_line():
    """Line breaks and outer white space of a negative prompt are written as encoders read them."""
    assert axes.values("negative", " a\nb\u2028c ") == ("a b c",)


def test_names_of_the_notebook():
    """An unquoted $name is looked up, a quoted one and a price are text."""
    names = {"x": [1, 2], "words": "a, b"}
    assert axes.read("seed", "0,$x", names.__getitem__) == (0, 1, 2)
    assert axes.read("negative", '$words,"$x",$5', names.__getitem__) == ("a, b", "$x", "$5")
    with pytest.raises(RequestError, match="one plain name"):
        axes.read("seed", "$x[0]", names.__getitem__)


@given(
    st.sampled_from(sorted(axes.SETTINGS)),
    st.text(st.sampled_from("0123456789.,-:+()[] \"'exrandomal$"), max_size=20),
)
def test_any_text_gives_values_or_an_error(setting, text):
    """Whatever is typed, the answer is values or an `SdnbError`."""
    try:
        values = axes.read(setting, text)
    except SdnbError:
        return
    assert 0 < len(values) <= axes.MAX_VALUES


SIDE = st.integers(1, 9999)
VALUES = {
    "seed": st.integers(0, 2**63),
    "guidance_scale": st.floats(0, 1000),
    "size": st.tuples(SIDE, SIDE),
    "model": st.text(),
    "scheduler": st.text(st.characters(blacklist_categories=["Cs"])).map(str.strip),
}


@given(st.data())
def test_write_is_inverse_of_read(data):
    """Written values read back as they were."""
    setting = data.draw(st.sampled_from(sorted(VALUES)))
    values = tuple(data.draw(st.lists(VALUES[setting], min_size=1, max_size=6)))
    assert axes.read(setting, axes.write(setting, values)) == values


@given(st.integers(0, 100), st.integers(0, 100))
def test_runs_are_written_as_ranges(first, last):
    """A long run of seeds is short to write and exact to read."""
    seeds = tuple(range(first, last + 1)) or (first,)
    text = axes.write("seed", seeds)
    assert len(text) < 12 and axes.read("seed", text) == seeds
