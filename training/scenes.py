"""What is behind the things: plain colours, and scenes drawn with plain shapes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 128
FINE = 4 * SIDE
VARIANTS = 16

Draw = ImageDraw.ImageDraw


@dataclass(frozen=True)
class Colour:
    """A plain background: its adjectives (Spanish masculine and feminine) and its RGB in 0..255."""

    en: tuple[str, ...]
    es: tuple[tuple[str, str], ...]
    rgb: tuple[int, int, int]


@dataclass(frozen=True)
class Scene:
    """A drawn background: phrases that name it, whether things cast a shadow there, and how it is drawn.

    `draw(canvas, rng)` paints a canvas of FINE x FINE; what it takes from `rng` makes the variants.
    """

    en: tuple[str, ...]
    es: tuple[str, ...]
    shadow: bool
    draw: Callable[[Draw, Random], None]


COLOURS: dict[str, Colour] = {
    "red": Colour(("red",), (("rojo", "roja"),), (222, 52, 52)),
    "orange": Colour(("orange",), (("naranja", "naranja"),), (250, 145, 40)),
    "yellow": Colour(("yellow",), (("amarillo", "amarilla"),), (252, 218, 62)),
    "green": Colour(("green",), (("verde", "verde"),), (70, 172, 84)),
    "turquoise": Colour(("turquoise", "teal"), (("turquesa", "turquesa"),), (62, 200, 196)),
    "blue": Colour(("blue",), (("azul", "azul"),), (52, 108, 222)),
    "purple": Colour(("purple", "violet"), (("morado", "morada"), ("violeta", "violeta")), (136, 72, 196)),
    "pink": Colour(("pink",), (("rosa", "rosa"), ("rosado", "rosada")), (248, 160, 198)),
    "brown": Colour(("brown",), (("marrón", "marrón"),), (132, 88, 56)),
    "black": Colour(("black",), (("negro", "negra"),), (26, 26, 30)),
    "grey": Colour(("grey", "gray"), (("gris", "gris"),), (142, 146, 152)),
    "white": Colour(("white",), (("blanco", "blanca"),), (246, 246, 244)),
}


def _sky(draw: Draw, top: tuple[int, ...], low: tuple[int, ...], end: int = FINE) -> None:
    for y in range(end):
        share = y / end
        draw.line(
            (0, y, FINE, y), fill=tuple(round(a + (b - a) * share) for a, b in zip(top, low, strict=True))
        )
    draw.rectangle((0, end, FINE, FINE), fill=low)


def _disc(draw: Draw, x: float, y: float, r: float, fill: tuple[int, ...], squash: float = 1.0) -> None:
    draw.ellipse((x - r, y - r * squash, x + r, y + r * squash), fill=fill)


def _stars(draw: Draw, rng: Random, count: int, end: int) -> None:
    for _ in range(count):
        _disc(draw, rng.uniform(0, FINE), rng.uniform(0, end), rng.uniform(2.5, 5), (255, 250, 230))


def _hill(draw: Draw, y: float, x: float, fill: tuple[int, ...]) -> None:
    """Ground below a parabola with its top at (x, y)."""
    line = [(px, y + 0.0004 * (px - x) ** 2) for px in range(0, FINE + 1, 8)]
    draw.polygon([(0, FINE), *line, (FINE, FINE)], fill=fill)


def _moon(draw: Draw, rng: Random) -> None:
    _sky(draw, (14, 14, 40), (36, 34, 78))
    _stars(draw, rng, 26, 340)
    _disc(draw, 96, 92, 46, (72, 136, 214))
    _disc(draw, 84, 84, 20, (96, 178, 120))
    _hill(draw, 372, 256, (186, 186, 194))
    for x, y, r in ((70, 448, 44), (420, 436, 52), (250, 490, 40), (170, 412, 18), (340, 404, 16)):
        _disc(draw, x + rng.uniform(-24, 24), y, r, (158, 158, 170), 0.42)
        _disc(draw, x + rng.uniform(-2, 2), y + 4, r * 0.76, (140, 140, 154), 0.42)


def _space(draw: Draw, rng: Random) -> None:
    _sky(draw, (16, 10, 44), (52, 20, 84))
    _stars(draw, rng, 46, FINE)
    x, y = 424 + rng.uniform(-16, 16), 92 + rng.uniform(-12, 12)
    _disc(draw, x, y, 44, (236, 150, 92))
    draw.ellipse((x - 78, y - 14, x + 78, y + 14), outline=(246, 206, 150), width=7)
    _disc(draw, 76, 420, 28, (106, 190, 204))


def _beach(draw: Draw, rng: Random) -> None:
    _sky(draw, (104, 190, 246), (196, 232, 252), 240)
    draw.rectangle((0, 236, FINE, 350), fill=(38, 146, 200))
    draw.rectangle((0, 300, FINE, 350), fill=(74, 184, 214))
    _hill(draw, 346, 256 + rng.uniform(-120, 120), (244, 218, 160))
    _disc(draw, 430, 72, 40, (255, 232, 110))
    for _ in range(2):
        x, y = rng.uniform(40, 320), rng.uniform(50, 120)
        for dx, r in ((-34, 22), (0, 30), (36, 22)):
            _disc(draw, x + dx, y, r, (255, 255, 255), 0.7)


def _meadow(draw: Draw, rng: Random) -> None:
    _sky(draw, (120, 200, 250), (210, 238, 252), 330)
    _hill(draw, 290, 80, (124, 196, 96))
    _hill(draw, 340, 420, (96, 178, 76))
    for _ in range(14):
        x, y = rng.uniform(10, FINE - 10), rng.uniform(390, FINE - 12)
        petal = rng.choice(((255, 255, 255), (255, 210, 70), (240, 110, 140)))
        _disc(draw, x, y, 9, petal)
        _disc(draw, x, y, 4, (250, 190, 40))


def _snow(draw: Draw, rng: Random) -> None:
    _sky(draw, (150, 186, 222), (222, 234, 246), 360)
    for x, high in ((90, 190), (420, 170), (290, 120)):
        draw.polygon(((x - 150, 370), (x, 370 - high), (x + 150, 370)), fill=(128, 158, 192))
        cut = high * 0.36
        draw.polygon(
            ((x - 54, 370 - high + cut), (x, 370 - high), (x + 54, 370 - high + cut)), fill=(250, 252, 255)
        )
    _hill(draw, 346, 256 + rng.uniform(-100, 100), (244, 248, 254))
    for _ in range(34):
        _disc(draw, rng.uniform(0, FINE), rng.uniform(0, FINE), rng.uniform(4, 7), (255, 255, 255))


def _sea(draw: Draw, rng: Random) -> None:
    _sky(draw, (40, 160, 214), (8, 52, 124))
    _hill(draw, 440, 256 + rng.uniform(-100, 100), (206, 184, 128))
    for x in (50, 460, 400):
        x += rng.uniform(-20, 20)
        for step in range(7):
            _disc(draw, x + 10 * (step % 2), 470 - step * 20, 13, (32, 140, 92))
    for _ in range(16):
        x, y, r = rng.uniform(0, FINE), rng.uniform(0, 420), rng.uniform(5, 13)
        _disc(draw, x, y, r, (150, 216, 240))
        _disc(draw, x, y, r * 0.66, (70, 164, 214))


def _sunset(draw: Draw, rng: Random) -> None:
    _sky(draw, (92, 52, 130), (255, 150, 84), 350)
    _disc(draw, 256 + rng.uniform(-110, 110), 340, 84, (255, 222, 120))
    _hill(draw, 346, 120, (86, 44, 86))
    _hill(draw, 386, 400, (62, 32, 70))
    for _ in range(3):
        x, y = rng.uniform(0, FINE), rng.uniform(60, 210)
        draw.rounded_rectangle((x - 60, y - 6, x + 60, y + 6), 6, fill=(240, 130, 122))


def _desert(draw: Draw, rng: Random) -> None:
    _sky(draw, (250, 196, 116), (254, 232, 184), 340)
    _disc(draw, 90, 90, 44, (255, 246, 200))
    _hill(draw, 320, -40 + rng.uniform(-60, 60), (226, 160, 92))
    _hill(draw, 352, 440 + rng.uniform(-60, 60), (210, 138, 72))
    for x, high in ((50, 110), (458, 140)):
        draw.rounded_rectangle((x - 11, 400 - high, x + 11, 404), 11, fill=(74, 134, 82))
        draw.rounded_rectangle((x - 36, 400 - high * 0.7, x - 24, 400 - high * 0.35), 6, fill=(74, 134, 82))
        draw.rectangle((x - 36, 396 - high * 0.4, x, 406 - high * 0.4), fill=(74, 134, 82))


SCENES: dict[str, Scene] = {
    "moon": Scene(("on the moon",), ("en la luna",), True, _moon),
    "space": Scene(("in space", "in outer space"), ("en el espacio",), False, _space),
    "beach": Scene(("on the beach", "at the beach"), ("en la playa",), True, _beach),
    "meadow": Scene(("in a meadow", "on the grass"), ("en un prado", "en la hierba"), True, _meadow),
    "snow": Scene(("in the snow",), ("en la nieve",), True, _snow),
    "sea": Scene(("under the sea", "underwater"), ("bajo el mar", "en el fondo del mar"), False, _sea),
    "sunset": Scene(("at sunset",), ("al atardecer",), True, _sunset),
    "desert": Scene(("in the desert",), ("en el desierto",), True, _desert),
}
BACKGROUNDS: tuple[str, ...] = (*COLOURS, *SCENES)


def _plain(rgb: tuple[int, int, int]) -> np.ndarray:
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE - 0.5
    light = 1.04 - 0.22 * (x**2 + (y + 0.1) ** 2)
    return np.clip(np.array(rgb, np.float32) / 255 * light[..., None], 0, 1).astype(np.float32)


@cache
def background(key: str, variant: int = 0) -> np.ndarray:
    """One background, float32 [128, 128, 3] in 0..1; plain colours have one variant, scenes have VARIANTS."""
    if key in COLOURS:
        return _plain(COLOURS[key].rgb)
    canvas = Image.new("RGB", (FINE, FINE))
    SCENES[key].draw(ImageDraw.Draw(canvas), Random(f"{key} {variant}"))
    small = canvas.filter(ImageFilter.GaussianBlur(1.5)).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / 255


@cache
def mean_background(key: str | None) -> np.ndarray:
    """The mean of a background's variants; of all plain colours when no background is named."""
    if key is None:
        return np.mean([background(colour) for colour in COLOURS], axis=0)
    if key in COLOURS:
        return background(key)
    return np.mean([background(key, variant) for variant in range(VARIANTS)], axis=0)
