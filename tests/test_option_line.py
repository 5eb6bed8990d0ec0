"""The tokenizer of the option line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdnb.errors import RequestError, SdnbError
from sdnb.option_line import Line, quote, scan, split

TAKES = {"seed": "list", "negative": "list", "out": "one", "quiet": "nothing"}
PIECES = [*"ab\"', =-$[]().1\n", "--seed", "--negative", "--out", "--quiet", "1-3", " "]
NASTY = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a, "b, c"', ["a", "b, c"]),
        ('a,"b, c",d', ["a", "b, c", "d"]),
        ("'it''s',b", ["it's", "b"]),
        ("fox's,5\" tall", ["fox's", '5" tall']),
        (r"a\,b", ["a\\", "b"]),
        ('""', [""]),
    ],
)
def test_split(text, expected):
    """Quotes protect commas with and without a space before them; a backslash is a letter."""
    assert [element.text for element in split(text)] == expected


@pytest.mark.parametrize("text", ["a,,b", "a,", ",a", "", '"a', '"a" b', '"a"b'])
def test_split_refuses(text):
    """Empty elements, open quotes and text behind a quote are told, not guessed at."""
    with pytest.raises(RequestError):
        split(text)


@given(st.lists(st.text(), min_size=1))
def test_quote_is_inverse_of_split(texts):
    """Any quoted texts come back from a comma list."""
    assert [element.text for element in split(" , ".join(map(quote, texts)))] == texts


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("--seed 1, 2, 3 --quiet", (("seed", "1, 2, 3"), ("quiet", ""))),
        ("--seed 1 ,2", (("seed", "1 ,2"),)),
        ("--seed=-1..3", (("seed", "-1..3"),)),
        ("--seed -1..3", (("seed", "-1..3"),)),
        ("--seed 1-10 (+3), 20 --out x", (("seed", "1-10 (+3), 20"), ("out", "x"))),
        ("--seed 1-10 [5]", (("seed", "1-10 [5]"),)),
        ('--negative "a --seed 3", b', (("negative", '"a --seed 3", b'),)),
        ('--negative="a b"', (("negative", '"a b"'),)),
        ("--negative --", (("negative", "--"),)),
        ("--out a,b", (("out", "a,b"),)),
    ],
)
def test_scan_options(line, options):
    """Lists go on behind a comma, the web UI's step and count belong to their range."""
    assert scan(line, TAKES, words=False) == Line(options, ())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a red fox --seed 1,2 on the moon", ("a", "red", "fox", "on", "the", "moon")),
        ("a fox's 'tis --out x it", ("a", "fox's", "'tis", "it")),
        ('say "--seed 3" --quiet now', ("say", '"--seed 3"', "now")),
        ("a (red:1.2) -- fox --seed 1 (very) big", ("a", "(red:1.2)", "--", "fox", "(very)", "big")),
    ],
)
def test_scan_words(line, words):
    """On one line the words that belong to no option stay as they were typed."""
    assert scan(line, TAKES, words=True).words == words


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--sed 1", "did you mean '--seed'"),
        ("--se 1", "for --se write --seed"),
        ("--seed", "--seed needs a value"),
        ("--seed --quiet", "--seed needs a value before --quiet"),
        ("--seed= 3", "--seed needs a value"),
        ("--quiet=yes", "--quiet takes no value"),
        ("--negative 'it", "not closed"),
        ("--negative 'it's'", "after the closing quote"),
    ],
)
def test_scan_refuses(line, told):
    """Every slip gives one line that says what to write."""
    with pytest.raises(RequestError, match=told):
        scan(line, TAKES, words=False)


@pytest.mark.parametrize("line", ["--seed 1, fox", "--seed 1 , fox", "--seed 1 ,fox"])
def test_scan_is_not_sure_about_a_word_behind_a_comma(line):
    """On one line a word behind a comma could be a value or the prompt, and is refused."""
    with pytest.raises(RequestError, match="'fox' belongs to --seed or to the prompt"):
        scan(line, TAKES, words=True)


@given(NASTY, st.booleans())
def test_any_line_gives_parts_or_an_error(line, words):
    """Whatever is typed, the answer is a `Line` whose values were in it, or an `SdnbError`."""
    try:
        scanned = scan(line, TAKES, words=words)
    except SdnbError:
        return
    assert all(value in line for _, value in scanned.options)
    assert all(word in line for word in scanned.words)
