"""`Job`: what a tab asks to be drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sdnb import api, cell
from sdnb.request import Request
from sdnb.results import Results
from sdnb.sweep import Sweep

__all__ = ["Job", "planned"]


@dataclass(frozen=True)
class Job:
    """A sweep with all that goes with it.

    Attributes
    ----------
    sweep : Sweep
    cell : str
        The ``%%diffuse`` cell that does the same.
    how : How
    show : callable or None
        Makes the HTML that shows the results better than single pictures do.
    """

    sweep: Sweep
    cell: str
    how: api.How = field(default_factory=api.How)
    show: Callable[[Results], str] | None = None


def planned(asked: Request, limit: int | None) -> Job:
    """Plan a request; several axes are shown as their grid.

    Raises
    ------
    RequestError, ModelError
        It cannot be drawn.
    """
    sweep = api.plan(asked, limit=limit)
    return Job(sweep, cell.write(sweep), show=_grid if len(sweep.axes) > 1 else None)


def _grid(results: Results) -> str:
    return results._repr_mimebundle_()["text/html"]
