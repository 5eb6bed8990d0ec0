"""The table of schedulers: for each base name the diffusers class behind it, what it takes and what it costs.

It needs no torch; the engine checks it against diffusers. How names are read is `sdnb.schedulers`'s.

Figures: the evaluations per picture were counted by calling the classes of diffusers 0.42.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

__all__ = ["SIGMAS", "TABLE", "Kind"]

SIGMAS = ("karras", "exponential", "beta")
_NONE: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """One row of the table: a base name and the diffusers class behind it.

    Parameters
    ----------
    name, title : str
        Our name, and the web UI's.
    class_name : str
        The class in diffusers, without its ending ``Scheduler``.
    kwargs : mapping
        Keywords that make the class this sampler.
    sigmas : tuple of str
        The noise schedules that the class takes.
    spacing : bool
        Whether the class takes ``timestep_spacing``.
    stochastic : bool
        Whether noise is added at every step, so that there is no one limit for many steps.
    per_step : int
        2 for samplers of the Heun type (2N - 1 evaluations for N steps), else 1.
    extra_evaluations : int
        Evaluations beyond that (PNDM: 1).
    needs : str
        A package beyond sdnb's base dependencies.
    flow : bool
        Whether it is for flow-matching models (Stable Diffusion 3, Flux) and for no others.
    """

    name: str
    title: str
    class_name: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    sigmas: tuple[str, ...] = _NONE
    spacing: bool = True
    stochastic: bool = False
    per_step: int = 1
    extra_evaluations: int = 0
    needs: str = ""
    flow: bool = False


_SDE = {"algorithm_type": "sde-dpmsolver++"}
TABLE: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind("euler", "Euler", "EulerDiscrete", sigmas=SIGMAS),
            Kind("euler_a", "Euler a", "EulerAncestralDiscrete", stochastic=True),
            Kind("heun", "Heun", "HeunDiscrete", sigmas=SIGMAS, per_step=2),
            Kind("lms", "LMS", "LMSDiscrete", sigmas=SIGMAS),
            Kind("ddim", "DDIM", "DDIM"),
            Kind("ddpm", "DDPM", "DDPM", stochastic=True),
            Kind("pndm", "PLMS", "PNDM", {"skip_prk_steps": True}, extra_evaluations=1),
            Kind("unipc", "UniPC", "UniPCMultistep", sigmas=SIGMAS),
            Kind("deis", "DEIS", "DEISMultistep", sigmas=SIGMAS),
            Kind("dpm2", "DPM2", "KDPM2Discrete", sigmas=SIGMAS, per_step=2),
            Kind(
                "dpm2_a", "DPM2 a", "KDPM2AncestralDiscrete",
                sigmas=SIGMAS, per_step=2, stochastic=True,
            ),
            Kind("dpmpp_2m", "DPM++ 2M", "DPMSolverMultistep", sigmas=SIGMAS),
            Kind(
                "dpmpp_2m_sde", "DPM++ 2M SDE", "DPMSolverMultistep", _SDE,
                sigmas=SIGMAS, stochastic=True,
            ),
            Kind(
                "dpmpp_3m_sde", "DPM++ 3M SDE", "DPMSolverMultistep", {**_SDE, "solver_order": 3},
                sigmas=SIGMAS, stochastic=True,
            ),
            Kind(
                "dpmpp_sde", "DPM++ SDE", "DPMSolverSDE",
                sigmas=SIGMAS, per_step=2, stochastic=True, needs="torchsde",
            ),
            Kind("dpmpp_2s", "DPM++ 2S", "DPMSolverSinglestep", sigmas=SIGMAS, spacing=False),
            Kind("lcm", "LCM", "LCM", stochastic=True),
            Kind("tcd", "TCD", "TCD"),
            Kind("flow_euler", "Flow Euler", "FlowMatchEulerDiscrete",
                 sigmas=SIGMAS, spacing=False, flow=True),
            Kind("flow_heun", "Flow Heun", "FlowMatchHeunDiscrete",
                 spacing=False, per_step=2, flow=True),
        )
    }
)  # fmt: skip
