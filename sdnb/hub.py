"""Models of the hub: what its cache on this machine holds, what is missing, and the download.

Asking and downloading are done by huggingface_hub, with its cache, its token, ``HF_HUB_OFFLINE`` and
``HF_ENDPOINT``. A download runs in a process of its own: that can be ended within a moment, whatever the
transport. The files that are complete by then are kept; the one that was on its way begins anew, or goes on
where huggingface_hub's version resumes it.

Only what is drawn with is downloaded: configurations, tokenizers and safetensors; of weights that are there
twice the ``fp16`` variant where half precision is used. A revision that is complete on this machine is never
asked about again, so a picture can be drawn anew from the same weights, and offline.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Event

from sdnb import model_folder
from sdnb.errors import ModelError
from sdnb.model_folder import PICKLES, WEIGHED

__all__ = ["Remote", "amount", "cached", "fetch", "find"]

_CONFIGS = (".json", ".txt", ".model")
_ON_THE_WAY = "*.*.incomplete"  # of one process alone; those without a middle part are resumed by others
_LOOK = 0.2  # seconds between looks at the download
_TIMEOUT = 10  # seconds for an answer of the hub
_CHILD = """
import sys
from huggingface_hub import hf_hub_download
repo, revision, *names = sys.argv[1:]
try:
    for name in names:
        hf_hub_download(repo, name, revision=revision)
except Exception as error:
    lines = str(error).strip().splitlines() or [""]
    sys.exit(f"{type(error).__name__}: {lines[0]}")
