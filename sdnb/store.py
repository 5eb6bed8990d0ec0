"""`Store`: what was drawn once is never drawn twice.

A folder with one PNG a picture (`sdnb.files`) and an index of them, ``index.sqlite`` (`sdnb.index`). A
file gets its name and its row while the index is locked; so a process that is killed leaves at most a
file without a row. Such a file is taken in when it is asked for, and a lost index is made anew from the
files (see `sdnb.entry`).
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdnb.entry import COLUMNS, Entry, key, to_file
from sdnb.errors import StoreError
from sdnb.facts import Memo, Timings
from sdnb.files import Files
from sdnb.index import Index, storage_errors
from sdnb.picture import Picture
from sdnb.search import Wanted
from sdnb.settings import default_folder

__all__ = ["Stats", "Store", "default_folder", "key"]

TOUCH_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Stats:
    """What ``%sdnb cache`` shows.

    Attributes
    ----------
    pictures, pinned : int
    bytes, max_bytes : int
        Of the pictures' files, and their cap.
    folder : Path
    journal : str
        SQLite's journal mode, ``wal`` or ``delete``.
    """

    pictures: int
    pinned: int
    bytes: int
    max_bytes: int
    folder: Path
    journal: str


class Store:
    """The pictures kept on disk. Threads and processes may share one folder.

    Parameters
    ----------
    folder : Path
        Made at first use.
    max_bytes : int
        When the files take more, the least recently used go until 95 % is taken. Pinned pictures stay,
        so do those that this process holds and those that any process used in the last ten minutes.

    Attributes
    ----------
    path, watch : callable
        `Files.path`, where a picture's file lies; `Files.watch`, which spares it while its object lives.
    memo : mutable mapping of str to str
        Small facts that last.
    words : list of str
        Lines to tell the user; `drain_words` takes them.
    """

    memo: MutableMapping[str, str]

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = Path(folder)
        self.max_bytes = max_bytes
        self.words: list[str] = []
        self._files = Files(self.folder, max_bytes)
        self.path, self.watch = self._files.path, self._files.watch
        self._index = Index(self.folder / "index.sqlite", self._files.fill, self.words.append)
        self.memo = Memo(self._index)
        self._timings = Timings(self._index)

    def get(self, key: str) -> Picture | None:
        """Return a kept picture, or None; see `get_many`."""
        return self.get_many([key]).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, Picture]:
        """Return those of the pictures that are kept, with `path` and ``cached=True``.

        Each file is read and compared with its checksum. One that is missing or damaged is forgotten,
        with a word for the user. The spec of a picture names the model as it was named when it was drawn.

        Raises
        ------
        StoreError
            The store cannot be read.
        """
        rows = self._index.read(
            f"SELECT {COLUMNS} FROM pictures WHERE key IN (SELECT value FROM json_each(?))",
            [json.dumps(list(keys))],
        )
        known = {entry.key: entry for entry in map(Entry.from_row, rows)}
        now = time.time()
        found: dict[str, Picture] = {}
        used, lost = [], []
        for name in dict.fromkeys(keys):
            entry, data = known.get(name), self._files.read(name)
            if entry is None and data is None:
                continue
            if data is not None and (entry is None or hashlib.sha256(data).hexdigest() != entry.sha256):
                # No row yet, or one older than the file: a process was killed or is between the two.
                entry = self._adopt(name, data)
            if entry is None or data is None:
                lost.append(name)
                continue
            if entry.used < now - TOUCH_SECONDS:
                used.append(name)
            found[name] = self.watch(entry.picture(self.path(name)))
        if used or lost:
            self._note(used, lost, now)
        return found

    def has_many(self, keys: Iterable[str]) -> set[str]:
        """Tell which pictures are there by their files alone: nothing is read, nothing counts as used."""
        return {name for name in keys if self.path(name).is_file()}

    def put(
        self, key: str, picture: Picture, identity: Mapping[str, str], *, evaluations: int = 0
    ) -> Picture:
        """Keep a drawn picture.

        Parameters
        ----------
        key : str
            What the function `key` gave.
        picture : Picture
            Drawn, with its pixels.
        identity : mapping of str to str
            As for `key`. The file says of it only what names no path and no user.
        evaluations : int
            Model evaluations that `picture.seconds` paid for; 0 records no timing.

        Returns
        -------
        Picture
            With `path` set and the pixels let go.

        Raises
        ------
        RenderError
            The picture was not drawn.
        StoreError
            The disk is full or the folder cannot be written; nothing half-written is left.
        """
        path = self.path(key)
        data = to_file(key, picture, identity)
        entry = Entry.of(key, data, picture.spec, picture.notes, picture.seconds, time.time())
        kept = self.watch(picture.with_(path=path, pixels=None, chunks={}))

        def enter(db: sqlite3.Connection) -> None:
            place()
            entry.enter(db)
            if evaluations > 0 and picture.seconds > 0:
                size = (picture.spec.width, picture.spec.height)
                self._timings.add(db, identity, size, picture.seconds / evaluations)
            self._files.evict(db)

        with storage_errors(self.folder), self._files.written(key, data) as place:
            self._index.write(enter)
        return kept

    def seconds_per_evaluation(self, identity: Mapping[str, str], width: int, height: int) -> float | None:
        """Return what a model evaluation cost in the last runs (median), or None if it is not known."""
        return self._timings.median(identity, (width, height))

    def pin(self, key: str, on: bool = True) -> None:
        """Keep a picture from eviction, or let it go again.

        Raises
        ------
        StoreError
            There is no such picture.
        """
        sql = "UPDATE pictures SET pinned = ? WHERE key = ?"
        if not self._index.write(lambda db: db.execute(sql, [int(on), key]).rowcount):
            raise StoreError(f"the store holds no picture {key[:12]}")

    def pinned(self, keys: Sequence[str]) -> set[str]:
        """Tell which of the pictures are pinned."""
        sql = "SELECT key FROM pictures WHERE pinned = 1 AND key IN (SELECT value FROM json_each(?))"
        return {name for (name,) in self._index.read(sql, [json.dumps(list(keys))])}

    def search(self, wanted: Wanted | None = None, *, offset: int = 0, limit: int = 50) -> list[Entry]:
        """Find kept pictures, the latest first; no file is read.

        Parameters
        ----------
        wanted : Wanted, optional
            Which; all unless told.
        offset, limit : int
            Which of those found, for paging.
        """
        where, values = (wanted or Wanted()).sql()
        rows = self._index.read(
            f"SELECT {COLUMNS} FROM pictures WHERE {where} ORDER BY created DESC, key LIMIT ? OFFSET ?",
            [*values, limit, offset],
        )
        return [Entry.from_row(row) for row in rows]

    def count(self, wanted: Wanted | None = None) -> int:
        """Count what `search` would find without a limit."""
        where, values = (wanted or Wanted()).sql()
        return int(self._index.read(f"SELECT count(*) FROM pictures WHERE {where}", values)[0][0])

    def models(self) -> list[str]:
        """Name the models of the kept pictures, in alphabetical order."""
        return [name for (name,) in self._index.read("SELECT DISTINCT model FROM pictures ORDER BY model")]

    def picture(self, entry: Entry) -> Picture:
        """Return a picture that was found, its file spared while the object lives; no file is read.

        Raises
        ------
        RequestError
            It has settings that only a later version knows.
        """
        return self.watch(entry.picture(self.path(entry.key)))

    def stats(self) -> Stats:
        """Count what is kept."""
        pictures, size, pinned = self._index.read(
            "SELECT pictures, bytes, (SELECT count(*) FROM pictures WHERE pinned = 1) FROM totals"
        )[0]
        return Stats(
            pictures=pictures,
            pinned=pinned,
            bytes=size,
            max_bytes=self.max_bytes,
            folder=self.folder,
            journal=self._index.journal,
        )

    def clear(self, *, keep_pinned: bool = True) -> int:
        """Delete the pictures, also those that are shown somewhere; return how many there were.

        Pictures that the user gave to begin from (`sdnb.inputs`) go too, and are not counted.
        """

        def work(db: sqlite3.Connection) -> int:
            pinned = {name for (name,) in db.execute("SELECT key FROM pictures WHERE pinned = 1")}
            gone = [name for name in self._files if not (keep_pinned and name in pinned)]
            for name in gone:
                self.path(name).unlink(missing_ok=True)
            db.execute("DELETE FROM pictures" + (" WHERE pinned = 0" if keep_pinned else ""))
            for file in (self.folder / "inputs").glob("*.png"):
                file.unlink(missing_ok=True)
            return len(gone)

        with storage_errors(self.folder):
            return self._index.write(work)

    def drain_words(self) -> list[str]:
        """Return the lines to tell the user since the last call."""
        taken = self.words[:]
        del self.words[: len(taken)]
        return list(dict.fromkeys(taken))

    def close(self) -> None:
        """Close the index; the next use opens it again."""
        self._index.close()

    def _adopt(self, key: str, data: bytes) -> Entry | None:
        """Enter a file by what it says of itself; None if its checks do not agree."""
        if (entry := Entry.from_file(key, data, time.time())) is None:
            return None
        self._index.write(entry.enter)
        return entry

    def _note(self, used: Sequence[str], lost: Sequence[str], now: float) -> None:
        """Enter into the index what a read has shown."""
        if lost:
            one = len(lost) == 1
            self.words.append(
                f"{len(lost)} kept {'picture was' if one else 'pictures were'} missing or damaged; "
                f"{'it is' if one else 'they are'} drawn again"
            )

        def work(db: sqlite3.Connection) -> None:
            db.executemany("UPDATE pictures SET used = ? WHERE key = ?", [(now, name) for name in used])
            db.executemany("DELETE FROM pictures WHERE key = ?", [(name,) for name in lost])

        try:
            self._index.write(work)
        except StoreError as error:  # what was read is good all the same
            self.words.append(str(error))
