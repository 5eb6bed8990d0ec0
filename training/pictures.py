"""Sprites from the registry's packages, and pictures made of them."""

import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from .captions import Plan
from .concepts import CONCEPTS
from .scenes import COLOURS, SCENES, SIDE, VARIANTS, background, mean_background

PACKAGE = ("@lobehub/fluent-emoji-3d", "1.1.0")
SPRITE = 160
FULL = 0.77 * SIDE


def fetch(folder: Path) -> Path:
    """Download and unpack the package of sprites into `folder`, unless it is there; the pictures' folder."""
    name, version = PACKAGE
    target = folder / f"{name.strip('@').replace('/', '-')}-{version}"
    if not (target / "package").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        packed = subprocess.run(
            ["npm", "pack", "--json", f"{name}@{version}"],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )
        with tarfile.open(folder / Path(json.loads(packed.stdout)[0]["filename"]).name) as archive:
            archive.extractall(target, filter="data")
    return target / "package" / "assets"


def load_sprites(folder: Path) -> dict[str, np.ndarray]:
    """Every concept's sprite: float32 [160, 160, 4] premultiplied RGBA in 0..1, cropped and centred."""
    sprites = {}
    for concept in CONCEPTS:
        name = concept.code.lower()
        path = next(p for p in (folder / f"{name}.webp", folder / f"{name}-fe0f.webp") if p.exists())
        sprites[concept.key] = prepare(Image.open(path).convert("RGBA"))
    return sprites


def prepare(image: Image.Image) -> np.ndarray:
    """Crop an RGBA picture to its alpha, fit it into a square, premultiply it."""
    image = image.crop(image.getchannel("A").point(lambda a: 255 * (a > 8)).getbbox())
    pixels = np.asarray(image, np.float32) / 255
    pixels[..., :3] *= pixels[..., 3:]
    scale = SPRITE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    fitted = _resize(pixels, size)
    square = np.zeros((SPRITE, SPRITE, 4), np.float32)
    left, top = (SPRITE - size[0]) // 2, (SPRITE - size[1]) // 2
    square[top : top + size[1], left : left + size[0]] = fitted
    return square


def _resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    bands = [
        Image.fromarray(pixels[..., c]).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        for c in range(pixels.shape[-1])
    ]
    return np.clip(np.stack([np.asarray(b) for b in bands], -1), 0, 1)


@dataclass(frozen=True)
class Place:
    """Where a thing stands: its centre and its size, in pixels of the picture."""

    x: float
    y: float
    size: float


PLACES: dict[str, tuple[Place, ...]] = {
    "alone": (Place(64, 65, FULL),),
    "beside": (Place(35, 70, 60), Place(93, 70, 60)),
    "riding": (Place(64, 33, 56), Place(64, 86, 76)),
}


class Painter:
    """Paints plans.

    Parameters
    ----------
    sprites
        Premultiplied RGBA squares by concept, as `load_sprites` gives them.
    """

    def __init__(self, sprites: dict[str, np.ndarray]) -> None:
        self.sprites = sprites
        self._cache: dict[tuple[str, int], np.ndarray] = {}

    def _sprite(self, key: str, size: int) -> np.ndarray:
        """The sprite at `size` pixels, uint8 to keep the cache small."""
        found = self._cache.get((key, size))
        if found is None:
            found = np.round(_resize(self.sprites[key], (size, size)) * 255).astype(np.uint8)
            self._cache[key, size] = found
        return found

    def _placed(self, plan: Plan, rng: Random | None) -> list[tuple[np.ndarray, int, int]]:
        """Sprites with their left and top, in the order they are pasted in."""
        dx, dy, scale = (_near(rng, 0, 0.7), _near(rng, 0, 0.7), _near(rng, 1, 0.008)) if rng else (0, 0, 1)
        placed = []
        for key, place in zip(plan.things, PLACES[plan.relation], strict=True):
            size = round(place.size * scale)
            left, top = round(place.x + dx - size / 2), round(place.y + dy - size / 2)
            placed.append((self._sprite(key, size), left, top))
        return placed[::-1] if plan.relation == "riding" else placed

    def layer(self, plan: Plan) -> np.ndarray:
        """A plan's things in their own place, without a background: premultiplied RGBA like the sprites."""
        canvas = np.zeros((SIDE, SIDE, 4), np.float32)
        for sprite, left, top in self._placed(plan, None):
            _paste(canvas, sprite, left, top)
        return np.clip(canvas, 0, 1)

    def paint(self, plan: Plan, rng: Random | None = None) -> np.ndarray:
        """The picture of a plan.

        Parameters
        ----------
        plan
            What to paint.
        rng
            Moves and scales the things a little and chooses the background's variant; None paints the mean
            background and everything in its own place.

        Returns
        -------
        numpy.ndarray
            float32 [128, 128, 3] in 0..1.
        """
        if rng is None:
            canvas = mean_background(plan.background).copy()
        else:
            key = plan.background or rng.choice(tuple(COLOURS))
            canvas = background(key, 0 if key in COLOURS else rng.randrange(VARIANTS)).copy()
        shadow = plan.background not in SCENES or SCENES[plan.background].shadow
        placed = self._placed(plan, rng)
        for index, (sprite, left, top) in enumerate(placed):
            if shadow and not (plan.relation == "riding" and index == 1):
                _cast(canvas, sprite, left, top)
            _paste(canvas, sprite, left, top)
        return np.clip(canvas, 0, 1)


def _near(rng: Random, middle: float, spread: float) -> float:
    """A normal deviate within three spreads: most pictures are close to the text encoder's layout."""
    return middle + spread * min(3.0, max(-3.0, rng.gauss(0, 1)))


def _cast(canvas: np.ndarray, sprite: np.ndarray, left: int, top: int) -> None:
    """Darken a soft ellipse under the sprite's lowest row."""
    alpha = sprite[..., 3]
    low = int(np.flatnonzero(alpha.max(1) > 60)[-1])
    wide = np.flatnonzero(alpha.max(0) > 60)
    radius, middle = (wide[-1] - wide[0]) * 0.42, left + (wide[0] + wide[-1]) / 2
    y, x = np.ogrid[0:SIDE, 0:SIDE]
    depth = np.exp(-(((x - middle) / radius) ** 2) - ((y - top - low) / (0.16 * radius + 1)) ** 2)
    canvas *= (1 - 0.34 * depth[..., None]).astype(np.float32)


def _paste(canvas: np.ndarray, sprite: np.ndarray, left: int, top: int) -> None:
    size = sprite.shape[0]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + size, SIDE), min(top + size, SIDE)
    part = sprite[y0 - top : y1 - top, x0 - left : x1 - left].astype(np.float32) / 255
    region = canvas[y0:y1, x0:x1]
    region *= 1 - part[..., 3:]
    region += part[..., : canvas.shape[2]]
