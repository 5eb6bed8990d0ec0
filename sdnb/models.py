"""Models by name: where they lie, what they are, what they can do. Nothing here imports torch.

A model is ``mini`` (embedded), a folder in the layout of diffusers, or a hub id (``owner/name``, with
``@revision``) that is in the hub's cache on this machine. Pickle checkpoints are refused: opening
one runs whatever code its maker put in.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdnb import schedulers
from sdnb.errors import ModelError, unknown

__all__ = ["MINI", "Capabilities", "Model", "capabilities", "fingerprint", "knows", "resolve"]

MINI = Path(__file__).parent / "mini"
PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
_FAMILIES = {
    "StableDiffusionPipeline": "sd",
    "StableDiffusionXLPipeline": "sdxl",
}
# Steps and guidance when neither the user nor the checkpoint names them.
_DEFAULTS = {"sd": (25, 7.5, 512), "sdxl": (30, 5.0, 1024)}


@dataclass(frozen=True)
class Model:
    """A model on this machine.

    Attributes
    ----------
    name : str
        What a spec holds: ``mini``, a hub id, or a folder's basename.
    path : Path
        Its folder.
    commit : str
        The hub snapshot's commit, or empty.
    """

    name: str
    path: Path
    commit: str = ""


@dataclass(frozen=True)
class Capabilities:
    """What a model is and what it takes, read from its configuration files.

    Attributes
    ----------
    family : str
        ``sd`` (Stable Diffusion 1.x and 2.x and ``mini``) or ``sdxl``.
    width, height : int
        The size it was trained for, in pixels.
    num_inference_steps, guidance_scale, scheduler
        What is taken when the user names none.
    schedulers : frozenset of str
        The base names that fit it.
    tokens : int
        Length of its text context.
    text_layers : int
        Layers of its (first) text encoder: ``clip_skip`` must be below.
    """

    family: str
    width: int
    height: int
    num_inference_steps: int
    guidance_scale: float
    scheduler: str
    schedulers: frozenset[str]
    tokens: int = 77
    text_layers: int = 12


def resolve(text: str) -> Model:
    """Find a model by its name, folder or hub id.

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
        return Model("mini", _checked(MINI, "mini"))
    path = Path(text).expanduser()
    if path.suffix.lower() in PICKLES:
        raise ModelError(
            f"{path.name} is a pickle checkpoint, which can run code when it is opened; "
            "use a .safetensors version of it"
        )
    if path.is_dir():
        return Model(path.resolve().name, _checked(path, text))
    if path.exists():
        raise ModelError(f"{text} is no model folder: one holds a model_index.json")
    if re.fullmatch(r"[\w.\-]+/[\w.\-]+(@[\w.\-/]+)?", text):
        return _from_hub_cache(text)
    if re.fullmatch(r"[\w.\-]+", text):
        raise ModelError(
            str(unknown("model", text, ["mini"], "a model is mini, a folder, or a hub id owner/name"))
        )
    raise ModelError(f"there is no model folder {text}")


def _checked(path: Path, said: str) -> Path:
    """Hold a folder to the layout of diffusers, so that a broken one is told before torch is imported."""
    index = _read(path / "model_index.json", said)
    for part, value in index.items():
        if part.startswith("_") or not isinstance(value, list) or value[:1] == [None] or None in value:
            continue
        folder = path / part
        if not folder.is_dir():
            raise ModelError(f"the model folder {said} is broken: it has no {part}/")
        if part in ("unet", "vae", "text_encoder", "text_encoder_2"):
            _read(folder / "config.json", said)
            if not any(folder.glob("*.safetensors")):
                pickled = any(f.suffix in PICKLES for f in folder.iterdir())
                why = "holds only pickle files, which are refused" if pickled else "holds no .safetensors"
                raise ModelError(f"the model folder {said} cannot be used: its {part}/ {why}")
    return path


