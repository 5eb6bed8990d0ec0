"""Draw the pictures of the README: what ``make pictures`` does. They lie in ``examples/pictures/``."""

from __future__ import annotations

from pathlib import Path

import sdnb

FOLDER = Path(__file__).resolve().parent / "pictures"
GRIDS = {
    "grid": {
        "prompt": "{animal: a fox|a cat|a frog} {place: on the moon|on the beach|on a blue background}",
        "seed": 1,
    },
    "steps": {
        "prompt": "a red apple on a green background",
        "seed": 2,
        "num_inference_steps": [2, 4, 8, 20],
        "scheduler": ["euler", "dpmpp_2m"],
        "rows": "scheduler",
        "cols": "num_inference_steps",
    },
}


def main() -> None:
    """Draw each grid and write it as one PNG."""
    FOLDER.mkdir(exist_ok=True)
    for name, settings in GRIDS.items():
        file = FOLDER / f"{name}.png"
        sdnb.diffuse(**settings).contact_sheet().save(file, optimize=True)
        print(file)


if __name__ == "__main__":
    main()
