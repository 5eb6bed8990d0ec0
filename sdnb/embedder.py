"""`Embedder`: pictures as data URLs, each as fine as its part of a notebook's bytes allows."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO

from sdnb import png
from sdnb.errors import RenderError, RequestError
from sdnb.picture import Picture

__all__ = ["Embedder", "plain"]


class Embedder:
    """Writes pictures as data URLs of at most `limit` characters of base64 each.

    Lossless where that is enough, else WebP of falling quality and then of falling size.
    """

    # From the finest to the coarsest: part of the side, quality.
    rungs = tuple((1.0, q) for q in (95, 92, 90, 87, 82, 76, 68, 58, 48, 38)) + tuple(
        (side, q) for side in (0.75, 0.5, 0.35, 0.25, 0.18, 0.12) for q in (65, 42)
    )

    def __init__(self, limit: int) -> None:
        self.most = limit // 4 * 3
        # The pictures of a sweep are alike, so the search begins where the last one ended.
        self.rung = 0

    def url(self, picture: Picture) -> str:
        """Write a picture.

        Raises
        ------
        RenderError
            As `plain` does.
        """
        data = plain(picture)
        if len(data) <= self.most:
            return _url("png", data)
        tried: dict[int, bytes] = {}
        image = picture.image
        while self.rung not in tried:
            side, quality = self.rungs[self.rung]
            size = (max(8, round(image.width * side)), max(8, round(image.height * side)))
            buffer = BytesIO()
            small = image if side == 1 else image.resize(size, 1)  # 1: Lanczos
            small.save(buffer, "WEBP", quality=quality, method=4)
            tried[self.rung] = buffer.getvalue()
            if len(tried[self.rung]) > self.most:
                self.rung = min(self.rung + 1, len(self.rungs) - 1)
            else:
                self.rung = max(self.rung - 1, 0)
        # The walk turned round between two rungs: the finest of those that fit, else the coarsest.
        fitting = [rung for rung, data in tried.items() if len(data) <= self.most]
        self.rung = min(fitting, default=max(tried))
        return _url("webp", tried[self.rung])


def plain(picture: Picture) -> bytes:
    """Return the picture as a PNG without texts: its file's packed pixels, or if it was not kept its pixels.

    Raises
    ------
    RenderError
        It was not drawn, or its file is gone or damaged.
    """
    if picture.pixels is not None or picture.path is None:
        return png.encode(picture.image)
    try:
        return png.bare(picture.path.read_bytes())
    except OSError as error:
        reason = error.strerror or str(error)
    except RequestError as error:
        reason = str(error)
    raise RenderError(f"the picture's file cannot be read ({reason}); draw it again")


def _url(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{b64encode(data).decode()}"
