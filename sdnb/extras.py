"""The packages that sdnb can do without: which extra brings each, and the one line where one is missing."""

from __future__ import annotations

from importlib.util import find_spec

from sdnb.errors import MissingExtra

__all__ = ["BROUGHT", "installed", "require"]

#: By the name that is imported: the package, and the extra of sdnb that brings it.
BROUGHT = {
    "matplotlib": ("matplotlib", "lab"),
    "pandas": ("pandas", "lab"),
    "skimage": ("scikit-image", "lab"),
    "torchsde": ("torchsde", "sde"),
}


def installed(name: str) -> bool:
    """Tell whether a package is there, importing nothing."""
    return find_spec(name) is not None


def require(name: str, purpose: str) -> None:
    """Say in one line what to install where a package is missing; imports nothing.

    Parameters
    ----------
    name : str
        As it is imported; one of `BROUGHT`.
    purpose : str
        What needs it.

    Raises
    ------
    MissingExtra
        It is not installed.
    """
    package, extra = BROUGHT[name]
    if not installed(name):
        raise MissingExtra(package, extra, purpose)