"""


@dataclass(frozen=True)
class Remote:
    """A snapshot in the hub's cache and, where it is not complete, what the hub has of it.

    Attributes
    ----------
    name : str
        The hub id, without a revision.
    commit : str
    path : Path
        The snapshot's folder; the configuration is there, weights need not be.
    files : tuple of (str, int)
        What the hub lists, with sizes in bytes; empty for a snapshot that is complete.
    """

    name: str
    commit: str
    path: Path
    files: tuple[tuple[str, int], ...] = ()

    def missing(self, *, half: bool, safety_checker: bool) -> list[tuple[str, int]]:
        """Return the weight files, with their sizes, that a run still has to download.

        Parameters
        ----------
        half : bool
            Whether the run draws in half precision.
        safety_checker : bool
            Whether it uses the checkpoint's safety checker.
        """
        sizes = dict(self.files)
        index = model_folder.read(self.path / "model_index.json", self.name)
        wanted: list[str] = []
        for part in model_folder.listed(index):
            folder = self.path / part
            there = [file.name for file in folder.iterdir()] if folder.is_dir() else []
            if part not in WEIGHED or model_folder.chosen(there, half=half):
                continue
            if safety_checker or part != "safety_checker":
                inside = [name for name in sizes if str(PurePosixPath(name).parent) == part]
                wanted += [
                    f"{part}/{name}"
                    for name in model_folder.chosen((PurePosixPath(n).name for n in inside), half=half)
                ]
        return [(name, sizes[name]) for name in wanted if not (self.path / name).exists()]


def amount(size: float) -> str:
    """Write a number of bytes.

    Examples
    --------
    >>> amount(5.1e9), amount(300_000)
    ('5.1 GB', '0.3 MB')
    """
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def cached() -> list[str]:
    """Return the diffusers models in the hub's cache, without importing huggingface_hub.

    A revision other than ``main`` is named with it.
    """
    names = []
    for folder in sorted(_cache().glob("models--*--*")):
        name = folder.name.removeprefix("models--").replace("--", "/", 1)
        for ref in sorted(file for file in (folder / "refs").rglob("*") if file.is_file()):
            revision = ref.relative_to(folder / "refs").as_posix()
            snapshot = folder / "snapshots" / ref.read_text(encoding="utf-8").strip()
            if (snapshot / "model_index.json").is_file():
                names.append(name if revision == "main" else f"{name}@{revision}")
    return names


def _cache() -> Path:
    places = os.environ.get
    home = places("HF_HOME") or Path(places("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(places("HF_HUB_CACHE") or places("HUGGINGFACE_HUB_CACHE") or Path(home, "hub")).expanduser()


def find(text: str, *, ask: bool, safety_checker: bool) -> Remote:
    """Find a hub id in the cache, or ask the hub for its configuration and for what else it has.

    Parameters
    ----------
    text : str
        ``owner/name`` with or without ``@revision``.
    ask : bool
        Whether the hub may be asked.
    safety_checker : bool
        Whether a checker that the model lists belongs to it.

    Raises
    ------
    ModelError
        It is not on this machine and cannot be got, or it is no model that sdnb can draw with.
    """
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    name, _, revision = text.partition("@")
    known: Remote | None = None
    try:
        path = Path(snapshot_download(name, revision=revision or None, local_files_only=True))
        known = Remote(name, path.name, path)
        model_folder.check(path, text, safety_checker=safety_checker)
    except LocalEntryNotFoundError:
        why = f"{text} is not on this machine"
    except ModelError as error:
        why = str(error)
        if (known is None) or not (known.path / "model_index.json").is_file():
            why = f"only a part of {text} is on this machine"
    else:
        return known
    command = f"hf download {name}" + (f" --revision {revision}" if revision else "")
    if constants.HF_HUB_OFFLINE or not ask:
        off = " where there is a network (HF_HUB_OFFLINE is set here)" if constants.HF_HUB_OFFLINE else ""
        raise ModelError(f"{why}; fetch it once{off} with: {command}")
    return _asked(name, revision, why, command)


def _asked(name: str, revision: str, why: str, command: str) -> Remote:
    from huggingface_hub import HfApi, errors, snapshot_download

    failed = ""
    try:
        info = HfApi().model_info(name, revision=revision or None, files_metadata=True, timeout=_TIMEOUT)
    except errors.GatedRepoError:
        failed = f"{name} asks for consent: give it on its page at the hub, then run: hf auth login"
    except errors.RevisionNotFoundError:
        failed = f"the hub has no revision {revision!r} of {name}"
    except errors.RepositoryNotFoundError:
        failed = f"the hub has no model {name}, or only for its members: see hf auth login"
    except Exception as error:  # whatever the transport of the installed version raises
        failed = f"{why}, and the hub does not answer ({_line(error)}); fetch it once with: {command}"
    if failed:
        raise ModelError(failed)
    files = tuple((file.rfilename, int(file.size or 0)) for file in info.siblings or ())
    names = [file for file, _ in files]
    if "model_index.json" not in names:
        single = next((file for file in names if file.endswith(".safetensors")), "")
        other = f"; download its {single} and name that file" if single else ""
        raise ModelError(f"{name} is no model in the layout of diffusers: it has no model_index.json{other}")
    configs = [
        n for n in names if n.endswith(_CONFIGS) and n.count("/") <= 1 and not n.endswith(".index.json")
    ]
    configs = [n for n in names if n.endswith(_CONFIGS) and n.count("/") == 1]
    configs.append("model_index.json")
    _run(name, revision or "main", configs)
    path = Path(snapshot_download(name, revision=revision or None, local_files_only=True))
    remote = Remote(name, path.name, path, files)
    _check_listing(remote)
    return remote


def _check_listing(remote: Remote) -> None:
    """Refuse a model whose weights are there only as pickles before anything large is downloaded."""
    index = model_folder.read(remote.path / "model_index.json", remote.name)
    for part in model_folder.listed(index):
        names = [PurePosixPath(n) for n, _ in remote.files if str(PurePosixPath(n).parent) == part]
        if part in WEIGHED and not model_folder.chosen((n.name for n in names), half=False):
            pickled = any(n.suffix in PICKLES for n in names)
            why = "only as pickle files, which are refused" if pickled else "not as safetensors"
            raise ModelError(f"the hub has the {part} of {remote.name} {why}; choose another version of it")


def fetch(
    remote: Remote,
    files: Sequence[tuple[str, int]],
    on_progress: Callable[[int, int], None],
    cancel: Event,
) -> bool:
    """Download files of a model into the hub's cache.

    Parameters
    ----------
    remote : Remote
    files : sequence of (str, int)
        What `Remote.missing` returned.
    on_progress : callable
        Is given the bytes that are there and the bytes in all, a few times a second.
    cancel : Event
        Set from any thread, ends the download at once; complete files are kept.

    Returns
    -------
    bool
        Whether everything is there.

    Raises
    ------
    ModelError
        The disk is too small, or the download broke off.
    """
    total = sum(size for _, size in files)
    blobs = remote.path.parents[1] / "blobs"
    strangers = set(blobs.glob(_ON_THE_WAY))
    room = shutil.disk_usage(remote.path).free
    if total > room:
        raise ModelError(f"{remote.name} is {amount(total)}, and the disk has room for {amount(room)}")
    on_progress(0, total)

    def look() -> None:
        there = sum(size for name, size in files if (remote.path / name).exists())
        begun = sum(map(_size, set(blobs.glob("*.incomplete")) - strangers))
        on_progress(min(there + begun, total), total)

    whole = False
    try:
        whole = _run(remote.name, remote.commit, [name for name, _ in files], look, cancel)
    finally:
        if not whole:
            for file in set(blobs.glob(_ON_THE_WAY)) - strangers:
                file.unlink(missing_ok=True)
    return whole


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0  # it was finished, and renamed, in this moment


def _run(
    name: str,
    revision: str,
    files: Sequence[str],
    look: Callable[[], None] = lambda: None,
    cancel: Event | None = None,
) -> bool:
    """Download files in a process of their own, which ends with `cancel` and with Ctrl-C."""
    quiet = os.environ | {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    command = [sys.executable, "-c", _CHILD, name, revision, *files]
    child = subprocess.Popen(command, env=quiet, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        while child.poll() is None:
            if cancel is not None and cancel.is_set():
                return False
            look()
            time.sleep(_LOOK)
        said = child.stderr.read().decode(errors="replace") if child.stderr else ""
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        if child.stderr:
            child.stderr.close()
    if child.returncode:
        last = (said.strip().splitlines() or ["no reason given"])[-1]
        raise ModelError(f"the download of {name} broke off ({last}); run it again, complete files are kept")
    return True


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
