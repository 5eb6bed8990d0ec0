"""`Files`: the pictures' files, how they come into the store's folder and when they leave it.

One PNG a picture, ``ab/cd/<key>.png``. A file is written under another name, synced, and renamed while
the index is locked; so what lies under a key is whole, and a process that is killed leaves at most a
file without a row, or one under its other name, which is removed an hour later.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from sdnb.entry import Entry
from sdnb.errors import StoreError
from sdnb.picture import Picture

__all__ = ["Files"]

SPARED_SECONDS = 600.0
OLD_TEMPORARY_SECONDS = 3600.0
FULL = 0.95
_HEX = frozenset("0123456789abcdef")


class Files:
    """The files of one folder, by the keys of their pictures.

    Parameters
    ----------
    folder : Path
        Made by the first `written`.
    max_bytes : int
        What they may take; see `evict`.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._live: weakref.WeakSet[Picture] = weakref.WeakSet()
        self._live_lock = threading.Lock()
        self._swept = False

    def path(self, key: str) -> Path:
        """Return where a picture's file lies, or would.

        Raises
        ------
        StoreError
            It is no key.
        """
        if len(key) != 64 or not _HEX.issuperset(key):
            raise StoreError(f"{key!r} is no key of a picture: 64 hex digits")
        return self.folder / key[:2] / key[2:4] / f"{key}.png"

    def __iter__(self) -> Iterator[str]:
        """Give the keys of the files that lie in the folder; what is not ours is passed over."""
        for file in self.folder.glob("??/??/*.png"):
            if len(file.stem) == 64 and _HEX.issuperset(file.stem):
                yield file.stem

    def read(self, key: str) -> bytes | None:
        """Return a file's bytes, or None if it is gone or unreadable: either way it is drawn again."""
        try:
            return self.path(key).read_bytes()
        except OSError:
            return None

    @contextmanager
    def written(self, key: str, data: bytes) -> Iterator[Callable[[], None]]:
        """Write a file under another name; the callable that this yields gives it its own, once.

        Raises
        ------
        OSError
            The disk is full or the folder cannot be written; nothing half-written is left.
        """
        path, temporary = self.path(key), self.folder / "tmp" / f"{uuid4().hex}.png"

        def place() -> None:
            if temporary.exists():  # it is renamed already when an index made anew calls again
                temporary.replace(path)

        self._sweep()
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.parent.mkdir(exist_ok=True)
        try:
            with temporary.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            yield place
        finally:
            temporary.unlink(missing_ok=True)

    def fill(self, db: sqlite3.Connection) -> None:
        """Enter all the files that lie in the folder into a new index, in a transaction that is open."""
        for key in self:
            if (data := self.read(key)) is not None:
                written = self.path(key).stat().st_mtime
                if (entry := Entry.from_file(key, data, written)) is not None:
                    entry.enter(db)

    def watch(self, picture: Picture) -> Picture:
        """Spare a picture's file for as long as this object lives; return it.

        Pictures from `Store.get` and `Store.put` are watched; a changed copy of one (`Picture.with_`)
        is not.
        """
        with self._live_lock:
            self._live.add(picture)
        return picture

    def evict(self, db: sqlite3.Connection) -> None:
        """Remove the least recently used, with their rows, in a transaction that is open.

        Nothing goes until the files take more than the cap; then they go until 95 % of it is taken.
        Pinned pictures stay, so do those that are watched here and those that any process used in the
        last ten minutes.
        """
        (taken,) = db.execute("SELECT bytes FROM totals").fetchone()
        if taken <= self.max_bytes:
            return
        with self._live_lock:
            live = {picture.path.stem for picture in self._live if picture.path is not None}
        unused = db.execute(
            "SELECT key, bytes FROM pictures WHERE pinned = 0 AND used < ? ORDER BY used",
            [time.time() - SPARED_SECONDS],
        ).fetchall()
        for key, size in unused:
            if taken <= FULL * self.max_bytes:
                break
            if key not in live:
                self.path(key).unlink(missing_ok=True)
                db.execute("DELETE FROM pictures WHERE key = ?", [key])
                taken -= size

    def _sweep(self) -> None:
        """Remove, once, what processes that were killed left half-written an hour ago or earlier."""
        if self._swept:
            return
        self._swept = True
        for file in (self.folder / "tmp").glob("*.png"):
            with suppress(FileNotFoundError):  # another process sweeps too
                if file.stat().st_mtime < time.time() - OLD_TEMPORARY_SECONDS:
                    file.unlink()
