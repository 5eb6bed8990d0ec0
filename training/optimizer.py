"""Muon for the matrices, AdamW for the rest, and an average of the weights."""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrix, roughly, by Newton-Schulz iterations (Jordan et al. 2024, Muon).

    Parameters
    ----------
    matrix
        [..., rows, columns]; bfloat16 is precise enough, and twice as fast here.
    steps
        Iterations; five bring all singular values near one.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrix.size(-2) > matrix.size(-1)
    x = matrix.mT if tall else matrix
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum whose step is made orthogonal; convolutions count as [out, in * height * width] matrices."""

    def __init__(
        self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.01
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient; those of one shape together."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Tensor]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    shapes.setdefault(p.shape, []).append(p)
            for shape, params in shapes.items():
                updates = []
                for p in params:
                    state = self.state[p]
                    if "velocity" not in state:
                        state["velocity"] = torch.zeros_like(p, memory_format=torch.contiguous_format)
                    state["velocity"].lerp_(p.grad, 1 - group["momentum"])
                    updates.append(p.grad.lerp(state["velocity"], group["momentum"]).reshape(shape[0], -1))
                stacked = orthogonal(torch.stack(updates).bfloat16()).float()
                scale = max(1.0, stacked.size(-2) / stacked.size(-1)) ** 0.5
                for p, update in zip(params, stacked, strict=True):
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.add_(update.reshape(shape), alpha=-group["lr"] * scale)


class Optimizer:
    """Muon for weights of two or more dimensions, AdamW for the others and for embeddings, and an EMA.

    Parameters
    ----------
    model
        What is trained; parameters that need no gradient are left alone.
    muon, adam
        Peak learning rates of the two.
    average
        The decay of the running average of the weights.
    """

    def __init__(
        self, model: nn.Module, muon: float = 0.02, adam: float = 2e-3, average: float = 0.998
    ) -> None:
        matrices, others = [], []
        for name, p in model.named_parameters():
            if p.requires_grad:
                (matrices if p.ndim >= 2 and "embedding.weight" not in name else others).append(p)
        self.model, self.decay, self.steps = model, average, 0
        self.parts = (
            Muon(matrices, muon),
            torch.optim.AdamW(others, adam, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
        )
        self.peaks = (muon, adam)
        self.average = copy.deepcopy(model).eval().requires_grad_(False)

    def step(self, factor: float) -> None:
        """One step at `factor` of the peak learning rates; gradients are cleared."""
        self.steps += 1
        for part, peak in zip(self.parts, self.peaks, strict=True):
            for group in part.param_groups:
                group["lr"] = peak * factor
            part.step()
            part.zero_grad(set_to_none=True)
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            source = [p.data for p in self.model.parameters()]
            torch._foreach_lerp_([p.data for p in self.average.parameters()], source, 1 - decay)

    def state(self) -> dict:
        """Everything needed to go on after a stop."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "parts": [part.state_dict() for part in self.parts],
            "steps": self.steps,
        }

    def resume(self, state: dict) -> None:
        """Go on from what `state` gave."""
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        for part, saved in zip(self.parts, state["parts"], strict=True):
            part.load_state_dict(saved)
        self.steps = state["steps"]


def cosine(share: float, warm: float = 0.02, floor: float = 0.02) -> float:
    """The learning rate's factor at a share of the run in 0..1: a short linear rise, then half a cosine."""
    if share < warm:
        return (share + 1e-3) / (warm + 1e-3)
    half = 0.5 * (1 + float(torch.cos(torch.tensor(torch.pi * min(1.0, (share - warm) / (1 - warm))))))
    return floor + (1 - floor) * half
