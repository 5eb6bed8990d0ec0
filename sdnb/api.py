"""`diffuse`: what the magics and the panel call.

`begin` starts a run in a thread of its own, `finish` takes its results; `draw` is both, with progress
shown in between, for a cell that waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdnb import hub, models, planner, runner, settings, sweep
from sdnb.engine import Engine
from sdnb.errors import Stopped, unknown
from sdnb.picture import counted
from sdnb.progress import Progress
from sdnb.results import Results
from sdnb.run import Run
from sdnb.store import Store, default_folder
from sdnb.sweep import Request, Sweep

__all__ = [
    "How", "begin", "diffuse", "draw", "dry_run", "engine_for", "finish", "last", "plan", "store_for",
    "unload", "use_engine", "warm",
]  # fmt: skip

_stores: dict[tuple[Path, int], Store] = {}
_engines: dict[tuple[str, str, bool], Engine] = {}
_given: Engine | None = None
_last: Results | None = None


def diffuse(
    prompt: str | Sequence[str],
    *,
    zip: Sequence[Sequence[str]] = (),
    rows: str | None = None,
    cols: str | None = None,
    limit: int | None = None,
    device: str | None = None,
    dtype: str | None = None,
    cache: bool = True,
    redraw: bool = False,
    trajectory: bool = False,
    progress: bool | None = None,
    **values: Any,
) -> Results:
    """Draw pictures; a list or range for any setting is an axis.

    Parameters
    ----------
    prompt : str or sequence of str
        With ``{red|blue}`` for alternatives.
    **values
        ``model``, ``negative_prompt``, ``seed``, ``num_inference_steps``, ``guidance_scale``,
        ``scheduler``, ``size`` (``"512x768"``, a number, or a pair), ``clip_skip``, ``init_image`` and
        ``mask_image`` (a path, a PIL image, a `Picture`), ``strength``, ``lora``
        (``"style:0.8+detail:0.5"``), ``vae``: one value each, or an iterable of values.
    zip : sequence of sequences of str
        Axes that are paired instead of multiplied.
    rows, cols : str, optional
        Axes that lay the grid out.
    limit : int, optional
        Most pictures to allow; ``Sdnb.limit`` unless given.
    device, dtype : str, optional
        As in `Sdnb`.
    cache : bool
        False neither reads nor writes the store.
    redraw : bool
        Draw again what the store has.
    trajectory : bool
        Keep the predicted x0 of every call, decoded, for `Results.trajectory`; what the store has without
        it is drawn again.
    progress : bool, optional
        ``Sdnb.progress`` unless given.

    Returns
    -------
    Results

    Raises
    ------
    RequestError, ModelError
        Nothing was drawn.
    RenderError
        Every picture failed.
    KeyboardInterrupt
        The run was interrupted; `last` has what was finished.

    Examples
    --------
    >>> results = diffuse("a red fox", seed=range(1, 3), num_inference_steps=4)  # doctest: +SKIP
    >>> results.shape  # doctest: +SKIP
    (2,)
    """
    wanted = sweep.request(prompt, values, zips=zip, rows=rows, cols=cols)
    planned = plan(wanted, device=device, dtype=dtype, limit=limit)
    try:
        return draw(planned, How(device, dtype, cache, redraw, frames=trajectory), progress=progress).results
    except Stopped:
        pass
    raise KeyboardInterrupt


def plan(
    wanted: Request, *, device: str | None = None, dtype: str | None = None, limit: int | None = None
) -> Sweep:
    """Lay out what was asked for, importing no torch.

    Raises
    ------
    RequestError, ModelError
        What was asked for cannot be drawn.
    """
    defaults = settings.current()
    engine = engine_for(device, dtype)

    def resolve(text: str) -> tuple[models.Model, models.Capabilities]:
        model = models.resolve(text)
        return model, engine.capabilities(model)

    return planner.plan(wanted, settings=defaults, resolve=resolve, limit=limit or defaults.limit)


@dataclass(frozen=True)
class How:
    """How a sweep is drawn, whatever its pictures are.

    Attributes
    ----------
    device, dtype : str or None
        Those of `Sdnb` unless given.
    cache : bool
        Whether the store is read and written.
    redraw : bool
        Whether what the store has is drawn again.
    latents, frames : bool
        Whether each picture holds its final latents, or the predicted x0 of every call; what the store
        has without them is drawn again.
    """

    device: str | None = None
    dtype: str | None = None
    cache: bool = True
    redraw: bool = False
    latents: bool = False
    frames: bool = False

    @property
    def wanted(self) -> dict[str, bool]:
        """What the runner is told."""
        return {"redraw": self.redraw, "latents": self.latents, "frames": self.frames}


@dataclass(frozen=True)
class Drawn:
    """A run that ended well: its results, and whether progress was displayed."""

    results: Results
    displayed: bool


def begin(planned: Sweep, how: How, *, due: Callable[[], bool] | None = None) -> Run:
    """Start to draw a planned sweep in a thread of its own.

    Parameters
    ----------
    due : callable, optional
        As for `Run`.
    """
    keep = store_for() if how.cache else None
    return Run(planned, engine_for(how.device, how.dtype), keep, **how.wanted, due=due).start()


def finish(run: Run, *, tell: Callable[[str], None] = print) -> Results:
    """Return the results of a run that has ended.

    Parameters
    ----------
    tell : callable
        Is given lines that the user should read, such as a damaged file in the store.

    Raises
    ------
    Stopped
        It was stopped; carries the results so far.
    RenderError, StoreError
        Every picture failed, or the store cannot be written.
    """
    global _last
    _last = results = run.results()
    for word in run.keep.drain_words() if run.keep is not None else ():
        tell(word)
    if (error := run.error(results)) is not None:
        raise error
    return results


def draw(
    planned: Sweep, how: How, *, progress: bool | None = None, tell: Callable[[str], None] = print
) -> Drawn:
    """Draw a planned sweep in a thread, showing progress in this one.

    Raises
    ------
    Stopped
        Interrupted; carries the results so far.
    RenderError, StoreError
        As in `finish`, which also says what ``tell`` is.
    """
    show = Progress(len(planned.specs)) if _wanted(progress) else None
    run = begin(planned, how, due=None if show is None else lambda: show.due)
    interrupts = 0
    while interrupts < 2:
        try:
            for event in run:
                if show is not None:
                    show.take(event)
            break
        except KeyboardInterrupt:
            interrupts += 1
            run.stop()
    if show is not None and run.stopped:
        show.close(f"stopped: {run.drawn} of {len(run.pictures)} drawn")
    elif show is not None and (run.failure is not None or not run.drawn):
        show.close("failed")
    results = finish(run, tell=tell)
    if show is not None:
        show.close(counted(len(results)))
    return Drawn(results, show is not None and show.shown)


def dry_run(planned: Sweep, how: How) -> str:
    """Tell in a few lines what a sweep would draw and cost; draws nothing."""
    keep = store_for() if how.cache else None
    engine = engine_for(how.device, how.dtype)
    cost = runner.estimate(planned, engine, keep, **how.wanted)
    lines = [f"{axis.name}: {', '.join(axis.labels)}" for axis in planned.axes]
    if cost.pictures > cost.stored:
        lines += [
            f"{name} is downloaded first: {hub.amount(missing)}"
            for name, model in planned.models.items()
            if (missing := engine.missing(model))
        ]
    double = f" ({cost.pictures} different)" if cost.pictures != cost.places else ""
    lines.append(
        f"{counted(cost.places)}{double}, {cost.stored} in the store, {cost.pictures - cost.stored} to draw"
    )
    if cost.seconds is None:
        time = "no earlier run to estimate the time from"
    else:
        time = f"about {cost.seconds:.0f} s" if cost.seconds >= 1 else "less than a second"
    lines.append(f"{cost.evaluations} model evaluations, {time}")
    return "\n".join([*planned.notes, *lines])


def last() -> Results | None:
    """Return the results of the latest run, also of one that was stopped or failed."""
    return _last


def store_for() -> Store:
    """Return the store that the settings name."""
    place = (default_folder(), int(settings.current().cache_gb * 1e9))
    if place not in _stores:
        _stores[place] = Store(*place)
    return _stores[place]


def engine_for(device: str | None = None, dtype: str | None = None) -> Engine:
    """Return the engine for a device and dtype, those of the settings unless given.

    Raises
    ------
    RequestError
        There is no such device or dtype.
    """
    if _given is not None:
        return _given
    defaults = settings.current()
    chosen = (device or defaults.device, dtype or defaults.dtype, defaults.safety_checker)
    for what, name, known in (("device", chosen[0], settings.DEVICES), ("dtype", chosen[1], settings.DTYPES)):
        if name not in known:
            raise unknown(what, name, known)
    if chosen not in _engines:
        from sdnb.diffusers_engine import DiffusersEngine

        _engines[chosen] = DiffusersEngine(
            device=chosen[0], dtype=chosen[1], memo=store_for().memo, safety_checker=chosen[2]
        )
    return _engines[chosen]


def use_engine(engine: Engine | None) -> None:
    """Draw with another engine, such as `sdnb.testing.FakeEngine`; None goes back to diffusers."""
    global _given
    _given = engine


def warm() -> None:
    """Make the default model ready, as ``Sdnb.warm`` has it done in a thread.

    What fails is told by the first run, which does the same again: until then nobody asked for anything.
    """
    with suppress(Exception):
        engine_for().warm(models.resolve(settings.current().model, ask=False))


def unload() -> int:
    """Drop every loaded model; return how many there were."""
    engines = [_given] if _given is not None else list(_engines.values())
    return sum(engine.unload() for engine in engines)


def status() -> Mapping[str, str]:
    """Return facts about the engine and the store."""
    kept = store_for().stats()
    return {
        **engine_for().status(),
        "store": f"{counted(kept.pictures)}, {kept.bytes / 1e6:.1f} of {kept.max_bytes / 1e6:.0f} MB",
        "store folder": str(kept.folder),
    }


def _wanted(progress: bool | None) -> bool:
    return settings.current().progress if progress is None else progress
