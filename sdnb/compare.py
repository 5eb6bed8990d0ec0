"""A fair comparison of schedulers: the same noise, the same cost, one reference, and measures.

A comparison is a sweep like any other, whose schedulers and steps are paired: for each scheduler and
budget the steps that `sdnb.budget` allows, and at the end the reference, very many Euler steps. So every
picture of it, the reference too, goes through the store. Every picture of a seed starts from the same
noise of unit variance, which each scheduler scales for itself. Pictures that the store has without their
final latents are drawn once more, for these are measured.

Schedulers that add noise on the way (ancestral, SDE) have no one limit: they are marked, never ranked by
their distance to the reference, and show how far their pictures spread over the seeds instead.

scikit-image is asked for before anything is drawn. Without matplotlib there is the grid, the table and
the sentence, and a line says what the plot needs.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sdnb import api, grid, metrics, plot, schedulers, sweep, verdict
from sdnb.axis import Axis
from sdnb.budget import EQUAL, Spent, cautions, spend
from sdnb.errors import MissingExtra, RequestError, Stopped, unknown
from sdnb.layout import Layout, Panel, heading
from sdnb.metrics import Measured
from sdnb.picture import Picture
from sdnb.results import Results
from sdnb.settings import current
from sdnb.spec import MAX_STEPS
from sdnb.sweep import Request, Sweep
from sdnb.verdict import Row

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["BUDGETS", "REFERENCE_STEPS", "SCHEDULERS", "Comparison", "Plan", "compare_schedulers", "plan"]

SCHEDULERS = ("euler", "heun", "dpmpp_2m_karras", "unipc")
BUDGETS = (5, 10, 20, 40)
REFERENCE_STEPS = 500
TOLERANCE = 3.0
_REFERENCE = "euler"
_MANY = 10**6


@dataclass(frozen=True)
class Plan:
    """What a comparison draws.

    Attributes
    ----------
    sweep : Sweep
        Along the pairs of scheduler and steps, the reference last, and then the seeds.
    spent : tuple of Spent
        For each scheduler each budget.
    budgets : tuple of int
    equal : str
        What the budgets count: ``evaluations`` or ``steps``.
    reference_steps : int
    """

    sweep: Sweep
    spent: tuple[Spent, ...]
    budgets: tuple[int, ...]
    equal: str
    reference_steps: int

    @property
    def seeds(self) -> int:
        """How many seeds there are."""
        return len(self.sweep.specs) // (len(self.spent) + 1)


def compare_schedulers(
    prompt: str,
    *,
    scheduler: str | Iterable[str] = SCHEDULERS,
    budget: int | Iterable[int] = BUDGETS,
    seed: int | Iterable[int] | None = None,
    equal: str = "evaluations",
    reference_steps: int = REFERENCE_STEPS,
    tolerance: float = TOLERANCE,
    limit: int | None = None,
    device: str | None = None,
    dtype: str | None = None,
    cache: bool = True,
    redraw: bool = False,
    progress: bool | None = None,
    **settings: Any,
) -> Comparison:
    """Draw the same pictures with several schedulers at the same cost, and measure them.

    Parameters
    ----------
    prompt : str
    scheduler : str or iterable of str
        Names; ``"all"`` takes every one that fits the model.
    budget : int or iterable of int
        Model evaluations per picture, 1 to 1000, before guidance doubles the rows of each; or steps.
    seed : int or iterable of int, optional
        Several give means and spreads.
    equal : str
        ``evaluations`` (each scheduler takes the most steps that cost no more than the budget) or
        ``steps``.
    reference_steps : int
        Euler steps of the reference, 2 to 1000, more than any picture costs.
    tolerance : float
        Decibels of PSNR below the best that still count as good; see `Comparison.sentence`.
    limit, device, dtype, cache, redraw, progress
        As for `sdnb.diffuse`.
    **settings
        ``model``, ``negative_prompt``, ``guidance_scale``, ``size``, ``clip_skip``, ``count``: one value
        each.

    Returns
    -------
    Comparison

    Raises
    ------
    MissingExtra
        scikit-image is not installed; nothing was drawn.
    RequestError, ModelError, RenderError, KeyboardInterrupt
        As for `sdnb.diffuse`.

    Examples
    --------
    >>> found = compare_schedulers("a red fox", scheduler=["euler", "heun"], budget=[9, 19])  # doctest: +SKIP
    >>> found.to_frame().sort_values("psnr")  # doctest: +SKIP
    """
    _decibels(tolerance)
    wanted = sweep.request(
        prompt, {"scheduler": scheduler, "num_inference_steps": budget, "seed": seed, **settings}
    )
    planned = plan(
        wanted, equal=equal, reference_steps=reference_steps, device=device, dtype=dtype, limit=limit
    )
    how = api.How(device, dtype, cache, redraw, latents=True)
    try:
        return Comparison(planned, api.draw(planned.sweep, how, progress=progress).results, tolerance)
    except Stopped:
        pass
    raise KeyboardInterrupt


def plan(
    wanted: Request,
    *,
    equal: str | None = None,
    reference_steps: int | None = None,
    device: str | None = None,
    dtype: str | None = None,
    limit: int | None = None,
) -> Plan:
    """Lay a comparison out, importing no torch.

    Parameters
    ----------
    wanted : Request
        Its steps are the budgets.

    Raises
    ------
    RequestError, ModelError, MissingExtra
        What was asked for cannot be compared, or scikit-image is not installed.
    """
    metrics.needed("comparing schedulers")
    equal = equal or EQUAL[0]
    if wanted.rows or wanted.cols or wanted.zips:
        raise RequestError("a comparison lays its grid out itself; drop --rows, --cols and --zip")
    if "init_image" in wanted.settings:
        raise RequestError("a comparison begins from noise; drop --init")
    most = REFERENCE_STEPS if reference_steps is None else reference_steps
    asked = {"scheduler": SCHEDULERS, "num_inference_steps": BUDGETS} | dict(wanted.settings)
    seeds = {name: asked.pop(name) for name in ("seed", "count") if name in asked}
    # Everything but the steps is decided by planning the plain product, which also checks it.
    pilot = api.plan(replace(wanted, settings=asked | seeds), device=device, dtype=dtype, limit=_MANY)
    names = ("scheduler", "num_inference_steps", "seed")
    if other := [axis for axis in pilot.axes if not set(axis.names) <= set(names)]:
        raise RequestError(
            f"a comparison varies schedulers, steps and seeds; {heading(other[0], 0)} and "
            f"{len(other[0]) - 1} more are too much at once: compare them one by one"
        )
    budgets = tuple(dict.fromkeys(pilot.request.settings["num_inference_steps"]))
    each = tuple(dict.fromkeys(pilot.request.settings["scheduler"]))
    spent = tuple(spend(name, budget, equal) for name in each for budget in budgets)
    dearest = max(one.evaluations for one in spent)
    if isinstance(most, bool) or not isinstance(most, int) or not dearest < most <= MAX_STEPS:
        raise RequestError(
            f"the reference takes {most!r} steps; it needs more than the dearest picture, which costs "
            f"{dearest} evaluations, and at most {MAX_STEPS}"
        )
    notes = [*pilot.notes, *cautions(spent)]
    if most < 4 * dearest:
        notes.append(
            f"{most} steps are few for a reference of pictures that cost {dearest}: errors look small"
        )
    pairs = {
        "scheduler": (*(one.scheduler for one in spent), _REFERENCE),
        "num_inference_steps": (*(one.steps for one in spent), most),
    }
    request = replace(
        wanted,
        settings=pairs | {name: value for name, value in asked.items() if name not in pairs} | seeds,
        zips=(tuple(pairs),),
    )
    laid = api.plan(request, device=device, dtype=dtype, limit=limit)
    return Plan(replace(laid, notes=tuple(dict.fromkeys(notes))), spent, budgets, equal, most)


def _decibels(tolerance: float) -> float:
    if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float)) or not 0 <= tolerance <= 100:
        raise RequestError(f"tolerance is a number of decibels from 0 to 100, not {tolerance!r}")
    return float(tolerance)


class Comparison:
    """Schedulers side by side; in a notebook a sentence, a grid, a plot and a table.

    Parameters
    ----------
    plan : Plan
    results : Results
        The pictures of its sweep.
    tolerance : float
        As for `sentence`.
    """

    def __init__(self, plan: Plan, results: Results, tolerance: float = TOLERANCE) -> None:
        self.plan = plan
        self.results = results
        self.tolerance = _decibels(tolerance)

    @property
    def references(self) -> tuple[Picture, ...]:
        """The reference of each seed."""
        return self._of(len(self.plan.spent))

    @cached_property
    def measured(self) -> tuple[tuple[Measured, ...], ...]:
        """The distances of each picture to the reference of its seed, by scheduler and budget, and seed."""
        return tuple(
            tuple(map(metrics.measure, self._of(place), self.references))
            for place in range(len(self.plan.spent))
        )

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Mean and spread over the seeds, for each scheduler and budget."""
        return tuple(
            Row.of(spent, self._of(place), self.measured[place])
            for place, spent in enumerate(self.plan.spent)
        )

    def sentence(self, tolerance: float | None = None) -> str:
        """Name the scheduler that comes near the best at the least cost.

        Parameters
        ----------
        tolerance : float, optional
            How many decibels of PSNR below the best still count, that of the comparison unless given.
        """
        said = verdict.sentence(self.rows, self.tolerance if tolerance is None else _decibels(tolerance))
        over = f", mean of {self.plan.seeds} seeds" if self.plan.seeds > 1 else ""
        return f"{said} Measured against {self.plan.reference_steps} Euler steps{over}."

    def to_frame(self, per: str = "run") -> DataFrame:
        """Return the figures as a table, to be sorted and drawn.

        Parameters
        ----------
        per : str
            ``run``: one row for each scheduler and budget, means over the seeds and their standard
            deviations (``…_std``). ``picture``: one row a picture.

        Raises
        ------
        MissingExtra
            pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtra("pandas", "lab", "to_frame()") from None
        if per == "run":
            return pd.DataFrame([row.figures() for row in self.rows])
        if per != "picture":
            raise unknown("table", per, ["run", "picture"])
        return pd.DataFrame(
            [
                verdict.settings_of(spent)
                | {"seed": picture.spec.seed}
                | vars(measured)
                | {"seconds": picture.seconds, "error": picture.error, "digest": picture.spec.digest}
                for place, spent in enumerate(self.plan.spent)
                for picture, measured in zip(self._of(place), self.measured[place], strict=True)
            ]
        )

    def plot(self, measure: str = "latent_rms") -> plot.Plot:
        """Draw error against model evaluations on logarithmic axes, one line a scheduler.

        Parameters
        ----------
        measure : str
            ``latent_rms``; ``psnr`` (the error is that of the pixels, of 0 to 1, root of its mean
            square); or ``ssim`` (the error is one minus it).

        Raises
        ------
        MissingExtra
            matplotlib is not installed.
        """
        if measure not in metrics.MEASURES:
            raise unknown("measure", measure, metrics.MEASURES)
        lines = verdict.lines(self.plan.spent, self.measured, measure)
        seeds = f", {self.plan.seeds} seeds" if self.plan.seeds > 1 else ""
        return plot.plot(
            lines,
            what=verdict.ERRORS[measure][0],
            title=f"distance to {self.plan.reference_steps} Euler steps{seeds}",
        )

    def to_cell(self) -> str:
        """Write the ``%%diffuse`` cell that draws the same pictures as a plain sweep."""
        return self.results.to_cell()

    def _of(self, place: int) -> tuple[Picture, ...]:
        count = self.plan.seeds
        return self.results[place * count : (place + 1) * count]

    def _notes(self) -> list[str]:
        """Return what the pictures show: names that come to the same, measures that are missing."""
        notes = []
        across = len(self.plan.budgets)
        names = [self.plan.spent[place].scheduler for place in range(0, len(self.plan.spent), across)]
        drawn = [
            [picture for place in range(start, start + across) for picture in self._of(place)]
            for start in range(0, len(self.plan.spent), across)
        ]
        for later, name in enumerate(names):
            for first in range(later):
                steps = [
                    [one.steps for one in self.plan.spent[at * across : (at + 1) * across]]
                    for at in (first, later)
                ]
                if steps[0] == steps[1] and metrics.same(drawn[first], drawn[later]):
                    notes.append(
                        f"{names[first]} and {name} drew the same pictures: here they come to the same"
                    )
                    break
        if failed := [picture.error for picture in self.references if picture.error]:
            notes.append(f"the reference could not be drawn, so nothing is measured: {failed[0]}")
        elif any(math.isnan(one.latent_rms) and not math.isnan(one.psnr) for one in sum(self.measured, ())):
            notes.append("the engine kept no latents, so their distances are missing")
        if self.plan.seeds == 1 and (noisy := [n for n in names if schedulers.parse(n).stochastic]):
            notes.append(f"{', '.join(noisy)}: several seeds, as --count 4, show how far its pictures spread")
        return notes

    def _layout(self) -> Layout:
        across, seeds = len(self.plan.budgets), self.plan.seeds
        labels = {
            one.scheduler: one.scheduler + ("" if one.ranked else " (adds noise)") for one in self.plan.spent
        }
        rows = Axis(("scheduler",), tuple((name,) for name in labels), tuple(labels.values()))
        counted = self.plan.equal == "evaluations"
        heads = [f"up to {budget}" if counted else f"{budget}" for budget in self.plan.budgets]
        heads.append("reference")
        cols = Axis((self.plan.equal,), tuple((head,) for head in heads), tuple(heads))
        panels = []
        for number in range(seeds):
            cells = tuple(
                tuple((down * across + right) * seeds + number for right in range(across))
                for down in range(len(rows))
            )
            reference = len(self.plan.spent) * seeds + number
            title = f"seed {self.results[reference].spec.seed}" if seeds > 1 else ""
            panels.append(Panel(title, cells, reference))
        return Layout(rows, cols, tuple(panels))

    def _captions(self) -> list[str]:
        captions = [
            f"{verdict.cost(row.spent)}\n{row.caption(measured)}"
            for row, each in zip(self.rows, self.measured, strict=True)
            for measured in each
        ]
        steps = self.plan.reference_steps
        return captions + [f"{_REFERENCE}, {steps} steps\n{steps} evals"] * self.plan.seeds

    def __repr__(self) -> str:
        """One line that is the same on every machine for the same specs."""
        names = len(self.plan.spent) // len(self.plan.budgets)
        counts = [(names, "scheduler"), (len(self.plan.budgets), "budget"), (self.plan.seeds, "seed")]
        said = " × ".join(f"{count} {what}{'s' * (count > 1)}" for count, what in counts)
        digests = "\n".join(spec.digest for spec in self.results.sweep.specs)
        return (
            f"Comparison: {said} of equal {self.plan.equal} against {self.plan.reference_steps} Euler steps, "
            f"{hashlib.sha256(digests.encode()).hexdigest()[:12]}"
        )

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        laid = replace(self.results.sweep, notes=(*self.results.sweep.notes, *self._notes()))
        body = grid.body(
            self.results, laid, kilobytes=current().grid_kb, layout=self._layout(), captions=self._captions()
        )
        if plot.available():
            drawn = self.plot("psnr" if self._without_latents() else "latent_rms").img()
        else:
            missing = str(MissingExtra("matplotlib", "lab", "the plot"))
            drawn = f'<p style="font-size:12px;{grid.QUIET}">{missing}</p>'
        said = f'<p style="margin:0 0 8px;font-size:14px;line-height:1.45">{self.sentence()}</p>'
        return {
            "text/plain": repr(self),
            "text/html": grid.frame(said + body + drawn + verdict.table(self.rows)),
        }

    def _without_latents(self) -> bool:
        flat: Sequence[Measured] = sum(self.measured, ())
        return all(math.isnan(one.latent_rms) for one in flat)
