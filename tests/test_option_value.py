"""What the text behind an option means."""

from pathlib import Path

import numpy as np
import pytest

from sdnb import option_value
from sdnb.errors import RequestError
from sdnb.options import BY_FLAG, OPTIONS

NOTEBOOK = {
    "seeds": np.arange(2),
    "n": 5,
    "axis": "seed",
    "both": ["seed", "steps"],
    "half": 0.5,
    "folder": Path("a b") / "c",
}


def value(flag, text):
    """Read the text of an option beside NOTEBOOK."""
    return option_value.read(BY_FLAG[flag], text, NOTEBOOK)


@pytest.mark.parametrize(
    ("flag", "text", "wanted"),
    [
        ("seed", "7, 1..3", (7, 1, 2, 3)),
        ("seed", "$seeds,$n", (0, 1, 5)),
        ("negative", 'a,"$n"', ("a", "$n")),
        ("count", "4", (4,)),
        ("count", "$n", (5,)),
        ("limit", "$n", 5),
        ("rows", "steps", "num_inference_steps"),
        ("cols", "$axis", "seed"),
        ("zip", "colour,$both", ("colour", "seed", "num_inference_steps")),
        ("equal", "steps", "steps"),
        ("out", "foxes", "foxes"),
        ("save", "'my, folder'", "my, folder"),
        ("save", "$folder", str(Path("a b") / "c")),
        ("quiet", "", True),
    ],
)
def test_read(flag, text, wanted):
    """Each kind of option has its reader, and $name stands for what the notebook has."""
    assert value(flag, text) == wanted


def test_every_kind_has_a_reader():
    """No option of the table is of a kind that cannot be read, and no reader is left over."""
    assert {option.kind for option in OPTIONS} == set(option_value._READERS)


@pytest.mark.parametrize(
    ("flag", "text", "told"),
    [
        ("seed", "$s", r"unknown name '\$s'"),
        ("seed", "$sedes", r"did you mean '\$seeds'"),
        ("limit", "0", "whole number from 1"),
        ("limit", "1.5", "whole number from 1"),
        ("limit", "$half", "whole number from 1, not 0.5"),
        ("count", "-3", "whole number from 1"),
        ("rows", "$n", "takes text"),
        ("zip", "seed,$n", "names of axes, not 5"),
        ("device", "gpu", "did you mean 'cpu'"),
        ("dtype", "float8", "float"),
        ("out", "3x", "Python name"),
        ("out", "class", "Python name"),
        ("save", "''", "takes text"),
        ("save", "$both", r"--save takes text \(FOLDER\), not \['seed', 'steps'\]"),
    ],
)
def test_refused(flag, text, told):
    """What is nothing of its kind gives one line that says what to write."""
    with pytest.raises(RequestError, match=told) as caught:
        value(flag, text)
    assert "\n" not in str(caught.value)
