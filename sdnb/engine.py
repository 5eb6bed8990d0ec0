"""What an engine must do, and what passes between it and the rest.

An engine turns groups of `ImageSpec` into pictures. `sdnb.diffusers_engine` is the real one,
`sdnb.testing` ships a fake one that draws patterns. Nothing above this file may assume that the
pictures are made in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Protocol

from sdnb.adapters import Adapter
from sdnb.models import Capabilities, Model
from sdnb.picture import Picture
from sdnb.spec import ImageSpec

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Engine", "Group", "OnStep", "Step", "TokenReport"]


@dataclass(frozen=True)
class Group:
    """Pictures that can share calls of one model.

    Attributes
    ----------
    model : Model
    specs : tuple of ImageSpec
        All of one model, one size, the same LoRAs and VAE; seeds, prompts, steps, guidance and schedulers
        may differ.
    images : mapping of str to PIL image
        RGB, by the digests in the specs: pictures to begin from and masks.
    latents, frames : bool
        Whether each picture is to hold its final latents, and the predicted x0 of every call, decoded.
    adapters : tuple of Adapter
        Those that the specs name, all of them the same.
    """

    model: Model
    specs: tuple[ImageSpec, ...]
    images: Mapping[str, Image] = field(default_factory=dict)
    latents: bool = False
    frames: bool = False
    adapters: tuple[Adapter, ...] = ()


@dataclass(frozen=True)
class Step:
    """One call of the model is done, or the run says what it waits for.

    Attributes
    ----------
    done, total : int
        Model calls of the running batch, done and in all.
    specs : tuple of ImageSpec
        The pictures in the running batch.
    preview : callable
        Makes one small RGB picture of the predicted x0 per spec; costs something only when called,
        and is valid only until the next step.
    note : str
        What the run waits for ("another run", "the model to load"); then there is nothing else in the step.
    """

    done: int = 0
    total: int = 1
    specs: tuple[ImageSpec, ...] = ()
    preview: Callable[[], list[Image]] = list
    note: str = ""


OnStep = Callable[[Step], None]


@dataclass(frozen=True)
class TokenReport:
    """What a prompt becomes.

    Attributes
    ----------
    chunks : tuple of tuple of (str, float)
        What is encoded together: the tokens as text, without start and padding, each with its weight.
    limit : int
        How many tokens a chunk has at most.
    """

    chunks: tuple[tuple[tuple[str, float], ...], ...]
    limit: int

    @property
    def tokens(self) -> tuple[str, ...]:
        """All tokens in one row."""
        return tuple(token for chunk in self.chunks for token, _ in chunk)


class Engine(Protocol):
    """Draws pictures. Of all engines of a process one draws at a time (`sdnb.turn`)."""

    name: str

    def identity(self, model: Model) -> Mapping[str, str]:
        """Return what changes pixels beside the spec: fingerprint, dtype, device, versions.

        Imports no torch where the device is known from an earlier run.
        """
        ...

    def capabilities(self, model: Model) -> Capabilities:
        """Return the family, the schedulers that fit, default size and steps; imports no torch."""
        ...

    def missing(self, model: Model) -> int:
        """Return the bytes that must be downloaded before a model can be drawn with; imports no torch.

        `render` downloads them; it tells how far it is in the `note` of its steps.
        """
        ...

    def render(self, group: Group, on_step: OnStep, cancel: Event) -> Iterator[Picture]:
        """Draw a group, yielding each picture (unsaved, in any order) as soon as it is finished.

        A picture that cannot be drawn is yielded with its `error` set. When `cancel` is set the
        iterator ends within one model call; it leaves the pipeline as it was.

        Raises
        ------
        SdnbError
            Nothing of the group can be drawn.
        """
        ...

    def warm(self, model: Model) -> None:
        """Make ready what can be made ready before the first picture of a model.

        Raises
        ------
        SdnbError
            The model cannot be loaded.
        """
        ...

    def tokens(self, model: Model, prompts: Sequence[str]) -> list[TokenReport]:
        """Tell what prompts become."""
        ...

    def status(self) -> Mapping[str, str]:
        """Return facts for ``%sdnb status``: device, dtype, loaded models, memory."""
        ...

    def unload(self) -> int:
        """Drop every loaded model; return how many there were."""
        ...
