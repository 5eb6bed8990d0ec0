"""Of `sdnb.files`: what lies in the folder, how it gets there and when it leaves."""

from __future__ import annotations

import gc
import os
import time

import pytest

from sdnb.errors import StoreError
from sdnb.files import Files
from sdnb.search import Wanted
from sdnb.store import Store
from tests.keeping import PLENTY, age, child, keyed, put


def test_only_a_key_names_a_file(tmp_path):
    """A made-up key cannot point outside the folder, nor be written or read."""
    files = Files(tmp_path, PLENTY)
    for wrong in ("../../../etc/passwd", "", "AB" * 32, keyed()[:-1]):
        for use in (files.path, files.read, lambda key: files.written(key, b"").__enter__()):
            with pytest.raises(StoreError, match="no key"):
                use(wrong)
    assert not list(tmp_path.iterdir())


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path):
    """Until it is placed it has another name; what is given up leaves nothing; placing twice does no harm."""
    files = Files(tmp_path, PLENTY)
    with pytest.raises(RuntimeError), files.written(keyed(1), b"whole"):
        assert files.read(keyed(1)) is None and len(list((tmp_path / "tmp").iterdir())) == 1
        raise RuntimeError
    assert not list(files) and not list((tmp_path / "tmp").iterdir())
    with files.written(keyed(1), b"whole") as place:
        place()
        place()
    assert list(files) == [keyed(1)] and files.read(keyed(1)) == b"whole"
    assert not list((tmp_path / "tmp").iterdir())


def test_the_least_recently_used_leave(tmp_path):
    """Over the cap the oldest go down to 95 %, but not pinned, live or just used ones."""
    probe = Store(tmp_path / "probe", PLENTY)
    put(probe, 0)
    each = probe.stats().bytes
    store = Store(tmp_path / "kept", round(each * 8.5))
    for seed in range(8):
        put(store, seed)
        age(store, 1000)
    store.pin(keyed(0))
    live = store.get(keyed(1))
    store._index.write(
        lambda db: db.execute("UPDATE pictures SET used = used - 9000 WHERE key = ?", [keyed(1)])
    )
    store.get(keyed(2))
    gc.collect()
    put(store, 8)
    assert store.has_many(map(keyed, range(9))) == set(map(keyed, (0, 1, 2, 4, 5, 6, 7, 8)))
    assert store.stats().bytes <= 0.95 * store.max_bytes + each
    age(store, 1000)
    del live
    gc.collect()
    put(store, 9)
    assert not store.has_many([keyed(1)]) and store.has_many([keyed(0), keyed(2), keyed(9)]) == {
        keyed(0), keyed(2), keyed(9)
    }  # fmt: skip
    files = [file.stat().st_size for file in store.folder.glob("??/??/*.png")]
    assert (store.stats().pictures, store.stats().bytes) == (len(files), sum(files))


def test_a_watched_copy_keeps_its_file(tmp_path):
    """A copy under another spec is spared once it is watched."""
    store = Store(tmp_path, 1)
    copy = store.watch(put(store, 1)[0].with_(cached=True))
    gc.collect()
    age(store, 5000)
    put(store, 2)
    assert copy.image.size == (64, 64)


def test_what_another_process_just_used_is_spared(tmp_path):
    """Use is told through the index: a reader elsewhere saves a picture from our eviction."""
    store = Store(tmp_path, 1)
    put(store, 1, 2)
    gc.collect()
    age(store, 5000)
    reader = child("store.get(key(spec(1), IDENTITY))", tmp_path)
    assert reader.wait(60) == 0, reader.stderr.read()
    put(store, 3)
    assert store.has_many(map(keyed, (1, 2, 3))) == {keyed(1), keyed(3)}


def test_old_temporary_files_leave(tmp_path):
    """What a killed process left goes after an hour; a running one's stays."""
    store = Store(tmp_path, PLENTY)
    (store.folder / "tmp").mkdir(parents=True)
    old, new = store.folder / "tmp" / "old.png", store.folder / "tmp" / "new.png"
    for file in (old, new):
        file.write_bytes(b"half")
    os.utime(old, (time.time() - 4000,) * 2)
    put(store, 1)
    assert not old.exists() and new.exists()


def test_a_lost_index_is_made_anew_from_the_files(tmp_path):
    """Without index.sqlite the pictures, their notes and the totals come back."""
    store = Store(tmp_path, PLENTY)
    put(store, *range(5))
    before = store.stats()
    store.close()
    for file in store.folder.glob("index.sqlite*"):
        file.unlink()
    cut = store.path(keyed(4))
    cut.write_bytes(cut.read_bytes()[:-20])
    assert (store.stats().pictures, len(store.search(Wanted(text="fox")))) == (4, 4)
    assert store.get(keyed(2)).notes == ("decoded again",)
    assert store.stats().bytes < before.bytes
