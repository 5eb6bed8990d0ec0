"""The panel's words."""

from __future__ import annotations

from string import Formatter

import pytest

from sdnb.errors import RequestError
from sdnb.panel.words import LANGUAGES, TABLE, Words


@pytest.mark.parametrize("key", TABLE)
def test_every_text_is_there_in_every_language(key: str) -> None:
    """No text is empty, and all languages fill in the same values."""
    texts = TABLE[key]
    assert tuple(texts) == LANGUAGES and all(texts.values())
    fields = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in texts.values()]
    assert all(found == fields[0] for found in fields)


@pytest.mark.parametrize(
    ("said", "lang"), [("es_ES.UTF-8", "es"), ("en_GB.UTF-8", "en"), ("de_DE.UTF-8", "en"), ("C", "en")]
)
def test_the_locale_decides(monkeypatch: pytest.MonkeyPatch, said: str, lang: str) -> None:
    """Spanish where the locale is Spanish, else English; an argument is stronger."""
    monkeypatch.setenv("LC_ALL", said)
    assert Words().lang == lang
    assert Words("es")("stop") == "Parar"


def test_an_unknown_language_is_refused() -> None:
    """The message names those there are."""
    with pytest.raises(RequestError, match="known: en, es"):
        Words("fr")
