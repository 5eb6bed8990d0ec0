"""Of `sdnb.panel.gallery`: what is sent to the page, and what the page's messages do."""

from __future__ import annotations

import re
import threading
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from sdnb import api, infotext
from sdnb.panel.gallery import MAX_FILE, SIDE, STATIC, THUMBNAIL_BYTES, Gallery, thumbnail
from sdnb.panel.words import Words
from sdnb.picture import Picture
from sdnb.results import Results

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def drawn(engine) -> Results:
    """Return three pictures that the store keeps."""
    return api.diffuse("a fox", seed=range(3), progress=False)


class Page:
    """Stands for the browser: collects what is sent and sends what a page would."""

    def __init__(self, gallery: Gallery) -> None:
        self.gallery = gallery
        self.sent: list[tuple[dict, list[bytes]]] = []
        gallery.send = lambda content, buffers=None: self.sent.append((content, list(buffers or [])))

    def says(self, _buffers=(), **content):
        self.gallery._handle_custom_msg(content, list(_buffers))

    def tiles(self) -> dict[str, dict]:
        """Return the tiles by id, as last sent, each with its thumbnail."""
        return {
            tile["id"]: tile | {"thumbnail": data}
            for content, buffers in self.sent
            if content["kind"] == "tiles"
            for tile, data in zip(content["tiles"], buffers, strict=True)
        }


@pytest.fixture
def gallery() -> Gallery:
    """Return an English gallery."""
    return Gallery(Words("en"))


@pytest.fixture
def page(gallery) -> Page:
    """Return its page."""
    return Page(gallery)


def test_pictures_are_pushed_once_and_then_named(gallery, page, drawn):
    """Each tile travels once, small; ids follow the order; show replaces and clear empties."""
    for number, picture in enumerate(drawn):
        gallery.add(picture, f"seed {number}")
    assert gallery.pictures == list(drawn) and len(page.sent) == 3
    tiles = page.tiles()
    assert list(tiles) == gallery.ids
    assert [tile["label"] for tile in tiles.values()] == ["seed 0", "seed 1", "seed 2"]
    first = tiles[gallery.ids[0]]
    assert first["state"] == "drawn" and dict(first["settings"])["prompt"] == "a fox"
    assert (first["width"], first["height"], first["kept"], first["pinned"]) == (64, 64, True, False)
    assert infotext.read(first["text"])["seed"] == 0
    assert re.fullmatch(r"0001-seed-0-dpmpp_2m-[0-9a-f]{8}\.png", first["file"])
    gallery.show([picture.with_() for picture in drawn[:2]], ["left"])
    assert len(gallery.ids) == 2 and not set(tiles) & set(gallery.ids)
    assert [tile["label"] for tile in page.tiles().values()][-2:] == ["left", ""]
    gallery.clear()
    assert gallery.ids == [] and gallery.pictures == []


def test_showing_what_is_there_moves_it(gallery, page, drawn):
    """The tiles of a run that ends keep their ids, so an enlarged one stays open; only changes travel."""
    for picture in reversed(drawn):
        gallery.add(picture)
    names = gallery.ids
    page.sent.clear()
    gallery.show(list(drawn), ["", "second"])
    assert gallery.ids == names[::-1] and gallery.pictures == list(drawn)
    ((content, _),) = page.sent
    assert [(tile["id"], tile["label"]) for tile in content["tiles"]] == [(names[1], "second")]
    gallery.show([drawn[0], drawn[0]])
    assert gallery.ids[0] == names[2] and gallery.ids[1] not in names


def test_what_a_page_lacks_is_sent_again(gallery, page, drawn):
    """A page that was opened later gets the tiles that it asks for, and no others."""
    gallery.show(drawn)
    page.sent.clear()
    page.says(kind="want", ids=[gallery.ids[2], "999"])
    assert list(page.tiles()) == gallery.ids[2:]


