"""What the figures of a comparison come to: rows of means and spreads, the sentence, the table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from sdnb import metrics
from sdnb.budget import Spent
from sdnb.frame import QUIET, ROW
from sdnb.metrics import Measured
from sdnb.picture import Picture
from sdnb.plot import Line

__all__ = ["ERRORS", "Row", "cost", "lines", "sentence", "settings_of", "table"]

_PSNR_MOST = 40.0
#: By measure: what its error is called, and how it is worked out; small is good.
ERRORS: dict[str, tuple[str, Callable[[float], float]]] = {
    "latent_rms": ("RMS distance of the final latents", lambda value: value),
    "psnr": ("RMS distance of the pixels", lambda value: 10 ** (-value / 20)),
    "ssim": ("1 - SSIM", lambda value: 1 - value),
}


@dataclass(frozen=True)
class Row:
    """The figures of one scheduler at one budget.

    Attributes
    ----------
    spent : Spent
    means, deviations : mapping of str to float
        By the names of `Measured`, over the seeds; NaN where there is nothing to tell.
    seconds : float
        Per picture, its share of the batches it was drawn in.
    spread : float
        How much the pictures of different seeds differ; see `sdnb.metrics.spread`.
    """

    spent: Spent
    means: dict[str, float]
    deviations: dict[str, float]
    seconds: float
    spread: float

    @classmethod
    def of(cls, spent: Spent, pictures: Sequence[Picture], measured: Sequence[Measured]) -> Row:
        """Summarise the pictures of all seeds."""
        found = {
            name: metrics.statistics(getattr(one, name) for one in measured) for name in metrics.MEASURES
        }
        return cls(
            spent=spent,
            means={name: mean for name, (mean, _) in found.items()},
            deviations={name: deviation for name, (_, deviation) in found.items()},
            seconds=metrics.statistics(one.seconds for one in pictures if not one.error)[0],
            spread=metrics.spread(pictures),
        )

    def figures(self) -> dict[str, Any]:
        """Return all of it, flat."""
        said = settings_of(self.spent)
        for name, mean in self.means.items():
            said |= {name: mean, f"{name}_std": self.deviations[name]}
        return said | {"seconds": self.seconds, "spread": self.spread}

    def said(self, name: str, digits: int) -> str:
        """Return a measure as text, with its deviation; nothing for a scheduler that is not ranked."""
        if not self.spent.ranked:
            return "–"
        mean, deviation = _number(self.means[name], digits), self.deviations[name]
        return mean if math.isnan(deviation) else f"{mean} ± {_number(deviation, digits)}"

    def caption(self, measured: Measured) -> str:
        """Return what a tile says of its picture: its distance, or for one that adds noise the spread."""
        if not self.spent.ranked:
            return "not ranked" if math.isnan(self.spread) else f"spread {self.spread:.3f}"
        return "" if math.isnan(measured.psnr) else f"{_db(measured.psnr)} · SSIM {measured.ssim:.3f}"


def settings_of(spent: Spent) -> dict[str, Any]:
    """Return the settings of a row as they stand in the tables."""
    return {
        "scheduler": spent.scheduler,
        "budget": spent.budget,
        "steps": spent.steps,
        "evaluations": spent.evaluations,
        "ranked": spent.ranked,
    }


def cost(spent: Spent) -> str:
    """Return steps and evaluations as the tiles say them.

    Examples
    --------
    >>> cost(Spent("heun", 2, 1, 1)), cost(Spent("heun", 20, 10, 19))
    ('1 step · 1 eval', '10 steps · 19 evals')
    """
    return " · ".join(
        f"{count} {what}{'s' * (count != 1)}"
        for count, what in ((spent.steps, "step"), (spent.evaluations, "eval"))
    )


def sentence(rows: Sequence[Row], tolerance: float) -> str:
    """Name the cheapest scheduler that comes within a tolerance of the best, and what the others need.

    Parameters
    ----------
    rows : sequence of Row
    tolerance : float
        Decibels of PSNR. The best counts up to 40 dB: beyond, hardly an eye tells two pictures apart.

    Examples
    --------
    >>> def row(name, count, psnr):
    ...     return Row(Spent(name, count, count, count), {"psnr": psnr}, {}, 0.0, math.nan)
    >>> rows = [row("euler", 10, 24), row("euler", 20, 31), row("unipc", 10, 31.4), row("lms", 20, 9)]
    >>> print(sentence(rows, 3))
    unipc reaches 28.4 dB at 10 evaluations; euler needs 20; lms does not get there
    (28.4 dB is 3 below the best here).
    """
    ranked = [row for row in rows if row.spent.ranked and not math.isnan(row.means["psnr"])]
    if not ranked:
        return "Nothing here can be ranked."
    best = max(row.means["psnr"] for row in ranked)
    bar = min(best, _PSNR_MOST) - tolerance
    first: dict[str, Row | None] = {}
    for row in sorted(ranked, key=lambda row: row.spent.evaluations):
        name = row.spent.scheduler
        if first.get(name) is None:
            first[name] = row if row.means["psnr"] >= bar else None
    there = [row for row in first.values() if row is not None]
    there.sort(key=lambda row: (row.spent.evaluations, -row.means["psnr"]))
    least = there[0].spent.evaluations
    cheapest, *equal = [row.spent.scheduler for row in there if row.spent.evaluations == least]
    said = [f"{cheapest} reaches {bar:.1f} dB at {least} evaluations"]
    said += [f"so {'does' if len(equal) == 1 else 'do'} {', '.join(equal)}"] if equal else []
    said += [
        f"{row.spent.scheduler} needs {row.spent.evaluations}"
        for row in there
        if row.spent.evaluations > least
    ]
    if short := [name for name, row in first.items() if row is None]:
        said.append(f"{', '.join(short)} {'does' if len(short) == 1 else 'do'} not get there")
    top = (
        "the best here" if best <= _PSNR_MOST else f"{_PSNR_MOST:g} dB, beyond which hardly an eye sees more"
    )
    return f"{'; '.join(said)} ({bar:.1f} dB is {tolerance:g} below {top})."


def lines(spent: Sequence[Spent], measured: Sequence[Sequence[Measured]], measure: str) -> list[Line]:
    """Return the lines of the plot: for each scheduler its errors, by rising evaluations."""
    error = ERRORS[measure][1]
    drawn = []
    for name in dict.fromkeys(one.scheduler for one in spent):
        points: dict[int, list[float]] = {}
        ranked = True
        for one, each in zip(spent, measured, strict=True):
            if one.scheduler == name:
                ranked = one.ranked
                points[one.evaluations] = [error(getattr(figure, measure)) for figure in each]
        counts = tuple(sorted(points))
        known = [
            [value for value in points[count] if not math.isnan(value)] or [math.nan] for count in counts
        ]
        drawn.append(
            Line(
                label=name,
                evaluations=counts,
                errors=tuple(math.fsum(values) / len(values) for values in known),
                low=tuple(map(min, known)),
                high=tuple(map(max, known)),
                ranked=ranked,
            )
        )
    return drawn


def table(rows: Sequence[Row]) -> str:
    """Write all figures as an HTML table that opens with a click, without distances of the unranked."""
    several = any(not math.isnan(row.spread) for row in rows)
    heads = ["scheduler", "steps", "evaluations", "PSNR (dB)", "SSIM", "latent RMS", "s per picture"]
    heads += ["spread over seeds"] if several else []
    cell = (
        "padding:2px 12px 2px 3px;border:0;text-align:{};font-weight:normal;font-variant-numeric:tabular-nums"
    )
    head = "".join(
        f'<th scope="col" style="{cell.format("left" if not i else "right")};{QUIET}">{name}</th>'
        for i, name in enumerate(heads)
    )
    body = ""
    for row in rows:
        spent = row.spent
        measures = [row.said("psnr", 1), row.said("ssim", 3), row.said("latent_rms", 4)]
        values = [str(spent.steps), str(spent.evaluations), *measures, _number(row.seconds, 2)]
        values += [_number(row.spread, 3)] if several else []
        name = spent.scheduler + ("" if spent.ranked else " (adds noise)")
        body += f'{ROW}<th scope="row" style="{cell.format("left")}">{escape(name)}</th>'
        body += "".join(f'<td style="{cell.format("right")}">{value}</td>' for value in values) + "</tr>"
    style = "border-collapse:collapse;margin:4px 0;border:0;font-size:12px"
    return (
        '<details style="margin:4px 0;font-size:12px"><summary style="cursor:pointer">all figures</summary>'
        f'<section style="overflow:auto"><table class="sdnb-table" style="{style}">'
        f"<thead>{ROW}{head}</tr></thead><tbody>{body}</tbody></table></section></details>"
    )


def _db(psnr: float) -> str:
    return "the reference itself" if math.isinf(psnr) else f"{psnr:.1f} dB"


def _number(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"
