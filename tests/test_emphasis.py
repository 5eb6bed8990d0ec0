"""The web UI's grammar of emphasis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdnb import emphasis
from sdnb.errors import RequestError
from tests.planning import planned


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a red fox", [("a red fox", 1)]),
        ("", []),
        ("(a) b", [("a", 1.1), (" b", 1)]),
        ("[a] b", [("a", 0.909091), (" b", 1)]),
        ("(a:1.5) b", [("a", 1.5), (" b", 1)]),
        ("(a: .5 )b", [("a", 0.5), ("b", 1)]),
        ("(a:-1)", [("a", -1)]),
        ("((a) b)", [("a", 1.21), (" b", 1.1)]),
        ("((a:2):3)", [("a", 6)]),
        ("([a])", [("a", 1)]),
        ("(a [b)] c", [("a ", 1.1), ("b c", 1)]),
        ("a (b [c", [("a ", 1), ("b ", 1.1), ("c", 1)]),
        ("a) b] c:1.3)", [("a) b] c:1.3)", 1)]),
        ("(a:1)", [("a", 1)]),
        ("(a:b)", [("a:b", 1.1)]),
        (r"a \(b\) \[c\]", [("a (b) [c]", 1)]),
        (r"\\(a)", [("\\", 1), ("a", 1.1)]),
        (r"a \ b\\c", [(r"a \ b\\c", 1)]),
        ("a cat (sleeping)", [("a cat ", 1), ("sleeping", 1.1)]),
    ],
)
def test_weights(text, pieces):
    """Brackets weigh what they hold, nest, multiply, may stay open, and are literal behind a backslash."""
    assert emphasis.read(text) == [pieces]


def test_break_parts_the_prompt():
    """BREAK begins a new chunk wherever it stands, as a word of its own; at the end it adds nothing."""
    assert emphasis.read("a BREAK b") == [[("a", 1)], [("b", 1)]]
    assert emphasis.read("(a\nBREAK\nb:2) c") == [[("a", 2)], [("b", 2), (" c", 1)]]
    assert emphasis.read("BREAK a BREAK") == [[], [("a", 1)]]
    assert emphasis.read("BREAKFAST break") == [[("BREAKFAST break", 1)]]


@given(st.text("ab ()[]:1.5\\BREAK\n", max_size=40))
def test_any_text_is_read(text):
    """Whatever is typed there are parts, and without a bracket or BREAK the text itself."""
    parts = emphasis.read(text)
    assert parts and all(piece and -1e9 < weight < 1e9 for part in parts for piece, weight in part)
    if not set("()[]") & set(text) and "BREAK" not in text:
        assert parts == [[(text, 1.0)] if text else []]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a [red|blue] fox", "alternates at every step"),
        ("[(a:1.2)|[b]]", "alternates"),
        ("a [fox:0.5]", "switches"),
        ("a [red:blue: 10 ]", "switches"),
        ("<lora:style:0.8> a fox", "--lora NAME:WEIGHT"),
    ],
)
def test_what_only_the_web_ui_draws_is_refused(text, told):
    """Prompts that change in mid-drawing, and networks, are told in one line before anything is drawn."""
    with pytest.raises(RequestError, match=told) as caught:
        planned(text)
    assert "\n" not in str(caught.value)
    with pytest.raises(RequestError, match=told):
        planned("a fox", negative_prompt=text)


@pytest.mark.parametrize("text", ["[a] fox", r"\[a:1]", "a|b", "(a|b)", "[note: this]", "12:30 ]", "[a:1"])
def test_what_is_no_such_thing_is_not_refused(text):
    """Plain brackets, escaped ones, bars and colons of prose stay allowed."""
    assert planned(text).specs[0].prompt == text