def _read(file: Path, said: str) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        missing = f"{file.parent.name}/{file.name}" if file.name == "config.json" else file.name
        raise ModelError(f"the model folder {said} is broken: it has no {missing}") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"the model folder {said} is broken: {file.name} cannot be read ({error})") from None
    if not isinstance(data, dict):
        raise ModelError(f"the model folder {said} is broken: {file.name} is no JSON object")
    return data


def _from_hub_cache(text: str) -> Model:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    name, _, revision = text.partition("@")
    try:
        folder = Path(snapshot_download(name, revision=revision or None, local_files_only=True))
    except LocalEntryNotFoundError:
        raise ModelError(
            f"{text} is not on this machine; fetch it once with: hf download {name}"
            + (f" --revision {revision}" if revision else "")
        ) from None
    return Model(text, _checked(folder, text), commit=folder.name)


def capabilities(model: Model) -> Capabilities:
    """Read what a model can do from its configuration files.

    Raises
    ------
    ModelError
        The folder is broken or its family is not supported.
    """
    index = _read(model.path / "model_index.json", model.name)
    class_name = str(index.get("_class_name"))
    if class_name not in _FAMILIES:
        raise ModelError(f"{model.name} is a {class_name}; sdnb draws with {', '.join(sorted(_FAMILIES))}")
    family = _FAMILIES[class_name]
    steps, guidance, side = _DEFAULTS[family]
    unet = _read(model.path / "unet" / "config.json", model.name)
    vae = _read(model.path / "vae" / "config.json", model.name)
    text = _read(model.path / "text_encoder" / "config.json", model.name)
    factor = 2 ** (len(vae.get("block_out_channels", [0, 0, 0, 0])) - 1)
    if isinstance(size := unet.get("sample_size"), int):
        side = size * factor
    scheduler = _read(model.path / "scheduler" / "scheduler_config.json", model.name)
    if model.path == MINI:
        steps, guidance = 20, 3.0
    return Capabilities(
        family=family,
        width=side,
        height=side,
        num_inference_steps=steps,
        guidance_scale=guidance,
        scheduler=schedulers.from_config(scheduler).name,
        schedulers=frozenset(name for name, kind in schedulers.TABLE.items() if not kind.flow),
        tokens=int(text.get("max_position_embeddings", 77)),
        text_layers=int(text.get("num_hidden_layers", 12)),
    )


def knows(model: Model) -> dict[str, Any] | None:
    """Return what a model says it can draw (its ``knows.json``), or None if it does not say."""
    file = model.path / "knows.json"
    return _read(file, model.name) if file.is_file() else None


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
        The hub commit, or the sha256 over the files that the pipeline reads.
    """
    if model.commit:
        return model.commit
    total = hashlib.sha256()
    for file in _weighed(model.path):
        total.update(f"{file.relative_to(model.path).as_posix()} {_file_hash(file, memo)}\n".encode())
    return total.hexdigest()


def _weighed(path: Path) -> Iterator[Path]:
    parts = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    yield path / "model_index.json"
    for part in parts:
        for file in sorted(part.iterdir()):
            if file.suffix in (".safetensors", ".json", ".txt", ".model"):
                yield file


def _file_hash(file: Path, memo: MutableMapping[str, str]) -> str:
    stat = file.stat()
    key = f"sha256 {file.resolve()} {stat.st_size} {stat.st_mtime_ns}"
    if (known := memo.get(key)) is not None:
        return known
    with file.open("rb") as stream:
        memo[key] = hashlib.file_digest(stream, "sha256").hexdigest()
    return memo[key]


def describe(model: Model) -> Mapping[str, Any]:
    """Return a few facts for ``%sdnb models``: family, size in bytes, default size."""
    can = capabilities(model)
    size = sum(f.stat().st_size for f in model.path.rglob("*") if f.is_file())
    return {"name": model.name, "family": can.family, "bytes": size, "size": f"{can.width}x{can.height}"}
