"""What ``%sdnb`` answers: status, models, schedulers, tokens, unload, cache, config, as plain text.

What follows a word is read as the value of an option of ``%%diffuse``: quotes are taken off, and a ``$name``
stands for a value of the notebook. A prompt is taken as it is typed, as in a cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sdnb import api, hub, models, option_value, scheduler_kinds, settings
from sdnb.errors import ModelError, RequestError, unknown
from sdnb.picture import counted

__all__ = ["ANSWERS", "WORDS", "answer", "complete", "model_names", "read"]


def read(line: str, namespace: Mapping[str, Any]) -> tuple[str, str]:
    """Read a line of ``%sdnb``: its word, one of `WORDS`, and what follows, or an empty text.

    Parameters
    ----------
    line : str
        What stands behind ``%sdnb``.
    namespace : mapping of str to object
        Where ``$name`` is looked up.

    Raises
    ------
    RequestError
        The word is missing or unknown, or what follows is no text.

    Examples
    --------
    >>> read("models $mine", {"mine": "a/b"}), read("tokens a fox for $5", {})
    (('models', 'a/b'), ('tokens', 'a fox for $5'))
    >>> read("statsu", {})
    Traceback (most recent call last):
    ...
    sdnb.errors.RequestError: unknown answer of %sdnb 'statsu'; did you mean 'status'?
    """
    word, _, rest = line.strip().partition(" ")
    rest = rest.strip()
    if not word:
        raise RequestError("%sdnb is followed by one of: " + ", ".join(WORDS))
    if word not in WORDS:
        raise unknown("answer of %sdnb", word, WORDS)
    if rest and word in _ALONE:
        raise RequestError(f"nothing follows %sdnb {word}; drop {rest!r}")
    if rest and word != "tokens":
        rest = option_value.text(f"%sdnb {word} takes one text", rest, namespace)
    return word, rest


def answer(word: str, argument: str = "") -> str:
    """Answer a word that `read` gave, all but ``panel``.

    Raises
    ------
    SdnbError
        What it asks for cannot be told.
    """
    return ANSWERS[word](argument)


def complete(line: str, languages: Iterable[str]) -> list[str]:
    """Return what the word that ends a line of ``%sdnb`` may become.

    Parameters
    ----------
    line : str
        What stands behind ``%sdnb``, up to the cursor.
    languages : iterable of str
        Those of the panel.

    Examples
    --------
    >>> complete("sch", []), complete("cache ", []), complete("panel e", ["en", "es"])
    (['schedulers'], ['clear'], ['en', 'es'])
    """
    word, space, typed = line.lstrip().partition(" ")
    if not space:
        return [known for known in WORDS if known.startswith(word)]
    offered: Iterable[str] = ()
    if word in ("models", "schedulers"):
        offered = model_names()
    elif word in ("cache", "panel"):
        offered = ("clear",) if word == "cache" else languages
    return [known for known in offered if known.startswith(typed.lstrip())]


def _status(_: str) -> str:
    return _aligned(api.status())


def _models(name: str) -> str:
    if name:
        return _knowledge(name)
    rows, broken = [], []
    for model_name in models.here():
        try:
            facts = models.describe(models.resolve(model_name, ask=False))
        except ModelError as error:
            broken.append(str(error))
        else:
            rows.append((model_name, *_needs(facts)))
    head = ("model", "family", "size", "on disk", "in memory", "in half precision")
    known = ", ".join(name for name in models.aliases() if name not in models.here())
    more = [f"Not on this machine, downloaded when drawn with: {known}."] if known else []
    return "\n".join([_table(head, rows), *broken, *more])


def _needs(facts: models.Facts) -> tuple[str, ...]:
    full, half = (hub.amount(facts.parameters * each) for each in (4, 2))
    return facts.title, f"{facts.width}x{facts.height}", hub.amount(facts.on_disk), full, half


def _knowledge(name: str) -> str:
    model = models.resolve(name)
    can = models.capabilities(model)
    lines = [
        f"{model.name}: family {can.title}, {can.width}x{can.height}, {can.num_inference_steps} steps, "
        f"guidance {can.guidance_scale:g}, scheduler {can.scheduler}"
    ]
    known = models.knows(model)
    if missing := api.engine_for().missing(model):
        lines.append(f"It is downloaded when it is drawn with for the first time: {hub.amount(missing)}.")
    if known is None:
        lines.append("It does not say what it knows; ask it for anything.")
        return "\n".join(lines)
    groups: dict[str, list[str]] = {}
    for concept in known["concepts"]:
        groups.setdefault(concept["group"], []).append(f"{concept['en']} ({concept['es']})")
    for part in ("colours", "scenes", "styles"):
        groups[part] = [f"{entry['en']} ({entry['es']})" for entry in known.get(part, ())]
    lines += [f"{group}: {', '.join(sorted(words))}" for group, words in groups.items() if words]
    return "\n".join(lines)


def model_names() -> list[str]:
    """Return the models on this machine that can be named without a path, and the aliases."""
    try:
        return list(dict.fromkeys([*models.here(), *models.aliases()]))
    except ModelError:  # the shared folder is gone; completion is no place to say so
        return ["mini"]


def _schedulers(name: str) -> str:
    model = models.resolve(name or settings.current().model, ask=False)
    can = api.engine_for().capabilities(model)
    rows = [
        (
            kind.name,
            kind.title,
            ", ".join(kind.sigmas) or "-",
            _cost(kind),
            "noise at every step" if kind.stochastic else "",
            f"needs {kind.needs}" if kind.needs else "",
        )
        for kind in scheduler_kinds.TABLE.values()
        if kind.name in can.schedulers
    ]
    head = ("name", "in the web UI", "also with _", "evaluations for N steps", "", "")
    lines = [_table(head, rows), "Also NAME_trailing, and NAME?keyword=value for any keyword of the class."]
    reasons: dict[str, list[str]] = {}
    for other in scheduler_kinds.TABLE:
        if why := can.unfit(other):
            reasons.setdefault(why, []).append(other)
    lines += [f"Not for {model.name}: {', '.join(names)} ({why})." for why, names in reasons.items()]
    return "\n".join(lines)


def _cost(kind: scheduler_kinds.Kind) -> str:
    if kind.per_step == 2:
        return "2N - 1"
    return f"N + {kind.extra_evaluations}" if kind.extra_evaluations else "N"


def _tokens(prompt: str) -> str:
    if not prompt:
        raise RequestError("%sdnb tokens is followed by a prompt, as in %sdnb tokens a red fox")
    engine = api.engine_for()
    model = models.resolve(settings.current().model)
    (report,) = engine.tokens(model, [prompt])
    count = len(report.chunks)
    parts = "one chunk" if count == 1 else f"{count} chunks"
    lines = [f"{len(report.tokens)} tokens in {parts} of at most {report.limit}"]
    lines += [" | ".join(t if weight == 1 else f"{t} x{weight:g}" for t, weight in c) for c in report.chunks]
    return "\n".join(lines)


def _unload(_: str) -> str:
    count = api.unload()
    return f"{count} model{'' if count == 1 else 's'} unloaded"


def _cache(word: str) -> str:
    store = api.store_for()
    if word == "clear":
        return f"{counted(store.clear())} removed; pinned ones stay"
    if word:
        raise unknown("word after %sdnb cache", word, ["clear"])
    kept = store.stats()
    share = f"{kept.bytes / 1e6:.1f} of {kept.max_bytes / 1e6:.0f} MB"
    return f"{counted(kept.pictures)}, {share}, in {kept.folder}"


def _config(_: str) -> str:
    options = settings.current()
    rows = [
        (f"Sdnb.{name}", repr(getattr(options, name)), trait.help)
        for name, trait in sorted(options.traits(config=True).items())
    ]
    return _table(("setting", "value", ""), rows)


ANSWERS: Mapping[str, Callable[[str], str]] = {
    "status": _status,
    "models": _models,
    "schedulers": _schedulers,
    "tokens": _tokens,
    "unload": _unload,
    "cache": _cache,
    "config": _config,
}
#: All that may follow ``%sdnb``; the panel is shown, not answered.
WORDS = (*ANSWERS, "panel")
_ALONE = ("status", "unload", "config")


def _aligned(facts: Mapping[str, str]) -> str:
    width = max(map(len, facts))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in facts.items())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines
    )
