"""From a scheduler's name to a diffusers scheduler that does what the name says, or an error."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

import diffusers

from sdnb import extras, scheduler_kinds, schedulers
from sdnb.diffusers_engine.pipelines import quiet
from sdnb.errors import RenderError, RequestError

__all__ = ["build", "same_configuration", "step_keywords"]


def build(name: str, steps: int, config: Mapping[str, Any]) -> Any:
    """Make the scheduler for one run, its timesteps set.

    Parameters
    ----------
    name : str
        What `sdnb.schedulers.parse` reads.
    steps : int
    config : mapping
        The checkpoint's scheduler configuration: betas, prediction type and what else holds.

    Returns
    -------
    scheduler
        A new diffusers scheduler. Its timesteps are on the CPU, so that stepping never waits for a GPU.

    Raises
    ------
    RequestError
        Its class drops a keyword (``from_config`` does it without a word) or refuses a combination.
    MissingExtra
        A package it needs is not installed.
    RenderError
        It cannot make so many steps.
    """
    asked = schedulers.parse(name)
    if asked.kind.needs:
        extras.require(asked.kind.needs, f"the scheduler {asked.name}")
    cls = getattr(diffusers, asked.class_name)
    refused = ""
    try:
        with quiet():
            made = cls.from_config(_without_sigmas(config, asked), **asked.kwargs)
    except (ValueError, TypeError, NotImplementedError, KeyError) as error:
        refused = _first_line(error)
    if refused:
        raise RequestError(f"diffusers refuses the scheduler {asked.name}: {refused}")
    dropped = [
        key for key, value in asked.kwargs.items() if key not in made.config or made.config[key] != value
    ]
    if dropped:
        takes = sorted(set(inspect.signature(cls.__init__).parameters) - {"self", "kwargs"})
        raise RequestError(
            f"{asked.class_name} does not take {', '.join(dropped)} and would drop it without a word; "
            f"it takes {', '.join(takes)}"
        )
    try:
        with quiet():
            made.set_timesteps(steps, device="cpu")
    except (ValueError, IndexError, ZeroDivisionError, RuntimeError, TypeError) as error:
        refused = _first_line(error)
    if refused:
        raise RenderError(f"{asked.name} cannot make {steps} steps: {refused}")
    return made


def _without_sigmas(config: Mapping[str, Any], asked: schedulers.Scheduler) -> dict[str, Any]:
    """Return the checkpoint's configuration with its noise schedule off when another one is asked for."""
    sigmas = {f"use_{sigma}_sigmas" for sigma in scheduler_kinds.SIGMAS}
    other = sigmas & set(asked.kwargs)
    return {key: value for key, value in config.items() if not (other and key in sigmas)}


def same_configuration(names: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the pairs of scheduler names that come to the same class and configuration.

    Parameters
    ----------
    names : mapping of str to scheduler
        What `build` made, by the name that was asked for.
    """
    first: dict[str, str] = {}
    pairs = []
    for name, scheduler in names.items():
        # keywords that the class does not know stay in the configuration and change nothing
        takes = inspect.signature(type(scheduler).__init__).parameters
        said = {key: value for key, value in scheduler.config.items() if key in takes}
        key = f"{type(scheduler).__name__} {sorted(said.items(), key=lambda item: item[0])}"
        if key in first:
            pairs.append((first[key], name))
        else:
            first[key] = name
    return pairs


def step_keywords(scheduler: Any, generators: list[Any], seeds: list[int]) -> dict[str, Any]:
    """Return what its ``step`` is given beside the tensors, and seed a noise sampler of its own.

    ``eta`` is 0, as the pipelines of diffusers pass it.
    """
    takes = inspect.signature(scheduler.step).parameters
    if hasattr(scheduler, "noise_sampler_seed"):
        scheduler.noise_sampler_seed = seeds
        # it warns that 5.1344337463 is not 5.134434, at every run
        warnings.filterwarnings("ignore", message="Should have", module=r"torchsde\.")
    keywords: dict[str, Any] = {"return_dict": False}
    if "eta" in takes:
        keywords["eta"] = 0.0
    if "generator" in takes:
        keywords["generator"] = generators
    return keywords


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
