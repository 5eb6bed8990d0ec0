"""An index of training pictures small enough to ship, to find those nearest to a drawn one.

`python -m training.neighbours` writes three files into `examples/data`: a sheet of thumbnails, a caption a
line in the sheet's order, and a README that shows the search. The index depends on the sprites and on nothing
that was learned.
"""

import argparse
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from .captions import Plan, caption, draw_plan, hidden
from .pictures import PACKAGE, Painter, fetch, load_sprites
from .scenes import COLOURS, SCENES, SIDE

WORK = Path(__file__).parent / "work"
DATA = Path(__file__).parents[1] / "examples" / "data"
THUMBNAIL, COLUMNS = 64, 64
BACKDROPS, PICTURES = 8, 29 * COLUMNS
QUALITY = 52
LARGEST = 1_000_000

_README = """\
# Training pictures of `mini`, as thumbnails

`mini-pictures.webp` holds {count:,} pictures of the kind `mini` was trained on, {side}x{side} pixels
each, {columns} in a row: every thing on {backdrops} of the backgrounds it was seen with, and {pairs}
pictures of two things. Line *i* of `mini-pictures.txt` is the caption of picture *i*, row by row. It is
a sample: training paints pictures anew all the time, each thing on every background that is not held
out, moved a little.

The four nearest to a picture of PIL, by the mean squared difference of pixels:

```python
import numpy as np
from PIL import Image

SIDE = {side}
sheet = np.asarray(Image.open("data/mini-pictures.webp").convert("RGB"))
thumbnails = sheet.reshape(-1, SIDE, {columns}, SIDE, 3).swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3)
captions = open("data/mini-pictures.txt", encoding="utf-8").read().splitlines()

small = np.asarray(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX), np.float32)
distance = np.array([((thumbnail - small) ** 2).mean() for thumbnail in thumbnails])
for i in distance.argsort()[:4]:
    print(captions[i], round(distance[i]))
    Image.fromarray(thumbnails[i])
```

Pixels tell colours and outlines, not meaning. `mini` saw one drawing of each thing, so a single thing
comes near its training picture, and should: what is its own is the combination, such as an astronaut
riding a horse on the moon, which no training picture shows.

The things are from npm `{package}` {version}: Microsoft's Fluent Emoji, MIT licence, (c) Microsoft
Corporation. The backgrounds and captions are this project's own. Written by `python -m
training.neighbours`.
"""


def shown(keys: Sequence[str], count: int = PICTURES, seed: int = 0) -> list[Plan]:
    """What the index holds: every thing on some backgrounds that training sees it with, then pairs.

    Parameters
    ----------
    keys
        The concepts.
    count
        How many plans in all; what the things alone leave is pairs.
    seed
        For the choice.
    """
    rng, plans = Random(seed), []
    for key in keys:
        for backgrounds in (COLOURS, SCENES):
            possible = [Plan((key,), "alone", where) for where in backgrounds]
            plans += rng.sample([plan for plan in possible if not hidden(plan)], BACKDROPS // 2)
    found = set(plans)
    while len(plans) < count:
        plan = draw_plan(rng, tuple(keys))
        if plan.relation != "alone" and plan.background is not None and plan not in found:
            found.add(plan)
            plans.append(plan)
    return plans


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """uint8 [64, 64, 3] of float32 [128, 128, 3] in 0..1, by averages."""
    step = SIDE // THUMBNAIL
    means = picture.reshape(THUMBNAIL, step, THUMBNAIL, step, 3).mean(axis=(1, 3))
    return np.round(means * 255).astype(np.uint8)


def write(painter: Painter, folder: Path = DATA, count: int = PICTURES, seed: int = 0) -> int:
    """Write the index of the painter's pictures into a folder, and return its size in bytes.

    Parameters
    ----------
    painter
        Paints the pictures.
    folder
        Where the three files go.
    count
        How many pictures: a multiple of COLUMNS.
    seed
        For the choice of pictures, and how they are painted.

    Raises
    ------
    ValueError
        When the index is larger than LARGEST; nothing is written then.
    """
    rng, plans = Random(seed), shown(tuple(painter.sprites), count, seed)
    tiles = np.stack([thumbnail(painter.paint(plan, rng)) for plan in plans])
    rows = tiles.reshape(-1, COLUMNS, THUMBNAIL, THUMBNAIL, 3).swapaxes(1, 2)
    sheet = BytesIO()
    Image.fromarray(rows.reshape(-1, COLUMNS * THUMBNAIL, 3)).save(sheet, "webp", quality=QUALITY, method=6)
    captions = "".join(f"{caption(plan, 'en')}\n" for plan in plans)
    text = _README.format(
        count=len(plans),
        pairs=sum(plan.relation != "alone" for plan in plans),
        backdrops=BACKDROPS,
        side=THUMBNAIL,
        columns=COLUMNS,
        package=PACKAGE[0],
        version=PACKAGE[1],
    )
    files = {
        "mini-pictures.webp": sheet.getvalue(),
        "mini-pictures.txt": captions.encode(),
        "README.md": text.encode(),
    }
    size = sum(map(len, files.values()))
    if size > LARGEST:
        raise ValueError(f"the index has {size} bytes, more than {LARGEST}; write fewer pictures")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return size


def main(argv: Sequence[str] | None = None) -> None:
    """Write the index, and say how large it is."""
    parser = argparse.ArgumentParser(prog="python -m training.neighbours", description=__doc__)
    parser.add_argument("--folder", type=Path, default=DATA)
    args = parser.parse_args(argv)
    painter = Painter(load_sprites(fetch(WORK / "packages")))
    print(f"{args.folder}: {write(painter, args.folder)} bytes")


if __name__ == "__main__":
    main()
