"""What a picture is of (`Plan`), and the sentences that say it in English and in Spanish."""

import unicodedata
from dataclasses import dataclass
from hashlib import md5
from random import Random
from typing import Literal

from .concepts import BY_KEY, CONCEPTS, Name
from .scenes import BACKGROUNDS, COLOURS, SCENES

Relation = Literal["alone", "beside", "riding"]
Language = Literal["en", "es"]

RIDERS = (
    *(c.key for c in CONCEPTS if c.group == "animals"),
    "astronaut",
    "robot",
    "alien",
    "ghost",
    "clown",
    "wizard",
    "princess",
    "santa claus",
    "vampire",
    "teddy bear",
    "snowman",
)
MOUNTS = tuple(c.key for c in CONCEPTS if c.group in ("animals", "vehicles"))


@dataclass(frozen=True)
class Plan:
    """What one picture shows.

    Attributes
    ----------
    things
        Keys of one or two concepts. Of two `beside` each other the first is on the left; of two `riding`
        the first is the rider.
    relation
        How the things stand to each other.
    background
        A key of `COLOURS` or `SCENES`; None: not said, any plain colour.
    """

    things: tuple[str, ...]
    relation: Relation = "alone"
    background: str | None = None


def hidden(plan: Plan) -> bool:
    """Whether training never sees this plan: an eighth of (concept, background), by a hash, and some by name.

    The astronaut and the horse are never seen together, and neither of them on the moon.
    """
    if {"astronaut", "horse"} <= set(plan.things):
        return True
    for thing in plan.things:
        if plan.background == "moon" and thing in ("astronaut", "horse"):
            return True
        if plan.background and md5(f"{thing} {plan.background}".encode()).digest()[0] % 8 == 0:
            return True
    return False


def draw_plan(rng: Random, keys: tuple[str, ...]) -> Plan:
    """A random plan of training, never a hidden one, of the concepts `keys`."""
    while True:
        kind = rng.random()
        colour, scene = rng.choice(tuple(COLOURS)), rng.choice(tuple(SCENES))
        where = rng.choices((colour, scene, None), (0.5, 0.38, 0.12))[0]
        if kind < 0.62:
            plan = Plan((rng.choice(keys),), "alone", where)
        elif kind < 0.81:
            first, second = rng.sample(keys, 2)
            plan = Plan((first, second), "beside", where)
        else:
            riders = [k for k in RIDERS if k in keys] or list(keys)
            mounts = [k for k in MOUNTS if k in keys] or list(keys)
            first, second = rng.choice(riders), rng.choice(mounts)
            if first == second:
                continue
            plan = Plan((first, second), "riding", where)
        if not hidden(plan):
            return plan


_SPANISH_ARTICLES = {"m": "un", "f": "una", "mp": "unos", "fp": "unas"}
_SPANISH_THE = {"m": "el", "f": "la", "mp": "los", "fp": "las"}
_ADJECTIVES = ("cute", "little", "big", "beautiful", "funny")
_SPANISH_ADJECTIVES = (("bonito", "bonita"), ("pequeño", "pequeña"), ("gran", "gran"), ("hermoso", "hermosa"))


def english(name: Name, rng: Random | None = None) -> str:
    """The name with its article: "a fox", "grapes"; now and then with an adjective that says nothing."""
    style = rng.random() if rng else 0.5
    text = f"{rng.choice(_ADJECTIVES)} {name.text}" if rng and style > 0.94 else name.text
    if name.plural or style < 0.1:
        return text
    if style < 0.14:
        return f"the {text}"
    return f"{'an' if text[0] in 'aeiou' and not text.startswith(('uni', 'ufo')) else 'a'} {text}"


def spanish(name: Name, rng: Random | None = None) -> str:
    """The name with its article: "un zorro", "una manzana", "el águila", "unas uvas"."""
    style = rng.random() if rng else 0.5
    text = name.text
    if rng and style > 0.94:
        small = rng.choice(_SPANISH_ADJECTIVES)["f" in name.kind]
        if name.plural:
            small = "grandes" if small == "gran" else f"{small}s"
        text = f"{small} {text}"
    if style < 0.1:
        return text
    kind = "m" if name.text == "águila" else name.kind
    return f"{(_SPANISH_THE if style < 0.14 else _SPANISH_ARTICLES)[kind]} {text}"


