"""Of `sdnb.png`: chunks, held against Pillow."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from sdnb import png
from sdnb.errors import RequestError

PICTURE = Image.linear_gradient("L").convert("RGB")
PLAIN = png.encode(PICTURE)


def saved(**texts: tuple[str, str, bool]) -> BytesIO:
    """Save with Pillow: keyword=(chunk, text, packed)."""
    info = PngImagePlugin.PngInfo()
    for keyword, (chunk, text, packed) in texts.items():
        (info.add_itxt if chunk == "iTXt" else info.add_text)(keyword, text, zip=packed)
    buffer = BytesIO()
    PICTURE.save(buffer, "PNG", pnginfo=info)
    buffer.seek(0)
    return buffer


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk with the right CRC."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def test_encoding_loses_nothing():
    """Pillow reads the very pixels back."""
    assert Image.open(BytesIO(PLAIN)).tobytes() == PICTURE.tobytes()


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_texts_go_in_and_out(text):
    """Any text comes back, by Pillow and by us, and the picture's digest stays as it was."""
    data = png.with_texts(PLAIN, {"parameters": text, "sdnb": "{}"})
    opened = Image.open(BytesIO(data))
    opened.load()
    assert opened.info["parameters"] == text and opened.tobytes() == PICTURE.tobytes()
    assert png.texts(BytesIO(data), ["parameters", "sdnb"]) == {"parameters": text, "sdnb": "{}"}
    assert png.check(data) == png.check(PLAIN)


@pytest.mark.parametrize("kind", ["tEXt", "iTXt"])
@pytest.mark.parametrize("packed", [False, True])
def test_pillows_texts_are_read(kind, packed):
    """Plain and packed texts of all three chunks are understood; others are passed over."""
    text = "a fox, très red" + (" ∞" if kind == "iTXt" else "")
    stream = saved(parameters=(kind, text, packed), other=(kind, "x", packed))
    assert png.texts(stream, ["parameters"]) == {"parameters": text}


@given(st.data())
def test_one_changed_byte_is_noticed(data):
    """The check refuses the file wherever a bit flips or it ends."""
    whole = png.with_texts(PLAIN, {"parameters": "a fox"})
    at = data.draw(st.integers(0, len(whole) - 1))
    bad = bytearray(whole)
    bad[at] ^= 1 << data.draw(st.integers(0, 7))
    for wrong in (bytes(bad), whole[:at]):
        with pytest.raises(RequestError):
            png.check(wrong)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_read_or_are_refused(data, signed):
    """No bytes give another exception than RequestError."""
    data = png.SIGNATURE + data if signed else data
    for use in (png.size, lambda stream: png.texts(stream, ["sdnb"])):
        with pytest.raises(RequestError):
            use(BytesIO(data))


def test_size_is_bounded():
    """Width and height come from the header; a huge picture is refused before it is opened."""
    assert png.size(BytesIO(PLAIN)) == (256, 256)
    huge = png.SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0))
    with pytest.raises(RequestError, match="100000x100000 is too large; at most 64 Mpx"):
        png.size(BytesIO(huge))


@pytest.mark.parametrize(
    "bomb",
    [
        chunk(b"tEXt", b"parameters\0" + b"x" * (png.MAX_TEXT + 1)),
        chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"x" * 10**8)),
        chunk(b"iTXt", b"parameters\0\1\0\0\0" + zlib.compress(b"x" * 10**8)),
    ],
)
def test_long_texts_are_refused(bomb):
    """A text over a MiB is not read, nor one that unpacks to more."""
    header = len(png.SIGNATURE) + 25
    with pytest.raises(RequestError, match="longer than 1048576 bytes"):
        png.texts(BytesIO(PLAIN[:header] + bomb + PLAIN[header:]), ["parameters"])


def test_a_damaged_packed_text_is_refused():
    """Bytes that do not unpack are one clear line."""
    header = len(png.SIGNATURE) + 25
    broken = chunk(b"zTXt", b"parameters\0\0not deflated")
    with pytest.raises(RequestError, match="damaged"):
        png.texts(BytesIO(PLAIN[:header] + broken + PLAIN[header:]), ["parameters"])
