"""Of `sdnb.axis`: where values stand."""

from __future__ import annotations

import pytest

from sdnb.axis import Axis
from sdnb.errors import RequestError

ZIPPED = Axis(
    ("scheduler", "num_inference_steps"),
    (("euler", 20), ("dpmpp_2m_karras", 10), ("euler", 40)),
    ("euler, 20", "dpmpp_2m_karras, 10", "euler, 40"),
)


@pytest.mark.parametrize(
    ("name", "wanted", "places"),
    [
        ("scheduler", "euler", [0, 2]),
        ("scheduler", "DPM++ 2M Karras", [1]),
        ("num_inference_steps", 40, [2]),
        ("num_inference_steps", "40", [2]),
        (ZIPPED.name, "euler, 40", [2]),
        (ZIPPED.name, ("euler", 20), [0]),
    ],
)
def test_values_and_labels_have_their_places(name: str, wanted: object, places: list[int]) -> None:
    """As they were given, as they are shown, or as the web UI says them; of one name, or of all together."""
    assert ZIPPED.places(name, wanted) == places


@pytest.mark.parametrize(
    ("name", "wanted", "there"),
    [
        ("scheduler", "no such", "euler, dpmpp_2m_karras$"),
        ("num_inference_steps", 15, "20, 10, 40$"),
        (ZIPPED.name, "euler, 10", "euler, 20, dpmpp_2m_karras, 10, euler, 40$"),
    ],
)
def test_what_stands_nowhere_is_told_what_does(name: str, wanted: object, there: str) -> None:
    """Each label once, in order; a value that cannot even be read is no other error."""
    with pytest.raises(RequestError, match="is not on the axis .*; there are: " + there):
        ZIPPED.places(name, wanted)
