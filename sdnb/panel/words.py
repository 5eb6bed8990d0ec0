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
        "gallery_pictures": {"en": "Pictures", "es": "Imágenes"},
        "gallery_empty": {"en": "No pictures yet.", "es": "Todavía no hay imágenes."},
        "gallery_drop": {
            "en": "Drop or paste a picture here to use its settings.",
            "es": "Suelte o pegue aquí una imagen para usar sus ajustes.",
        },
        "gallery_waits": {"en": "waits for the kernel", "es": "espera al kernel"},
        "gallery_failed": {"en": "not drawn", "es": "sin dibujar"},
        "gallery_blocked": {
            "en": "blocked by the model's safety checker",
            "es": "bloqueada por el filtro de seguridad del modelo",
        },
        "gallery_open": {"en": "enlarge: {title}", "es": "ampliar: {title}"},
        "gallery_pick": {"en": "choose to compare: {title}", "es": "elegir para comparar: {title}"},
        "gallery_compare": {"en": "Compare the two", "es": "Comparar las dos"},
        "gallery_choose": {
            "en": "Tick two pictures to compare them.",
            "es": "Marque dos imágenes para compararlas.",
        },
        "gallery_choose_one": {"en": "Tick one more to compare.", "es": "Marque otra más para comparar."},
        "gallery_slider": {
            "en": "show more of one or the other",
            "es": "mostrar más de una o de la otra",
        },
        "gallery_same": {"en": "Their settings are the same.", "es": "Sus ajustes son iguales."},
        "gallery_enlarged": {"en": "Enlarged picture", "es": "Imagen ampliada"},
        "gallery_compared": {"en": "Two pictures compared", "es": "Dos imágenes comparadas"},
        "gallery_place": {"en": "{at} of {count}", "es": "{at} de {count}"},
        "gallery_previous": {"en": "previous picture", "es": "imagen anterior"},
        "gallery_next": {"en": "next picture", "es": "imagen siguiente"},
        "gallery_close": {"en": "close", "es": "cerrar"},
        "gallery_use": {"en": "Use these settings", "es": "Usar estos ajustes"},
        "gallery_vary": {"en": "Vary", "es": "Variar"},
        "gallery_vary_hint": {"en": "the same with nearby seeds", "es": "lo mismo con semillas cercanas"},
        "gallery_save": {"en": "Save", "es": "Guardar"},
        "gallery_save_hint": {"en": "save the PNG with its settings", "es": "guardar el PNG con sus ajustes"},
        "gallery_pin": {"en": "Pin", "es": "Fijar"},
        "gallery_pin_hint": {
            "en": "a pinned picture never leaves the store",
            "es": "una imagen fijada nunca sale del almacén",
        },
        "gallery_unkept": {
            "en": "this picture is not in the store, so it cannot be pinned",
            "es": "esta imagen no está en el almacén y no se puede fijar",
        },
        "gallery_pinned": {"en": "pinned", "es": "fijada"},
        "gallery_copy": {"en": "Copy settings", "es": "Copiar ajustes"},
        "gallery_copied": {"en": "Copied.", "es": "Copiado."},
        "gallery_uncopied": {
            "en": "The browser does not let the page copy: select the text.",
            "es": "El navegador no deja copiar a la página: seleccione el texto.",
        },
        "gallery_too_large": {
            "en": "{name} is too large: at most {most} MB",
            "es": "{name} es demasiado grande: como mucho {most} MB",
        },
        "gallery_no_picture": {
            "en": "{name} is no PNG, JPEG or WebP picture",
            "es": "{name} no es una imagen PNG, JPEG o WebP",
        },
        "gallery_seconds": {"en": "{seconds} s", "es": "{seconds} s"},
        "gallery_stored": {"en": "{seconds} s, from the store", "es": "{seconds} s, del almacén"},
        "history_search": {"en": "Search", "es": "Buscar"},
        "history_words": {"en": "words of the prompt, Enter", "es": "palabras del prompt, Intro"},
        "history_model": {"en": "Model", "es": "Modelo"},
        "history_any": {"en": "any", "es": "cualquiera"},
        "history_from": {"en": "From", "es": "Desde"},
        "history_to": {"en": "To", "es": "Hasta"},
        "history_pinned": {"en": "Pinned only", "es": "Solo fijadas"},
        "history_newer": {"en": "‹ Newer", "es": "‹ Más nuevas"},
        "history_older": {"en": "Older ›", "es": "Más antiguas ›"},
        "history_place": {"en": "{first}–{last} of {count}", "es": "{first}–{last} de {count}"},
        "history_none": {"en": "Nothing found.", "es": "No se ha encontrado nada."},
        "history_unread": {
            "en": "Pictures of a newer sdnb are left out: update sdnb to see them.",
            "es": "Faltan imágenes de un sdnb más nuevo: actualice sdnb para verlas.",
        },
        "said_prompt": {"en": "prompt", "es": "prompt"},
        "said_negative": {"en": "negative", "es": "negativo"},
        "said_seed": {"en": "seed", "es": "semilla"},
        "said_steps": {"en": "steps", "es": "pasos"},
        "said_guidance": {"en": "guidance", "es": "guía"},
        "said_scheduler": {"en": "scheduler", "es": "scheduler"},
        "said_size": {"en": "size", "es": "tamaño"},
        "said_model": {"en": "model", "es": "modelo"},
        "said_time": {"en": "time", "es": "tiempo"},
        "said_note": {"en": "note", "es": "nota"},
        "said_init": {"en": "init", "es": "imagen inicial"},
        "said_mask": {"en": "mask", "es": "máscara"},
        "said_strength": {"en": "strength", "es": "fuerza"},
        "said_digest": {"en": "digest", "es": "huella"},
        "said_not drawn": {"en": "not drawn", "es": "sin dibujar"},
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
