"""Of `sdnb.index`: what happens to the SQLite file."""

from __future__ import annotations

import errno
import gc
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sdnb import index
from sdnb.errors import StoreError
from sdnb.index import Index, storage_errors

ROOT = Path(__file__).parent.parent


@pytest.fixture
def words() -> list[str]:
    """Collect what is said."""
    return []


@pytest.fixture
def opened(tmp_path, words):
    """Return an index in an empty folder."""
    made = Index(tmp_path / "kept" / "index.sqlite", lambda db: None, words.append)
    yield made
    made.close()


def remember(opened: Index, name: str) -> None:
    """Write one row."""
    opened.write(lambda db: db.execute("INSERT INTO memo VALUES (?, '')", [name]))


def names(opened: Index) -> list[str]:
    """Read the rows."""
    return [name for (name,) in opened.read("SELECT name FROM memo ORDER BY name")]


def test_wal_is_used(opened, words):
    """On a local disk readers do not wait for writers, and there is nothing to say."""
    remember(opened, "a")
    assert (opened.journal, words) == ("wal", [])


def test_a_network_folder_gets_a_rollback_journal_said_once(opened, words, monkeypatch):
    """Where WAL cannot work the index does, in every thread, and says so once."""
    monkeypatch.setattr(index, "_is_on_network", lambda folder: True)
    remember(opened, "a")
    seen: list[str] = []
    thread = threading.Thread(target=lambda: seen.extend(names(opened)))
    thread.start()
    thread.join()
    assert seen == ["a"] and opened.journal == "delete"
    assert len(words) == 1 and "rollback journal" in words[0]


def test_a_wal_index_moves_to_a_network_folder(opened, words, monkeypatch):
    """An index that was made with WAL changes over and keeps its rows."""
    remember(opened, "a")
    opened.close()
    monkeypatch.setattr(index, "_is_on_network", lambda folder: True)
    assert names(opened) == ["a"] and opened.journal == "delete"


def test_network_folders_are_known_by_the_nearest_mount(tmp_path):
    """The longest mount point above the folder decides; spaces in it are read."""
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\n/dev/sdb /home/local ext4 rw 0 0\n"
        "//nas/x /mnt/my\\040files cifs rw 0 0\n"
    )
    answers = {
        folder: index._is_on_network(Path(folder), mounts)
        for folder in ("/home/me/.cache", "/home/local/me", "/var/x", "/mnt/my files/a", "/homework")
    }
    assert list(answers.values()) == [True, False, False, True, False]
    assert not index._is_on_network(tmp_path, tmp_path / "none")


def test_a_failed_write_leaves_nothing(opened):
    """An error in the work takes the whole transaction back, and the next one works."""

    def work(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO memo VALUES ('half', '')")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        opened.write(work)
    remember(opened, "whole")
    assert names(opened) == ["whole"]


def test_a_newer_schema_is_refused(opened, words):
    """A store of a later sdnb is left alone, and the line says what to do."""
    remember(opened, "a")
    opened.write(lambda db: db.execute("PRAGMA user_version = 7"))
    opened.close()
    before = opened.file.read_bytes()
    with pytest.raises(StoreError, match=r"newer sdnb \(schema 7.*update sdnb"):
        names(opened)
    assert opened.file.read_bytes() == before and not words


def _garbage(file: Path) -> None:
    file.write_bytes(b"no database at all " * 500)


def _pages(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    file.write_bytes(data)


def _half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize("damage", [_garbage, _pages, _half])
@pytest.mark.parametrize("write", [True, False])
def test_a_damaged_index_is_moved_aside_and_made_anew(tmp_path, words, damage, write):
    """The file is kept under another name, the fill is called, and the work is done."""
    filled: list[int] = []
    opened = Index(tmp_path / "index.sqlite", lambda db: filled.append(1), words.append)
    for number in range(300):
        remember(opened, f"{number:04} {'x' * 200}")
    opened.close()
    damage(opened.file)
    if write:
        remember(opened, "new")
    else:
        assert names(opened) == []
    assert filled == [1, 1]
    (word,) = words
    assert "damaged" in word and next(tmp_path.glob("index.sqlite.damaged-*")).name in word
    assert names(opened) == (["new"] if write else [])


def test_damage_under_an_open_connection_heals(opened, words):
    """Also threads that had the old file open go on with the new one."""
    for number in range(300):
        remember(opened, f"{number:04} {'x' * 200}")
    opened.read("PRAGMA wal_checkpoint(TRUNCATE)")
    gates = [threading.Event(), threading.Event()]
    seen: list[list[str]] = []

    def other() -> None:
        names(opened)
        gates[0].set()
        gates[1].wait(30)
        seen.append(names(opened))

    thread = threading.Thread(target=other)
    thread.start()
    gates[0].wait(30)
    _pages(opened.file)
    opened.read("PRAGMA shrink_memory")
    remember(opened, "after")
    gates[1].set()
    thread.join()
    assert len(words) == 1
    assert names(opened) == seen[0] == ["after"]


def test_processes_that_meet_a_damaged_index_move_it_once(tmp_path):
    """Four at once: one moves it aside, all of them work on the new one."""
    _garbage(tmp_path / "index.sqlite")
    code = """
import sys
from pathlib import Path
from sdnb.index import Index
index = Index(Path(sys.argv[1]) / "index.sqlite", lambda db: None, lambda word: None)
index.write(lambda db: db.execute("INSERT INTO memo VALUES (?, '')", [sys.argv[2]]))
"""
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], cwd=ROOT) for name in "abcd"
    ]
    assert [child.wait(60) for child in children] == [0, 0, 0, 0]
    assert len(list(tmp_path.glob("index.sqlite.damaged-*"))) == 1
    assert names(Index(tmp_path / "index.sqlite", lambda db: None, print)) == list("abcd")


def test_a_writer_waits_for_another(opened, monkeypatch):
    """A lock that is let go in time is waited for; one that is not gives one clear line."""
    remember(opened, "a")
    other = sqlite3.connect(opened.file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, lambda: other.execute("COMMIT"))
    release.start()
    remember(opened, "b")
    release.join()
    monkeypatch.setattr(index, "BUSY_SECONDS", 0.05)
    opened.close()
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="held by another process"):
        remember(opened, "c")
    other.close()
    assert names(opened) == ["a", "b"]


def test_connections_close_with_their_threads_and_with_the_index(opened):
    """Neither threads that end nor indices that are dropped leave connections open."""
    thread = threading.Thread(target=lambda: names(opened))
    thread.start()
    thread.join()
    names(opened)
    del thread
    gc.collect()
    assert len(opened._connections) == 1
    (mine,) = opened._connections
    opened.close()
    with pytest.raises(sqlite3.ProgrammingError):
        mine.execute("SELECT 1")
    assert names(opened) == []  # and the next use opens it again


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no room is left"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "no room is left"),
        (PermissionError(errno.EACCES, "Permission denied"), "cannot be written"),
        (OSError(errno.EIO, "Input/output error"), "does not work .*Input/output error"),
    ],
)
def test_what_the_disk_says_becomes_one_line(tmp_path, error, said):
    """Each kind of failure is named, with its cause kept."""
    with pytest.raises(StoreError, match=said) as told, storage_errors(tmp_path):
        raise error
    assert "\n" not in str(told.value) and told.value.__cause__ is error
