"""What the tests of the store share: pictures that tell their seed, and processes that draw the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from PIL import Image

from sdnb.picture import Picture
from sdnb.spec import ImageSpec
from sdnb.store import Store, key

IDENTITY = {
    "engine": "fake",
    "fingerprint": "1f" * 32,
    "device": "cpu",
    "dtype": "float32",
    "torch": "2.13.0",
}
PLENTY = 10**9

# What the subprocesses below draw: the same pictures as `drawn` and `keyed` here.
CHILD = f"""
import sys
from pathlib import Path
from sdnb.picture import Picture
from sdnb.spec import ImageSpec
from sdnb.store import Store, key
IDENTITY = {IDENTITY!r}
def spec(seed):
    return ImageSpec(model="mini", prompt="a fox", seed=seed, num_inference_steps=20, guidance_scale=4,
                     scheduler="euler", width=64, height=64)
def drawn(seed):
    from PIL import Image
    return Picture(spec=spec(seed), pixels=Image.new("RGB", (64, 64), (seed % 256, 7, 9)), seconds=2.0)
store = Store(Path(sys.argv[1]), {PLENTY})
"""


def child(code: str, folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start Python on a store."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + code, str(folder), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    )


def spec(seed: int = 0, **changes: object) -> ImageSpec:
    """Return settings."""
    settings = {
        "model": "mini", "prompt": "a fox", "seed": seed, "num_inference_steps": 20, "guidance_scale": 4,
        "scheduler": "euler", "width": 64, "height": 64,
    }  # fmt: skip
    return ImageSpec(**settings | changes)


def drawn(seed: int = 0, **changes: object) -> Picture:
    """Return a picture as an engine yields it, its colour telling its seed."""
    pixels = Image.new("RGB", (64, 64), (seed % 256, 7, 9))
    return Picture(spec=spec(seed, **changes), pixels=pixels, seconds=2.0, notes=("decoded again",))


def keyed(seed: int = 0) -> str:
    """Return the key of `drawn`."""
    return key(spec(seed), IDENTITY)


def put(store: Store, *seeds: int) -> list[Picture]:
    """Keep the pictures of some seeds."""
    return [store.put(keyed(seed), drawn(seed), IDENTITY, evaluations=20) for seed in seeds]


def age(store: Store, seconds: float) -> None:
    """Let all pictures have been used so long ago."""
    store._index.write(lambda db: db.execute("UPDATE pictures SET used = used - ?", [seconds]))
