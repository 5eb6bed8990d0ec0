"""Of `sdnb.store`: real files, real processes, a real full disk."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from sdnb import infotext, png
from sdnb.errors import RenderError, StoreError
from sdnb.picture import Picture
from sdnb.settings import Sdnb, activate
from sdnb.spec import ImageSpec
from sdnb.store import Store, default_folder, key
from tests.keeping import IDENTITY, PLENTY, age, child, drawn, keyed, put, spec


@pytest.fixture
def store(tmp_path: Path):
    """Return an empty store."""
    store = Store(tmp_path / "kept", PLENTY)
    yield store
    store.close()


def test_a_kept_picture_comes_back_with_all_that_was_known(store):
    """A hit gives spec, seconds, notes and the very pixels; what was put lets its pixels go."""
    (kept,) = put(store, 3)
    back = store.get(keyed(3))
    assert kept.pixels is None and not kept.cached
    assert back.cached and back.path == kept.path == store.path(keyed(3))
    assert (back.spec, back.seconds, back.notes) == (spec(3), 2.0, ("decoded again",))
    assert back.image.tobytes() == drawn(3).image.tobytes()
    assert store.get(keyed(4)) is None and not store.drain_words()


def test_opening_touches_nothing(tmp_path):
    """Making a Store makes no folder."""
    Store(tmp_path / "none", PLENTY)
    assert not (tmp_path / "none").exists()


def test_get_many_gives_what_is_there(store):
    """Hits come back by key, misses are left out, repeated keys count once."""
    put(store, 1, 2)
    found = store.get_many([keyed(2), keyed(9), keyed(1), keyed(2)])
    assert {name: picture.spec.seed for name, picture in found.items()} == {keyed(2): 2, keyed(1): 1}
    assert store.get_many([]) == {}


def test_has_many_tells_without_use(store):
    """A dry run neither reads pictures nor counts as use."""
    put(store, 1)
    age(store, 5000)
    before = store.search()[0].used
    assert store.has_many([keyed(1), keyed(2)]) == {keyed(1)}
    assert store.search()[0].used == before
    store.get(keyed(1))
    assert store.search()[0].used > before + 4000


def test_reading_imports_neither_torch_nor_pil(store):
    """An all-hit cell stays light: no torch, numpy or PIL is imported to find its pictures."""
    put(store, *range(16))
    code = """
