"""The panel's words in English and Spanish: one flat table, a row a text."""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from types import MappingProxyType

from sdnb.errors import unknown

__all__ = ["LANGUAGES", "TABLE", "Words", "language"]

LANGUAGES = ("en", "es")

TABLE: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "generate": {"en": "Generate", "es": "Generar"},
        "stop": {"en": "Stop", "es": "Parar"},
    }
)


class Words:
    """Gives the texts of one language.

    Parameters
    ----------
    lang : str, optional
        ``en`` or ``es``; the locale's unless told, and English where that is neither.

    Raises
    ------
    RequestError
        There is no such language.

    Examples
    --------
    >>> Words("es")("stop")
    'Parar'
    """

    def __init__(self, lang: str | None = None) -> None:
        self.lang = language(lang)

    def __call__(self, key: str, **values: object) -> str:
        """Return a text, its ``{name}`` filled in."""
        return TABLE[key][self.lang].format(**values)


def language(lang: str | None = None) -> str:
    """Return the language to speak; see `Words`."""
    if lang is not None:
        if lang not in LANGUAGES:
            raise unknown("language", lang, LANGUAGES)
        return lang
    said = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "es" if (said or locale.getlocale()[0] or "").lower().startswith("es") else "en"
