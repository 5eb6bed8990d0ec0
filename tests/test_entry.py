"""Of `sdnb.entry`: what a picture's file says of itself."""

from __future__ import annotations

import json
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sdnb import png
from sdnb.entry import Entry, key, to_file
from sdnb.picture import Picture
from sdnb.spec import ImageSpec
from tests.keeping import IDENTITY, keyed, spec

SPEC = ImageSpec(
    model="mini", prompt="a fox", seed=2**63 - 1, num_inference_steps=20, guidance_scale=7.5,
    scheduler="dpmpp_2m_karras?solver_order=3", width=64, height=64, clip_skip=1,
)  # fmt: skip
PICTURE = Picture(spec=SPEC, pixels=Image.new("RGB", (64, 64), "red"), seconds=1.5, notes=("a", "b"))
KEY = "ab" * 32
FILE = to_file(KEY, PICTURE, {"engine": "fake"})
SAID = json.loads(png.texts(BytesIO(FILE), ["sdnb"])["sdnb"])


def saying(text: str) -> bytes:
    """Return the picture with another `sdnb` text."""
    return png.with_texts(png.encode(PICTURE.image), {"sdnb": text})


def test_a_file_gives_its_entry_back():
    """What `of` was told at writing, `from_file` finds."""
    entry = Entry.from_file(KEY, FILE, 5.0)
    assert entry == Entry.of(KEY, FILE, SPEC, ("a", "b"), 1.5, 5.0)
    assert entry.spec == SPEC and entry.size == len(FILE)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_any_prompt_is_kept(prompt, negative):
    """Whatever a spec may say, the file gives the same spec back."""
    spec = ImageSpec.from_dict(SPEC.to_dict() | {"prompt": prompt, "negative_prompt": negative})
    assert Entry.from_file(KEY, to_file(KEY, PICTURE.with_(spec=spec), {}), 0.0).spec == spec


def test_another_key_or_other_pixels_do_not_agree():
    """A file is taken only under its own key and with its own pixels."""
    assert Entry.from_file("cd" * 32, FILE, 0.0) is None
    assert Entry.from_file(KEY, saying(json.dumps(SAID)), 0.0) is not None
    swapped = png.with_texts(png.encode(Image.new("RGB", (64, 64), "blue")), {"sdnb": json.dumps(SAID)})
    assert Entry.from_file(KEY, swapped, 0.0) is None


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "3", "[" * 100_000, json.dumps({}),
        json.dumps(SAID | {"spec": {}}), json.dumps(SAID | {"spec": 3}), json.dumps(SAID | {"spec": None}),
        json.dumps(SAID | {"spec": SAID["spec"] | {"later": 1}}),
        json.dumps(SAID | {"notes": 3}), json.dumps(SAID | {"seconds": None}),
    ],
)  # fmt: skip
def test_a_broken_text_is_no_entry(text):
    """Whatever the chunk says, nothing is raised and nothing is served."""
    assert Entry.from_file(KEY, saying(text), 0.0) is None


def test_a_foreign_picture_is_no_entry():
    """A PNG without our chunk, and a file that is no PNG, are nothing of ours."""
    assert Entry.from_file(KEY, png.encode(PICTURE.image), 0.0) is None
    assert Entry.from_file(KEY, b"GIF89a", 0.0) is None


def test_key_does_not_hold_the_models_name_but_its_fingerprint():
    """A renamed folder finds its pictures; other weights, or other settings, do not."""
    assert key(spec(model="a"), IDENTITY) == key(spec(model="b"), IDENTITY)
    assert key(spec(), IDENTITY) == key(spec(), dict(reversed(IDENTITY.items())))
    others = {key(spec(), IDENTITY | {name: "other"}) for name in IDENTITY} | {keyed(1)}
    assert len(others | {keyed()}) == len(IDENTITY) + 2
