"""The grammar of LoRAs and their weights."""

import pytest

from sdnb import loras
from sdnb.errors import RequestError


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("style", ["style:1"]),
        ("style:0.80", ["style:0.8"]),
        ("style:-.5", ["style:-0.5"]),
        ("a:0.5 + b", ["a:0.5+b:1"]),
        ("a:0..1:0.5", ["a:0", "a:0.5", "a:1"]),
        ("a:1,", None),
        ("a:0..1[2]+b:1-2", ["a:0+b:1", "a:0+b:2", "a:1+b:1", "a:1+b:2"]),
        ("C:\\x\\a.safetensors:0.5", ["C:\\x\\a.safetensors:0.5"]),
        ("owner/name/a-1.safetensors", ["owner/name/a-1.safetensors:1"]),
        ("none", [""]),
        ("", [""]),
    ],
)
def test_expand(text, forms):
    """Names keep their dots, colons and slashes; weights are numbers or ranges."""
    assert loras.expand(text) == (forms or ["a:1,:1"])
    for form in loras.expand(text):
        assert loras.write(loras.parse(form)) == form == loras.canonical(form)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (":0.5", "a name is missing"),
        ("a+", "a name is missing"),
        ("a:1+a:2", "stands twice"),
        ("a:999", "out of range"),
    ],
)
def test_refused(text, told):
    """Each slip gives one line."""
    with pytest.raises(RequestError, match=told):
        loras.expand(text)


def test_one_spec_has_one_weight():
    """A range is no weight of a picture."""
    with pytest.raises(RequestError, match="one weight each"):
        loras.canonical("a:0..1[2]")
