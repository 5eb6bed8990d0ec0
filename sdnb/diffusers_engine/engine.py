"""`DiffusersEngine`: the engine as the rest of sdnb sees it. Importing this file imports no torch."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from sdnb import hub, models, turn
from sdnb.diffusers_engine import devices, garbage, knows
from sdnb.diffusers_engine.failures import let_go
from sdnb.engine import Group, OnStep, Step, TokenReport
from sdnb.errors import SdnbError
from sdnb.model_folder import elements
from sdnb.models import Capabilities, Model
from sdnb.picture import Picture

if TYPE_CHECKING:
    from sdnb.diffusers_engine.pipelines import Parts, Shelf

__all__ = ["DiffusersEngine"]

_END: tuple[None, list[Picture]] = (None, [])
_LOADING = "the model to load"


class DiffusersEngine:
    """Draws with diffusers, in this process.

    Parameters
    ----------
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    dtype : str
        ``auto``, ``float32``, ``float16`` or ``bfloat16``.
    memo : mutable mapping of str to str, optional
        Remembers hashes of weight files and the ``auto`` device; a store's `memo` outlives the process.
    safety_checker : bool
        Whether the safety checker of a checkpoint that has one is used.
    max_models : int
        How many models stay in memory at most.

    """

    name = "diffusers"

    def __init__(
        self,
        *,
        device: str = "auto",
        dtype: str = "auto",
        memo: MutableMapping[str, str] | None = None,
        safety_checker: bool = True,
        max_models: int = 3,
    ) -> None:
        self._device = device
        self._dtype = dtype
        self._memo: MutableMapping[str, str] = {} if memo is None else memo
        self._safety_checker = safety_checker
        self._max_models = max_models
        self._shelf: Shelf | None = None

    def identity(self, model: Model) -> Mapping[str, str]:
        """Return what changes pixels beside the spec: fingerprint, engine, dtype, device, versions.

        Imports torch only where ``auto`` was never answered on this machine.
        """
        device = devices.device(self._device, self._memo)
        said = {
            "fingerprint": models.fingerprint(model, self._memo),
            "engine": self.name,
            "dtype": devices.dtype(self._dtype, device),
            "device": device.partition(":")[0],
            **devices.versions(),
        }
        if model.file is not None:
            said["configuration"] = model.path.name  # told by more than the weights: by the file's name too
        if not self._safety_checker and (model.path / "safety_checker").is_dir():
            said["safety_checker"] = "off"
        return said

    def capabilities(self, model: Model) -> Capabilities:
        """Return the family, the schedulers that fit, default size and steps; imports no torch."""
        return models.capabilities(model)

    def missing(self, model: Model) -> int:
        """Return the bytes that must be downloaded before a model can be drawn with; imports no torch."""
        return sum(size for _, size in self._missing(model))

    def _missing(self, model: Model) -> list[tuple[str, int]]:
        if model.remote is None:
            return []
        half = devices.dtype(self._dtype, devices.device(self._device, self._memo)) != "float32"
        return model.remote.missing(half=half, safety_checker=self._safety_checker)

    def _fetched(self, model: Model, on_step: OnStep, cancel: Event) -> bool:
        """Download what is missing, outside of the turn: others can draw meanwhile."""
        if model.remote is None or cancel.is_set() or not (files := self._missing(model)):
            return not cancel.is_set()

        def tell(there: int, total: int) -> None:
            on_step(Step(note=f"{model.name}, {hub.amount(there)} of {hub.amount(total)} downloaded"))

        return hub.fetch(model.remote, files, tell, cancel)

    def render(self, group: Group, on_step: OnStep, cancel: Event) -> Iterator[Picture]:
        """Draw a group, yielding each picture as soon as it is finished; see `sdnb.engine.Engine`.

        The turn is held while the model works and never while a picture is handed out. No exception
        that leaves keeps a tensor of the run alive.

        Raises
        ------
        SdnbError
            Nothing of the group can be drawn.
        """
        trouble: SdnbError | None = None
        drawing: Any = None
        parts: Parts | None = None
        known = models.knows(group.model)
        over = not group.specs
        try:
            over = over or not self._fetched(group.model, on_step, cancel)
            while not over:
                ready: list[Picture] = []
                told: list[str] = []
                with turn.wait(on_step, cancel) as mine:
                    over = not mine or cancel.is_set()
                    if not over and parts is None:
                        if self._shelf is None or self._shelf.peek(_place(group.model)) is None:
                            on_step(Step(note=_LOADING))
                        parts = self._parts(group.model)
                        from sdnb.diffusers_engine.drawing import draw

                        drawing = draw(
                            parts, group.specs, group.images, latents=group.latents, frames=group.frames
                        )
                    if not over and parts is not None:
                        told = _dress(parts, group)
                    while not over and not ready:
                        step, ready = next(drawing, _END)
                        if step is not None:
                            on_step(step)
                        over = cancel.is_set() or (step is None and not ready)
                        step = None
                for picture in ready:
                    about = knows.note(group.model.name, known, picture.spec.prompt)
                    more = [*told, about] if about else told
                    yield picture.with_(notes=(*picture.notes, *more)) if more else picture
        except SdnbError as error:
            let_go(error)
            trouble = error.with_traceback(None)
        except BaseException as error:
            let_go(error)
            raise
        finally:
            if drawing is not None:
                drawing.close()
            # a run that has the turn now sees to it itself
            if parts is not None and parts.outfit:
                with turn.if_free() as mine:
                    if mine:
                        _dress(parts, Group(group.model, ()))
            parts = None
        if trouble is not None:
            trouble.__cause__ = trouble.__context__ = None
            raise trouble

    def warm(self, model: Model) -> None:
        """Import what draws and load a model; a run that comes meanwhile waits and says for what.

        Downloads nothing: a model that is not on this machine is left to the first run.

        Raises
        ------
        SdnbError
            The model cannot be loaded.
        """
        if self._missing(model):
            return
        with turn.hold(_LOADING):
            self._parts(model)

    def tokens(self, model: Model, prompts: Sequence[str]) -> list[TokenReport]:
        """Tell what prompts become, without loading the model."""
        from sdnb.diffusers_engine.loading import load_tokenizer, room
        from sdnb.diffusers_engine.pipelines import quiet
        from sdnb.diffusers_engine.prompts import report

        loaded = self._shelf.peek(_place(model)) if self._shelf else None
        with quiet():
            tokenizer = loaded.tokenizers[0] if loaded else load_tokenizer(model)
        most = room(tokenizer, models.knows(model))
        return [report(tokenizer, prompt, most) for prompt in prompts]

    def status(self) -> Mapping[str, str]:
        """Return facts for ``%sdnb status``; imports no torch once ``auto`` was answered on this machine."""
        device = devices.device(self._device, self._memo)
        names = self._shelf.names() if self._shelf else []
        said = {
            "engine": self.name,
            "device": device,
            "dtype": devices.dtype(self._dtype, device),
            "pictures in tiles": f"above {devices.WHOLE_PIXELS / 1e6:.1f} million pixels",
            "safety checker": "on, where a model has one" if self._safety_checker else "off",
            "models in memory": ", ".join(names) or "none",
        }
        if self._shelf and (turns := self._shelf.offloaded()):
            said["one part at a time on the GPU"] = ", ".join(turns)
        if (free := devices.free_ram()) is not None:
            said["free memory"] = f"{free / 1e9:.1f} GB"
        if device.startswith("cuda") and "torch" in sys.modules:
            import torch

            free, total = torch.cuda.mem_get_info(device)
            said["free GPU memory"] = f"{free / 1e9:.1f} of {total / 1e9:.1f} GB"
        said.update(devices.versions())
        return said

    def unload(self) -> int:
        """Drop every loaded model, after the run that is going on; return how many there were."""
        with turn.hold():
            return self._shelf.clear() if self._shelf else 0

    @garbage.paused()
    def _parts(self, model: Model) -> Parts:
        """Return what draws, imported and loaded if it is not here."""
        from sdnb.diffusers_engine import drawing  # noqa: F401
        from sdnb.diffusers_engine.loading import device_of, load
        from sdnb.diffusers_engine.pipelines import Shelf

        if self._shelf is None:
            self._shelf = Shelf(self._max_models)
        device = devices.device(self._device, self._memo)
        device_of(device)  # first of all: the shelf asks it how much memory it has
        precision = devices.dtype(self._dtype, device)
        place = (str(_place(model)), model.path.name, models.fingerprint(model, self._memo))
        files = models.weight_files(model, half=precision != "float32", safety_checker=self._safety_checker)
        need = elements(files) * (4 if precision == "float32" else 2)
        return self._shelf.get(
            (*place, device, precision),
            model.name,
            need,
            lambda offload: load(
                model, device, precision, safety_checker=self._safety_checker, offload=offload
            ),
            device,
        )


def _place(model: Model) -> Path:
    return model.file or model.path


def _dress(parts: Parts, group: Group) -> list[str]:
    """Put the adapters of a group on, and all others off; return what the user should know of them."""
    if not group.adapters and not parts.outfit:
        return []
    from sdnb.diffusers_engine.adapters import outfit, wear

    return wear(parts, outfit(group.specs[0].lora if group.specs else "", group.adapters))
