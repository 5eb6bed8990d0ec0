"""`Sdnb`: the settings shared by the magics, the panel and Python.

Set them in a cell (``%config Sdnb.steps = 30``), in IPython's configuration files
(``c.Sdnb.steps = 30``), or by environment variables (``SDNB_STEPS=30``), in that order of strength.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from traitlets import Bool, CaselessStrEnum, Dict, Float, Integer, TraitError, Unicode
from traitlets.config import Configurable

from sdnb.errors import RequestError

__all__ = ["DEVICES", "DTYPES", "Sdnb", "activate", "current", "default_folder"]


DEVICES = ("auto", "cpu", "cuda", "mps")
DTYPES = ("auto", "float32", "float16", "bfloat16")


class Sdnb(Configurable):
    """Defaults of every run; what is left empty is the model's own default."""

    model = Unicode("mini", help="Model: mini, an alias, a folder, a .safetensors file, or a hub id.").tag(
        config=True
    )
    models_dir = Unicode("", help="A shared folder of models, named by their basename; only read.").tag(
        config=True
    )
    aliases = Dict(
        key_trait=Unicode(),
        value_trait=Unicode(),
        help="More short names for models, {'name': 'owner/name or a path'}.",
    ).tag(config=True)
    negative = Unicode("", help="Negative prompt.").tag(config=True)
    seed = Integer(0, min=0, help="Seed of the first picture.").tag(config=True)
    steps = Integer(None, allow_none=True, min=1, max=1000, help="Steps.").tag(config=True)
    guidance = Float(None, allow_none=True, min=0, help="Guidance scale.").tag(config=True)
    scheduler = Unicode("", help="Scheduler, such as dpmpp_2m_karras.").tag(config=True)
    size = Unicode("", help="Size, WIDTHxHEIGHT or one number.").tag(config=True)
    limit = Integer(64, min=1, help="Most pictures that one cell may draw.").tag(config=True)
    device = CaselessStrEnum(DEVICES, "auto", help="Where to draw: auto, cpu, cuda or mps.").tag(config=True)
    dtype = CaselessStrEnum(DTYPES, "auto", help="Precision of the weights.").tag(config=True)
    cache_dir = Unicode("", help="Folder of the store; the platform's cache folder unless set.").tag(
        config=True
    )
    cache_gb = Float(5.0, min=0.01, help="Size of the store in 10^9 bytes.").tag(config=True)
    grid_kb = Integer(700, min=20, help="Bytes of pictures in one saved grid, in 10^3.").tag(config=True)
    progress = Bool(True, help="Show progress and previews while drawing.").tag(config=True)
    safety_checker = Bool(True, help="Use the safety checker of a checkpoint that has one.").tag(config=True)

    warm = Bool(False, help="Import torch and load the model in the background, before the first cell.").tag(
        config=True
    )

    def __init__(self, **kwargs: Any) -> None:
        for name, trait in self.traits(config=True).items():
            variable = f"SDNB_{name.upper()}"
            text = os.environ.get(variable)
            if text is None:
                continue
            try:
                value = {"0": False, "1": True}.get(text) if isinstance(trait, Bool) else None
                self.set_trait(name, trait.from_string(text) if value is None else value)
            except (TraitError, ValueError) as error:
                raise RequestError(
                    f"the environment variable {variable}={text!r} is wrong: {error}"
                ) from None
        super().__init__(**kwargs)


_active: Sdnb | None = None


def current() -> Sdnb:
    """Return the settings in force: the notebook's, or in plain Python ones made at first use."""
    global _active
    if _active is None:
        _active = Sdnb()
    return _active


def activate(settings: Sdnb | None) -> None:
    """Put other settings in force; None goes back to fresh ones at the next use."""
    global _active
    _active = settings


def default_folder() -> Path:
    """Return ``Sdnb.cache_dir`` (also ``SDNB_CACHE_DIR``), or the platform's cache folder for sdnb."""
    if named := current().cache_dir:
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("sdnb", appauthor=False)
