"""Of `sdnb.model_folder`: what a folder lists, and how what is wrong with it is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdnb import model_folder
from sdnb.errors import ModelError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "it has no model_index.json"),
        ("{", r"model_index.json cannot be read \(.+\)"),
        ("[1]", r"model_index.json cannot be read \(it is no JSON object\)"),
        ("[" * 100_000, r"model_index.json cannot be read \(it is nested too deep\)"),
    ],
)
def test_a_text_that_is_no_object_is_one_line(tmp_path: Path, text: str | None, said: str) -> None:
    """Whatever the file holds, the line names the model, the file and the reason."""
    file = tmp_path / "model_index.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ModelError, match=f"^the model folder mine is broken: {said}$"):
        model_folder.read(file, "mine")


def saying(header: object, holds: bytes = b"1234") -> bytes:
    """Return a safetensors file with a header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + holds


def test_a_header_tells_the_tensors(tmp_path: Path) -> None:
    """Names, types and shapes are read; the numbers are counted, the metadata are not."""
    said = {
        "__metadata__": {"format": "pt"},
        "x": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]},
        "y": {"dtype": "F32", "shape": [], "data_offsets": [4, 8]},
    }
    file = tmp_path / "x.safetensors"
    file.write_bytes(saying(said, b"12345678"))
    assert model_folder.header(file, "x") == said
    assert model_folder.elements([file, file]) == 6


@pytest.mark.parametrize(
    "data",
    [
        b"", b"1234567", b"<html>not found</html>", b"\xff" * 40, saying(b"{"), saying([1]),
        saying(b"[" * 50_000), saying({"x": 1}), saying({"x": {}}), saying({"x": {"data_offsets": [0]}}),
        saying({"x": {"data_offsets": ["0", "4"]}}),
    ],
)  # fmt: skip
def test_a_broken_header_is_one_line(tmp_path: Path, data: bytes) -> None:
    """Whatever a file holds, nothing but one clear error comes of it."""
    file = tmp_path / "x.safetensors"
    file.write_bytes(data)
    with pytest.raises(
        ModelError, match="^unet/x is no safetensors file, or a broken download; fetch it again$"
    ):
        model_folder.header(file, "unet/x")


def test_a_link_to_nothing_is_one_line(tmp_path: Path) -> None:
    """As the hub's cache has it when a download was deleted."""
    file = tmp_path / "x.safetensors"
    file.symlink_to(tmp_path / "gone")
    with pytest.raises(ModelError, match="^x cannot be read: No such file"):
        model_folder.header(file, "x")


def test_shards_count_only_when_all_are_there() -> None:
    """Of two whole sets the asked precision goes first, then the one in fewer files."""
    shards = [f"model-{n:05}-of-00003.safetensors" for n in (1, 2, 3)]
    half = ["model.fp16.safetensors"]
    assert model_folder.chosen(shards, half=False) == shards
    assert model_folder.chosen(shards[:2], half=False) == []
    assert model_folder.chosen([*shards, *half], half=False) == shards
    assert model_folder.chosen([*shards, *half], half=True) == half
    assert model_folder.chosen([*shards[:2], *half], half=False) == half
    assert model_folder.chosen([*shards, "model.safetensors"], half=False) == ["model.safetensors"]
