"""Budgets: how many steps a scheduler may take, and what to know of these steps before anything is drawn.

The cost of a picture is its model evaluations, not its steps: a second-order single-step method such as
Heun's calls the model twice a step. With equal evaluations every scheduler gets the most steps that cost
no more than the budget. Classifier-free guidance doubles the rows of every call, for all alike, so it is
left out of the count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sdnb import schedulers
from sdnb.errors import RequestError, unknown

__all__ = ["EQUAL", "Spent", "cautions", "spend"]

EQUAL = ("evaluations", "steps")
_TRAINED = 1000
_DISTILLED_MOST = 50


@dataclass(frozen=True)
class Spent:
    """What a scheduler makes of a budget.

    Attributes
    ----------
    scheduler : str
        Canonical name.
    budget : int
        Evaluations, or steps, that it was given.
    steps, evaluations : int
        What it takes, per picture, before guidance doubles the rows of each evaluation.
    """

    scheduler: str
    budget: int
    steps: int
    evaluations: int

    @property
    def ranked(self) -> bool:
        """Whether its distance to a reference means something: it adds no noise on the way."""
        return not schedulers.parse(self.scheduler).stochastic


def spend(name: str, budget: int, equal: str = "evaluations") -> Spent:
    """Spend a budget on one scheduler.

    Raises
    ------
    RequestError
        The budget is not enough for one step, or `equal` is unknown.

    Examples
    --------
    >>> spend("heun", 20), spend("heun", 20, "steps").evaluations
    (Spent(scheduler='heun', budget=20, steps=10, evaluations=19), 39)
    """
    if equal not in EQUAL:
        raise unknown("way to make it equal", equal, EQUAL)
    scheduler = schedulers.parse(name)
    steps = budget if equal == "steps" else scheduler.steps_within(budget)
    if steps < 1:
        raise RequestError(
            f"{budget} evaluations are not enough for one step of {name}: it costs {scheduler.evaluations(1)}"
        )
    return Spent(scheduler.name, budget, steps, scheduler.evaluations(steps))


def cautions(spent: Sequence[Spent]) -> list[str]:
    r"""Return a line for each thing to know: where a scheduler misbehaves, or a budget changes nothing.

    Examples
    --------
    >>> print(*cautions([spend("ddim", 30), spend("heun", 9), spend("heun", 10)]), sep="\n")
    ddim does not converge where its steps do not divide 1000, as 30: diffusers rounds the step down
    heun has no other steps for 9 and 10 evaluations: 5 steps, drawn once
    """
    lines = []
    for name in dict.fromkeys(one.scheduler for one in spent):
        own = [one for one in spent if one.scheduler == name]
        kind = schedulers.parse(name).kind
        kwargs = schedulers.parse(name).kwargs
        if kind.name in ("ddim", "pndm") and (odd := [one.steps for one in own if _TRAINED % one.steps]):
            lines.append(
                f"{name} does not converge where its steps do not divide {_TRAINED}, as {_listed(odd)}: "
                "diffusers rounds the step down"
            )
        third = kind.name == "dpmpp_2s" and kwargs.get("solver_order") == 3
        if third and (odd := [one.steps for one in own if one.steps % 3 == 2]):
            lines.append(f"{name} of order 3 fails at {_listed(odd)} steps: take one more or less")
        if kind.name in ("lcm", "tcd"):
            lines.append(f"{name} is made for models distilled for it; on others its pictures say little")
            if odd := [one.steps for one in own if one.steps > _DISTILLED_MOST]:
                lines.append(f"{name} cannot make more than {_DISTILLED_MOST} steps, as {_listed(odd)}")
        by_steps: dict[int, list[int]] = {}
        for one in own:
            by_steps.setdefault(one.steps, []).append(one.budget)
        lines += [
            f"{name} has no other steps for {_listed(budgets)} evaluations: {steps} steps, drawn once"
            for steps, budgets in by_steps.items()
            if len(budgets) > 1
        ]
    return lines


def _listed(numbers: Sequence[int]) -> str:
    *rest, last = map(str, numbers)
    return f"{', '.join(rest)} and {last}" if rest else last
