"""The web UI's metadata text ("infotext"), written into our pictures and read from anybody's.

The layout: the prompt; a line that begins ``Negative prompt: ``, if there is one, and its further
lines; a last line of ``Key: value`` pairs. A value with a comma, a colon or a line break is
JSON-quoted. What is read is a dict of settings by the names of `ImageSpec`, as far as they are said,
and under ``extras`` a dict of everything else, word for word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdnb import carried, loras, png, schedulers
from sdnb.errors import RequestError
from sdnb.spec import ImageSpec

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["from_png", "read", "write"]

_NEGATIVE = "Negative prompt:"
_KEYWORDS = ("sdnb", "parameters", "invokeai_metadata", "prompt", "workflow")
# Keys are bounded, so that a long line without a colon is not searched over and over.
_PAIR = re.compile(r'(\w[\w \-/]{0,63}):[ \t]*("(?:[^"\\]|\\.)*"(?=[ \t]*(?:,|\Z))|[^,]*)')
_LORA = re.compile(r" ?<lora:([^<>:+\n]{1,200})(?::(-?[0-9.]{1,20}))?>")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_WHOLE = re.compile(r"\d{1,20}")
_NUMBER = re.compile(r"\d{1,20}(\.\d{0,20})?(e[+-]?\d{1,3})?")
_SIZE = re.compile(r"(\d{1,6})x(\d{1,6})")


def write(spec: ImageSpec, *, model_hash: str = "", version: str = "") -> str:
    """Write a spec as the web UI would.

    A scheduler that the web UI's names do not say in full is added as ``Scheduler``, in our words.

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
        "VAE": spec.vae,
        "Denoising strength": repr(spec.strength).removesuffix(".0") if spec.init_image else "",
        "Clip skip": str(spec.clip_skip + 1) if spec.clip_skip else "",
        "Scheduler": "" if exact else spec.scheduler,
        "Init image": spec.init_image,
        "Mask image": spec.mask_image,
        "Version": version or _version(),
    }
    networks = "".join(
        f" <lora:{name}:{repr(weight).removesuffix('.0')}>" for name, weight in loras.parse(spec.lora)
    )
    negative = f"{_NEGATIVE} {spec.negative_prompt}" if spec.negative_prompt else ""
    last = ", ".join(f"{name}: {_quote(value)}" for name, value in pairs.items() if value)
    return "\n".join(part for part in (spec.prompt + networks, negative, last) if part).replace("\0", "")


def read(text: str) -> dict[str, Any]:
    r"""Read infotext.

    A value that is no setting of ours (an unknown sampler, a seed of -1) stays in ``extras``.

    Raises
    ------
    RequestError
        It is longer than a MiB.

    Examples
    --------
    >>> said = read("a fox\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1, Hires upscale: 2")
    >>> said["prompt"], said["scheduler"], said["seed"], said["extras"]
    ('a fox', 'dpmpp_2m_karras', 1, {'Hires upscale': '2'})
    """
    if len(text) > png.MAX_TEXT:
        raise RequestError(f"this text is longer than {png.MAX_TEXT} characters; it is not read")
    lines = text.replace("\r\n", "\n").strip().split("\n")
    pairs = {name.strip(): _unquote(value.strip()) for name, value in _PAIR.findall(lines[-1])}
    if len(pairs) < 3:  # the last line is prompt too
        pairs = {}
    else:
        lines.pop()
    at = next((i for i, line in enumerate(lines) if line.startswith(_NEGATIVE)), len(lines))
    negative = "\n".join(lines[at:]).removeprefix(_NEGATIVE)
    said: dict[str, Any] = {"prompt": "\n".join(lines[:at]).strip(), "negative_prompt": negative.strip()}
    if named := _LORA.findall(said["prompt"]):
        with suppress(RequestError):
            said["lora"] = loras.canonical("+".join(f"{name}:{weight or 1}" for name, weight in named))
            said["prompt"] = _LORA.sub("", said["prompt"]).strip()
    if pairs:
        said |= _settings(pairs)
    return said | {"extras": pairs}


