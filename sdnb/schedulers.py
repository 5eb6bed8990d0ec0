"""Scheduler names, as people know them, and what they mean in diffusers.

A name is a base (``dpmpp_2m``), then at most one noise schedule (``_karras``, ``_exponential``,
``_beta``), then ``_trailing``, then any other keywords of the diffusers class
(``?solver_order=3&lower_order_final=false``). The web UI's names ("DPM++ 2M Karras") and the class
names of diffusers are read too. `sdnb.scheduler_kinds` is the table of bases.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sdnb.errors import RequestError, unknown
from sdnb.scheduler_kinds import SIGMAS, TABLE, Kind

__all__ = ["Scheduler", "from_config", "from_webui", "names", "parse"]

# The web UI calls this one ancestral; diffusers has only the sampler without the ancestral noise.
_ALIASES = {
    "k_euler": "euler",
    "k_euler_a": "euler_a",
    "euler_ancestral": "euler_a",
    "plms": "pndm",
    "dpm++_2s_a": "dpmpp_2s",
    "dpmpp_2s_a": "dpmpp_2s",
    "k_heun": "heun",
    "k_lms": "lms",
    "uni_pc": "unipc",
}
_SIGMA_KEYS = {f"use_{name}_sigmas": name for name in SIGMAS}


@dataclass(frozen=True)
class Scheduler:
    """A scheduler with all its keywords.

    Attributes
    ----------
    name : str
        The canonical name, which `parse` reads back to an equal object.
    kind : Kind
        Its row of the table.
    kwargs : mapping
        Every keyword to give to ``from_config`` of the diffusers class.
    """

    name: str
    kind: Kind
    kwargs: Mapping[str, Any]

    @property
    def class_name(self) -> str:
        """The class in diffusers, such as ``EulerDiscreteScheduler``."""
        return self.kind.class_name + "Scheduler"

    @property
    def sigmas(self) -> str:
        """The noise schedule: ``karras``, ``exponential``, ``beta``, or empty for the model's own."""
        return next((name for name in SIGMAS if self.kwargs.get(f"use_{name}_sigmas")), "")

    def evaluations(self, steps: int) -> int:
        """Model evaluations per picture for so many steps, before doubling for guidance.

        Examples
        --------
        >>> parse("heun").evaluations(20), parse("pndm").evaluations(20)
        (39, 21)
        """
        kind = self.kind
        extra = kind.extra_evaluations if steps > 1 else 0
        if self.kwargs.get("skip_prk_steps") is False and kind.name == "pndm":
            extra = 9  # Runge-Kutta: four evaluations for each of the first three steps
        return kind.per_step * steps - (kind.per_step - 1) + extra

    def steps_within(self, evaluations: int) -> int:
        """Return the most steps that cost no more than so many evaluations; 0 if even one step does.

        Examples
        --------
        >>> parse("heun").steps_within(20), parse("pndm").steps_within(20), parse("euler").steps_within(20)
        (10, 19, 20)
        """
        return next(
            (steps for steps in range(evaluations, 0, -1) if self.evaluations(steps) <= evaluations), 0
        )

    @property
    def stochastic(self) -> bool:
        """Whether noise is added at every step, so that there is no one limit for many steps.

        Examples
        --------
        >>> parse("euler_a").stochastic, parse("dpmpp_2m?algorithm_type=sde-dpmsolver++").stochastic
        (True, True)
        """
        return self.kind.stochastic or str(self.kwargs.get("algorithm_type", "")).startswith("sde")


def names() -> list[str]:
    """Return every base name and every base with a noise schedule that its class takes."""
    return [
        kind.name + suffix
        for kind in TABLE.values()
        for suffix in ("", *(f"_{sigma}" for sigma in kind.sigmas))
    ]


def parse(text: str) -> Scheduler:
    """Read a scheduler's name.

    Parameters
    ----------
    text : str
        A name of ours, of the web UI or of a diffusers class, with keywords after ``?``.

    Raises
    ------
    RequestError
        The name is unknown, or its class does not take what was asked.

    Examples
    --------
    >>> parse("DPM++ 2M Karras").name
    'dpmpp_2m_karras'
    >>> parse("EulerDiscreteScheduler?use_karras_sigmas=true").name
    'euler_karras'
    >>> parse("dpmpp_2m?solver_order=3").kwargs
    {'solver_order': 3}
    >>> parse("ddim_karras")
    Traceback (most recent call last):
    ...
    sdnb.errors.RequestError: ddim takes no karras noise schedule; it would be dropped silently by diffusers
    """
    if not isinstance(text, str):
        raise RequestError(f"a scheduler is a name such as 'euler', not {text!r}")
    head, _, query = text.strip().partition("?")
    base, sigma, trailing = _split(head)
    extra: dict[str, Any] = {}
    for pair in query.split("&") if query else ():
        key, equals, value = pair.partition("=")
        key = key.strip()
        if not equals or not key.isidentifier():
            raise RequestError(f"{pair!r} in {text!r} is not key=value")
        if key in extra:
            raise RequestError(f"{key} is given twice in {text!r}")
        extra[key] = _value(value.strip())
    for key, name in _SIGMA_KEYS.items():
        if (asked := extra.pop(key, None)) is True:
            if sigma and sigma != name:
                raise RequestError(f"{text!r} asks for two noise schedules, {sigma} and {name}")
            sigma = name
        elif asked not in (None, False):
            raise RequestError(f"{key} is true or false, not {asked!r}")
    if extra.get("timestep_spacing") == "trailing":
        del extra["timestep_spacing"]
        trailing = True
    return _make(base, sigma, trailing, extra)


