"""A model that is larger than the card's memory: its parts stay in main memory and visit the card in turn.

Text encoders, unet, VAE and safety checker are never needed at the same time. The one that is called comes
to the card, and the one that was there goes back; so the card needs room for the largest part instead of for
all of them, and a run moves each part once or twice, not at every step. The moves are made by a hook of
accelerate, which diffusers also calls where a VAE encodes or decodes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from accelerate.hooks import ModelHook, add_hook_to_module

__all__ = ["move", "one_at_a_time"]


def one_at_a_time(parts: Iterable[Any], card: torch.device) -> None:
    """Let parts come to a device when they are called, one at a time.

    Parameters
    ----------
    parts : iterable of Module
        In main memory.
    card : torch.device
        Where they compute.
    """
    home = _Turns(card)
    for part in parts:
        add_hook_to_module(part, _Visit(home))


def move(part: Any, where: torch.device) -> None:
    """Move a part's weights to a device."""
    part.to(where)


class _Turns:
    """Which part is on the card."""

    def __init__(self, card: torch.device) -> None:
        self.card = card
        self.there: Any = None

    def take(self, part: Any) -> None:
        if self.there is part:
            return
        if self.there is not None:
            move(self.there, torch.device("cpu"))
        self.there = None
        move(part, self.card)
        self.there = part


class _Visit(ModelHook):  # type: ignore[misc]
    def __init__(self, turns: _Turns) -> None:
        self._turns = turns

    def pre_forward(self, module: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        self._turns.take(module)
        return args, kwargs
