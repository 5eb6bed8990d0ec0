"""Budgets: steps for evaluations, and what to know of them."""

from __future__ import annotations

import pytest

from sdnb import scheduler_kinds, schedulers
from sdnb.budget import cautions, spend
from sdnb.errors import RequestError


@pytest.mark.parametrize("name", scheduler_kinds.TABLE)
def test_the_most_steps_that_cost_no_more(name: str) -> None:
    """One step more would cost more than the budget, and the steps taken do not."""
    scheduler = schedulers.parse(name)
    for budget in range(1, 60):
        spent = spend(name, budget)
        assert spent.evaluations == scheduler.evaluations(spent.steps) <= budget
        assert scheduler.evaluations(spent.steps + 1) > budget


def test_equal_steps_are_the_steps() -> None:
    """The other way gives every scheduler the same steps, and says what they cost."""
    assert [(s.steps, s.evaluations) for s in (spend(n, 10, "steps") for n in ("euler", "heun"))] == [
        (10, 10),
        (10, 19),
    ]


def test_too_small_a_budget_is_said() -> None:
    """Runge-Kutta steps cost four evaluations each."""
    with pytest.raises(RequestError, match="3 evaluations are not enough"):
        spend("pndm?skip_prk_steps=false", 3)
    with pytest.raises(RequestError, match="did you mean 'steps'"):
        spend("euler", 3, "step")


def test_cautions_name_what_misbehaves() -> None:
    """Steps that do not divide 1000, order 3 at 3n - 1 steps, and what distilled models are for."""
    said = cautions([spend("ddim", 20), spend("ddim", 30), spend("euler", 30)])
    assert len(said) == 1 and said[0].startswith("ddim") and "30:" in said[0]
    (said,) = cautions([spend("dpmpp_2s?solver_order=3", 8), spend("dpmpp_2s?solver_order=3", 9)])
    assert "fails at 8 steps" in said
    assert ["60" in line for line in cautions([spend("tcd", 60)])] == [False, True]
    assert cautions([spend("euler", 10), spend("unipc", 30)]) == []
