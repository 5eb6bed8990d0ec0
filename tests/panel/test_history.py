"""Of `sdnb.panel.history`: a real store, looked through a page at a time."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from sdnb import api
from sdnb.panel.history import History
from sdnb.panel.words import Words

ROOT = Path(__file__).parent.parent.parent

# What another kernel does: draws with the same engine into the same store.
OTHER = """
import sys
from sdnb import api
from sdnb.testing import FakeEngine
api.use_engine(FakeEngine())
for number in range(int(sys.argv[1])):
    api.diffuse(f"other {number}", seed=number, progress=False)
    print(number, flush=True)
"""


@pytest.fixture
def history(engine) -> History:
    """Return a history of pages of four, on a store of ten pictures of two prompts."""
    for number in range(10):
        api.diffuse("a red fox" if number % 2 else "a blue cat", seed=number, progress=False)
    made = History(Words("en"), page=4)
    made.refresh()
    return made


def seeds(history: History) -> list[int]:
    """Return the seeds of the page that is shown."""
    return [picture.spec.seed for picture in history.gallery.pictures]


def test_it_looks_when_told_to(engine):
    """Making one reads no store; an empty store is told."""
    history = History(Words("en"))
    assert not api.store_for().folder.exists() and history._place.value == "Nothing found."
    history.refresh()
    assert history._place.value == "Nothing found." and history._older.disabled


def test_pages_go_back_in_time_and_forth(history):
    """The latest first; the buttons end where the pictures end."""
    assert seeds(history) == [9, 8, 7, 6] and history._place.value == "1–4 of 10"
    assert history._newer.disabled and not history._older.disabled
    history._older.click()
    history._older.click()
    assert seeds(history) == [1, 0] and history._place.value == "9–10 of 10"
    assert history._older.disabled and not history._newer.disabled
    history._newer.click()
    assert seeds(history) == [5, 4, 3, 2]
    assert all(picture.cached and picture.path for picture in history.gallery.pictures)


def test_nothing_is_drawn_again(history, engine):
    """Neither by looking nor by drawing what is shown once more."""
    calls = engine.calls
    history._older.click()
    spec = history.gallery.pictures[0].spec
    assert api.diffuse(spec.prompt, seed=spec.seed, progress=False)[0].cached and engine.calls == calls


def test_words_models_days_and_pins_narrow_it(history):
    """Each alone and together; what is chosen goes on from the first page."""
    history._older.click()
    history._text.value = "FOX red"
    assert seeds(history) == [9, 7, 5, 3] and history._place.value == "1–4 of 5"
    assert [value for _, value in history._model.options] == ["", "mini"]
    history._model.value = "mini"
    assert history._place.value == "1–4 of 5"
    history._to.value = date.today() - timedelta(days=1)
    assert seeds(history) == [] and history._place.value == "Nothing found."
    history._to.value = history._from.value = date.today()
    assert history._place.value == "1–4 of 5"
    history._from.value = date.today() + timedelta(days=1)
    assert seeds(history) == []
    history._from.value = history._to.value = None
    api.store_for().pin(history.gallery.pictures[1].path.stem)
    history._pinned.value = True
    assert seeds(history) == [7] and history._place.value == "1–1 of 1"
    history._text.value = "100%"
    assert seeds(history) == []


def test_labels_say_when(history):
    """Local time, by which the day filter works."""
    (tile, *_) = history.gallery._tiles.values()
    assert tile.label.startswith(f"{date.today():%Y-%m-%d} ")


def test_actions_are_the_gallerys(history):
    """As a callback hears them."""
    heard = []
    history.gallery.on_action(lambda action, picture: heard.append((action, picture.spec.seed)))
    history.gallery._handle_custom_msg({"kind": "action", "action": "use", "id": history.gallery.ids[2]}, [])
    assert heard == [("use", 7)]


def test_a_later_versions_picture_is_left_out(history):
    """It is told, and the others are shown."""
    store = api.store_for()
    store._index.write(
        lambda db: db.execute(
            "UPDATE pictures SET spec = json_set(spec, '$.aura', 1) WHERE key = ?",
            [history.gallery.pictures[0].path.stem],
        )
    )
    history.refresh()
    assert seeds(history) == [8, 7, 6] and "update sdnb" in history.gallery.notice
    history._older.click()
    assert history.gallery.notice == ""


def test_a_store_that_cannot_be_read_is_told(history, monkeypatch):
    """One line, instead of an error that nobody sees."""
    store = api.store_for()
    store._index.write(lambda db: db.execute("PRAGMA user_version = 99"))
    store.close()
    history.refresh()
    assert "newer sdnb" in history.gallery.notice and seeds(history) == []


def test_what_leaves_meanwhile_is_told(history):
    """A page that is no more is the last one; a file that is gone is a tile with the reason."""
    history._older.click()
    history._older.click()
    store = api.store_for()
    kept = api.diffuse("a red fox", seed=9, progress=False)[0]
    store.pin(kept.path.stem)
    store.clear()
    history._older.click()
    assert seeds(history) == [9] and history._place.value == "1–1 of 1"
    kept.path.unlink()
    history.refresh()
    (tile,) = history.gallery._tiles.values()
    assert "draw it again" in tile.why


def test_pages_hold_while_another_kernel_draws(history):
    """Two processes share the store: no page shifts, shows a picture twice or loses one."""
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER, "30"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert other.stdout.readline() == "0\n", other.stderr.read()
    seen = list(seeds(history))
    for _ in range(2):
        other.stdout.readline()
        history._older.click()
        seen += seeds(history)
    assert seen == [*range(9, -1, -1)] and history._place.value == "9–10 of 10"
    assert other.communicate(timeout=60)[0].endswith("29\n") and other.returncode == 0
    history.refresh()
    assert history._place.value == "1–4 of 40"
    assert history.gallery.pictures[0].spec.prompt == "other 29"


def test_it_speaks_spanish(engine):
    """Controls and what it says."""
    history = History(Words("es"))
    assert history._text.description == "Buscar" and history._place.value == "No se ha encontrado nada."
