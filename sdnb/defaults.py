"""What a request leaves open, filled in: from the settings in force, then from each model.

After this a request says everything that does not differ from model to model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sdnb import axes, emphasis, extras, inputs, scheduler_kinds, schedulers
from sdnb.errors import ModelError, RequestError
from sdnb.inputs import Input
from sdnb.models import Capabilities, Model
from sdnb.request import Request
from sdnb.settings import Sdnb
from sdnb.spec import ImageSpec

__all__ = ["OWN", "Filled", "Resolve", "check", "fill"]

# What each model brings of its own where the user names none.
OWN = ("num_inference_steps", "guidance_scale", "scheduler", "size")
# As in diffusers: a picture to begin from is changed this much, what lies under a mask is drawn anew.
_STRENGTH, _MASKED_STRENGTH = 0.8, 1.0

Resolve = Callable[[str], tuple[Model, Capabilities]]


@dataclass(frozen=True)
class Filled:
    """A request with nothing left open.

    Attributes
    ----------
    request : Request
        Model, negative prompt, seeds and clip-skip are always named in it; steps, guidance,
        scheduler and size are unless each model (or for the size each picture to begin from) brings
        its own.
    models : mapping of str to (Model, Capabilities)
        By the text that names the model in the request.
    own : mapping of str to mapping
        By the text of a model: what it brings of its own.
    notes : tuple of str
        What the user should know.
    """

    request: Request
    models: Mapping[str, tuple[Model, Capabilities]]
    own: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...]


def fill(request: Request, *, settings: Sdnb, resolve: Resolve) -> Filled:
    """Fill in what a request leaves open.

    Raises
    ------
    RequestError
        A value is of the wrong kind, or ``count`` meets several seeds.
    ModelError
        A model is missing, or two different ones have the same name.
    """
    given: dict[str, tuple[Any, ...]] = {}
    for name, listed in request.settings.items():
        if name == "count":
            given.setdefault("seed", ())
        else:
            given[axes.named(name)] = axes.values(name, list(listed))
    for name, text in (("model", settings.model), ("negative_prompt", settings.negative)):
        given.setdefault(name, axes.values(name, text))
    given["seed"] = _seeds(given.get("seed") or (settings.seed,), request.settings.get("count"))
    given.setdefault("clip_skip", (0,))
    size = settings.size or None
    if begins := "init_image" in given:
        given.setdefault("strength", (_MASKED_STRENGTH if "mask_image" in given else _STRENGTH,))
        size = None
    asked = (settings.steps, settings.guidance, settings.scheduler or None, size)
    for name, value in zip(OWN, asked, strict=True):
        if value is not None and name not in given:
            given[name] = axes.values(name, value)
    models = _models(given["model"], resolve)
    notes = []
    if request.drawn:
        notes.append("seeds drawn: " + ", ".join(map(str, request.drawn)))
    if "scheduler" in given:
        given["scheduler"], said = _schedulers(given["scheduler"], [can for _, can in models.values()])
        notes += said
    if begins and "size" not in given:
        sizes, said = _sizes(given["init_image"], [can for _, can in models.values()])
        notes += said
        if len(sizes) == 1:
            given["size"] = tuple(sizes)
    own: dict[str, dict[str, Any]] = {text: {} for text in models}
    for name in OWN:
        if name in given or (name == "size" and begins):
            continue
        brought: dict[str, Any] = {
            text: (can.width, can.height) if name == "size" else getattr(can, name)
            for text, (_, can) in models.items()
        }
        if len(set(brought.values())) == 1:
            given[name] = (next(iter(brought.values())),)
        else:
            for text, value in brought.items():
                own[text][name] = value
    return Filled(replace(request, settings=given), models, own, tuple(notes))


def check(spec: ImageSpec, can: Capabilities) -> None:
    """Hold the settings of one picture against what its model can do.

    Raises
    ------
    RequestError
        A prompt has what only the web UI draws.
    ModelError
        The scheduler does not fit, too many layers are skipped, or the model needs a mask.
    """
    for text in (spec.prompt, spec.negative_prompt):
        emphasis.check(text)
    if can.inpaints and not spec.mask_image:
        raise ModelError(f"{spec.model} fills in masks; give it a picture with --init and a mask with --mask")
    kind = schedulers.parse(spec.scheduler).kind
    if kind.name not in can.schedulers:
        fits = ", ".join(name for name in scheduler_kinds.TABLE if name in can.schedulers)
        raise ModelError(
            f"the scheduler {spec.scheduler} does not fit {spec.model} ({can.title}): "
            f"{can.unfit(kind.name)}; these do: {fits}"
        )
    if spec.clip_skip >= can.text_layers:
        raise ModelError(
            f"clip-skip must be below {can.text_layers}, the layers of the text encoder of {spec.model}, "
            f"not {spec.clip_skip}"
        )


def _seeds(seeds: tuple[int, ...], count: tuple[Any, ...] | None) -> tuple[int, ...]:
    if count is None:
        return tuple(map(int, seeds))
    (number,) = count
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= axes.MAX_VALUES:
        raise RequestError(f"count must be a whole number from 1 to {axes.MAX_VALUES}, not {number!r}")
    if len(seeds) > 1:
        raise RequestError(
            f"count counts up from one seed, but {len(seeds)} seeds are given; drop one of the two"
        )
    return tuple(range(int(seeds[0]), int(seeds[0]) + number))


def _sizes(pictures: tuple[Input, ...], cans: list[Capabilities]) -> tuple[set[tuple[int, int]], list[str]]:
    """Return the sizes that pictures to begin from are drawn at, and a line for each that is made smaller."""
    sizes, notes = set(), []
    for picture in dict.fromkeys(pictures):
        for can in cans:
            width, height = size = inputs.fitted(picture.image.size, (can.width, can.height))
            sizes.add(size)
            if width + 8 <= picture.image.width:
                given = "x".join(map(str, picture.image.size))
                notes.append(f"{picture} ({given}) is drawn at {width}x{height}; --size names another size")
    return sizes, list(dict.fromkeys(notes))


def _models(texts: tuple[str, ...], resolve: Resolve) -> dict[str, tuple[Model, Capabilities]]:
    found = {text: resolve(text) for text in dict.fromkeys(texts)}
    places: dict[str, Model] = {}
    for model, _ in found.values():
        other = places.setdefault(model.name, model)
        if (other.path, other.file, other.commit) != (model.path, model.file, model.commit):
            raise ModelError(
                f"two models are called {model.name!r}: {other.file or other.path} and "
                f"{model.file or model.path}; "
                "rename one of the folders, for their pictures could not be told apart"
            )
    return found


def _schedulers(texts: tuple[str, ...], cans: list[Capabilities]) -> tuple[tuple[str, ...], list[str]]:
    """Write every scheduler in its canonical form, ``all`` written out."""
    notes: list[str] = []
    names: list[str] = []
    said: dict[str, list[str]] = {}
    for text in texts:
        if text == axes.ALL:
            fits = [
                kind
                for kind in scheduler_kinds.TABLE.values()
                if all(kind.name in can.schedulers for can in cans)
            ]
            missing = [kind for kind in fits if kind.needs and not extras.installed(kind.needs)]
            notes += [f"all leaves out {kind.name}, which needs {kind.needs}" for kind in missing]
            if not (added := [kind.name for kind in fits if kind not in missing]):
                raise ModelError("no scheduler fits all of these models; sweep them one by one")
        else:
            added = [schedulers.parse(text).name]
        for name in added:
            names.append(name)
            said.setdefault(name, []).append(name if text == axes.ALL else text)
    for name, spellings in said.items():
        if len(different := list(dict.fromkeys(spellings))) > 1:
            listed = " and ".join(different)
            notes.append(f"{listed} come to the same scheduler, {name}, which is drawn once")
    return tuple(names), notes
