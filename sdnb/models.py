"""Models by name: where they lie, what they are, what they can do. Nothing here imports torch.

A name is looked for in this order: ``mini`` (embedded), the shared folder (``Sdnb.models_dir``), the
aliases (``Sdnb.aliases``, then `families.ALIASES`), a path, a hub id (``owner/name``, with ``@revision``).
What lies there is a folder in the layout of diffusers or one ``.safetensors`` file in the original layout
(`single_file`). Pickle checkpoints are refused: opening one runs whatever code its maker put in.

Resolving never downloads weights. A hub id whose weights are not here is resolved to its configuration, a
few kB, with the list of what the hub has (`hub`); so a cell is planned, checked and priced first, and the
run downloads what it needs before it loads the model, where it shows how far it is and can be stopped.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sdnb import families, hub, model_folder, settings, single_file
from sdnb.errors import ModelError, unknown
from sdnb.families import ALIASES, Capabilities
from sdnb.model_folder import PICKLES, read

__all__ = [
    "MINI",
    "Capabilities",
    "Facts",
    "Model",
    "aliases",
    "capabilities",
    "describe",
    "file_hash",
    "fingerprint",
    "here",
    "knows",
    "resolve",
    "weight_files",
]

MINI = Path(__file__).parent / "mini"


@dataclass(frozen=True)
class Model:
    """A model that can be drawn with.

    Attributes
    ----------
    name : str
        What a spec holds: ``mini``, a hub id, or the name of a folder or file without its path.
    path : Path
        The folder with its configuration, and its weights unless they are in one `file`.
    commit : str
        The hub snapshot's commit, or empty.
    file : Path or None
        One file in the original layout that holds all weights.
    remote : Remote or None
        What the hub has of it, where weights are not on this machine yet.
    """

    name: str
    path: Path
    commit: str = ""
    file: Path | None = None
    remote: hub.Remote | None = None


def resolve(text: str, *, ask: bool = True) -> Model:
    """Find a model by its name, alias, folder, file or hub id.

    Parameters
    ----------
    text : str
    ask : bool
        Whether the hub may be asked about a model that is not on this machine.

    Raises
    ------
    ModelError
        It is missing, broken or refused; the message says how to get it.

    Examples
    --------
    >>> resolve("mini").name
    'mini'
    """
    if text == "mini":
        return Model("mini", model_folder.check(MINI, "mini"))
    if (shared := _in_shared_folder(text)) is not None:
        return _at(shared, text)
    text = aliases().get(text, text)
    path = Path(text).expanduser()
    if path.suffix.lower() in PICKLES:
        raise ModelError(
            f"{path.name} is a pickle checkpoint, which can run code when it is opened; "
            "use a .safetensors version of it"
        )
    if path.exists():
        return _at(path, text)
    if re.fullmatch(r"[\w.\-]+/[\w.\-]+(@[\w.\-/]+)?", text) and path.suffix.lower() != ".safetensors":
        found = hub.find(text, ask=ask, safety_checker=settings.current().safety_checker)
        return Model(text, found.path, commit=found.commit, remote=found)
    if path.suffix.lower() == ".safetensors":
        raise ModelError(f"there is no file {text}")
    if re.fullmatch(r"[\w.\-]+", text):
        known = ["mini", *aliases(), *(file.stem for file in _shared())]
        hint = (
            "a model is mini, an alias (%sdnb models), a folder, a .safetensors file, or a hub id owner/name"
        )
        raise ModelError(str(unknown("model", text, known, hint)))
    raise ModelError(f"there is no model folder {text}")


def _at(path: Path, said: str) -> Model:
    if path.is_dir():
        return Model(path.resolve().name, model_folder.check(path, said))
    if path.suffix.lower() != ".safetensors":
        raise ModelError(
            f"{said} is no model, which is a folder with a model_index.json or a .safetensors file"
        )
    return Model(path.stem, single_file.config_of(path), file=path)


def aliases() -> dict[str, str]:
    """Return the short names of models and what they stand for; the user's go before the built-in ones."""
    return {**ALIASES, **settings.current().aliases}