def _english_where(background: str | None, rng: Random | None) -> str:
    if background is None:
        return ""
    if background in SCENES:
        return " " + (rng.choice(SCENES[background].en) if rng else SCENES[background].en[0])
    word = rng.choice(COLOURS[background].en) if rng else COLOURS[background].en[0]
    forms = (f" on a {word} background", f", {word} background", f" in front of a {word} wall", f" on {word}")
    chosen = rng.choices(forms, (6, 2, 1, 1))[0] if rng else forms[0]
    return chosen.replace(" a orange", " an orange")


def _spanish_where(background: str | None, rng: Random | None) -> str:
    if background is None:
        return ""
    if background in SCENES:
        return " " + (rng.choice(SCENES[background].es) if rng else SCENES[background].es[0])
    he, she = rng.choice(COLOURS[background].es) if rng else COLOURS[background].es[0]
    forms = (
        f" sobre fondo {he}",
        f" sobre un fondo {he}",
        f", fondo {he}",
        f" con fondo {he}",
        f" en un fondo {he}",
        f" delante de una pared {she}",
    )
    return rng.choices(forms, (4, 2, 2, 1, 1, 1))[0] if rng else forms[0]


_RELATIONS = {
    ("beside", "en"): ("and", "next to", "beside"),
    ("beside", "es"): ("y", "junto a", "al lado de"),
    ("riding", "en"): ("riding", "riding on", "on top of"),
    ("riding", "es"): ("montando", "montado en", "encima de"),
}
_FRAMES = {
    "en": ("{}", "a 3d render of {}", "a picture of {}", "{}, 3d render", "a photo of {}", "an image of {}"),
    "es": (
        "{}",
        "un render 3d de {}",
        "una imagen de {}",
        "{}, render 3d",
        "una foto de {}",
        "un dibujo de {}",
    ),
}


def caption(plan: Plan, language: Language, rng: Random | None = None) -> str:
    """A sentence for a plan.

    Parameters
    ----------
    plan
        What the picture shows.
    language
        `en` or `es`.
    rng
        Chooses synonyms and wording; None gives the plainest sentence with the things' own names.
    """
    names = []
    for key in plan.things:
        known = getattr(BY_KEY[key], language)
        first = rng is None or rng.random() < 0.6
        names.append(
            (english if language == "en" else spanish)(known[0] if first else rng.choice(known), rng)
        )
    text = names[0]
    if plan.relation != "alone":
        words = _RELATIONS[plan.relation, language]
        text = f"{names[0]} {rng.choices(words, (4, 1, 1))[0] if rng else words[0]} {names[1]}"
        text = text.replace(" a el ", " al ").replace(" de el ", " del ")
    text += (_english_where if language == "en" else _spanish_where)(plan.background, rng)
    if rng:
        text = rng.choices(_FRAMES[language], (8, 2, 1, 2, 1, 1))[0].format(text)
        if language == "es" and rng.random() < 0.15:
            text = unaccented(text)
    return text


def unaccented(text: str) -> str:
    """The text without its accents, as it is often typed."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def evaluation_plans(
    kind: Literal["seen", "held out"], keys: tuple[str, ...], count: int, seed: int = 0
) -> list[Plan]:
    """`count` single-thing plans whose combination training has, or has not, seen; concepts equally often."""
    rng, plans = Random(f"{kind} {seed}"), []
    wanted = [
        [
            plan
            for background in BACKGROUNDS
            if hidden(plan := Plan((key,), "alone", background)) is (kind == "held out")
        ]
        for key in keys
    ]
    wanted = [choices for choices in wanted if choices]
    while len(plans) < count:
        rng.shuffle(wanted)
        plans += [rng.choice(choices) for choices in wanted]
    return plans[:count]
