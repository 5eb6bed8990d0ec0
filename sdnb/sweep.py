"""`Sweep`: the array of specs that a request asks for, in row-major order: the first axis varies slowest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod
from typing import Any

from sdnb import axes, templates
from sdnb.adapters import Adapter, Kind
from sdnb.axis import Axis, find
from sdnb.errors import RequestError
from sdnb.inputs import Input
from sdnb.models import Model
from sdnb.request import Request, request
from sdnb.spec import ImageSpec

__all__ = ["Axis", "Request", "Sweep", "request"]


@dataclass(frozen=True)
class Sweep:
    """Specs laid out along axes.

    Attributes
    ----------
    request : Request
        What it was planned from, completed with every default that is the same for all pictures.
    axes : tuple of Axis
        The first varies slowest; none for a single picture.
    specs : tuple of ImageSpec
        Row-major, ``prod(shape)`` of them; the same spec may stand in several places.
    models : mapping of str to Model
        Where the models named in the specs lie.
    notes : tuple of str
        What the user should know: seeds that were drawn, two names for one scheduler.
    inputs : mapping of str to Input
        By the digests in the specs: pictures to begin from and masks.
    adapters : mapping of (str, str) to Adapter
        LoRAs and VAEs by kind and name.
    """

    request: Request
    axes: tuple[Axis, ...]
    specs: tuple[ImageSpec, ...]
    models: Mapping[str, Model]
    notes: tuple[str, ...] = ()
    inputs: Mapping[str, Input] = field(default_factory=dict)
    adapters: Mapping[tuple[Kind, str], Adapter] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return tuple(len(axis) for axis in self.axes)

    def __post_init__(self) -> None:
        assert len(self.specs) == prod(self.shape)

    def select(self, /, **wanted: Any) -> tuple[Sweep, tuple[int, ...]]:
        """Narrow the sweep.

        Parameters
        ----------
        **wanted
            By axis (short names will do): one value or label, which the axis is fixed to and goes
            away, or a list of them, which it keeps.

        Returns
        -------
        Sweep, tuple of int
            The narrowed sweep, and the flat index of each of its specs in this one.

        Raises
        ------
        RequestError
            There is no such axis, or no such value on it.
        """
        kept: list[Sequence[int]] = [range(len(axis)) for axis in self.axes]
        gone: set[int] = set()
        for said, value in wanted.items():
            name = axes.named(said)
            at = find(self.axes, name)
            axis = self.axes[at]
            if _is_list(name, value):
                places = [place for item in value for place in axis.places(name, item)]
                places = list(dict.fromkeys(places))
            else:
                places = axis.places(name, value)
                if len({axis.values[place] for place in places}) == 1:
                    places = places[:1]
                    gone.add(at)
            kept[at] = [place for place in places if place in kept[at]]
            if not kept[at]:
                raise RequestError(f"nothing on the axis {axis.name} has all the values asked for")
        strides = [prod(self.shape[number + 1 :]) for number in range(len(self.axes))]
        indices = tuple(
            sum(place * stride for place, stride in zip(places, strides, strict=True))
            for places in product(*kept)
        )
        narrowed = tuple(
            Axis(axis.names, tuple(axis.values[i] for i in at), tuple(axis.labels[i] for i in at))
            for number, (axis, at) in enumerate(zip(self.axes, kept, strict=True))
            if number not in gone
        )
        specs = tuple(self.specs[index] for index in indices)
        used = {spec.model for spec in specs}
        models = {name: model for name, model in self.models.items() if name in used}
        named = {digest for spec in specs for digest in (spec.init_image, spec.mask_image)}
        inputs = {digest: given for digest, given in self.inputs.items() if digest in named}
        part = replace(
            self, request=self._narrowed(kept), axes=narrowed, specs=specs, models=models, inputs=inputs
        )
        return part, indices

    def _narrowed(self, kept: Sequence[Sequence[int]]) -> Request:
        """Return the request that plans to the positions kept on each axis."""
        prompts = self.request.prompts
        settings = dict(self.request.settings)
        single: set[str] = set()
        for axis, places in zip(self.axes, kept, strict=True):
            if len(places) == 1:
                single.update(axis.names)
            if list(places) == list(range(len(axis))):
                continue
            for name in axis.names:
                if name in settings:
                    settings[name] = tuple(settings[name][place] for place in places)
                elif len(self.request.prompts) > 1:
                    prompts = tuple(templates.escape(axis.column(name)[place]) for place in places)
                else:
                    prompts = (templates.parse(prompts[0]).narrow(name, places).source,)
        seeds = set(settings["seed"])
        return replace(
            self.request,
            prompts=prompts,
            settings=settings,
            zips=tuple(names for names in self.request.zips if not single & set(names)),
            rows=None if self.request.rows in single else self.request.rows,
            cols=None if self.request.cols in single else self.request.cols,
            drawn=tuple(seed for seed in self.request.drawn if seed in seeds),
        )


def _is_list(name: str, value: object) -> bool:
    if isinstance(value, (str, bytes)) or (name == "size" and isinstance(value, tuple)):
        return False
    return isinstance(value, (list, tuple, range, set)) or (
        hasattr(value, "__iter__") and hasattr(value, "__len__")
    )
