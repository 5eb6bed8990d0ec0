"""Small facts that last, kept in tables of the store's index: remembered texts and timings."""

from __future__ import annotations

import sqlite3
import statistics
from collections.abc import Iterator, Mapping, MutableMapping

from sdnb.index import Index

__all__ = ["Memo", "Timings"]

KEPT = 30


class Memo(MutableMapping[str, str]):
    """Texts by name, such as the hashes of files."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def __getitem__(self, name: str) -> str:
        rows = self._index.read("SELECT value FROM memo WHERE name = ?", [name])
        if not rows:
            raise KeyError(name)
        return str(rows[0][0])

    def __setitem__(self, name: str, value: str) -> None:
        self._index.write(lambda db: db.execute("INSERT OR REPLACE INTO memo VALUES (?, ?)", [name, value]))

    def __delitem__(self, name: str) -> None:
        gone = self._index.write(lambda db: db.execute("DELETE FROM memo WHERE name = ?", [name]).rowcount)
        if not gone:
            raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (row[0] for row in self._index.read("SELECT name FROM memo ORDER BY name"))

    def __len__(self) -> int:
        return int(self._index.read("SELECT count(*) FROM memo")[0][0])


class Timings:
    """What one model evaluation cost, by model, device, dtype and size; the last `KEPT` of each."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def add(
        self, db: sqlite3.Connection, identity: Mapping[str, str], size: tuple[int, int], seconds: float
    ) -> None:
        """Record seconds per evaluation, in a transaction that is open."""
        work = _work(identity, size)
        db.execute("INSERT INTO timings (work, seconds) VALUES (?, ?)", [work, seconds])
        db.execute(
            "DELETE FROM timings WHERE work = ? AND id NOT IN "
            "(SELECT id FROM timings WHERE work = ? ORDER BY id DESC LIMIT ?)",
            [work, work, KEPT],
        )

    def median(self, identity: Mapping[str, str], size: tuple[int, int]) -> float | None:
        """Return the median of the seconds per evaluation, or None where there is no timing."""
        rows = self._index.read("SELECT seconds FROM timings WHERE work = ?", [_work(identity, size)])
        return statistics.median(row[0] for row in rows) if rows else None


def _work(identity: Mapping[str, str], size: tuple[int, int]) -> str:
    said = [identity.get(name, "") for name in ("fingerprint", "device", "dtype")]
    return " ".join([*said, f"{size[0]}x{size[1]}"])
