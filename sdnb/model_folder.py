"""A model's folder in the layout of diffusers, looked at without torch: what it lists, and what is wrong.

Weights are read from safetensors alone. A part may hold them twice, in full and as the ``fp16`` variant;
`chosen` says which of the two is taken, here and when a model is downloaded.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sdnb.errors import ModelError

__all__ = ["PICKLES", "WEIGHED", "check", "chosen", "elements", "header", "listed", "read", "weights"]

PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
WEIGHED = ("unet", "vae", "text_encoder", "text_encoder_2", "safety_checker")
_WEIGHTS = re.compile(
    r"(?:diffusion_pytorch_model|model)(?P<variant>\.fp16)?(?:-(?P<n>\d{5})-of-(?P<of>\d{5}))?\.safetensors"
)
_MOST_HEADER = 100_000_000


def read(file: Path, said: str) -> dict[str, Any]:
    """Read a JSON object of a model's folder.

    Parameters
    ----------
    file : Path
    said : str
        What the user calls the model.

    Raises
    ------
    ModelError
        It is missing, cannot be read, or is something else.
    """
    try:
        return _object(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        missing = f"{file.parent.name}/{file.name}" if file.name == "config.json" else file.name
        raise ModelError(f"the model folder {said} is broken: it has no {missing}") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"the model folder {said} is broken: {file.name} cannot be read ({error})") from None


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(data, dict):
        raise ValueError("it is no JSON object")
    return data


def listed(index: Mapping[str, Any]) -> list[str]:
    """Return the parts that a ``model_index.json`` lists.

    Examples
    --------
    >>> listed({"_class_name": "X", "unet": ["diffusers", "Y"], "safety_checker": [None, None]})
    ['unet']
    """
    return [
        part
        for part, value in index.items()
        if not part.startswith("_") and isinstance(value, list) and value and None not in value
    ]


def check(path: Path, said: str, *, safety_checker: bool = False) -> Path:
    """Hold a folder to the layout of diffusers, so that a broken one is told before torch is imported.

    Parameters
    ----------
    path : Path
    said : str
        What the user calls the model.
    safety_checker : bool
        Whether a checker that is listed must be there too; without it a folder may have left it out.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ModelError
        A part, its configuration or its weights are missing, cut off or pickled.
    """
    for part in listed(read(path / "model_index.json", said)):
        folder = path / part
        if part == "safety_checker" and not safety_checker:
            continue
        if not folder.is_dir():
            raise ModelError(f"the model folder {said} is broken: it has no {part}/")
        if part in WEIGHED:
            read(folder / "config.json", said)
            _check_weights(folder, part, said)
    return path


def _check_weights(folder: Path, part: str, said: str) -> None:
    names = [file.name for file in folder.iterdir()]
    files = chosen(names, half=False)
    if not files:
        pickled = any(name.endswith(PICKLES) for name in names)
        shards = any(_WEIGHTS.fullmatch(name) for name in names)
        why = "holds only pickle files, which are refused" if pickled else "holds no .safetensors"
        why = "lacks some of its shards; fetch it again" if shards else why
        raise ModelError(f"the model folder {said} cannot be used: its {part}/ {why}")
    for name in files:
        header(folder / name, f"{said}/{part}/{name}")


def chosen(names: Iterable[str], *, half: bool) -> list[str]:
    """Choose the weight files of one part among the names in its folder.

    Parameters
    ----------
    names : iterable of str
    half : bool
        Whether the weights are used in half precision: then the ``fp16`` variant is preferred, else the
        full one; the other of the two is taken where the preferred one is missing or incomplete.

    Returns
    -------
    list of str
        One file, or every shard of one; empty where nothing complete is there.

    Examples
    --------
    >>> chosen(["model.safetensors", "model.fp16.safetensors", "pytorch_model.bin"], half=True)
    ['model.fp16.safetensors']
    >>> chosen(["model-00001-of-00002.safetensors"], half=False)
    []
    """
    sets: dict[tuple[bool, int], list[str]] = {}
    for name in sorted(names):
        if found := _WEIGHTS.fullmatch(name):
            sets.setdefault((found["variant"] is not None, int(found["of"] or 1)), []).append(name)
    whole = {key: files for key, files in sets.items() if len(files) == key[1]}
    best = sorted(whole, key=lambda key: (key[0] != half, key[1]))
    return whole[best[0]] if best else []


def header(file: Path, said: str) -> dict[str, Any]:
    """Read the header of a safetensors file: each tensor's ``dtype`` and ``shape`` by its name.

    Parameters
    ----------
    file : Path
    said : str
        What the user calls the file.

    Raises
    ------
    ModelError
        It is no safetensors file, or it is cut off, as a broken download leaves it.
    """
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= min(size - 8, _MOST_HEADER):
                raise ValueError
            data = _object(stream.read(length))
        ends = [entry["data_offsets"][1] for name, entry in data.items() if name != "__metadata__"]
        whole = 8 + length + max(ends, default=0)
    except OSError as error:
        raise ModelError(f"{said} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, IndexError):
        raise ModelError(f"{said} is no safetensors file, or a broken download; fetch it again") from None
    if size < whole:
        raise ModelError(
            f"{said} is cut off: it has {size / 1e6:,.1f} of {whole / 1e6:,.1f} MB; fetch it again"
        )
    return data


def elements(files: Iterable[Path]) -> int:
    """Return how many numbers weight files hold: times the size of one, what a model needs of memory."""
    return sum(
        math.prod(entry["shape"])
        for file in files
        for name, entry in header(file, file.name).items()
        if name != "__metadata__"
    )


def weights(path: Path, *, half: bool, safety_checker: bool) -> Iterator[Path]:
    """Return the weight files that a folder is drawn with."""
    for part in WEIGHED:
        folder = path / part
        if folder.is_dir() and (safety_checker or part != "safety_checker"):
            yield from (folder / name for name in chosen((f.name for f in folder.iterdir()), half=half))
