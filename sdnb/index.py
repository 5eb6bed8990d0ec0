"""The store's index: one SQLite file, shared by the threads and processes that draw.

Every thread has a connection of its own. A write is one short transaction that begins by taking
the lock (``BEGIN IMMEDIATE``), so that a second writer waits instead of failing half-way. What can
go wrong with the file ends in one of two ways: a `StoreError` of one line, or, when the file itself
is damaged, it is moved aside and made anew from the pictures that lie in the folder.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sdnb.errors import StoreError

__all__ = ["Index", "storage_errors"]

SCHEMA = 1
BUSY_SECONDS = 30.0
_TABLES = """
CREATE TABLE pictures (
    key TEXT PRIMARY KEY, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, spec TEXT NOT NULL,
    notes TEXT NOT NULL, seconds REAL NOT NULL, created REAL NOT NULL, used REAL NOT NULL,
    model TEXT NOT NULL, text TEXT NOT NULL, pinned INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX by_use ON pictures (pinned, used);
CREATE INDEX by_time ON pictures (created);
CREATE INDEX by_model ON pictures (model, created);
CREATE TABLE totals (pictures INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT INTO totals VALUES (0, 0);
CREATE TRIGGER added AFTER INSERT ON pictures BEGIN
    UPDATE totals SET pictures = pictures + 1, bytes = bytes + new.bytes; END;
CREATE TRIGGER changed AFTER UPDATE OF bytes ON pictures BEGIN
    UPDATE totals SET bytes = bytes + new.bytes - old.bytes; END;
CREATE TRIGGER removed AFTER DELETE ON pictures BEGIN
    UPDATE totals SET pictures = pictures - 1, bytes = bytes - old.bytes; END;
CREATE TABLE timings (id INTEGER PRIMARY KEY, work TEXT NOT NULL, seconds REAL NOT NULL);
CREATE INDEX by_work ON timings (work);
CREATE TABLE memo (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
# Their locks and shared memory do not hold between machines, which WAL needs.
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs"}
_NETWORK |= {"fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.gcsfuse", "glusterfs", "fuse.rclone"}

Result = TypeVar("Result")


class Index:
    """The SQLite file; opened at first use.

    Parameters
    ----------
    file : Path
        ``index.sqlite`` in the store's folder, which is made if need be.
    fill : callable
        Called with the connection when the tables were just made, in the same transaction: enters
        the pictures that lie in the folder already.
    say : callable
        Takes one line to tell the user.
    """

    def __init__(
        self, file: Path, fill: Callable[[sqlite3.Connection], None], say: Callable[[str], None]
    ) -> None:
        self.file = file
        self.journal = ""
        self._fill = fill
        self._say = say
        self._local = threading.local()
        self._age = 0
        self._connections: set[sqlite3.Connection] = set()
        self._opening = threading.Lock()
        weakref.finalize(self, _close_all, self._connections)

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of one query.

        Raises
        ------
        StoreError
            The index cannot be read.
        """
        return self._run(lambda connection: connection.execute(sql, values).fetchall())

    def write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do some work in one transaction that holds the lock for writing.

        Parameters
        ----------
        work : callable
            Takes the connection. It may be called a second time when the index had to be made anew.

        Raises
        ------
        StoreError
            The index cannot be written; nothing of the work is in it.
        """

        def transaction(connection: sqlite3.Connection) -> Result:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return result

        return self._run(transaction)

    def close(self) -> None:
        """Close the connections of all threads."""
        self._age += 1
        _close_all(self._connections)

    def _run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        with storage_errors(self.file.parent):
            age = self._age
            try:
                return work(self._connection())
            except sqlite3.DatabaseError as error:
                if _is_damage(error):
                    self._replace()
                elif age == self._age:  # else another thread has just replaced the file under us
                    raise
            return work(self._connection())

    def _connection(self) -> sqlite3.Connection:
        # A forked child must not use its parent's connections.
        now = (os.getpid(), self._age)
        if getattr(self._local, "age", None) != now:
            with self._opening:
                self._local.connection = self._open()
            self._local.age = now
        connection: sqlite3.Connection = self._local.connection
        return connection

    def _open(self) -> sqlite3.Connection:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self.file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            self._set_journal(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            self._set_tables(connection)
        except BaseException:
            connection.close()
            raise
        self._connections.add(connection)
        weakref.finalize(threading.current_thread(), _drop, self._connections, connection)
        return connection

    def _set_journal(self, connection: sqlite3.Connection) -> None:
        first = not self.journal
        wanted = "delete" if _is_on_network(self.file.parent) else "wal"
        end = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self.journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
                if self.journal != wanted:
                    self.journal = connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()[0]
                break
            except sqlite3.OperationalError as error:
                # Changing the mode does not wait by itself for others who open the file.
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
                time.sleep(0.01)
        if first and self.journal != "wal":
            self._say(
                f"the store {self.file.parent} uses a rollback journal (a network folder?): "
                "it works, but kernels that share it wait for each other"
            )

    def _set_tables(self, connection: sqlite3.Connection) -> None:
        def version() -> int:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])

        if version() == 0:
            connection.execute("BEGIN IMMEDIATE")
            try:
                if version() == 0:  # nobody made them while we waited for the lock
                    for statement in _statements(_TABLES):
                        connection.execute(statement)
                    self._fill(connection)
                    connection.execute(f"PRAGMA user_version = {SCHEMA}")
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        if (found := version()) != SCHEMA:
            raise StoreError(
                f"the store {self.file.parent} was written by a newer sdnb (schema {found}, this one knows "
                f"{SCHEMA}): update sdnb, or set SDNB_CACHE_DIR to another folder"
            )

    def _replace(self) -> None:
        """Move a damaged file aside, unless another process has done so already."""
        lock = sqlite3.connect(self.file.with_suffix(".lock"), timeout=BUSY_SECONDS, isolation_level=None)
        with closing(lock):
            lock.execute("BEGIN EXCLUSIVE")
            if self._is_damaged():
                self.close()
                aside = self.file.with_name(f"{self.file.name}.damaged-{time.time_ns()}")
                for tail in ("-wal", "-shm", "-journal"):
                    with suppress(FileNotFoundError):
                        self.file.with_name(self.file.name + tail).rename(f"{aside}{tail}")
                self.file.rename(aside)
                self._say(
                    f"the store's index was damaged: it is now {aside.name} and a new one was made "
                    "from the pictures (pins are lost)"
                )
            else:
                self._age += 1
            lock.execute("ROLLBACK")

    def _is_damaged(self) -> bool:
        if not self.file.exists():
            return False
        with closing(sqlite3.connect(self.file, timeout=BUSY_SECONDS, isolation_level=None)) as fresh:
            try:
                return bool(fresh.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok")
            except sqlite3.DatabaseError as error:
                if _is_damage(error):
                    return True
                raise


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn what the disk and SQLite raise into a `StoreError` of one line."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise StoreError(_reason(folder, error)) from error


def _reason(folder: Path, error: sqlite3.Error | OSError) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    number = getattr(error, "errno", 0)
    elsewhere = "set SDNB_CACHE_DIR to another folder, or draw with --no-cache"
    if code == sqlite3.SQLITE_FULL or number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"no room is left for the store {folder}: free some, {elsewhere}"
    if code == sqlite3.SQLITE_BUSY:
        return f"the store {folder} was held by another process for {BUSY_SECONDS:.0f} s; try again"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM) or number in (
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
    ):
        return f"the store {folder} cannot be written ({error}): {elsewhere}"
    return f"the store {folder} does not work ({error}): {elsewhere}"


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _close_all(connections: set[sqlite3.Connection]) -> None:
    while connections:
        connections.pop().close()


def _drop(connections: set[sqlite3.Connection], connection: sqlite3.Connection) -> None:
    connections.discard(connection)
    connection.close()


def _statements(script: str) -> Iterator[str]:
    """Split a script; `executescript` would commit the transaction that is open."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _is_on_network(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> bool:
    """Tell whether a folder lies on a network file system; known on Linux only."""
    if not mounts.exists():
        return False
    kinds = {}
    for line in mounts.read_text(errors="replace").splitlines():
        fields = line.split(" ")
        kinds[fields[1].replace("\\040", " ")] = fields[2]
    real = folder.resolve()
    return next((kinds[str(p)] for p in (real, *real.parents) if str(p) in kinds), "") in _NETWORK
