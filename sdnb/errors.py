"""Everything that sdnb raises on purpose.

::

    SdnbError
    ├── RequestError    what was asked for is wrong: a name, a range, a size, too many pictures
    ├── ModelError      a model is missing, broken, refused, or cannot do what was asked
    ├── StoreError      a picture cannot be kept or read: disk full, no permission
    ├── RenderError     the drawing itself failed
    ├── MissingExtra    an optional dependency is not installed
    └── Stopped         the user stopped the run; carries what was finished

A message is one line: what was wrong, what is allowed, what to try. `sdnb.magics` is the one place
that turns these into IPython's ``UsageError``.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sdnb.results import Results

__all__ = [
    "MissingExtra",
    "ModelError",
    "RenderError",
    "RequestError",
    "SdnbError",
    "Stopped",
    "StoreError",
    "unknown",
]


class SdnbError(Exception):
    """Base of every error that sdnb raises on purpose.

    Attributes
    ----------
    results : Results or None
        The pictures that a run had finished when it failed or was stopped.
    """

    results: Results | None = None


class RequestError(SdnbError, ValueError):
    """What was asked for is wrong; nothing was drawn."""


class ModelError(SdnbError):
    """A model is missing, broken, refused, or cannot do what was asked."""


class StoreError(SdnbError):
    """A picture cannot be kept or read back."""


class RenderError(SdnbError):
    """The drawing itself failed."""


class MissingExtra(SdnbError, ImportError):
    """An optional dependency is not installed.

    Parameters
    ----------
    package : str
        What could not be imported.
    extra : str
        The extra of sdnb that brings it, as in ``pip install "sdnb[lab]"``.
    purpose : str
        What needs it.
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f'{purpose} needs {package}: pip install "sdnb[{extra}]"')


class Stopped(SdnbError):
    """The user stopped the run.

    Parameters
    ----------
    message : str
        One line, such as ``stopped: 5 of 16 drawn``.
    results : Results, optional
        The pictures that were finished.
    """

    def __init__(self, message: str, results: Results | None = None) -> None:
        super().__init__(message)
        self.results = results


def unknown(what: str, name: str, known: Iterable[str], hint: str = "") -> RequestError:
    """Make the error for a name that does not exist, with the nearest one that does.

    Examples
    --------
    >>> print(unknown("scheduler", "dpmp_2m", ["dpmpp_2m", "euler"]))
    unknown scheduler 'dpmp_2m'; did you mean 'dpmpp_2m'?
    >>> print(unknown("axis", "zzz", ["seed"], "known axes: seed"))
    unknown axis 'zzz'; known axes: seed
    """
    known = list(known)
    folded = {k.lower(): k for k in known}
    near = get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    message = f"unknown {what} {name!r}"
    if near:
        message += f"; did you mean {folded[near[0]]!r}?"
    elif hint:
        message += f"; {hint}"
    elif known:
        message += "; known: " + ", ".join(known)
    return RequestError(message)
