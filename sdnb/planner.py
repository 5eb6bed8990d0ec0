"""From a request to the sweep it asks for. Pure Python; nothing is drawn here.

`plan` fills in what a request leaves open, multiplies (or zips) its axes, and lays the pictures out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any

from sdnb import adapters, axes
from sdnb.adapters import Adapter, Kind
from sdnb.axis import Axis, find, known
from sdnb.defaults import Resolve, check, fill
from sdnb.errors import RequestError, unknown
from sdnb.inputs import Input, fitted
from sdnb.models import Capabilities
from sdnb.prompts import Prompts, tidy
from sdnb.request import Request
from sdnb.settings import Sdnb
from sdnb.spec import ImageSpec
from sdnb.sweep import Sweep

__all__ = ["plan"]

_RESERVED = {*axes.SETTINGS, *(s.option for s in axes.SETTINGS.values()), "width", "height", "count"}


def plan(request: Request, *, settings: Sdnb, resolve: Resolve, limit: int | None) -> Sweep:
    """Lay out what a request asks for.

    Parameters
    ----------
    request : Request
    settings : Sdnb
        Where what is not named comes from first; then from the model.
    resolve : callable
        Finds a model by its text, and tells what it can do.
    limit : int or None
        Most pictures to allow.

    Raises
    ------
    RequestError
        A name, a value, a prompt or a pairing is wrong, or there are too many pictures.
    ModelError
        A model is missing, or cannot do what is asked.
    """
    texts = list(map(tidy, request.prompts))
    for number, text in enumerate(texts, 1):
        if not text:
            which = f"prompt {number} of {len(texts)}" if len(texts) > 1 else "the prompt"
            raise RequestError(f"{which} is empty; write one, such as: a red fox")
    if not texts:
        raise RequestError("there is no prompt; write one, such as: a red fox")
    filled = fill(replace(request, prompts=tuple(texts)), settings=settings, resolve=resolve)
    prompts = Prompts(texts)
    if taken := [name for name in prompts.lengths if axes.named(name) in _RESERVED]:
        raise RequestError(f"{{{taken[0]}: …}} in the prompt has the name of a setting; choose another")
    varied = {name: listed for name, listed in filled.request.settings.items() if len(listed) > 1}
    lengths = prompts.lengths | {name: len(listed) for name, listed in varied.items()}
    constants = {name: listed[0] for name, listed in filled.request.settings.items() if len(listed) == 1}
    zips = _zips(filled.request.zips, lengths, constants)
    groups = _groups(lengths, zips)
    count = prod(lengths[names[0]] for names in groups)
    if limit is not None and count > limit:
        sizes = " x ".join(str(lengths[names[0]]) for names in groups)
        raise RequestError(
            f"these are {count} pictures ({sizes}), more than the limit of {limit}; "
            f"to draw them all add --limit {count} (in Python limit={count})"
        )
    said: dict[str, Mapping[str, str]] = {"model": {text: m.name for text, (m, _) in filled.models.items()}}
    worn: dict[tuple[Kind, str], Adapter] = {}
    for kind in adapters.KINDS:
        said[kind], found = adapters.named(kind, filled.request.settings.get(kind, ()))
        worn |= found
    laid = tuple(_axis(names, prompts, varied, said) for names in groups)
    specs: dict[tuple[tuple[str, Any], ...], ImageSpec] = {}
    ordered = []
    given: dict[str, Input] = {}
    for places in product(*(range(len(axis)) for axis in laid)):
        at = {name: place for axis, place in zip(laid, places, strict=True) for name in axis.names}
        chosen = constants | {name: varied[name][at[name]] for name in varied}
        chosen |= {"prompt": prompts.fill(at), **filled.own[chosen["model"]]}
        key = tuple(sorted(chosen.items()))
        if key not in specs:
            model, can = filled.models[chosen.pop("model")]
            begins = _begin(chosen, can)
            chosen |= {kind: said[kind][chosen[kind]] for kind in adapters.KINDS if kind in chosen}
            width, height = chosen.pop("size")
            spec = ImageSpec(model=model.name, width=width, height=height, **chosen)
            given |= {picture.digest: picture for picture in begins}
            check(spec, can)
            specs[key] = spec
        ordered.append(specs[key])
    complete = replace(
        filled.request,
        zips=zips,
        rows=_side("rows", request.rows, laid, constants),
        cols=_side("cols", request.cols, laid, constants),
    )
    if complete.rows and complete.cols and find(laid, complete.rows) == find(laid, complete.cols):
        raise RequestError(f"rows and cols are both {complete.rows}; name two different axes")
    models = {model.name: model for model, _ in filled.models.values()}
    return Sweep(complete, laid, tuple(ordered), models, filled.notes, given, worn)


def _begin(chosen: dict[str, Any], can: Capabilities) -> list[Input]:
    """Put digests for the pictures among the settings of one picture, and a size where there is none."""
    pictures: dict[str, Input] = {
        name: chosen[name] for name in ("init_image", "mask_image") if name in chosen
    }
    chosen |= {name: picture.digest for name, picture in pictures.items()}
    if len(pictures) == 2:
        sizes = ["x".join(map(str, picture.image.size)) for picture in pictures.values()]
        if sizes[0] != sizes[1]:
            raise RequestError(
                f"the mask is {sizes[1]} and the picture to begin from {sizes[0]}; make them of one size"
            )
    if "size" not in chosen and "init_image" in pictures:
        chosen["size"] = fitted(pictures["init_image"].image.size, (can.width, can.height))
    return list(pictures.values())


def _zips(
    asked: Sequence[Sequence[str]], lengths: Mapping[str, int], constants: Mapping[str, Any]
) -> tuple[tuple[str, ...], ...]:
    """Check the pairings and return those that pair anything."""
    zips = []
    seen: set[str] = set()
    for said in asked:
        names = tuple(map(axes.named, said))
        if len(names) < 2:
            raise RequestError(
                f"zip pairs two or more axes, such as scheduler,steps; {', '.join(said)!r} is one"
            )
        sizes = []
        for name in names:
            if name in seen:
                raise RequestError(f"{name} is zipped twice")
            seen.add(name)
            if name not in lengths and name not in constants:
                raise unknown("axis", name, lengths, known(lengths))
            sizes.append(lengths.get(name, 1))
        if len(set(sizes)) > 1:
            listed = " and ".join(f"{name} has {size}" for name, size in zip(names, sizes, strict=True))
            raise RequestError(f"zip needs axes of the same length, but {listed}")
        if sizes[0] > 1:
            zips.append(names)
    return tuple(zips)


def _groups(lengths: Mapping[str, int], zips: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the names of each axis; a zipped one stands where the first of its names would."""
    groups = []
    for name in lengths:
        group = next((names for names in zips if name in names), (name,))
        if group not in groups:
            groups.append(group)
    return groups


def _axis(
    names: tuple[str, ...],
    prompts: Prompts,
    varied: Mapping[str, tuple[Any, ...]],
    said: Mapping[str, Mapping[str, str]],
) -> Axis:
    columns = []
    for name in names:
        if name in said:  # specs name no folders
            columns.append(tuple(said[name][text] for text in varied[name]))
        else:
            columns.append(varied[name] if name in varied else prompts.texts(name))
    entries = tuple(zip(*columns, strict=True))
    labels = (", ".join(map(axes.label, names, entry)) for entry in entries)
    return Axis(names, entries, tuple(labels))


def _side(side: str, said: str | None, laid: Sequence[Axis], constants: Mapping[str, Any]) -> str | None:
    """Return the axis that goes down or across; one that has come down to one value lays nothing out."""
    if said is None or axes.named(said) in constants:
        return None
    name = axes.named(said)
    try:
        find(laid, name)
    except RequestError as error:
        raise RequestError(f"{side}: {error}") from None
    return name
