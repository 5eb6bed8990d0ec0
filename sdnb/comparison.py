"""`Comparison`: schedulers side by side, measured against one reference and shown.

Schedulers that add noise on the way (ancestral, SDE) have no one limit: they are marked, never ranked by
their distance to the reference, and show how far their pictures spread over the seeds instead.

Without matplotlib there is the grid, the table and the sentence, and a line says what the plot needs.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from sdnb import extras, grid, metrics, plot, schedulers, verdict
from sdnb.axis import Axis
from sdnb.budget import Spent
from sdnb.errors import MissingExtra, RequestError, unknown
from sdnb.frame import QUIET, framed
from sdnb.layout import Layout, Panel
from sdnb.metrics import Measured
from sdnb.picture import Picture
from sdnb.results import Results
from sdnb.settings import current
from sdnb.sweep import Sweep
from sdnb.verdict import Row

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["REFERENCE", "TOLERANCE", "Comparison", "Plan", "decibels"]

TOLERANCE = 3.0
REFERENCE = "euler"


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


def decibels(tolerance: float) -> float:
    """Return a tolerance that is one.

    Raises
    ------
    RequestError
        It is no number from 0 to 100.
    """
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
        self.tolerance = decibels(tolerance)

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
        said = verdict.sentence(self.rows, self.tolerance if tolerance is None else decibels(tolerance))
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
        extras.require("pandas", "to_frame()")
        import pandas as pd

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
        return captions + [f"{REFERENCE}, {steps} steps\n{steps} evals"] * self.plan.seeds

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
        try:
            drawn = self.plot("psnr" if self._without_latents() else "latent_rms").img()
        except MissingExtra as missing:
            drawn = f'<p style="font-size:12px;{QUIET}">{missing}</p>'
        said = f'<p style="margin:0 0 8px;font-size:14px;line-height:1.45">{self.sentence()}</p>'
        return {
            "text/plain": repr(self),
            "text/html": framed(said + body + drawn + verdict.table(self.rows)),
        }

    def _without_latents(self) -> bool:
        flat: Sequence[Measured] = sum(self.measured, ())
        return all(math.isnan(one.latent_rms) for one in flat)