def _shared() -> list[Path]:
    """Return the folders and files in the shared folder that look like models; nothing is written there.

    Raises
    ------
    ModelError
        The setting names no folder.
    """
    if not (name := settings.current().models_dir):
        return []
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise ModelError(f"Sdnb.models_dir is {name}, which is no folder")
    return [
        entry
        for entry in sorted(folder.iterdir())
        if entry.suffix.lower() == ".safetensors" or (entry / "model_index.json").is_file()
    ]


def _in_shared_folder(text: str) -> Path | None:
    return next((entry for entry in _shared() if text in (entry.name, entry.stem)), None)


def here() -> list[str]:
    """Return the models on this machine that can be named without a path."""
    cached = hub.cached()
    named = [short for short, text in aliases().items() if text in cached or Path(text).expanduser().exists()]
    return list(dict.fromkeys(["mini", *(_name(entry) for entry in _shared()), *named, *cached]))


def _name(entry: Path) -> str:
    return entry.name if entry.is_dir() else entry.stem


def capabilities(model: Model) -> Capabilities:
    """Read what a model can do from its configuration files.

    A model whose ``knows.json`` has ``defaults`` brings its own steps and guidance.

    Raises
    ------
    ModelError
        The folder is broken or its family is not supported.
    """
    can = families.capabilities(model.path, model.name)
    own = (knows(model) or {}).get("defaults", {})
    return replace(can, **{n: own[n] for n in ("num_inference_steps", "guidance_scale") if n in own})


def knows(model: Model) -> dict[str, Any] | None:
    """Return what a model says it can draw (its ``knows.json``), or None if it does not say."""
    file = model.path / "knows.json"
    return read(file, model.name) if file.is_file() else None


def fingerprint(model: Model, memo: MutableMapping[str, str]) -> str:
    """Name a model's weights and configuration by their content.

    Parameters
    ----------
    model : Model
    memo : mutable mapping of str to str
        Remembers the hash of each file by path, size and time of change; a store's `memo` lasts.

    Returns
    -------
    str
        The hub commit, the sha256 of a single file, or that over the files that the pipeline reads.
    """
    if model.commit:
        return model.commit
    if model.file is not None:
        return file_hash(model.file, memo)
    total = hashlib.sha256()
    for file in _weighed(model.path):
        total.update(f"{file.relative_to(model.path).as_posix()} {file_hash(file, memo)}\n".encode())
    return total.hexdigest()


def _weighed(path: Path) -> Iterator[Path]:
    parts = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    yield path / "model_index.json"
    for part in parts:
        for file in sorted(part.iterdir()):
            if file.suffix in (".safetensors", ".json", ".txt", ".model"):
                yield file


def file_hash(file: Path, memo: MutableMapping[str, str]) -> str:
    """Return the sha256 of a file, remembered by path, size and time of change."""
    stat = file.stat()
    key = f"sha256 {file.resolve()} {stat.st_size} {stat.st_mtime_ns}"
    if (known := memo.get(key)) is not None:
        return known
    with file.open("rb") as stream:
        memo[key] = hashlib.file_digest(stream, "sha256").hexdigest()
    return memo[key]


def weight_files(model: Model, *, half: bool, safety_checker: bool) -> list[Path]:
    """Return the files whose weights a model is drawn with in full or half precision."""
    if model.file is not None:
        return [model.file]
    return list(model_folder.weights(model.path, half=half, safety_checker=safety_checker))


@dataclass(frozen=True)
class Facts:
    """What ``%sdnb models`` tells of a model.

    Attributes
    ----------
    title : str
        Its family and kind.
    width, height : int
    on_disk : int
        Bytes of its weights that are on this machine.
    to_fetch : int
        Bytes that the hub has to send before it can be drawn with.
    parameters : int
        Numbers in its weights: 4 bytes of memory each in float32, 2 in half precision.
    """

    title: str
    width: int
    height: int
    on_disk: int
    to_fetch: int
    parameters: int


def describe(model: Model) -> Facts:
    """Return what a model needs; reads only headers."""
    can = capabilities(model)
    files = weight_files(model, half=False, safety_checker=True)
    remote = model.remote
    return Facts(
        title=can.title,
        width=can.width,
        height=can.height,
        on_disk=sum(file.stat().st_size for file in files),
        to_fetch=sum(size for _, size in remote.missing(half=False, safety_checker=True)) if remote else 0,
        parameters=model_folder.elements(files),
    )
