"""A fair comparison of schedulers: the same noise, the same cost, one reference.

A comparison is a sweep like any other, whose schedulers and steps are paired: for each scheduler and
budget the steps that `sdnb.budget` allows, and at the end the reference, very many Euler steps. So every
picture of it, the reference too, goes through the store. Every picture of a seed starts from the same
noise of unit variance, which each scheduler scales for itself. Pictures that the store has without their
final latents are drawn once more, for these are measured. What is measured and shown is in
`sdnb.comparison`.

scikit-image is asked for before anything is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sdnb import api, extras, sweep
from sdnb.budget import EQUAL, cautions, spend
from sdnb.comparison import REFERENCE, TOLERANCE, Comparison, Plan, decibels
from sdnb.errors import RequestError, Stopped
from sdnb.layout import heading
from sdnb.spec import MAX_STEPS
from sdnb.sweep import Request

__all__ = ["BUDGETS", "REFERENCE_STEPS", "SCHEDULERS", "compare_schedulers", "plan"]

SCHEDULERS = ("euler", "heun", "dpmpp_2m_karras", "unipc")
BUDGETS = (5, 10, 20, 40)
REFERENCE_STEPS = 500
_MANY = 10**6


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
    decibels(tolerance)
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
    extras.require("skimage", "comparing schedulers")
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
        "scheduler": (*(one.scheduler for one in spent), REFERENCE),
        "num_inference_steps": (*(one.steps for one in spent), most),
    }
    request = replace(
        wanted,
        settings=pairs | {name: value for name, value in asked.items() if name not in pairs} | seeds,
        zips=(tuple(pairs),),
    )
    laid = api.plan(request, device=device, dtype=dtype, limit=limit)
    return Plan(replace(laid, notes=tuple(dict.fromkeys(notes))), spent, budgets, equal, most)