found = store.get_many([key(spec(seed), IDENTITY) for seed in range(16)])
print(len(found), sorted(m for m in ("torch", "numpy", "PIL", "diffusers") if m in sys.modules))
"""
    out, err = child(code, store.folder).communicate(timeout=60)
    assert out.strip() == "16 []", err


def test_a_failed_picture_is_not_kept(store):
    """The store refuses what was not drawn and leaves nothing."""
    with pytest.raises(RenderError, match="out of memory"):
        store.put(keyed(), Picture(spec=spec(), error="out of memory"), IDENTITY)
    assert not store.has_many([keyed()]) and store.stats().pictures == 0


def test_redrawing_replaces_and_keeps_the_pin(store):
    """A second put of a key counts once, takes the new file, and stays pinned."""
    put(store, 1)
    store.pin(keyed(1))
    store.put(keyed(1), drawn(1).with_(pixels=Image.new("RGB", (64, 64), "white")), IDENTITY)
    assert store.get(keyed(1)).image.getpixel((0, 0)) == (255, 255, 255)
    stats = store.stats()
    assert (stats.pictures, stats.pinned) == (1, 1)
    assert stats.bytes == store.path(keyed(1)).stat().st_size
    assert not list((store.folder / "tmp").iterdir())


def test_the_file_says_how_it_was_drawn_and_not_where(store):
    """The chunk restores the spec; nothing in the file names a path or a user."""
    secret = IDENTITY | {"driver": "/home/someone/driver", "user": "someone"}
    name = key(spec(1), secret)
    path = store.put(name, drawn(1), secret).path
    texts = png.texts(path.open("rb"), ["sdnb", "parameters"])
    said = json.loads(texts["sdnb"])
    assert ImageSpec.from_dict(said["spec"]) == spec(1)
    assert (said["key"], said["digest"], said["identity"]) == (name, spec(1).digest, IDENTITY)
    assert texts["parameters"] == infotext.write(spec(1))
    assert b"someone" not in path.read_bytes() and str(store.folder).encode() not in path.read_bytes()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 10] ^= 1
    path.write_bytes(data)


def _flip_text(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"a fox", b"a fix"))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [Path.unlink, _cut, _flip, _flip_text, _empty])
@pytest.mark.parametrize("row", [True, False])
def test_a_missing_or_damaged_file_is_drawn_again_with_a_word(store, damage, row):
    """It is a miss, the user hears of it once, and a new put heals it; with its row or without."""
    put(store, 1, 2)
    damage(store.path(keyed(1)))
    if not row:
        store._index.write(lambda db: db.execute("DELETE FROM pictures"))
    found = store.get_many([keyed(1), keyed(2)])
    assert set(found) == {keyed(2)}
    words = store.drain_words()
    if row or damage is not Path.unlink:
        assert words == ["1 kept picture was missing or damaged; it is drawn again"]
    assert store.stats().pictures == 1 and not store.drain_words()
    put(store, 1)
    assert store.get(keyed(1)).spec == spec(1) and not store.drain_words()


def test_a_file_under_another_pictures_name_is_not_served(store):
    """A whole PNG of ours in the wrong place is no hit."""
    put(store, 1, 2)
    store.path(keyed(1)).write_bytes(store.path(keyed(2)).read_bytes())
    assert store.get(keyed(1)) is None
    assert store.drain_words()


def test_a_file_without_a_row_is_adopted(store):
    """After a kill between file and row, the file is taken in at get, silently and once."""
    put(store, 1)
    store._index.write(lambda db: db.execute("DELETE FROM pictures"))
    back = store.get(keyed(1))
    assert (back.spec, back.seconds, back.notes) == (spec(1), 2.0, ("decoded again",))
    assert store.stats().pictures == 1 and not store.drain_words()


def test_a_newer_whole_file_than_its_row_is_served(store):
    """A kill between a redrawn file and its row is no damage."""
    put(store, 1)
    old = store.path(keyed(1)).read_bytes()
    store.put(keyed(1), drawn(1).with_(seconds=5.0), IDENTITY)
    store.path(keyed(1)).write_bytes(old)
    assert store.get(keyed(1)).seconds == 2.0 and not store.drain_words()


def test_timings_are_of_the_same_work(store):
    """Seconds per evaluation are found by model, device, dtype and size, and by nothing else."""
    put(store, 1, 2)
    assert store.seconds_per_evaluation(IDENTITY, 64, 64) == pytest.approx(0.1)
    assert store.seconds_per_evaluation(IDENTITY, 64, 128) is None
    assert store.seconds_per_evaluation(IDENTITY | {"dtype": "float16"}, 64, 64) is None
    assert store.seconds_per_evaluation(IDENTITY | {"torch": "3"}, 64, 64) == pytest.approx(0.1)


def test_pinned_ones_are_told_apart(store):
    """By their keys, strange ones among them; a pin that is taken off is gone."""
    put(store, 1, 2, 3)
    store.pin(keyed(1))
    store.pin(keyed(2))
    store.pin(keyed(2), False)
    assert store.pinned([keyed(1), keyed(2), keyed(3), "no key"]) == {keyed(1)}


def test_clear_spares_what_is_pinned(store):
    """Clearing tells how many went, also files without a row, and touches nothing that is not ours."""
    put(store, 1, 2, 3)
    store._index.write(lambda db: db.execute("DELETE FROM pictures WHERE key = ?", [keyed(3)]))
    store.pin(keyed(1))
    stranger = store.path(keyed(2)).with_name("holiday.png")
    stranger.write_bytes(b"mine")
    assert store.clear() == 2
    assert store.get(keyed(1)) is not None and stranger.exists()
    store.pin(keyed(1), False)
    assert store.clear() == 1 and store.stats().bytes == 0
    with pytest.raises(StoreError, match="holds no picture"):
        store.pin(keyed(1))


def _full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_one_clear_line(store, monkeypatch):
    """Nothing half-written is left, and what was kept before still reads."""
    put(store, 1)
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", _full)
        with pytest.raises(StoreError, match=r"^no room is left for the store .*SDNB_CACHE_DIR.*$"):
            put(store, 2)
    assert not store.has_many([keyed(2)]) and not list((store.folder / "tmp").iterdir())
    assert store.get(keyed(1)) is not None
    put(store, 2)


def test_a_real_limit_on_file_size_is_one_clear_line(store):
    """The same when the system itself refuses to write on: for the picture, and for the index."""
    put(store, 1)
    code = """
