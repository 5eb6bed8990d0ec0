"""Which device ``auto`` is, which precision goes with it, and how much memory is free.

The answer for ``auto`` is remembered under what it depends on (the build of torch, the driver, the
visible GPUs), so that only the first process on a machine has to import torch to know it.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import MutableMapping
from importlib.metadata import version
from pathlib import Path

from sdnb.diffusers_engine import garbage

__all__ = ["PRECISIONS", "WHOLE_PIXELS", "device", "dtype", "free_ram", "versions"]

PRECISIONS = {"cpu": "float32", "cuda": "float16", "mps": "float16"}
# Above so many pixels a picture is decoded in overlapping tiles; every size that a model was trained for is
# below. Whole, Stable Diffusion's VAE needs about 4 GB of activations for each 2**20 pixels in float32.
WHOLE_PIXELS = 2**21
_DRIVERS = (
    "/proc/driver/nvidia/version",
    "/sys/module/amdgpu/version",
    "/sys/class/kfd/kfd/topology/generation_id",
)
_VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")


def versions() -> dict[str, str]:
    """Return the installed versions of torch, diffusers and transformers, without importing them."""
    return {name: version(name) for name in ("torch", "diffusers", "transformers")}


def device(asked: str, memo: MutableMapping[str, str]) -> str:
    """Return the device to draw on: ``cpu``, ``cuda`` or ``mps`` when ``auto`` was asked, else `asked`.

    Parameters
    ----------
    asked : str
    memo : mutable mapping of str to str
        Where the answer for ``auto`` is remembered; an unremembered one imports torch.

    Examples
    --------
    >>> device("cpu", {})
    'cpu'
    """
    if asked != "auto":
        return asked
    key = _probe_key()
    if (known := memo.get(key)) is None:
        known = memo[key] = _probe()
    return known


def dtype(asked: str, on: str) -> str:
    """Return the precision of the weights; ``auto`` is half where a GPU draws and full on a CPU.

    Examples
    --------
    >>> dtype("auto", "cpu"), dtype("auto", "cuda:0"), dtype("bfloat16", "cpu")
    ('float32', 'float16', 'bfloat16')
    """
    return PRECISIONS.get(on.partition(":")[0], "float32") if asked == "auto" else asked


def _probe() -> str:
    with garbage.paused():
        import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _probe_key() -> str:
    parts = [version("torch"), platform.platform(), platform.machine()]
    parts += [os.environ.get(name, "unset") for name in _VISIBLE]
    for file in map(Path, _DRIVERS):
        try:
            parts.append(file.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            parts.append("none")
    return "device " + hashlib.sha256("\n".join(parts).encode()).hexdigest()


def free_ram() -> int | None:
    """Return the bytes of main memory that can still be had, or None where the system does not say.

    A container's limit (cgroup v2) counts when it is nearer than the machine's.
    """
    found = []
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError):
        if "SC_AVPHYS_PAGES" in getattr(os, "sysconf_names", {}):
            found.append(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    try:
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        found.append(limit - int((group / "memory.current").read_text(encoding="ascii")))
    except (OSError, ValueError):
        pass  # no cgroup v2, or no limit ("max")
    return min(found) if found else None
