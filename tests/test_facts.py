"""Of `sdnb.facts`: what is remembered beside the pictures."""

from __future__ import annotations

import pytest

from sdnb.facts import KEPT, Memo, Timings
from sdnb.index import Index

WORKER = {"fingerprint": "1f", "device": "cuda", "dtype": "float16"}


@pytest.fixture
def index(tmp_path):
    """Return an index in an empty folder."""
    made = Index(tmp_path / "index.sqlite", lambda db: None, print)
    yield made
    made.close()


def test_memo_is_a_mapping_that_lasts(index, tmp_path):
    """Set, get, replace, delete, iterate; another opening sees the same."""
    memo = Memo(index)
    assert memo.get("a") is None and len(memo) == 0
    memo["a"], memo["b"] = "1", "zwei ∞"
    memo["a"] = "3"
    other = Memo(Index(tmp_path / "index.sqlite", lambda db: None, print))
    assert dict(other) == {"a": "3", "b": "zwei ∞"} and "a" in other
    del other["a"]
    assert list(memo) == ["b"]
    for use in (memo.__getitem__, memo.__delitem__):
        with pytest.raises(KeyError):
            use("a")


def test_timings_give_the_median_of_the_last(index):
    """Old runs are forgotten, one slow run does not count, other sizes do not mix in."""
    timings = Timings(index)

    def add(seconds: float, size: tuple[int, int] = (64, 64)) -> None:
        index.write(lambda db: timings.add(db, WORKER, size, seconds))

    assert timings.median(WORKER, (64, 64)) is None
    for _ in range(2 * KEPT):
        add(9.0)
    for _ in range(KEPT - 1):
        add(0.5)
    add(100.0)
    add(7.0, (512, 512))
    assert timings.median(WORKER, (64, 64)) == 0.5
    assert timings.median(WORKER, (512, 512)) == 7.0
    assert timings.median({}, (64, 64)) is None
    assert index.read("SELECT count(*) FROM timings") == [(KEPT + 1,)]
