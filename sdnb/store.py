"""`Store`: what was drawn once is never drawn twice.

A folder with one PNG a picture, ``ab/cd/<key>.png``, and an index of them, ``index.sqlite``. A file is
written under another name, synced and renamed, and its row is entered while the index is locked; so a
process that is killed leaves at most a file without a row. A picture's file carries all that its row
says (in a text chunk named ``sdnb``, with a digest of the packed pixels), so such a file is taken in
when it is asked for, and a lost index is made anew from the files.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import statistics
import threading
import time
import weakref
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as clock
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from sdnb import infotext, png
from sdnb.errors import RequestError, StoreError
from sdnb.index import Index, Memo, storage_errors
from sdnb.picture import Picture
from sdnb.settings import current
from sdnb.spec import ImageSpec

__all__ = ["Entry", "Stats", "Store", "default_folder", "key"]

SPARED_SECONDS = 600.0
TOUCH_SECONDS = 60.0
KEPT_TIMINGS = 30
OLD_TEMPORARY_SECONDS = 3600.0
# What a file says of its identity: names of these kinds hold no path and no user.
_PUBLIC = ("engine", "fingerprint", "device", "dtype", "torch", "diffusers", "transformers")
_HEX = frozenset("0123456789abcdef")


def key(spec: ImageSpec, identity: Mapping[str, str]) -> str:
    """Name a picture by all that decides its pixels.

    Parameters
    ----------
    spec : ImageSpec
        Its settings; the model's name does not count, its fingerprint does.
    identity : mapping of str to str
        What `Engine.identity` says: fingerprint, engine, device, dtype, versions.

    Returns
    -------
    str
        Sha256, 64 hex digits.
    """
    drawn_by = json.dumps(dict(identity), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{spec.canonical(without=frozenset({'model'}))}\n{drawn_by}".encode()).hexdigest()


def default_folder() -> Path:
    """Return ``Sdnb.cache_dir`` (also ``SDNB_CACHE_DIR``), or the platform's cache folder for sdnb."""
    if named := current().cache_dir:
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("sdnb", appauthor=False)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row of the index, as `Store.search` finds it.

    Attributes
    ----------
    key : str
    path : Path
        The PNG.
    settings : mapping
        What `ImageSpec.to_dict` gave.
    notes : tuple of str
    seconds : float
        What drawing it cost.
    created, used : datetime
        Local time.
    bytes : int
    pinned : bool
    """

    key: str
    path: Path
    settings: Mapping[str, Any]
    notes: tuple[str, ...]
    seconds: float
    created: datetime
    used: datetime
    bytes: int
    pinned: bool

    @cached_property
    def spec(self) -> ImageSpec:
        """The settings as a spec; a later version's settings that are unknown raise `RequestError`."""
        return ImageSpec.from_dict(self.settings)


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
        self._index = Index(self.folder / "index.sqlite", self._fill, self.words.append)
        self.memo = Memo(self._index)
        self._live: weakref.WeakSet[Picture] = weakref.WeakSet()
        self._live_lock = threading.Lock()
        self._swept = False

    def get(self, key: str) -> Picture | None:
        """Return a kept picture, or None; see `get_many`."""
        return self.get_many([key]).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, Picture]:
        """Return those of the pictures that are kept, with `path` and ``cached=True``.

        Each file is read and compared with its checksum. One that is missing or damaged is forgotten,
        with a word for the user.

        Raises
        ------
        StoreError
            The store cannot be read.
        """
        found, stale, bad, now = {}, [], [], time.time()
        rows = {row[0]: row[1:] for row in self._index.read(_SELECT, [json.dumps(list(keys))])}
        for name in dict.fromkeys(keys):
            row, data = rows.get(name), self._data(name)
            if row is None and data is None:
                continue
            if row is None or data is None or hashlib.sha256(data).hexdigest() != row[0]:
                # No row yet, or one that another process has just replaced along with the file.
                adopted = self._adopt(name, data) if data is not None else None
                if adopted is None:
                    bad.append(name)
                    continue
                row = adopted
            elif row[4] < now - TOUCH_SECONDS:
                stale.append(name)
            found[name] = self.watch(
                Picture(
                    spec=ImageSpec.from_dict(json.loads(row[1])),
                    path=self._path(name),
                    seconds=row[3],
                    cached=True,
                    notes=tuple(json.loads(row[2])),
                )
            )
        self._settle(stale, bad, now)
        return found

    def has_many(self, keys: Iterable[str]) -> set[str]:
        """Tell which pictures are there by their files alone: nothing is read, nothing counts as used."""
        return {name for name in keys if self._path(name).is_file()}

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
        StoreError
            The disk is full or the folder cannot be written; nothing half-written is left.
        """
        data = _file_of(key, picture, identity)
        row = _row(key, data, picture.spec.to_dict(), picture.notes, picture.seconds, time.time())
        path, temporary = self._path(key), self.folder / "tmp" / f"{uuid4().hex}.png"
        kept = self.watch(picture.with_(path=path, pixels=None))
        with storage_errors(self.folder):
            self._sweep()
            try:
                temporary.parent.mkdir(parents=True, exist_ok=True)
                with temporary.open("wb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
                path.parent.mkdir(parents=True, exist_ok=True)

                def enter(db: sqlite3.Connection) -> None:
                    if temporary.exists():  # not when called again for an index made anew
                        temporary.replace(path)
                    db.execute(_INSERT, row)
                    if evaluations > 0 and picture.seconds > 0:
                        self._time(db, identity, picture, evaluations)
                    self._evict(db)

                self._index.write(enter)
            finally:
                temporary.unlink(missing_ok=True)
        return kept

    def watch(self, picture: Picture) -> Picture:
        """Spare a picture's file for as long as this object lives; return it.

        Pictures from `get` and `put` are watched; a changed copy of one (`Picture.with_`) is not.
        """
        with self._live_lock:
            self._live.add(picture)
        return picture

    def seconds_per_evaluation(self, identity: Mapping[str, str], width: int, height: int) -> float | None:
        """Return what one model evaluation cost in earlier runs (median of the last 30), if known."""
        rows = self._index.read(
            "SELECT seconds FROM timings WHERE fingerprint = ? AND device = ? AND dtype = ? "
            "AND width = ? AND height = ?",
            [*_worker(identity), width, height],
        )
        return statistics.median(row[0] for row in rows) if rows else None

    def pin(self, key: str, on: bool = True) -> None:
        """Keep a picture from eviction, or let it go again.

        Raises
        ------
        StoreError
            There is no such picture.
        """
        sql = "UPDATE pictures SET pinned = ? WHERE key = ?"
        if not self._index.write(lambda db: db.execute(sql, [int(on), key]).rowcount):
            raise StoreError(f"the store holds no picture {key[:12]}…")

    def search(
        self,
        text: str = "",
        *,
        model: str = "",
        after: date | datetime | None = None,
        before: date | datetime | None = None,
        offset: int = 0,
        limit: int = 50,
    ) -> list[Entry]:
        """Find kept pictures, the latest first.

        Parameters
        ----------
        text : str
            Words that the prompt or the negative prompt must all hold, in any case.
        model : str
            The model's name.
        after, before : date or datetime, optional
            Drawn at or after, and before; local time.
        offset, limit : int
            Which of those found, for paging.
        """
        tests, values = ["1"], list[Any]()
        for word in text.casefold().split():
            tests.append("instr(text, ?)")
            values.append(word)
        if model:
            tests.append("model = ?")
            values.append(model)
        for sign, moment in ((">=", after), ("<", before)):
            if moment is not None:
                tests.append(f"created {sign} ?")
                at = moment if isinstance(moment, datetime) else datetime.combine(moment, clock())
                values.append(at.timestamp())
        rows = self._index.read(
            "SELECT key, spec, notes, seconds, created, used, bytes, pinned FROM pictures "
            f"WHERE {' AND '.join(tests)} ORDER BY created DESC, key LIMIT ? OFFSET ?",
            [*values, limit, offset],
        )
        return [
            Entry(
                key=name,
                path=self._path(name),
                settings=json.loads(spec),
                notes=tuple(json.loads(notes)),
                seconds=seconds,
                created=datetime.fromtimestamp(created),
                used=datetime.fromtimestamp(used),
                bytes=size,
                pinned=bool(pinned),
            )
            for name, spec, notes, seconds, created, used, size, pinned in rows
        ]

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
        """Delete the pictures, also those that are shown somewhere; return how many there were."""

        def work(db: sqlite3.Connection) -> int:
            kept = {row[0] for row in db.execute("SELECT key FROM pictures WHERE pinned = 1")}
            gone = [file for file in self._files() if not (keep_pinned and file.stem in kept)]
            for file in gone:
                file.unlink(missing_ok=True)
            db.execute("DELETE FROM pictures" + (" WHERE pinned = 0" if keep_pinned else ""))
            return len(gone)

        with storage_errors(self.folder):
            return self._index.write(work)

    def drain_words(self) -> list[str]:
        """Return the lines to tell the user since the last call."""
        taken = list(dict.fromkeys(self.words))
        self.words.clear()
        return taken

    def close(self) -> None:
        """Close the index; the next use opens it again."""
        self._index.close()

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key[2:4] / f"{key}.png"

    def _files(self) -> Iterable[Path]:
        for file in self.folder.glob("??/??/*.png"):
            if len(file.stem) == 64 and _HEX.issuperset(file.stem):
                yield file

    def _data(self, key: str) -> bytes | None:
        try:
            return self._path(key).read_bytes()
        except OSError:  # gone, or unreadable: either way it is drawn again, with a word
            return None

    def _adopt(self, name: str, data: bytes) -> tuple[Any, ...] | None:
        """Enter a file whose row is missing or older, if all its checks agree."""
        row = _row_in(name, data, time.time())
        if row is None:
            return None
        self._index.write(lambda db: db.execute(_INSERT, row))
        return row[1], row[3], row[6], row[7], row[9]

    def _fill(self, db: sqlite3.Connection) -> None:
        for file in self._files():
            if (row := _row_in(file.stem, file.read_bytes(), file.stat().st_mtime)) is not None:
                db.execute(_INSERT, row)

    def _settle(self, stale: Sequence[str], bad: Sequence[str], now: float) -> None:
        """Enter into the index what a read has shown: pictures used, and pictures damaged or gone."""
        if bad:
            one = len(bad) == 1
            self.words.append(
                f"{len(bad)} kept {'picture was' if one else 'pictures were'} missing or damaged; "
                f"{'it is' if one else 'they are'} drawn again"
            )
        if not (stale or bad):
            return

        def work(db: sqlite3.Connection) -> None:
            db.executemany("UPDATE pictures SET used = ? WHERE key = ?", [(now, name) for name in stale])
            for name in bad:
                self._path(name).unlink(missing_ok=True)
                db.execute("DELETE FROM pictures WHERE key = ?", [name])

        try:
            self._index.write(work)
        except (StoreError, OSError) as error:
            self.words.append(f"the store could be read but not written: {error}")

    def _time(
        self, db: sqlite3.Connection, identity: Mapping[str, str], picture: Picture, evaluations: int
    ) -> None:
        work = [*_worker(identity), picture.spec.width, picture.spec.height]
        db.execute(
            "INSERT INTO timings (fingerprint, device, dtype, width, height, seconds) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [*work, picture.seconds / evaluations],
        )
        same = "fingerprint = ? AND device = ? AND dtype = ? AND width = ? AND height = ?"
        db.execute(
            f"DELETE FROM timings WHERE {same} AND id NOT IN "
            f"(SELECT id FROM timings WHERE {same} ORDER BY id DESC LIMIT {KEPT_TIMINGS})",
            [*work, *work],
        )

    def _evict(self, db: sqlite3.Connection) -> None:
        (taken,) = db.execute("SELECT bytes FROM totals").fetchone()
        if taken <= self.max_bytes:
            return
        with self._live_lock:
            live = {picture.path.stem for picture in self._live if picture.path is not None}
        unused = db.execute(
            "SELECT key, bytes FROM pictures WHERE pinned = 0 AND used < ? ORDER BY used",
            [time.time() - SPARED_SECONDS],
        ).fetchall()
        for name, size in unused:
            if taken <= 0.95 * self.max_bytes:
                break
            if name in live:
                continue
            self._path(name).unlink(missing_ok=True)
            db.execute("DELETE FROM pictures WHERE key = ?", [name])
            taken -= size

    def _sweep(self) -> None:
        """Remove, once, what processes that were killed left half-written an hour ago or more."""
        if self._swept:
            return
        self._swept = True
        for file in (self.folder / "tmp").glob("*.png"):
            if file.stat().st_mtime < time.time() - OLD_TEMPORARY_SECONDS:
                file.unlink(missing_ok=True)


_SELECT = """
SELECT key, sha256, spec, notes, seconds, used FROM pictures WHERE key IN (SELECT value FROM json_each(?))
"""
_INSERT = """
INSERT INTO pictures (key, sha256, bytes, spec, model, text, notes, seconds, created, used)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET
sha256 = excluded.sha256, bytes = excluded.bytes, spec = excluded.spec, model = excluded.model,
text = excluded.text, notes = excluded.notes, seconds = excluded.seconds, created = excluded.created,
used = excluded.used
"""


def _row(
    key: str, data: bytes, settings: Mapping[str, Any], notes: Sequence[str], seconds: float, now: float
) -> tuple[Any, ...]:
    """Make the row of a picture: the values of `_INSERT` in their order."""
    text = f"{settings['prompt']}\n{settings.get('negative_prompt', '')}".casefold()
    return (
        key, hashlib.sha256(data).hexdigest(), len(data), json.dumps(settings), settings["model"], text,
        json.dumps(list(notes)), seconds, now, now,
    )  # fmt: skip


def _row_in(key: str, data: bytes, now: float) -> tuple[Any, ...] | None:
    """Make the row of a file from what it says of itself; None if it is damaged or another picture's."""
    from io import BytesIO

    try:
        said = json.loads(png.texts(BytesIO(data), ["sdnb"])["sdnb"])
        if said["key"] != key or said["pixels"] != png.check(data):
            return None
        spec = ImageSpec.from_dict(said["spec"])
        notes, seconds = [str(note) for note in said["notes"]], float(said["seconds"])
    except (RequestError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return _row(key, data, spec.to_dict(), notes, seconds, now)


def _file_of(key: str, picture: Picture, identity: Mapping[str, str]) -> bytes:
    """Return the PNG with its texts: the web UI's ``parameters`` and our ``sdnb``."""
    data = png.encode(picture.image)
    said = {
        "spec": picture.spec.to_dict(),
        "key": key,
        "digest": picture.spec.digest,
        "pixels": png.check(data),
        "notes": list(picture.notes),
        "seconds": picture.seconds,
        "identity": {name: identity[name] for name in _PUBLIC if name in identity},
    }
    return png.with_texts(data, {"parameters": infotext.write(picture.spec), "sdnb": json.dumps(said)})


def _worker(identity: Mapping[str, str]) -> tuple[str, str, str]:
    return identity.get("fingerprint", ""), identity.get("device", ""), identity.get("dtype", "")
