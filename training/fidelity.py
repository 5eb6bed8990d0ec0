"""How near drawn things are to the real ones: a measure that tells sharp from smudged, where names cannot.

Only the pixels of the things count, at full size, after the best shift: the peak signal to noise ratio, and
the structural similarity of the luminance (Wang et al. 2004, doi:10.1109/TIP.2003.819861), which blur and
ragged outlines lower. Two real pictures set the scale: the autoencoder's copy, the best that any denoiser
could draw, and the nearest other thing, which a picture of the wrong thing would be.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from .captions import Plan
from .pictures import Painter

SHIFT = 6
WINDOW = 7


class Likeness(NamedTuple):
    """Of two pictures, where the things are: `psnr` in dB, `ssim` at most 1."""

    psnr: float
    ssim: float


def likeness(picture: np.ndarray, real: np.ndarray, shape: np.ndarray) -> Likeness:
    """Compare a picture with a real one where the real one's things are, after the best shift.

    Parameters
    ----------
    picture, real
        float32 [128, 128, 3] in 0..1.
    shape
        float32 [128, 128] in 0..1: the opacity of the real picture's things.
    """
    rows, columns = (np.flatnonzero((shape > 0).any(axis)) for axis in (1, 0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    weights = shape / shape.sum()
    padded = np.pad(picture, ((SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), mode="edge")

    def moved(dy: int, dx: int) -> np.ndarray:
        top, left = SHIFT - dy, SHIFT - dx
        return padded[top : top + picture.shape[0], left : left + picture.shape[1]]

    def error(shift: tuple[int, int]) -> float:
        off = moved(*shift)[box] - real[box]
        return float((weights[box] * (off * off).mean(2)).sum())

    # Every other shift first, then those around the best.
    coarse = range(-SHIFT, SHIFT + 1, 2)
    dy, dx = min(((dy, dx) for dy in coarse for dx in coarse), key=error)
    near = [
        (y, x) for y in (dy - 1, dy, dy + 1) for x in (dx - 1, dx, dx + 1) if max(abs(y), abs(x)) <= SHIFT
    ]
    best = min(near, key=error)
    similar = structure(moved(*best), real)
    return Likeness(-10 * float(np.log10(max(error(best), 1e-10))), float((weights * similar).sum()))


def structure(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The map of structural similarity of two pictures' luminance, float32 [128, 128], by flat windows."""
    luma = np.array([0.299, 0.587, 0.114], np.float32)
    x, y = (torch.from_numpy(picture @ luma)[None, None] for picture in (one, other))

    def mean(values: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(F.pad(values, (WINDOW // 2,) * 4, mode="replicate"), WINDOW, 1)

    mx, my = mean(x), mean(y)
    vx, vy, both = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    found = (2 * mx * my + c1) * (2 * both + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return found[0, 0].numpy()


def nearest_others(painter: Painter, keys: Sequence[str]) -> dict[str, str]:
    """For every concept the one whose picture is nearest to it, on grey."""
    views = np.stack([painter.paint(Plan((key,), "alone", "grey"))[::4, ::4].ravel() for key in keys])
    squares = (views**2).sum(1)
    far = squares[:, None] + squares - 2 * views @ views.T
    np.fill_diagonal(far, np.inf)
    return {key: keys[i] for key, i in zip(keys, far.argmin(1), strict=True)}


def fidelity(
    painter: Painter, others: dict[str, str], pictures: np.ndarray, copies: np.ndarray, plans: Sequence[Plan]
) -> dict[str, float]:
    """The means over pictures of plans.

    Parameters
    ----------
    painter
        Paints the real ones.
    others
        What `nearest_others` gave.
    pictures
        What was drawn, float32 [count, 128, 128, 3] in 0..1.
    copies
        What the autoencoder makes of the plans' pictures without chance, as many.
    plans
        What was asked for.

    Returns
    -------
    dict
        `psnr` and `ssim` of what was drawn; `other` and `copy`, the `ssim` of the nearest other things and
        of the autoencoder's copies; `fidelity`, how far from the one to the other the drawn `ssim` is.
    """
    drawn, floor, ceiling = [], [], []
    for picture, copy, plan in zip(pictures, copies, plans, strict=True):
        real, shape = painter.paint(plan), painter.layer(plan)[..., 3]
        drawn.append(likeness(picture, real, shape))
        ceiling.append(likeness(copy, real, shape).ssim)
        wrong = Plan(tuple(others[thing] for thing in plan.things), plan.relation, plan.background)
        floor.append(likeness(painter.paint(wrong), real, shape).ssim)
    psnr, ssim = np.mean(drawn, axis=0)
    other, copy = np.mean(floor), np.mean(ceiling)
    means = {"psnr": psnr, "ssim": ssim, "other": other, "copy": copy}
    means["fidelity"] = (ssim - other) / (copy - other)
    return {name: round(float(value), 3) for name, value in means.items()}
