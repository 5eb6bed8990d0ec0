"""Stable Diffusion in a notebook: ``%load_ext sdnb``, then a cell that begins with ``%%diffuse``.

Nothing heavy is imported here; the names below load what they need when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from sdnb.api import diffuse, last
    from sdnb.compare import compare_schedulers
    from sdnb.comparison import Comparison
    from sdnb.errors import SdnbError
    from sdnb.panel.panel import Panel
    from sdnb.picture import Picture
    from sdnb.results import Results
    from sdnb.spec import ImageSpec

__all__ = [
    "Comparison",
    "ImageSpec",
    "Panel",
    "Picture",
    "Results",
    "SdnbError",
    "compare_schedulers",
    "diffuse",
    "last",
    "load_ipython_extension",
]

_HOMES = {
    "Comparison": "comparison",
    "ImageSpec": "spec",
    "Panel": "panel.panel",
    "Picture": "picture",
    "Results": "results",
    "SdnbError": "errors",
    "compare_schedulers": "compare",
    "diffuse": "api",
    "last": "api",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("sdnb")
    if name in _HOMES:
        return getattr(import_module(f"sdnb.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'sdnb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics: what ``%load_ext sdnb`` calls."""
    from sdnb.magics import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take the magics out again: what ``%unload_ext sdnb`` calls."""
    from sdnb.magics import unload

    unload(shell)
