"""Alternatives in prompts."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdnb.errors import RequestError, SdnbError
from sdnb.templates import escape, parse

PIECES = [*"ab{}|\\: \n", "{a|b}", "{c: a|b}", "\\{"]
NASTY = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def everything(template):
    """Fill in every combination of a template's alternatives."""
    axes = template.axes
    places = product(*(range(len(texts)) for texts in axes.values()))
    return [template.fill(**dict(zip(axes, at, strict=True))) for at in places]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a fox", ["a fox"]),
        ("a {red|blue} fox", ["a red fox", "a blue fox"]),
        ("{a|b}{c|d}", ["ac", "ad", "bc", "bd"]),
        ("{very |}red", ["very red", "red"]),
        ("{a|{b|c} d|e}", ["a", "b d", "c d", "e"]),
        ("{x: a|b} {x: a|b}", ["a a", "b b"]),
        ("{x: a|b} {x: c|d}", ["a c", "b d"]),
        ("{x:a|b}", ["a", "b"]),
        ("{x:  a|b}", [" a", "b"]),
        ("{red} {", ["{red} {"]),
        ("} a|b {c", ["} a|b {c"]),
        ("{a {b|c}", ["{a b", "{a c"]),
        ("{a|b {c|d}", ["{a|b c", "{a|b d"]),
        ("{x {b|c}}", ["{x b}", "{x c}"]),
        (r"\{a|b\}", ["{a|b}"]),
        (r"{a\|b|c}", ["a|b", "c"]),
        (r"\\{a|b}", ["\\a", "\\b"]),
        (r"\\\{a|b}", [r"\{a|b}"]),
        (r"\(red\) \n", [r"\(red\) \n"]),
        ("(red:1.3) [a|b]", ["(red:1.3) [a|b]"]),
        ("{12:30|13:30}", ["12:30", "13:30"]),
        ("{|}", ["", ""]),
    ],
)
def test_prompts(text, expected):
    """Alternatives multiply, nest, may be empty, and are literal where they are none."""
    assert everything(parse(text)) == expected


def test_axes_are_named_in_order():
    """Names of the user's are kept, the others count up from `prompt` around them."""
    template = parse("{a|b} {prompt2: c|d} {e|f} {colour: red|blue}")
    assert list(template.axes) == ["prompt", "prompt2", "prompt3", "colour"]
    assert template.axes["colour"] == ("red", "blue")


def test_linked_alternatives_are_one_axis():
    """The same name varies together, and shows both texts where they differ."""
    assert parse("{c: red|blue} {c: rouge|blue}").axes == {"c": ("red / rouge", "blue")}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{c: a|b} {c: a|b|c}", "with 2 and with 3"),
        ("{a|{c: b|d}}", "inside another alternative"),
        ("{" + "{a|b}" * 20 + "|c}", "1048577 alternatives"),
        ("{a|" * 60 + "b" + "}" * 60, "nest more than 50 deep"),
    ],
)
def test_refused(text, told):
    """What has no one meaning, or far too many, is refused before it is multiplied out."""
    with pytest.raises(RequestError, match=told):
        parse(text)


@given(st.text() | NASTY)
def test_escape_is_inverse_of_reading(text):
    """Any text can be written so that it is read as itself."""
    template = parse(escape(text))
    assert not template.axes and template.fill() == text


@given(NASTY)
def test_source_reads_as_the_same_template(text):
    """The text of a template gives the same axes and the same prompts."""
    try:
        template = parse(text)
    except SdnbError:
        return
    again = parse(template.source)
    assert again.axes == template.axes and everything(again) == everything(template)


@given(NASTY, st.data())
def test_narrowing_keeps_what_was_chosen(text, data):
    """A narrowed template has the prompts of the kept alternatives, and no axis changes its name."""
    try:
        template = parse(text)
    except SdnbError:
        return
    if not template.axes:
        return
    name = data.draw(st.sampled_from(sorted(template.axes)))
    number = len(template.axes[name])
    kept = data.draw(st.lists(st.integers(0, number - 1), min_size=1, unique=True))
    narrowed = parse(template.narrow(name, kept).source)
    axes = template.axes
    places = product(*(kept if axis == name else range(len(texts)) for axis, texts in axes.items()))
    expected = [template.fill(**dict(zip(axes, at, strict=True))) for at in places]
    assert everything(narrowed) == expected
    assert set(narrowed.axes) == set(axes) - ({name} if len(kept) == 1 else set())
