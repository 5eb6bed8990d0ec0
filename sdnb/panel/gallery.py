"""`Gallery`: the pictures of the panel, which appear as they are finished; its JavaScript is `gallery.js`.

What is synced is small: the order of the tiles (`ids`), the words and one line to tell. Tiles travel as
custom messages, each once: Python names them in `ids` and pushes each as soon as its thumbnail is made; a
page that lacks a tile (because it was opened later, or reloaded) asks for it. So a thousand pictures cost a
thousand small messages, nothing is left in a saved notebook, and full sizes are sent only when somebody
looks. All that comes from a prompt is set as text by the page, never as markup.

Messages to the page: ``{kind: "tiles", tiles: [...]}`` with one thumbnail (JPEG) a buffer, and
``{kind: "full", id, error}`` with the PNG. From the page: ``want`` (ids), ``full`` (an id), ``action``
(its name and an id) and ``file`` (a name, with the bytes).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from itertools import count
from pathlib import Path
from textwrap import shorten
from typing import Any

import anywidget
from traitlets import Bool, Dict, Int, List, Unicode

from sdnb import api, grid, infotext, results, settings
from sdnb.axis import Axis
from sdnb.errors import RenderError, SdnbError
from sdnb.panel.words import TABLE, Words
from sdnb.picture import Picture
from sdnb.request import Request
from sdnb.sweep import Sweep

__all__ = ["ACTIONS", "MAX_FILE", "Gallery", "thumbnail"]

#: What a button can ask for, as callbacks hear it.
ACTIONS = ("use", "vary", "save", "pin", "open")
#: Most bytes of a dropped file: Jupyter's servers close the line on messages of more than 10 MiB.
MAX_FILE = 8 * 2**20
SIDE = 256
THUMBNAIL_BYTES = 24_000
#: Most pictures in the static grid, the latest.
STATIC = 64

OnAction = Callable[[str, Picture], object]
OnFile = Callable[[bytes, str], object]
_HERE = Path(__file__).parent


class Gallery(anywidget.AnyWidget):  # type: ignore[misc]
    """Pictures as tiles: enlarged with their settings by a click, compared two by two.

    `show`, `add` and `clear` may be called from any thread.

    Parameters
    ----------
    words : Words

    Attributes
    ----------
    notice : str
        A line that the gallery shows below its tiles.
    """

    _esm = (_HERE / "gallery.js").read_text(encoding="utf-8")
    _css = (_HERE / "gallery.css").read_text(encoding="utf-8")
    ids = List(Unicode()).tag(sync=True)
    notice = Unicode().tag(sync=True)
    words = Dict().tag(sync=True)
    takes_files = Bool(False).tag(sync=True)
    max_file = Int(MAX_FILE).tag(sync=True)

    def __init__(self, words: Words) -> None:
        self._say = words
        self._tiles: dict[str, _Tile] = {}
        self._numbers = count(1)
        self._lock = threading.RLock()
        self._on_action: list[OnAction] = []
        self._on_file: list[OnFile] = []
        own = "gallery_"
        texts = {key.removeprefix(own): row[words.lang] for key, row in TABLE.items() if key.startswith(own)}
        super().__init__(words=texts)
        self.on_msg(self._heard)

    @property
    def pictures(self) -> list[Picture]:
        """The pictures in their order, those that were not drawn among them."""
        with self._lock:
            return [tile.picture for tile in self._tiles.values()]

    def show(self, pictures: Sequence[Picture], labels: Sequence[str] = ()) -> None:
        """Show these pictures instead of those that are there.

        Those that are there already stay, also enlarged, and only move to their places.

        Parameters
        ----------
        pictures : sequence of Picture
        labels : sequence of str
            A short text under each; fewer will do.
        """
        padded = [*labels, *[""] * len(pictures)]
        with self._lock:
            there, self._tiles = self._tiles, {}
            self._enter(list(zip(pictures, padded, strict=False)), there)

    def add(self, picture: Picture, label: str = "") -> None:
        """Add a finished picture at the end."""
        with self._lock:
            self._enter([(picture, label)], {})

    def clear(self) -> None:
        """Show no pictures."""
        self.show([])

    def on_action(self, callback: OnAction) -> None:
        """Call ``callback(action, picture)`` when a button is pressed.

        ``use`` and ``vary`` wait for somebody to do it. ``save`` and ``pin`` are done already: the browser
        saves the PNG, the store has pinned or let go. ``open`` tells that a picture was enlarged.
        """
        self._on_action.append(callback)

    def on_file(self, callback: OnFile) -> None:
        """Call ``callback(data, name)`` with a PNG, JPEG or WebP that was dropped or pasted.

        Without any such callback the gallery takes no files. A callback's error is shown.
        """
        self._on_file.append(callback)
        self.takes_files = True

    def html(self, kilobytes: int | None = None) -> str:
        """Return the latest pictures as a static grid, for where no kernel runs.

        Parameters
        ----------
        kilobytes : int, optional
            Most text that the images may take, in 10^3 bytes; ``Sdnb.grid_kb`` unless told.
        """
        with self._lock:
            tiles = list(self._tiles.values())[-STATIC:]
        if not tiles:
            return f'<div class="sdnb">{self._say("gallery_empty")}</div>'
        specs = tuple(tile.picture.spec for tile in tiles)
        labels = tuple(tile.label or f"{self._say('said_seed')} {tile.picture.spec.seed}" for tile in tiles)
        axis = Axis(("prompt",), tuple((spec.prompt,) for spec in specs), labels)
        sweep = Sweep(Request(prompts=()), (axis,), specs, {})
        most = settings.current().grid_kb if kilobytes is None else kilobytes
        return grid.html([tile.picture for tile in tiles], sweep, kilobytes=most)

    def _enter(self, pictures: Sequence[tuple[Picture, str]], there: Mapping[str, _Tile]) -> None:
        """Put pictures at the end, those that are `there` as the tiles that they are."""
        keys = [picture.path.stem if picture.path is not None else "" for picture, _ in pictures]
        pinned = api.store_for().pinned(keys) if any(keys) else set()
        known = {id(tile.picture): name for name, tile in there.items()}
        fresh = []
        for (picture, label), key in zip(pictures, keys, strict=True):
            name = known.pop(id(picture), "") or str(next(self._numbers))
            tile = there.get(name)
            if tile is None or (tile.label, tile.pinned) != (label, key in pinned):
                tile = _Tile(picture, label, key in pinned, tile)
                fresh.append(name)
            self._tiles[name] = tile
        self.ids = list(self._tiles)
        self._push(fresh)

    def _push(self, names: Sequence[str]) -> None:
        numbers = {name: number for number, name in enumerate(self._tiles, 1)}
        for name in names:
            tile = self._tiles[name]
            tile.make()
            said = tile.said(name, numbers[name], self._say)
            self.send({"kind": "tiles", "tiles": [said]}, [tile.thumbnail])

    def _heard(self, _: object, content: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Do what the page asks; what goes wrong is shown, as nobody sees the errors of a callback."""
        kind, name = content.get("kind"), str(content.get("id", ""))
        with self._lock:
            tile = self._tiles.get(name)
            if kind == "want":
                self._push([name for name in content["ids"] if name in self._tiles])
                return
        self.notice = ""
        try:
            if kind == "file":
                self._take(bytes(buffers[0]), str(content.get("name", "")))
            elif tile is not None and kind == "full":
                self._send_full(name, tile.picture)
            elif tile is not None and kind == "action" and content.get("action") in ACTIONS:
                self._act(content["action"], name, tile)
        except SdnbError as error:
            self.notice = str(error)
        except Exception as error:  # of somebody's callback
            self.notice = f"{type(error).__name__}: {error}"

    def _take(self, data: bytes, name: str) -> None:
        if len(data) > MAX_FILE:
            self.notice = self._say("gallery_too_large", name=name, most=MAX_FILE >> 20)
        elif not (data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")) or data[8:12] == b"WEBP"):
            self.notice = self._say("gallery_no_picture", name=name)
        else:
            for callback in self._on_file:
                callback(data, name)

    def _send_full(self, name: str, picture: Picture) -> None:
        try:
            data = results.file(picture)
        except RenderError as error:
            self.send({"kind": "full", "id": name, "error": str(error)})
        else:
            self.send({"kind": "full", "id": name, "error": ""}, [data])

    def _act(self, action: str, name: str, tile: _Tile) -> None:
        if action == "pin" and tile.picture.path is not None:
            api.store_for().pin(tile.picture.path.stem, not tile.pinned)
            tile.pinned = not tile.pinned
            with self._lock:
                if name in self._tiles:
                    self._push([name])
        for callback in self._on_action:
            callback(action, tile.picture)


class _Tile:
    """One picture in the gallery, with its thumbnail, made once."""

    def __init__(self, picture: Picture, label: str, pinned: bool, before: _Tile | None) -> None:
        self.picture = picture
        self.label = label
        self.pinned = pinned
        self.why: str = before.why if before is not None else picture.error
        self.thumbnail: bytes = before.thumbnail if before is not None else b""

    def make(self) -> None:
        """Make the thumbnail, unless it is made."""
        if not self.why and not self.thumbnail:
            try:
                self.thumbnail = thumbnail(self.picture)
            except RenderError as error:  # its file has left the store
                self.why = str(error)

    def said(self, name: str, number: int, words: Words) -> dict[str, Any]:
        """Return what the page needs to know."""
        picture, spec = self.picture, self.picture.spec
        blocked = any(note.startswith("blocked") for note in picture.notes)
        shown = grid.settings_of(picture)
        if "time" in shown:
            key = "gallery_stored" if picture.cached else "gallery_seconds"
            shown["time"] = words(key, seconds=f"{picture.seconds:.1f}")
        title = shorten(", ".join(filter(None, [spec.prompt, self.label])), 160, placeholder="…")
        return {
            "id": name,
            "label": self.label,
            "title": title or f"{words('said_seed')} {spec.seed}",
            "state": "failed" if self.why else "blocked" if blocked else "drawn",
            "why": self.why,
            "pinned": self.pinned,
            "kept": picture.path is not None,
            "width": spec.width,
            "height": spec.height,
            "settings": [
                [words(f"said_{key}") if f"said_{key}" in TABLE else key, text] for key, text in shown.items()
            ],
            "text": infotext.write(spec),
            "file": f"{results.stem(number, spec)}.png",
        }


def thumbnail(picture: Picture) -> bytes:
    """Return a small JPEG: at most `SIDE` pixels a side and `THUMBNAIL_BYTES` bytes.

    Raises
    ------
    RenderError
        It was not drawn, or its file is gone.
    """
    small = picture.image.copy()
    small.thumbnail((SIDE, SIDE))
    while True:
        for quality in (85, 65, 45):
            buffer = BytesIO()
            small.save(buffer, "JPEG", quality=quality)
            if buffer.tell() <= THUMBNAIL_BYTES:
                return buffer.getvalue()
        small = small.resize((max(1, small.width // 2), max(1, small.height // 2)))
