"""The web UI's metadata text ("infotext"), written into our pictures and read from anybody's.

The layout: the prompt; a line that begins ``Negative prompt: ``, if there is one, and its further
lines; a last line of ``Key: value`` pairs. A value with a comma, a colon or a line break is
JSON-quoted.
"""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

from sdnb import schedulers
from sdnb.spec import ImageSpec

__all__ = ["write"]


def write(spec: ImageSpec, *, model_hash: str = "", version: str = "") -> str:
    """Write a spec as the web UI would.

    Parameters
    ----------
    spec : ImageSpec
    model_hash : str
        The web UI's hash of the checkpoint, if known.
    version : str
        Who wrote it; this version of sdnb unless told.

    Examples
    --------
    >>> spec = ImageSpec(model="mini", prompt="a fox", negative_prompt="blue", seed=1, width=64, height=64,
    ...                  num_inference_steps=20, guidance_scale=7, scheduler="dpmpp_2m_karras")
    >>> print(write(spec, version="sdnb 1.0"))
    a fox
    Negative prompt: blue
    Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 1, Size: 64x64, Model: mini,
    Version: sdnb 1.0
    """
    title, schedule_type, exact = _webui(spec.scheduler)
    pairs = {
        "Steps": str(spec.num_inference_steps),
        "Sampler": title,
        "Schedule type": schedule_type,
        "CFG scale": repr(spec.guidance_scale).removesuffix(".0"),
        "Seed": str(spec.seed),
        "Size": f"{spec.width}x{spec.height}",
        "Model hash": model_hash,
        "Model": spec.model,
        "Clip skip": str(spec.clip_skip + 1) if spec.clip_skip else "",
        "Scheduler": "" if exact else spec.scheduler,
        "Version": version or _version(),
    }
    negative = f"Negative prompt: {spec.negative_prompt}" if spec.negative_prompt else ""
    last = ", ".join(f"{name}: {_quote(value)}" for name, value in pairs.items() if value)
    return "\n".join(part for part in (spec.prompt, negative, last) if part).replace("\0", "")


def _version() -> str:
    try:
        return f"sdnb {installed('sdnb')}"
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "sdnb"


def _webui(name: str) -> tuple[str, str, bool]:
    """Return the web UI's sampler, its schedule type, and whether they say all that the name says."""
    scheduler = schedulers.parse(name)
    title = scheduler.kind.title
    sigma = next((s for s in schedulers.SIGMAS if scheduler.kwargs.get(f"use_{s}_sigmas")), "")
    if sigma:
        schedule_type = sigma.title()
    elif scheduler.kwargs.get("timestep_spacing") == "trailing":
        schedule_type = "SGM Uniform"
    elif schedulers.from_webui(title, "Automatic").name != scheduler.kind.name:
        schedule_type = "Uniform"  # for these "Automatic" would mean Karras or exponential
    else:
        schedule_type = "Automatic"
    return title, schedule_type, schedulers.from_webui(title, schedule_type).name == name


def _quote(value: str) -> str:
    if value != value.strip() or value.startswith('"') or any(c in value for c in ",:\n"):
        return json.dumps(value, ensure_ascii=False)
    return value
