"""`Entry`: what the store knows of one kept picture, in the index's row and in the file itself.

`key` names it. The file says of itself all that the row says, in a text chunk named ``sdnb``: JSON with
the ``spec``, the ``key``, the spec's ``digest``, ``pixels`` (sha256 of the header and the packed pixels,
which stays the same when texts are added), ``notes``, ``seconds`` and ``identity``. A file whose checks
agree can so be entered again when its row is lost.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

from sdnb import infotext, png
from sdnb.errors import RequestError
from sdnb.picture import Picture
from sdnb.spec import ImageSpec

__all__ = ["COLUMNS", "Entry", "key", "to_file"]

COLUMNS = "key, sha256, bytes, spec, notes, seconds, created, used, pinned"
# Names of these kinds hold no path and no user; anything else that an engine says stays out of the file.
_PUBLIC = ("engine", "fingerprint", "device", "dtype", "torch", "diffusers", "transformers", "adapters")

_ENTER = """
INSERT INTO pictures (key, sha256, bytes, spec, notes, seconds, created, used, model, text)
VALUES (:key, :sha256, :bytes, :spec, :notes, :seconds, :created, :used, :model, :text)
ON CONFLICT (key) DO UPDATE SET
sha256 = excluded.sha256, bytes = excluded.bytes, spec = excluded.spec, notes = excluded.notes,
seconds = excluded.seconds, created = excluded.created, used = excluded.used, model = excluded.model,
text = excluded.text
"""


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

    Examples
    --------
    >>> here, there = (ImageSpec(model=name, prompt="a fox", seed=1, num_inference_steps=20, width=64,
    ...                          guidance_scale=4, scheduler="euler", height=64) for name in ("a", "b"))
    >>> key(here, {"fingerprint": "1f"}) == key(there, {"fingerprint": "1f"})
    True
    >>> key(here, {"fingerprint": "1f"}) == key(here, {"fingerprint": "2e"})
    False
    """
    drawn_by = json.dumps(dict(identity), sort_keys=True, separators=(",", ":"))
    settings = spec.canonical(without=frozenset({"model"}))
    return hashlib.sha256(f"{settings}\n{drawn_by}".encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One kept picture.

    Attributes
    ----------
    key : str
        The store's key.
    sha256 : str
        Of the whole file.
    size : int
        Bytes of the file.
    settings : mapping
        What `ImageSpec.to_dict` gave.
    notes : tuple of str
    seconds : float
        What drawing it cost.
    created, used : float
        Seconds since 1970; `used` is true to a minute.
    pinned : bool
        Whether it is spared by eviction.
    """

    key: str
    sha256: str
    size: int
    settings: Mapping[str, Any]
    notes: tuple[str, ...]
    seconds: float
    created: float
    used: float
    pinned: bool = False

    @classmethod
    def from_row(cls, row: tuple[Any, ...]) -> Entry:
        """Read a row of `COLUMNS`."""
        key, sha256, size, spec, notes, seconds, created, used, pinned = row
        return cls(
            key=key,
            sha256=sha256,
            size=size,
            settings=json.loads(spec),
            notes=tuple(json.loads(notes)),
            seconds=seconds,
            created=created,
            used=used,
            pinned=bool(pinned),
        )

    @classmethod
    def from_file(cls, key: str, data: bytes, at: float) -> Entry | None:
        """Read what a file says of itself; None if it is damaged or another picture's."""
        try:
            said = json.loads(png.texts(BytesIO(data), ["sdnb"])["sdnb"])
            if said["key"] != key or said["pixels"] != png.check(data):
                return None
            spec = ImageSpec.from_dict(said["spec"])
            notes, seconds = tuple(str(note) for note in said["notes"]), float(said["seconds"])
        except (RequestError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        return cls.of(key, data, spec, notes, seconds, at)

    @classmethod
    def of(
        cls, key: str, data: bytes, spec: ImageSpec, notes: tuple[str, ...], seconds: float, at: float
    ) -> Entry:
        """Make the entry of a file that was written or found at a time."""
        return cls(
            key=key,
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            settings=spec.to_dict(),
            notes=notes,
            seconds=seconds,
            created=at,
            used=at,
        )

    @cached_property
    def spec(self) -> ImageSpec:
        """The settings as a spec; a later version's settings that are unknown raise `RequestError`."""
        return ImageSpec.from_dict(self.settings)

    def enter(self, db: sqlite3.Connection) -> None:
        """Enter the row, or replace it but for its pin, in a transaction that is open."""
        texts = (self.settings["prompt"], self.settings.get("negative_prompt", ""))
        row = {
            "key": self.key,
            "sha256": self.sha256,
            "bytes": self.size,
            "spec": json.dumps(self.settings),
            "notes": json.dumps(self.notes),
            "seconds": self.seconds,
            "created": self.created,
            "used": self.used,
            "model": self.settings["model"],
            "text": "\n".join(texts).casefold(),
        }
        db.execute(_ENTER, row)

    def picture(self, path: Path) -> Picture:
        """Return the picture, its file lying at `path`."""
        return Picture(spec=self.spec, path=path, seconds=self.seconds, cached=True, notes=self.notes)


def to_file(key: str, picture: Picture, identity: Mapping[str, str]) -> bytes:
    """Return a picture as a PNG with its texts: the web UI's ``parameters`` and our ``sdnb``.

    Raises
    ------
    RenderError
        The picture was not drawn.
    """
    data = png.encode(picture.image)
    said = {
        "spec": picture.spec.to_dict(),
        "key": key,
        "digest": picture.spec.digest,
        "pixels": png.check(data),
        "notes": picture.notes,
        "seconds": picture.seconds,
        "identity": {name: identity[name] for name in _PUBLIC if name in identity},
    }
    data = png.with_chunks(data, picture.chunks)
    return png.with_texts(data, {"parameters": infotext.write(picture.spec), "sdnb": json.dumps(said)})