def _make(kind: Kind, sigma: str, trailing: bool, extra: Mapping[str, Any]) -> Scheduler:
    if sigma and sigma not in kind.sigmas:
        raise RequestError(
            f"{kind.name} takes no {sigma} noise schedule; it would be dropped silently by diffusers"
        )
    if (trailing or "timestep_spacing" in extra) and not kind.spacing:
        raise RequestError(f"{kind.name} takes no timestep_spacing; diffusers would drop it")
    kwargs = dict(kind.kwargs)
    if sigma:
        kwargs[f"use_{sigma}_sigmas"] = True
    if trailing:
        kwargs["timestep_spacing"] = "trailing"
    said = {k: v for k, v in sorted(extra.items()) if k not in kwargs or kwargs[k] != v}
    kwargs.update(said)
    name = kind.name + (f"_{sigma}" if sigma else "") + ("_trailing" if trailing else "")
    if said:
        name += "?" + "&".join(f"{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in said.items())
    return Scheduler(name, kind, kwargs)


def _split(head: str) -> tuple[Kind, str, bool]:
    slug = re.sub(r"[\s\-]+", "_", head.strip().lower())
    slug = slug.replace("dpm++", "dpmpp")
    trailing = slug.endswith(("_trailing", "_sgm_uniform", "_simple"))
    if trailing:
        slug = re.sub(r"_(trailing|sgm_uniform|simple)$", "", slug)
    sigma = next((s for s in SIGMAS if slug.endswith(f"_{s}")), "")
    slug = slug.removesuffix(f"_{sigma}") if sigma else slug
    slug = _ALIASES.get(slug, slug)
    if slug in TABLE:
        return TABLE[slug], sigma, trailing
    plain = slug.removesuffix("scheduler")
    for kind in TABLE.values():
        if plain == kind.class_name.lower():
            return kind, sigma, trailing
    raise unknown("scheduler", head.strip(), names(), "%sdnb schedulers lists them")


def _value(text: str) -> Any:
    """Read a keyword's value: a number, true, false, null, or else a word."""
    lowered = text.lower()
    if lowered in ("true", "false", "none", "null"):
        return {"true": True, "false": False}.get(lowered)
    try:
        number = float(text)
    except ValueError:
        if not re.fullmatch(r"[\w.+\-]+", text):
            raise RequestError(f"{text!r} is no value for a scheduler's keyword") from None
        return text
    if number != number or number in (float("inf"), float("-inf")):
        raise RequestError(f"{text!r} is no value for a scheduler's keyword")
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else number


def from_config(config: Mapping[str, Any]) -> Scheduler:
    """Name the scheduler that a checkpoint's ``scheduler_config.json`` describes.

    What else that file says (betas, spacing, prediction type) stays in force: ``from_config`` of
    any class starts from it.

    Examples
    --------
    >>> from_config({"_class_name": "PNDMScheduler", "skip_prk_steps": True}).name
    'pndm'
    """
    class_name = str(config.get("_class_name", "")).removesuffix("Scheduler")
    rows = [kind for kind in TABLE.values() if kind.class_name == class_name]
    if not rows:
        raise unknown("scheduler", class_name, [k.class_name for k in TABLE.values()])
    fits = [k for k in rows if all(config.get(key) == value for key, value in k.kwargs.items())]
    kind = max(fits or rows, key=lambda k: len(k.kwargs) if k in fits else -len(k.kwargs))
    sigma = next((s for s in kind.sigmas if config.get(f"use_{s}_sigmas")), "")
    return _make(kind, sigma, False, {})


def from_webui(sampler: str, schedule_type: str = "") -> Scheduler:
    """Translate the web UI's ``Sampler`` and ``Schedule type``.

    Examples
    --------
    >>> from_webui("DPM++ 2M", "Karras").name, from_webui("DPM++ 2M SDE", "Automatic").name
    ('dpmpp_2m_karras', 'dpmpp_2m_sde_exponential')
    """
    scheduler = parse(sampler)
    kind = scheduler.kind
    if schedule_type.lower() == "automatic":
        automatic = {"dpmpp_2m_sde": "exponential", "dpmpp_3m_sde": "exponential"} | dict.fromkeys(
            ("dpmpp_2m", "dpmpp_sde", "dpmpp_2s", "dpm2", "dpm2_a"), "karras"
        )
        schedule_type = automatic.get(kind.name, "")
    kept = schedule_type.lower()
    if kept in SIGMAS:
        return _make(kind, kept, False, {})
    if kept in ("sgm uniform", "simple"):
        return _make(kind, "", True, {})
    if kept in ("", "uniform", "normal"):
        return scheduler
    raise unknown("schedule type", schedule_type, ["Karras", "Exponential", "Beta", "SGM Uniform", "Simple"])
