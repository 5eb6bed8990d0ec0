"""From the specs of a group to pictures: batches of a size that memory allows, decoded as they end."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sdnb.diffusers_engine import prompts, schedules, start
from sdnb.diffusers_engine.decode import BLOCKED, decode
from sdnb.diffusers_engine.denoise import Batch, Finished
from sdnb.diffusers_engine.failures import out_of_memory, why
from sdnb.diffusers_engine.lane import lane_of
from sdnb.diffusers_engine.pipelines import Parts, free_gpu
from sdnb.engine import Step
from sdnb.errors import RequestError, SdnbError
from sdnb.picture import Picture
from sdnb.spec import ImageSpec

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["draw", "rows_at_once"]

# Latent pixels in one call. Measured on one thread: `mini` (16x16 latents) takes 15 ms a row with 2 rows a
# call, 12 with 4, 10.5 with 8, 9.7 with 16 and 9 with 32 or more; Stable Diffusion 1.5 at 64x64 fills a CPU
# with one picture.
_CPU_LATENTS = 8192
_GPU_SHARE = 0.5
# Bytes of activations per row, latent pixel and base channel, over the size of one number; Stable
# Diffusion 1.5 at 512x512 in float16 needs 0.2 GB a row.
_ACTIVATIONS = 80
_MOST_ROWS = 64


def draw(
    parts: Parts,
    specs: Sequence[ImageSpec],
    images: Mapping[str, Image],
    *,
    latents: bool = False,
    frames: bool = False,
) -> Iterator[tuple[Step | None, list[Picture]]]:
    """Draw pictures of one size, as a generator that yields after every call of the model.

    Parameters
    ----------
    parts : Parts
    specs : sequence of ImageSpec
    images : mapping of str to PIL image
        The pictures that specs begin from, and masks, by digest.
    latents, frames : bool
        As in `sdnb.engine.Group`.

    Yields
    ------
    Step or None
        None where pictures failed before a call.
    list of Picture
        Those that the call finished.

    Raises
    ------
    SdnbError
        Nothing can be drawn.
    """
    _check_size(parts, specs[0])
    built, broken = _schedulers(parts, specs)
    if broken and not built:
        raise next(iter(broken.values()))
    same = {later: first for first, later in _same(built)}
    failed = [spec for spec in specs if (spec.scheduler, spec.num_inference_steps) in broken]
    if failed:
        yield None, [Picture(spec=s, error=str(broken[s.scheduler, s.num_inference_steps])) for s in failed]
    ready = [s for s in specs if (s.scheduler, s.num_inference_steps) in built]
    alike = {spec: prompts.length(parts, spec) for spec in ready}
    calls = {spec: _calls(spec, built) for spec in ready}
    waiting = deque(sorted(ready, key=lambda spec: (alike[spec], calls[spec])))
    originals = start.Originals(parts, images)
    limit = rows_at_once(parts, specs[0])
    shrunk = ""
    while waiting:
        some = _take(parts, waiting, alike, limit)
        batch: Batch | None = None
        try:
            trouble, short = "", False
            try:
                batch = Batch(parts, some, _handed_out(parts, some, built), originals, frames=frames)
            except Exception as error:
                trouble, short = why(error), out_of_memory(error)
            left = dict(enumerate(some))
            while not trouble and batch is not None and not batch.over:
                pictures: list[Picture] = []
                try:
                    finished = batch.advance()
                    pictures = _pictures(parts, batch, finished, latents)
                except Exception as error:
                    trouble, short = why(error), out_of_memory(error)
                if not trouble:
                    for row in finished:
                        del left[row.row]
                    step = Step(batch.done, batch.total, batch.specs, batch.preview)
                    yield step, [_noted(picture, same, shrunk) for picture in pictures]
        finally:
            if batch is not None:
                batch.clear()
            batch = None
        if short and len(left) > 1:
            limit = max(1, sum(1 + prompts.guided(parts, spec) for spec in left.values()) // 2)
            shrunk = f"memory ran out with {len(some)} pictures at once; drawn in smaller batches"
            waiting.extendleft(reversed(left.values()))
            _collect(parts)
        elif trouble:
            reason = "memory ran out; try a smaller size" if short else trouble
            yield None, [Picture(spec=spec, error=reason) for spec in left.values()]


def rows_at_once(parts: Parts, spec: ImageSpec) -> int:
    """Return how many rows of the model (two per guided picture) pay and fit in one call."""
    area = (spec.width // parts.pixels_per_latent) * (spec.height // parts.pixels_per_latent)
    if parts.device.type == "cpu":
        rows = _CPU_LATENTS // area
    else:
        number = torch.finfo(parts.dtype).bits // 8
        need = area * parts.unet.config.block_out_channels[0] * number * _ACTIVATIONS
        rows = int(free_gpu(parts.device) * _GPU_SHARE // need)
    return min(max(rows, 2), _MOST_ROWS)


def _check_size(parts: Parts, spec: ImageSpec) -> None:
    step = parts.pixels_per_latent
    for side, pixels in (("width", spec.width), ("height", spec.height)):
        if pixels % step:
            raise RequestError(f"{side} must be a multiple of {step} for {spec.model}, not {pixels}")


Key = tuple[str, int]


def _schedulers(parts: Parts, specs: Sequence[ImageSpec]) -> tuple[dict[Key, Any], dict[Key, SdnbError]]:
    built: dict[Key, Any] = {}
    broken: dict[Key, SdnbError] = {}
    for key in dict.fromkeys((spec.scheduler, spec.num_inference_steps) for spec in specs):
        try:
            built[key] = schedules.build(*key, parts.scheduler_config)
        except SdnbError as error:
            broken[key] = error.with_traceback(None)
    return built, broken


def _calls(spec: ImageSpec, built: dict[Key, Any]) -> int:
    scheduler = built[spec.scheduler, spec.num_inference_steps]
    return len(scheduler.timesteps) - start.skipped(spec, scheduler)


def _same(built: dict[Key, Any]) -> list[tuple[str, str]]:
    return schedules.same_configuration({name: scheduler for (name, _), scheduler in built.items()})


def _handed_out(parts: Parts, specs: Sequence[ImageSpec], built: dict[Key, Any]) -> dict[Any, Any]:
    """Return one fresh scheduler per lane; an object that was stepped is never used again."""
    own: dict[Any, Any] = {}
    for spec in specs:
        key = (spec.scheduler, spec.num_inference_steps)
        if (lane := lane_of(spec)) not in own:
            ready = built.get(key)
            built[key] = None
            own[lane] = ready or schedules.build(*key, parts.scheduler_config)
    return own


def _take(
    parts: Parts, waiting: deque[ImageSpec], alike: dict[ImageSpec, int], limit: int
) -> list[ImageSpec]:
    """Take the pictures of the next batch: as many as fit of those that are alike."""
    taken = [waiting.popleft()]
    rows = 1 + prompts.guided(parts, taken[0])
    while waiting and alike[waiting[0]] == alike[taken[0]]:
        if (rows := rows + 1 + prompts.guided(parts, waiting[0])) > limit:
            break
        taken.append(waiting.popleft())
    return taken


def _pictures(parts: Parts, batch: Batch, finished: list[Finished], keep_latents: bool) -> list[Picture]:
    pictures = [
        Picture(spec=batch.specs[one.row], seconds=batch.seconds[one.row], error=one.error)
        for one in finished
        if one.error
    ]
    ended = [(one.row, one.latents) for one in finished if one.latents is not None]
    if not ended:
        return pictures
    good = torch.isfinite(torch.stack([latents for _, latents in ended])).flatten(1).all(1).tolist()
    drawn = []
    for (row, latents), finite in zip(ended, good, strict=True):
        if finite:
            drawn.append((row, latents))
            continue
        spec = batch.specs[row]
        reason = (
            f"{spec.scheduler} gave numbers that are not finite in {spec.num_inference_steps} steps; "
            "try one step more or less, or another scheduler"
        )
        pictures.append(Picture(spec=spec, seconds=batch.seconds[row], error=reason))
    if drawn:
        began = perf_counter()
        decoded = decode(parts, [latents for _, latents in drawn])
        share = (perf_counter() - began) / len(drawn)
        for (row, latents), made in zip(drawn, decoded, strict=True):
            picture = Picture(
                spec=batch.specs[row],
                seconds=batch.seconds[row] + share,
                notes=(*batch.notes[row], *made.notes),
                error=made.error,
                pixels=made.image,
            )
            if keep_latents:
                picture = picture.with_latents(latents.float().cpu().numpy())
            # what is blocked at the end may have shown on the way
            if batch.frames and not made.error and BLOCKED not in made.notes:
                picture = picture.with_frames(_frames(parts, batch.trails[row]))
            pictures.append(picture)
    return pictures


def _frames(parts: Parts, trail: list[tuple[float, Tensor]]) -> Iterator[tuple[float, Image]]:
    """Decode the x0 of every call; one whose numbers are not finite is left out."""
    decoded = decode(parts, [clean.to(parts.device) for _, clean in trail])
    for (noise, _), made in zip(trail, decoded, strict=True):
        if made.image is not None:
            yield noise, made.image


def _noted(picture: Picture, same: dict[str, str], shrunk: str) -> Picture:
    name = picture.spec.scheduler
    more = [f"{name} is the same scheduler as {same[name]} here"] if name in same else []
    if shrunk:
        more.append(shrunk)
    return picture.with_(notes=(*picture.notes, *more)) if more else picture


def _collect(parts: Parts) -> None:
    if parts.device.type == "cuda":
        torch.cuda.empty_cache()
    elif parts.device.type == "mps":
        torch.mps.empty_cache()
