"""The work of a sweep: what the store has, what is left in groups, and each picture as it comes.

`run` is a generator; progress, previews, partial results and cancelling all follow from that. A spec
that stands in several places is drawn once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

from sdnb import adapters, inputs, schedulers, store
from sdnb.engine import Engine, Group, OnStep
from sdnb.errors import SdnbError, StoreError
from sdnb.inputs import Input
from sdnb.models import Capabilities
from sdnb.picture import Picture
from sdnb.spec import ImageSpec
from sdnb.store import Store
from sdnb.sweep import Sweep

__all__ = ["Estimate", "estimate", "evaluations", "run"]


def run(
    sweep: Sweep,
    engine: Engine,
    keep: Store | None,
    on_step: OnStep,
    cancel: Event,
    *,
    redraw: bool = False,
    latents: bool = False,
    frames: bool = False,
) -> Iterator[tuple[int, Picture]]:
    """Yield every picture of a sweep with its place, those of the store first.

    Parameters
    ----------
    sweep : Sweep
    engine : Engine
    keep : Store or None
        Where pictures are looked up and kept; None does neither.
    on_step : callable
        Called after every model call, in this thread.
    cancel : Event
        Set from any thread, ends the run within one model call.
    redraw : bool
        Draw again what is there.
    latents, frames : bool
        Each picture is to hold its final latents, or the predicted x0 of every call; one that was kept
        without them is drawn again.

    Yields
    ------
    tuple of int and Picture
        The flat index into ``sweep.specs``. A picture that could not be drawn has its `error` set.

    Raises
    ------
    StoreError
        A picture cannot be kept; what was yielded before is safe.
    """
    places: dict[ImageSpec, list[int]] = {}
    for place, spec in enumerate(sweep.specs):
        places.setdefault(spec, []).append(place)
    identities = _identities(sweep, engine, keep)
    keys = {spec: store.key(spec, identities[spec]) for spec in places}

    found = keep.get_many(list(keys.values())) if keep is not None and not redraw else {}
    found = {key: picture for key, picture in found.items() if _complete(picture, latents, frames)}
    for spec, key in keys.items():
        if key in found:
            picture = found[key]
            if picture.spec != spec and keep is not None:
                picture = keep.watch(picture.with_(spec=spec))  # drawn under another name of the model
            for place in places[spec]:
                yield place, picture

    missing = [spec for spec, key in keys.items() if key not in found]
    given = _inputs(sweep, missing)
    if keep is not None:
        for original in given.values():
            inputs.keep(original)
    for group in _groups(sweep, missing, given):
        group = replace(group, latents=latents, frames=frames)
        left = dict.fromkeys(group.specs)
        reason = ""
        pictures = engine.render(group, on_step, cancel)
        try:
            can = engine.capabilities(group.model)
            for picture in pictures:
                spec = picture.spec
                left.pop(spec, None)
                if keep is not None and not picture.error:
                    cost = evaluations(spec, can)
                    picture = keep.put(keys[spec], picture, identities[spec], evaluations=cost)
                for place in places[spec]:
                    yield place, picture
        except StoreError:
            raise
        except SdnbError as error:
            reason = str(error)
        finally:
            close = getattr(pictures, "close", None)
            if close is not None:
                close()
        if cancel.is_set():
            return
        for spec in left:
            failed = Picture(spec=spec, error=reason or "the engine drew nothing")
            for place in places[spec]:
                yield place, failed


def _inputs(sweep: Sweep, specs: list[ImageSpec]) -> dict[str, Input]:
    """Return the pictures that specs begin from; a sweep that was made of specs alone finds the kept ones."""
    named = dict.fromkeys(digest for spec in specs for digest in (spec.init_image, spec.mask_image) if digest)
    return {digest: sweep.inputs.get(digest) or inputs.find(digest) for digest in named}


def _complete(picture: Picture, latents: bool, frames: bool) -> bool:
    return not ((latents and picture.latents is None) or (frames and not picture.frames))


def _groups(sweep: Sweep, specs: list[ImageSpec], given: Mapping[str, Input]) -> Iterator[Group]:
    """Put together what can share a model call: one model, one size, the same LoRAs and VAE."""
    shared: dict[tuple[Any, ...], list[ImageSpec]] = {}
    for spec in specs:
        shared.setdefault((spec.model, spec.width, spec.height, spec.lora, spec.vae), []).append(spec)
    for (name, *_), members in shared.items():
        named = {digest for spec in members for digest in (spec.init_image, spec.mask_image)}
        images = {digest: picture.image for digest, picture in given.items() if digest in named}
        worn = adapters.of(members[0], sweep.adapters)
        yield Group(sweep.models[name], tuple(members), images, adapters=worn)


def _identities(sweep: Sweep, engine: Engine, keep: Store | None) -> dict[ImageSpec, Mapping[str, str]]:
    """Return for each spec what changes its pixels beside it: the engine's word, and what adapters hold."""
    models = {name: engine.identity(model) for name, model in sweep.models.items()}
    memo: MutableMapping[str, str] = keep.memo if keep is not None else {}
    said: dict[ImageSpec, Mapping[str, str]] = {}
    for spec in sweep.specs:
        if spec not in said:
            worn = adapters.fingerprint(adapters.of(spec, sweep.adapters), memo)
            said[spec] = {**models[spec.model], "adapters": worn} if worn else models[spec.model]
    return said


def evaluations(spec: ImageSpec, can: Capabilities) -> int:
    """Model evaluations that a picture costs: two a call with classifier-free guidance.

    Parameters
    ----------
    spec : ImageSpec
    can : Capabilities
        Those of its model: one that reads the guidance itself is called for one row.
    """
    calls = schedulers.parse(spec.scheduler).evaluations(spec.steps_made)
    return calls * (2 if spec.guidance_scale > 1 and not can.reads_guidance else 1)


@dataclass(frozen=True)
class Estimate:
    """What a sweep would cost.

    Attributes
    ----------
    places, pictures : int
        Tiles of the grid, and different pictures among them.
    stored : int
        Pictures that are in the store.
    evaluations : int
        Model evaluations for the others.
    seconds : float or None
        For these, from earlier runs of the same model, size and machine; None when there was none.
    """

    places: int
    pictures: int
    stored: int
    evaluations: int
    seconds: float | None


def estimate(
    sweep: Sweep,
    engine: Engine,
    keep: Store | None,
    *,
    redraw: bool = False,
    latents: bool = False,
    frames: bool = False,
) -> Estimate:
    """Tell what a sweep would cost, drawing nothing and importing no torch where the device is known."""
    identities = _identities(sweep, engine, keep)
    keys = {spec: store.key(spec, identities[spec]) for spec in sweep.specs}
    stored = keep.has_many(list(keys.values())) if keep is not None and not redraw else set()
    if keep is not None and (latents or frames):
        stored = {key for key, one in keep.get_many(list(stored)).items() if _complete(one, latents, frames)}
    misses = [spec for spec, key in keys.items() if key not in stored]
    cans = {name: engine.capabilities(sweep.models[name]) for name in {spec.model for spec in misses}}
    costs = [evaluations(spec, cans[spec.model]) for spec in misses]
    seconds: float | None = 0.0
    for spec, cost in zip(misses, costs, strict=True):
        each = keep.seconds_per_evaluation(identities[spec], spec.width, spec.height) if keep else None
        seconds = None if seconds is None or each is None else seconds + each * cost
    return Estimate(
        places=len(sweep.specs),
        pictures=len(keys),
        stored=len(keys) - len(misses),
        evaluations=sum(costs),
        seconds=seconds,
    )
