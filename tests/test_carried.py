"""The texts that a picture's file carries."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from sdnb import carried, png
from sdnb.errors import RequestError

PICTURE = Image.new("RGB", (64, 64), "red")
KEYWORDS = ("parameters", "sdnb")


def with_comment(picture, form, comment):
    """Return a file of a form with an Exif comment."""
    exif, buffer = Image.Exif(), BytesIO()
    exif.get_ifd(0x8769)[0x9286] = comment
    picture.save(buffer, form, exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "text", ["a fox", "ein Füchslein ∞ 狐", "狐" * 50 + "\nSteps: 20, Sampler: Euler, Seed: 1, Size: 512x768"]
)
@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
@pytest.mark.parametrize("code", ["utf-16-be", "utf-16-le", "ascii"])
def test_comments_read(text, form, code):
    """The Exif comment of JPEG and WebP, in either byte order, is the `parameters` of a PNG."""
    head = b"ASCII\0\0\0" if code == "ascii" else b"UNICODE\0"
    data = with_comment(PICTURE, form, head + text.encode("utf-8" if code == "ascii" else code))
    wanted = {"parameters": text}
    assert carried.texts(data, KEYWORDS) == carried.texts(Image.open(BytesIO(data)), KEYWORDS) == wanted


def test_texts_of_a_png_read(tmp_path):
    """As another program writes them, from a path, bytes or an open picture; other keywords are left."""
    info, path = PngImagePlugin.PngInfo(), tmp_path / "x.png"
    info.add_text("parameters", "a fox")
    info.add_itxt("sdnb", "狐")
    info.add_text("Software", "somebody's")
    PICTURE.save(path, pnginfo=info)
    for source in (path, str(path), path.read_bytes(), Image.open(path)):
        assert carried.texts(source, KEYWORDS) == {"parameters": "a fox", "sdnb": "狐"}


@pytest.mark.parametrize("source", [b"", b"GIF89a...", b"\x89PNG", b"\xff\xd8\xff"])
def test_what_is_no_picture_is_one_line(source):
    """Other formats and cut files are refused in a line that says what is read."""
    with pytest.raises(RequestError, match="no PNG, JPEG or WebP") as told:
        carried.texts(source, KEYWORDS)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.filterwarnings("error")
def test_large_pictures_are_refused(form, monkeypatch):
    """More pixels than the bound are not even opened, without a warning of Pillow's."""
    monkeypatch.setattr(png, "MAX_PIXELS", 1000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1500)
    buffer = BytesIO()
    PICTURE.save(buffer, form)
    with pytest.raises(RequestError, match="too large"):
        carried.texts(buffer.getvalue(), KEYWORDS)


def test_long_texts_are_refused(monkeypatch):
    """A text beyond the bound is not read, and its length is said."""
    monkeypatch.setattr(png, "MAX_TEXT", 100)
    data = with_comment(PICTURE, "JPEG", b"ASCII\0\0\0" + b"a" * 101)
    with pytest.raises(RequestError, match="longer than 100 characters"):
        carried.texts(data, KEYWORDS)


@given(st.data())
def test_damaged_pictures_never_crash(data):
    """Bytes changed anywhere give texts or a RequestError."""
    form = data.draw(st.sampled_from(["JPEG", "WEBP", "PNG"]))
    comment = b"UNICODE\0" + "a fox\nSteps: 20".encode("utf-16-be")
    bad = bytearray(with_comment(PICTURE.resize((8, 8)), form, comment))
    for _ in range(data.draw(st.integers(1, 8))):
        bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = carried.texts(bytes(bad), KEYWORDS)
    except RequestError:
        return
    assert set(found) <= set(KEYWORDS) and all(isinstance(text, str) for text in found.values())
