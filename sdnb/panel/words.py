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
        "prompt": {"en": "Prompt", "es": "Prompt"},
        "prompt_hint": {
            "en": "a red fox on the moon; {{red|blue}} draws both",
            "es": "un zorro rojo en la luna; {{rojo|azul}} dibuja ambos",
        },
        "negative": {"en": "Negative prompt", "es": "Prompt negativo"},
        "model": {"en": "Model", "es": "Modelo"},
        "other_model": {"en": "another …", "es": "otro …"},
        "model_hint": {"en": "folder, file or hub id", "es": "carpeta, archivo o id del hub"},
        "scheduler": {"en": "Scheduler", "es": "Scheduler"},
        "steps": {"en": "Steps", "es": "Pasos"},
        "guidance": {"en": "Guidance", "es": "Guía"},
        "size": {"en": "Size", "es": "Tamaño"},
        "seed": {"en": "Seed", "es": "Semilla"},
        "count": {"en": "Count", "es": "Cantidad"},
        "options": {"en": "More options", "es": "Más opciones"},
        "dice": {"en": "Draw a seed by chance", "es": "Sortear una semilla"},
        "lock": {"en": "Keep this seed for every run", "es": "Conservar esta semilla en cada tirada"},
        "create": {"en": "Create", "es": "Crear"},
        "sweep": {"en": "Sweep", "es": "Barrido"},
        "compare": {"en": "Compare", "es": "Comparar"},
        "history": {"en": "History", "es": "Historial"},
        "generate": {"en": "Generate", "es": "Generar"},
        "stop": {"en": "Stop", "es": "Parar"},
        "close": {"en": "Close the panel", "es": "Cerrar el panel"},
        "copy": {"en": "Copy as cell", "es": "Copiar como celda"},
        "copied": {"en": "Copied", "es": "Copiado"},
        "copy_failed": {"en": "Show the cell and copy it", "es": "Muestre la celda y cópiela"},
        "the_cell": {"en": "The cell", "es": "La celda"},
        "the_cell_hint": {
            "en": "Show the %%diffuse cell that draws exactly this",
            "es": "Mostrar la celda %%diffuse que dibuja exactamente esto",
        },
        "create_hint": {"en": "Draw one or several pictures", "es": "Dibujar una o varias imágenes"},
        "sweep_hint": {"en": "Vary up to three settings", "es": "Variar hasta tres ajustes"},
        "compare_hint": {
            "en": "Compare schedulers at the same cost",
            "es": "Comparar schedulers con el mismo coste",
        },
        "history_hint": {"en": "Everything that was drawn", "es": "Todo lo que se ha dibujado"},
        "view_hint": {"en": "How the result is shown", "es": "Cómo se muestra el resultado"},
        "no_cell": {
            "en": "What is marked above must be put right first.",
            "es": "Primero hay que corregir lo marcado arriba.",
        },
        "from_picture": {"en": "Settings from a picture", "es": "Ajustes de una imagen"},
        "from_picture_hint": {
            "en": "A picture made by sdnb or by the web UI, chosen here or dropped on the pictures below.",
            "es": "Una imagen de sdnb o de la web UI, elegida aquí o soltada sobre las imágenes de abajo.",
        },
        "axis": {"en": "Axis {number}", "es": "Eje {number}"},
        "values": {"en": "Values", "es": "Valores"},
        "no_axis": {"en": "(none)", "es": "(ninguno)"},
        "axis_prompt": {"en": "prompt", "es": "prompt"},
        "axis_model": {"en": "model", "es": "modelo"},
        "axis_negative_prompt": {"en": "negative prompt", "es": "prompt negativo"},
        "axis_seed": {"en": "seed", "es": "semilla"},
        "axis_num_inference_steps": {"en": "steps", "es": "pasos"},
        "axis_guidance_scale": {"en": "guidance", "es": "guía"},
        "axis_scheduler": {"en": "scheduler", "es": "scheduler"},
        "axis_size": {"en": "size", "es": "tamaño"},
        "axis_clip_skip": {"en": "clip skip", "es": "clip skip"},
        "axis_init_image": {"en": "picture to begin from", "es": "imagen de partida"},
        "axis_mask_image": {"en": "mask", "es": "máscara"},
        "axis_strength": {"en": "strength", "es": "fuerza"},
        "ticks": {"en": "Schedulers", "es": "Schedulers"},
        "no_ticks": {"en": "Tick at least one scheduler.", "es": "Marque al menos un scheduler."},
        "budgets": {"en": "Budgets", "es": "Presupuestos"},
        "equal": {"en": "Budgets count", "es": "El presupuesto cuenta"},
        "equal_evaluations": {"en": "evaluations", "es": "evaluaciones"},
        "equal_steps": {"en": "steps", "es": "pasos"},
        "seeds": {"en": "Seeds", "es": "Semillas"},
        "reference": {"en": "Steps of the reference", "es": "Pasos de la referencia"},
        "pair": {
            "en": "Pair the axes instead of multiplying them",
            "es": "Emparejar los ejes en vez de multiplicarlos",
        },
        "grammar": {
            "en": "Values as in a cell: 1,2,5 · 1..4 · 10..40:10 · 0..1[5] · random[4] for seeds · "
            "all for schedulers · quotes around text with commas.",
            "es": "Valores como en una celda: 1,2,5 · 1..4 · 10..40:10 · 0..1[5] · random[4] para semillas · "
            "all para schedulers · comillas si el texto lleva comas.",
        },
        "no_axes": {"en": "Choose at least one axis.", "es": "Elija al menos un eje."},
        "no_values": {"en": "Write its values.", "es": "Escriba sus valores."},
        "twice": {"en": "This axis is chosen twice.", "es": "Este eje está elegido dos veces."},
        "no_prompt": {
            "en": "Write a prompt, such as: a red fox",
            "es": "Escriba un prompt, por ejemplo: un zorro rojo",
        },
        "no_path": {
            "en": "Write the model's folder, its file or its id on the hub",
            "es": "Escriba la carpeta del modelo, su archivo o su id del hub",
        },
        "no_random": {
            "en": "Press the dice for a seed by chance; several go on the Sweep tab.",
            "es": "Pulse el dado para sortear una semilla; varias van en Barrido.",
        },
        "bad_count": {"en": "From 1 to {most} pictures.", "es": "De 1 a {most} imágenes."},
        "not_here": {
            "en": "{name} has another place than this field.",
            "es": "{name} tiene otro lugar que este campo.",
        },
        "mend": {
            "en": "What is marked above must be put right first.",
            "es": "Primero hay que corregir lo marcado arriba.",
        },
        "pictures": {"en": "{count} pictures", "es": "{count} imágenes"},
        "picture": {"en": "1 picture", "es": "1 imagen"},
        "stored": {"en": "{count} in the store", "es": "{count} en el almacén"},
        "evaluations": {"en": "{count} model evaluations", "es": "{count} evaluaciones del modelo"},
        "about": {"en": "about {time}", "es": "unos {time}"},
        "finished": {"en": "{count} of {total} pictures", "es": "{count} de {total} imágenes"},
        "step": {"en": "step {count} of {total}", "es": "paso {count} de {total}"},
        "left": {"en": "{time} left", "es": "quedan {time}"},
        "waits": {"en": "waiting for {note}", "es": "esperando {note}"},
        "another_run": {"en": "another run", "es": "otra tirada"},
        "the_model": {"en": "the model to load", "es": "la carga del modelo"},
        "preview": {"en": "preview", "es": "vista previa"},
        "stopped": {
            "en": "Stopped: {drawn} of {count} drawn.",
            "es": "Parado: {drawn} de {count} dibujadas.",
        },
        "taken": {
            "en": "The settings of {name} are in the fields.",
            "es": "Los ajustes de {name} están en los campos.",
        },
        "no_model": {
            "en": "It was drawn by {name}, which is not on this machine; the model stays {kept}.",
            "es": "La dibujó {name}, que no está en esta máquina; el modelo sigue siendo {kept}.",
        },
        "no_scheduler": {
            "en": "{name} does not fit this model; the scheduler stays {kept}.",
            "es": "{name} no va con este modelo; el scheduler sigue siendo {kept}.",
        },
        "not_taken": {
            "en": "{name} of the picture has no field here.",
            "es": "{name} de la imagen no tiene campo aquí.",
        },
        "needs_kernel": {
            "en": "This panel works while its kernel runs: run the cell again.",
            "es": "Este panel funciona con su kernel: ejecute la celda otra vez.",
        },
        "lost": {
            "en": "The kernel is gone: run this cell again for a new panel.",
            "es": "El kernel ya no está: ejecute esta celda otra vez.",
        },
        "view_pictures": {"en": "Pictures", "es": "Imágenes"},
        "view_grid": {"en": "Grid", "es": "Cuadrícula"},
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
