"""The texts that a picture's file carries: chunks of a PNG, the Exif comment of JPEG and WebP."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sdnb import png
from sdnb.errors import RequestError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["texts"]

_EXIF, _USER_COMMENT = 0x8769, 0x9286


def texts(source: str | Path | bytes | Image, keywords: Collection[str]) -> dict[str, str]:
    """Return the texts of a picture by keyword, an Exif comment as ``parameters``.

    Parameters
    ----------
    source : path, bytes or PIL image
        A PNG, JPEG or WebP picture.
    keywords : collection of str
        Those that are looked for.

    Raises
    ------
    RequestError
        It cannot be read, is larger than `png.MAX_PIXELS`, or a text is longer than `png.MAX_TEXT`.

    Examples
    --------
    >>> from PIL import Image
    >>> blank = png.encode(Image.new("RGB", (8, 8)))
    >>> texts(png.with_texts(blank, {"parameters": "a fox"}), ["parameters"])
    {'parameters': 'a fox'}
    """
    if isinstance(source, (str, Path)):
        try:
            with Path(source).expanduser().open("rb") as stream:
                return _of_stream(stream, keywords)
        except OSError as error:
            raise RequestError(f"{source} cannot be read: {error.strerror or error}") from None
    if isinstance(source, (bytes, bytearray)):
        return _of_stream(BytesIO(source), keywords)
    return _of_image(source, keywords)


def _of_stream(stream: BinaryIO, keywords: Collection[str]) -> dict[str, str]:
    if stream.read(8) == png.SIGNATURE:
        stream.seek(0)
        png.size(stream)
        stream.seek(0)
        return png.texts(stream, keywords)
    from PIL import Image

    stream.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what else is odd about the file
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(stream, formats=("JPEG", "WEBP")) as opened:
                return _of_image(opened, keywords)
    except RequestError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        most = png.MAX_PIXELS >> 20
        raise RequestError(f"the picture is too large; at most {most} Mpx are read") from None
    except Exception as error:  # a decoder meets whatever a file's maker thought of
        raise RequestError(f"this is no PNG, JPEG or WebP picture that can be read ({error})") from None


def _of_image(image: Image, keywords: Collection[str]) -> dict[str, str]:
    png.check_size(*image.size)
    found = {name: str(image.info[name]) for name in keywords if isinstance(image.info.get(name), str)}
    comment = image.getexif().get_ifd(_EXIF).get(_USER_COMMENT)
    if "parameters" not in found and isinstance(comment, bytes) and comment:
        found["parameters"] = _comment(comment)
    for text in found.values():
        if len(text) > png.MAX_TEXT:
            raise RequestError(
                f"a text in this picture is longer than {png.MAX_TEXT} characters; it is not read"
            )
    return found


def _comment(data: bytes) -> str:
    """Decode an Exif UserComment: eight bytes that name the code, then the text."""
    code, text = data[:8], data[8:]
    if code == b"UNICODE\0":
        # The standard leaves the byte order open; ASCII characters have their zero byte first in big-endian.
        little = text.startswith(b"\xff\xfe") or text[1::2].count(0) > text[::2].count(0)
        return text.decode("utf-16-le" if little else "utf-16-be", "replace").lstrip("\ufeff")
    if code in (b"ASCII\0\0\0", b"\0" * 8):
        return text.decode("utf-8", "replace").rstrip("\0")
    return data.decode("utf-8", "replace").rstrip("\0")