import resource
from sdnb.errors import StoreError
store.stats()
for limit in (200, 20000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    for seed in range(2, 200):
        try:
            store.put(key(spec(seed), IDENTITY), drawn(seed), IDENTITY)
        except StoreError as error:
            print(error)
            break
"""
    out, err = child(code, store.folder).communicate(timeout=60)
    lines = out.splitlines()
    assert len(lines) == 2, err
    assert lines[0].startswith("no room is left for the store")
    assert "SDNB_CACHE_DIR" in lines[1]
    assert not list((store.folder / "tmp").iterdir())
    for seed in range(1, 200):
        if store.has_many([keyed(seed)]):
            assert store.get(keyed(seed)).spec == spec(seed)


def test_a_place_that_cannot_be_a_folder_is_one_clear_line(tmp_path):
    """A store inside a file cannot be; the line says where to go."""
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "kept", PLENTY)
    for use in (lambda: store.get(keyed()), lambda: put(store, 1), store.stats, lambda: store.memo.get("a")):
        with pytest.raises(StoreError, match="SDNB_CACHE_DIR") as told:
            use()
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_that_may_not_be_written_is_one_clear_line(store, monkeypatch, number):
    """No permission and a read-only disk say so."""

    def refused(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(StoreError, match="cannot be written"):
        put(store, 1)


def test_a_read_survives_an_index_that_cannot_be_written(store, monkeypatch):
    """When the note of use fails, the pictures are served and the reason is told."""
    put(store, 1)
    age(store, 5000)

    def refused(work: object) -> None:
        raise StoreError("no room is left")

    monkeypatch.setattr(store._index, "write", refused)
    assert store.get(keyed(1)).spec == spec(1)
    assert store.drain_words() == ["no room is left"]


def test_threads_share_a_store(store):
    """Eight threads put and read at once; every picture is whole afterwards."""
    failures: list[Exception] = []

    def work(start: int) -> None:
        try:
            for seed in range(start, start + 12):
                put(store, seed)
                assert store.get(keyed(seed)).image.getpixel((0, 0)) == (seed, 7, 9)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(4 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(store.get_many(list(map(keyed, range(40))))) == 40 == store.stats().pictures
    assert not store.drain_words()


def test_two_processes_share_a_store(tmp_path):
    """Both start on an empty folder, write the same and different keys, and read each other's."""
    code = """
first = int(sys.argv[2])
for round in range(3):
    for seed in range(first, first + 20):
        name = key(spec(seed), IDENTITY)
        store.put(name, drawn(seed), IDENTITY, evaluations=20)
        for name, picture in store.get_many([key(spec(s), IDENTITY) for s in range(30)]).items():
            assert picture.image.getpixel((0, 0)) == (picture.spec.seed, 7, 9)
        store.memo[f"fact {first}"] = str(round)
print(store.drain_words())
"""
    writers = [child(code, tmp_path, first) for first in ("0", "10")]
    for writer in writers:
        out, err = writer.communicate(timeout=120)
        assert out.strip() == "[]", err
    store = Store(tmp_path, PLENTY)
    assert len(store.get_many(list(map(keyed, range(30))))) == 30 == store.stats().pictures
    assert dict(store.memo) == {"fact 0": "2", "fact 10": "2"}
    assert store.stats().bytes == sum(f.stat().st_size for f in tmp_path.glob("??/??/*.png"))


def test_a_killed_sweep_leaves_a_readable_store(tmp_path):
    """After kill -9 at any moment what was kept is there, and all that is served is whole."""
    code = """
for seed in range(int(sys.argv[2]), 10**6):
    store.put(key(spec(seed), IDENTITY), drawn(seed), IDENTITY)
    print(seed, flush=True)
"""
    said, first = [], 0
    for turn in range(4):
        writer = child(code, tmp_path, str(first))
        for line in writer.stdout:
            said.append(int(line))
            if len(said) >= 7 * (turn + 1):
                break
        time.sleep(0.001 * turn)
        writer.kill()
        said += [int(line) for line in writer.stdout if line.endswith("\n")]
        writer.wait()
        writer.stdout.close()
        writer.stderr.close()
        first = said[-1] + 2
    store = Store(tmp_path, PLENTY)
    names = {keyed(seed): seed for seed in range(first + 2)}
    found = store.get_many(list(names))
    assert {keyed(seed) for seed in said} <= set(found)
    for name, picture in found.items():
        assert picture.image.getpixel((0, 0)) == (names[name] % 256, 7, 9)
    assert not store.drain_words()
    assert {file.stem for file in tmp_path.glob("??/??/*.png")} == set(found)


def test_folder_comes_from_the_settings(monkeypatch, tmp_path):
    """Sdnb.cache_dir wins, with ~ for home; without it the platform's cache folder is taken."""
    activate(Sdnb(cache_dir="~/pictures"))
    assert default_folder() == Path.home() / "pictures"
    monkeypatch.delenv("SDNB_CACHE_DIR", raising=False)
    activate(None)
    assert "sdnb" in str(default_folder()) and default_folder().is_absolute()
    monkeypatch.setenv("SDNB_CACHE_DIR", str(tmp_path))
    activate(None)
    assert default_folder() == tmp_path
