"""Draw the pictures of the README: what ``make pictures`` does. They lie in ``examples/pictures/``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import sdnb

FOLDER = Path(__file__).resolve().parent / "pictures"


def grids() -> Iterator[tuple[str, sdnb.Results]]:
    """Draw what the README shows, in its order."""
    yield (
        "grid",
        sdnb.diffuse(
            "{animal: a fox|a frog|a penguin}"
            " {place: on the moon|on the beach|in the snow|on a blue background}",
            seed=1,
        ),
    )
    yield (
        "steps",
        sdnb.diffuse(
            "a red apple on a green background",
            seed=2,
            scheduler=["euler", "dpmpp_2m"],
            num_inference_steps=[2, 4, 8, 20],
        ),
    )
    cat = sdnb.diffuse("a cat in a meadow", seed=1)
    yield (
        "init",
        sdnb.diffuse(
            "a tiger in a meadow", init_image=cat, strength=[0.1, 0.2, 0.4, 0.8], num_inference_steps=30
        ),
    )


def main() -> None:
    """Write each grid as one PNG."""
    FOLDER.mkdir(exist_ok=True)
    for name, results in grids():
        file = FOLDER / f"{name}.png"
        results.contact_sheet(tile=192).save(file, optimize=True)
        print(file)


if __name__ == "__main__":
    main()