def test_full_sizes_are_sent_when_asked_for(gallery, page, drawn):
    """The file itself, with its metadata; nothing of it is in the synced state."""
    gallery.show(drawn)
    page.sent.clear()
    page.says(kind="full", id=gallery.ids[1])
    ((content, (data,)),) = page.sent
    assert content == {"kind": "full", "id": gallery.ids[1], "error": ""}
    assert data == drawn[1].path.read_bytes() and infotext.from_png(data)["seed"] == 1
    assert len(repr(gallery.get_state(["ids", "notice"]))) < 200


def test_a_picture_that_is_not_kept_is_shown_and_sent(gallery, page, engine):
    """Without the store its pixels make the thumbnail and a PNG that says its settings."""
    (picture,) = api.diffuse("a fox", seed=5, cache=False, progress=False)
    gallery.add(picture)
    (tile,) = page.tiles().values()
    assert not tile["kept"] and Image.open(BytesIO(tile["thumbnail"])).size == (64, 64)
    page.says(kind="full", id=gallery.ids[0])
    assert infotext.from_png(page.sent[-1][1][0])["seed"] == 5


def test_failed_blocked_and_lost_pictures_say_so(gallery, page, drawn):
    """Each is a tile with its reason; a file that leaves the store later is told when it is asked for."""
    spec = drawn[0].spec
    failed = Picture(spec=spec, error="no memory is left")
    blocked = drawn[1].with_(notes=("blocked by the safety checker",))
    gone = drawn[2].with_(path=drawn[2].path.with_name("0" * 64 + ".png"))
    gallery.show([failed, blocked, gone, drawn[0]])
    first, second, third, fourth = page.tiles().values()
    assert (first["state"], first["why"], first["thumbnail"]) == ("failed", "no memory is left", b"")
    assert second["state"] == "blocked" and dict(second["settings"])["note"].startswith("blocked by")
    assert third["state"] == "failed" and "draw it again" in third["why"]
    assert fourth["state"] == "drawn"
    drawn[0].path.unlink()
    page.says(kind="full", id=gallery.ids[3])
    assert "draw it again" in page.sent[-1][0]["error"] and page.sent[-1][1] == []


def test_actions_reach_python(gallery, page, drawn):
    """With their picture; unknown actions and ids are passed over."""
    heard = []
    gallery.on_action(lambda action, picture: heard.append((action, picture)))
    gallery.show(drawn)
    for action in ("use", "vary", "save", "open", "format"):
        page.says(kind="action", action=action, id=gallery.ids[1])
    page.says(kind="action", action="use", id="999")
    assert heard == [(action, drawn[1]) for action in ("use", "vary", "save", "open")]


def test_a_pin_is_set_in_the_store_and_shown(gallery, page, drawn):
    """Pressed again it is taken off; a gallery that is made later knows."""
    heard = []
    gallery.on_action(lambda action, picture: heard.append(action))
    gallery.show(drawn)
    store, (_, name, _) = api.store_for(), gallery.ids
    page.says(kind="action", action="pin", id=name)
    assert store.pinned([picture.path.stem for picture in drawn]) == {drawn[1].path.stem}
    assert page.tiles()[name]["pinned"] and heard == ["pin"]
    later = Page(other := Gallery(Words("en")))
    other.show(drawn)
    assert [tile["pinned"] for tile in later.tiles().values()] == [False, True, False]
    page.says(kind="action", action="pin", id=name)
    assert not page.tiles()[name]["pinned"] and not store.pinned([drawn[1].path.stem])


def test_what_goes_wrong_is_shown(gallery, page, drawn):
    """A picture that has left the store cannot be pinned, and a callback may fail: one line each."""
    gallery.show(drawn)
    api.store_for().clear()
    page.says(kind="action", action="pin", id=gallery.ids[0])
    assert gallery.notice.startswith("the store holds no picture")
    gallery.on_action(lambda action, picture: 1 / 0)
    page.says(kind="action", action="use", id=gallery.ids[0])
    assert gallery.notice == "ZeroDivisionError: division by zero"


