"""Whether a prompt has anything in it that a small model knows; pure Python.

A model that can draw only so much says so in its ``knows.json``, in English and Spanish.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["note"]


def note(name: str, known: Mapping[str, Any] | None, prompt: str) -> str:
    """Return a line for a prompt that names no concept the model knows, or an empty one.

    Parameters
    ----------
    name : str
        The model's name.
    known : mapping or None
        What `sdnb.models.knows` returned; None for models that do not say.
    prompt : str

    Examples
    --------
    >>> known = {"concepts": [{"en": "fox", "es": "zorro", "synonyms": {"en": ["vixen"], "es": []}}]}
    >>> note("mini", known, "three Foxes at night")
    ''
    >>> known["concepts"][0]["synonyms"]["es"] = ["raposa ártica"]
    >>> note("mini", known, "una RAPOSA ARTICA")
    ''
    >>> note("mini", known, "a red tractor")
    'mini knows nothing that this prompt names; %sdnb models mini lists what it knows'
    """
    if known is None:
        return ""
    text = _plain(prompt)
    for term in _terms(known):
        if re.search(rf"\b{re.escape(term)}(s|es)?\b", text):
            return ""
    return f"{name} knows nothing that this prompt names; %sdnb models {name} lists what it knows"


def _terms(known: Mapping[str, Any]) -> Iterator[str]:
    for concept in known.get("concepts", ()):
        synonyms = concept.get("synonyms", {})
        for term in (concept.get("en"), concept.get("es"), *synonyms.get("en", ()), *synonyms.get("es", ())):
            if term:
                yield _plain(term)


def _plain(text: str) -> str:
    """The words in small letters, without accents, as they are often typed."""
    parts = unicodedata.normalize("NFD", text.casefold())
    return " ".join(re.findall(r"\w+", "".join(c for c in parts if not unicodedata.combining(c))))