def from_png(source: str | Path | bytes | Image) -> dict[str, Any]:
    """Read the settings that a picture carries: PNG, JPEG or WebP.

    Our own chunk gives the exact spec (and what drew it, as extras); else the web UI's infotext; else
    prompt, seed, size, steps and guidance of InvokeAI.

    Parameters
    ----------
    source : path, bytes or PIL image

    Raises
    ------
    RequestError
        It cannot be read, is larger than `png.MAX_PIXELS`, or says nothing of its settings.
    """
    found = carried.texts(source, _KEYWORDS)
    if "sdnb" in found:
        return _own(found["sdnb"])
    if "parameters" in found:
        return read(found["parameters"])
    if "invokeai_metadata" in found:
        return _invokeai(_object(found["invokeai_metadata"]))
    if "prompt" in found or "workflow" in found:
        raise RequestError("this picture carries a ComfyUI graph, which is not read: type its settings")
    raise RequestError("this picture says nothing of its settings")


def _version() -> str:
    try:
        return f"sdnb {installed('sdnb')}"
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "sdnb"


def _webui(name: str) -> tuple[str, str, bool]:
    """Return the web UI's sampler, its schedule type, and whether they say all that the name says."""
    scheduler = schedulers.parse(name)
    title = scheduler.kind.title
    if scheduler.sigmas:
        schedule_type = scheduler.sigmas.title()
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


def _unquote(value: str) -> str:
    if value.startswith('"'):
        with suppress(ValueError):
            return str(json.loads(value))
    return value


def _settings(pairs: dict[str, str]) -> dict[str, Any]:
    """Take out of the pairs what are settings of ours."""
    said: dict[str, Any] = {"clip_skip": 0}
    for title, name, form, kind in (
        ("Steps", "num_inference_steps", _WHOLE, int),
        ("CFG scale", "guidance_scale", _NUMBER, float),
        ("Seed", "seed", _WHOLE, int),
    ):
        if form.fullmatch(pairs.get(title, "")):
            said[name] = kind(pairs.pop(title))
    if size := _SIZE.fullmatch(pairs.get("Size", "")):
        said["width"], said["height"] = int(size[1]), int(size[2])
        del pairs["Size"]
    if _WHOLE.fullmatch(skip := pairs.get("Clip skip", "")) and int(skip) > 0:
        said["clip_skip"] = int(pairs.pop("Clip skip")) - 1
    if _DIGEST.fullmatch(pairs.get("Init image", "")):  # strength alone may be of the web UI's second pass
        said["init_image"] = pairs.pop("Init image")
        if _DIGEST.fullmatch(pairs.get("Mask image", "")):
            said["mask_image"] = pairs.pop("Mask image")
        if _NUMBER.fullmatch(pairs.get("Denoising strength", "")):
            said["strength"] = float(pairs.pop("Denoising strength"))
    if "VAE" in pairs:
        said["vae"] = pairs.pop("VAE")
    if "Model" in pairs:
        said["model"] = pairs.pop("Model")
    with suppress(RequestError):
        if "Sampler" in pairs:
            said["scheduler"] = schedulers.from_webui(pairs["Sampler"], pairs.get("Schedule type", "")).name
            pairs.pop("Sampler"), pairs.pop("Schedule type", "")
    with suppress(RequestError):
        if "Scheduler" in pairs:
            said["scheduler"] = schedulers.parse(pairs["Scheduler"]).name
            del pairs["Scheduler"]
    return said


def _own(text: str) -> dict[str, Any]:
    said = _object(text)
    settings, identity = said.get("spec"), said.get("identity")
    if not isinstance(settings, dict) or not isinstance(identity, dict):
        raise RequestError("the picture's sdnb text is damaged")
    return asdict(ImageSpec.from_dict(settings)) | {"extras": identity}


def _invokeai(data: Mapping[str, Any]) -> dict[str, Any]:
    extras = dict(data)
    said: dict[str, Any] = {}
    for name, ours, kinds in (
        ("positive_prompt", "prompt", (str,)),
        ("negative_prompt", "negative_prompt", (str,)),
        ("seed", "seed", (int,)),
        ("steps", "num_inference_steps", (int,)),
        ("cfg_scale", "guidance_scale", (int, float)),
        ("width", "width", (int,)),
        ("height", "height", (int,)),
    ):
        if isinstance(data.get(name), kinds):
            said[ours] = extras.pop(name)
    return said | {"extras": {name: str(value) for name, value in extras.items()}}


def _object(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise RequestError("the picture's text is damaged: it is no JSON object")
    return said
