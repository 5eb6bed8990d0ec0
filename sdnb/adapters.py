"""LoRAs and VAEs by name: where they lie and what they hold. Nothing here imports torch.

An adapter is a ``.safetensors`` file, a folder with one in it (a VAE's has a ``config.json`` beside, or is
a model's folder with a ``vae`` in it), or a hub id ``owner/name`` (or ``owner/name/file.safetensors``) that
is in the hub's cache on this machine. A spec holds its name: a file's without folders and ending, a
folder's, or the hub id. The store's key holds the hash of its content.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sdnb import loras
from sdnb.errors import ModelError
from sdnb.model_folder import PICKLES
from sdnb.models import file_hash
from sdnb.spec import ImageSpec

__all__ = ["KINDS", "Adapter", "Kind", "fingerprint", "named", "of", "resolve"]

Kind = Literal["lora", "vae"]
KINDS: tuple[Kind, ...] = ("lora", "vae")
_TITLES = {"lora": "LoRA", "vae": "VAE"}
_USUAL = {
    "lora": ("pytorch_lora_weights.safetensors", "adapter_model.safetensors"),
    "vae": ("diffusion_pytorch_model.safetensors",),
}
_HUB = re.compile(r"([\w.\-]+/[\w.\-]+?)(/[\w.\-]+\.safetensors)?")


@dataclass(frozen=True)
class Adapter:
    """A LoRA or a VAE on this machine.

    Attributes
    ----------
    kind : str
        ``lora`` or ``vae``.
    name : str
        What a spec calls it.
    path : Path
        The ``.safetensors`` file.
    """

    kind: Kind
    name: str
    path: Path


def named(kind: Kind, texts: Iterable[str]) -> tuple[dict[str, str], dict[tuple[Kind, str], Adapter]]:
    """Find what texts of the options ``--lora`` or ``--vae`` name.

    Returns
    -------
    dict of str to str
        By text: what a spec says instead, without folders.
    dict of (str, str) to Adapter
        By kind and name.

    Raises
    ------
    ModelError
        One is missing or refused, or two different ones have one name.
    """
    said: dict[str, str] = {}
    found: dict[tuple[Kind, str], Adapter] = {}
    for text in dict.fromkeys(texts):
        weighed = loras.parse(text) if kind == "lora" else [(text, 1.0)] if text else []
        adapters = [resolve(kind, name) for name, _ in weighed]
        for one in adapters:
            if (other := found.setdefault((kind, one.name), one)).path != one.path:
                raise ModelError(
                    f"two {_TITLES[kind]}s are called {one.name!r}: {other.path} and {one.path}; rename one, "
                    "for their pictures could not be told apart"
                )
        if kind == "lora":
            pairs = ((one.name, weight) for one, (_, weight) in zip(adapters, weighed, strict=True))
            said[text] = loras.canonical(loras.write(pairs))
        else:
            said[text] = adapters[0].name if adapters else ""
    return said, found


def of(spec: ImageSpec, known: Mapping[tuple[Kind, str], Adapter]) -> tuple[Adapter, ...]:
    """Return the adapters that a spec names.

    Raises
    ------
    ModelError
        One of them is not among those known.
    """
    wanted: list[tuple[Kind, str]] = [("lora", name) for name, _ in loras.parse(spec.lora)]
    if spec.vae:
        wanted.append(("vae", spec.vae))
    for kind, name in wanted:
        if (kind, name) not in known:
            raise ModelError(
                f"where the {_TITLES[kind]} {name} lies is not known here; name its file with --{kind}"
            )
    return tuple(known[key] for key in wanted)


def resolve(kind: Kind, text: str) -> Adapter:
    """Find an adapter by its file, folder or hub id.

    Raises
    ------
    ModelError
        It is missing, broken or refused.
    """
    path = Path(text).expanduser()
    if path.suffix.lower() in PICKLES:
        raise ModelError(
            f"{path.name} is a pickle file, which can run code when it is opened; "
            "use a .safetensors version of it"
        )
    if not path.exists() and path.with_name(path.name + ".safetensors").is_file():
        path = path.with_name(path.name + ".safetensors")
    if path.is_file():
        if path.suffix != ".safetensors":
            raise ModelError(f"{path.name} is no {_TITLES[kind]}: a file of one ends in .safetensors")
        return Adapter(kind, path.stem, path.resolve())
    if path.is_dir():
        return Adapter(kind, path.resolve().name, _inside(kind, path.resolve(), text))
    if found := _HUB.fullmatch(text):
        return Adapter(
            kind, text.removesuffix(".safetensors"), _from_hub_cache(kind, found[1], found[2] or "", text)
        )
    raise ModelError(
        f"there is no {_TITLES[kind]} {text!r}; it is a .safetensors file, a folder, or a hub id owner/name"
    )


def _inside(kind: Kind, folder: Path, said: str) -> Path:
    if kind == "vae" and (folder / "vae").is_dir():
        folder = folder / "vae"
    files = sorted(folder.glob("*.safetensors"))
    usual = [file for file in files if file.name in _USUAL[kind]] or files
    if len(usual) == 1:
        return usual[0]
    if files:
        raise ModelError(f"{said} holds several files; name one of {', '.join(file.name for file in files)}")
    why = (
        "only pickle files, which are refused"
        if any(f.suffix in PICKLES for f in folder.iterdir())
        else "none"
    )
    raise ModelError(f"{said} is no {_TITLES[kind]}: it should hold a .safetensors file and holds {why}")


def _from_hub_cache(kind: Kind, name: str, file: str, said: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, local_files_only=True))
    except LocalEntryNotFoundError:
        folder = None
    if folder is None or (file and not (folder / file[1:]).is_file()):
        raise ModelError(f"there is no file or folder {said!r}, and as a hub id it is not on this machine; "
                         f"fetch it once with: hf download {name}{file.replace('/', ' ')}")  # fmt: skip
    return folder / file[1:] if file else _inside(kind, folder, said)


def fingerprint(adapters: Iterable[Adapter], memo: MutableMapping[str, str]) -> str:
    """Name adapters and their content, for the store's key: ``lora:style:1f2e…``."""
    said = []
    for one in adapters:
        hashes = [file_hash(one.path, memo)]
        if (config := one.path.with_name("config.json")).is_file() and one.kind == "vae":
            hashes.append(file_hash(config, memo))
        said.append(":".join([one.kind, one.name, *hashes]))
    return " ".join(said)