def test_files_are_taken_when_somebody_wants_them(gallery, page, drawn):
    """PNG, JPEG and WebP of a bounded size reach the callback; others are told."""
    assert not gallery.takes_files
    taken = []
    gallery.on_file(lambda data, name: taken.append((data, name)))
    assert gallery.takes_files and gallery.max_file == MAX_FILE
    files = {"a.png": drawn[0].path.read_bytes()}
    for kind in ("JPEG", "WEBP"):
        buffer = BytesIO()
        drawn[0].image.save(buffer, kind)
        files[f"a.{kind}"] = buffer.getvalue()
    for name, data in files.items():
        page.says([memoryview(data)], kind="file", name=name)
    assert taken == [(data, name) for name, data in files.items()] and gallery.notice == ""
    page.says([memoryview(b"GIF89a")], kind="file", name="a.gif")
    assert gallery.notice == "a.gif is no PNG, JPEG or WebP picture"
    page.says([memoryview(files["a.png"] + bytes(MAX_FILE))], kind="file", name="b.png")
    assert gallery.notice == "b.png is too large: at most 8 MB" and len(taken) == 3


def test_threads_may_add_at_once(gallery, page, drawn):
    """Nothing is lost, and every id has its tile."""
    threads = [threading.Thread(target=lambda: [gallery.add(drawn[0]) for _ in range(10)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(gallery.ids) == 40 == len(set(gallery.ids)) and set(gallery.ids) == set(page.tiles())


def test_thumbnails_are_bounded():
    """Noise, which packs worst, long strips and single pixels alike."""
    spec = api.plan(api.sweep.request("a fox", {})).specs[0]
    for size in ((1024, 1024), (2000, 16), (8, 8)):
        noise = Image.effect_noise(size, 120).convert("RGB")
        small = thumbnail(Picture(spec=spec, pixels=noise))
        assert len(small) <= THUMBNAIL_BYTES and max(Image.open(BytesIO(small)).size) <= SIDE


def test_the_static_grid_is_within_the_budget(gallery, drawn):
    """The latest pictures, in one element, without scripts; labels stand over them."""
    assert gallery.html() == '<div class="sdnb">No pictures yet.</div>'
    gallery.show(list(drawn) * 30, ["the oldest"])
    gallery.add(drawn[0], "<b>last</b>")
    html = gallery.html(100)
    assert html.count("<img") == STATIC and len(html) < 100_000 + 4000 * STATIC
    assert "&lt;b&gt;last&lt;/b&gt;" in html and "seed 2" in html and "the oldest" not in html
    assert re.fullmatch(r'<div class="sdnb">(?:(?!<div|<script).)*</div>', html)


def test_it_speaks_spanish(drawn):
    """Buttons and the names of settings."""
    gallery = Gallery(Words("es"))
    page = Page(gallery)
    gallery.show(drawn)
    assert gallery.words["use"] == "Usar estos ajustes"
    said = dict(page.tiles()[gallery.ids[0]]["settings"])
    assert said["semilla"] == "0" and said["pasos"] == "4" and said["tiempo"].endswith(" s")


def test_the_page_can_say_every_word_it_says():
    """Each word that the JavaScript asks for is sent, and each that is sent is used."""
    script = (ROOT / "sdnb/panel/gallery.js").read_text(encoding="utf-8")
    sent = set(Gallery(Words("en")).words)
    asked = set(re.findall(r'(?:say|small|button)\(\s*"(\w+)"', script))
    asked |= set(re.findall(r'\? "(\w+)" : "(\w+)"', script)[0])
    assert asked <= sent | {"img"}, asked - sent
    assert "innerHTML" not in script and "http" not in script
    python = {"seconds", "stored", "no_picture"}
    assert {word for word in sent if not re.search(rf'"{word}"', script)} <= python | {"failed", "blocked"}
