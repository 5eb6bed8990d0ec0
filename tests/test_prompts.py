"""The prompts of a sweep."""

import pytest

from sdnb.errors import RequestError
from sdnb.prompts import Prompts, tidy


def test_several_prompts_are_one_axis():
    """Prompts and their alternatives are laid out one after the other."""
    prompts = Prompts(["a {red|blue} fox", "a cat"])
    assert prompts.lengths == {"prompt": 3}
    assert prompts.texts("prompt") == ("a red fox", "a blue fox", "a cat")
    assert prompts.fill({"prompt": 1}) == "a blue fox"


def test_an_alternative_must_leave_a_prompt():
    """A prompt of which nothing is left is told."""
    with pytest.raises(RequestError, match="leaves the prompt empty"):
        Prompts(["{|a}"]).fill({"prompt": 0})


def test_tidy_keeps_what_is_seen():
    """White space at the ends of lines goes, of every kind that ends a line; indentation stays."""
    assert tidy("  a fox \r\n\ton\u2028 the moon\x0b \n\n") == "a fox\n\ton\n the moon"
