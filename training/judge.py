"""Says what is in a picture, by the nearest of the real ones at 32x32.

The real ones are kept small, `tests/mini-things.webp`, so that tests can judge without the package of
sprites; `python -m training.judge` writes that file.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from .captions import Plan
from .concepts import CONCEPTS
from .pictures import Painter, fetch, load_sprites
from .scenes import BACKGROUNDS, COLOURS, mean_background

KEYS = tuple(c.key for c in CONCEPTS)
THINGS = Path(__file__).parents[1] / "tests" / "mini-things.webp"
SMALL, COLUMNS = 32, 16


def shrink(picture: np.ndarray) -> np.ndarray:
    """[128, 128, channels] as [32, 32, channels], by averages."""
    return picture.reshape(SMALL, 4, SMALL, 4, -1).mean(axis=(1, 3))


def things(painter: Painter, keys: Sequence[str] = KEYS) -> np.ndarray:
    """Every concept alone and in its own place, float32 [count, 32, 32, 4], premultiplied RGBA in 0..1."""
    return np.stack([shrink(painter.layer(Plan((key,)))) for key in keys])


def write(painter: Painter, path: Path = THINGS) -> None:
    """Write the sheet of all concepts' things, sixteen in a row, in the order of `CONCEPTS`."""
    small = things(painter)
    small[..., :3] /= np.maximum(small[..., 3:], 1e-3)
    rows = -(-len(small) // COLUMNS)
    sheet = np.zeros((rows * COLUMNS, SMALL, SMALL, 4), np.float32)
    sheet[: len(small)] = small.clip(0, 1)
    sheet = sheet.reshape(rows, COLUMNS, SMALL, SMALL, 4).swapaxes(1, 2).reshape(rows * SMALL, -1, 4)
    Image.fromarray(np.round(sheet * 255).astype(np.uint8)).save(path, quality=80, method=6)


@cache
def read(path: Path = THINGS) -> np.ndarray:
    """What `write` wrote, as `things` gives it."""
    with Image.open(path) as image:
        sheet = np.asarray(image.convert("RGBA"), np.float32) / 255
    tiles = sheet.reshape(-1, SMALL, COLUMNS, SMALL, 4).swapaxes(1, 2).reshape(-1, SMALL, SMALL, 4)
    small = tiles[: len(KEYS)].copy()
    small[..., :3] *= small[..., 3:]
    return small


class Judge:
    """Says what is in a picture, by the nearest of the real ones.

    Parameters
    ----------
    small
        The things it could be, as `things` or `read` gives them.
    keys
        Their concepts.
    """

    def __init__(self, small: np.ndarray, keys: Sequence[str] = KEYS) -> None:
        self.keys, self._things = tuple(keys), small
        self._walls = {key: shrink(mean_background(key)) for key in (*BACKGROUNDS, None)}

    def concepts(self, picture: np.ndarray, background: str | None) -> list[str]:
        """All concepts, the likeliest first, by squared distance at 32x32, over nine shifts.

        Parameters
        ----------
        picture
            float32 [128, 128, 3] in 0..1.
        background
            What was asked for: the real pictures compared with have the same one.
        """
        small = shrink(picture)
        real = self._walls[background] * (1 - self._things[..., 3:]) + self._things[..., :3]
        far = np.full(len(real), np.inf)
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                shifted = np.roll(small, (dy, dx), (0, 1))
                far = np.minimum(far, ((real - shifted) ** 2)[:, 1:-1, 1:-1].mean(axis=(1, 2, 3)))
        return [self.keys[i] for i in np.argsort(far)]

    def background(self, picture: np.ndarray) -> str:
        """The likeliest background, by the picture's upper corners and sides, where things seldom reach."""
        edge = np.ones((SMALL, SMALL), bool)
        edge[4:, 4:-4] = False
        walls = np.stack([self._walls[key] for key in BACKGROUNDS])
        off = np.abs(walls - shrink(picture))[:, edge].mean(axis=2)
        return BACKGROUNDS[int(np.argmin(np.median(off, axis=1)))]

    def measure(self, pictures: np.ndarray, plans: Sequence[Plan]) -> dict[str, float]:
        """Shares of pictures whose concept comes first, among the first five, with the right background."""
        first, five, colours, scenes = [], [], [], []
        for picture, plan in zip(pictures, plans, strict=True):
            ranked = self.concepts(picture, plan.background)
            first.append(ranked[0] == plan.things[0])
            five.append(plan.things[0] in ranked[:5])
            right = self.background(picture) == plan.background
            (colours if plan.background in COLOURS else scenes).append(right)
        shares = {"top1": first, "top5": five, "colour": colours, "scene": scenes}
        return {name: round(float(np.mean(values)), 4) for name, values in shares.items() if values}


if __name__ == "__main__":
    write(Painter(load_sprites(fetch(Path(__file__).parent / "work" / "packages"))))
    print(f"{THINGS}: {THINGS.stat().st_size} bytes")
