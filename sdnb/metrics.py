"""How far pictures are from a reference, and from each other.

PSNR and SSIM (Wang et al. 2004, doi:10.1109/TIP.2003.819861) compare the pictures and come from
scikit-image; the distance of the final latents compares what the scheduler itself made, before the VAE.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sdnb import extras
from sdnb.picture import Picture

__all__ = ["MEASURES", "Measured", "measure", "same", "spread", "statistics"]

#: What is measured, and how it is said.
MEASURES = {
    "latent_rms": "RMS distance of the final latents",
    "psnr": "PSNR in dB",
    "ssim": "SSIM",
}
_ROUNDING = 2  # of 255; by so much may the same picture differ when it is drawn in another batch


@dataclass(frozen=True)
class Measured:
    """The distances of one picture to its reference; NaN where one of the two is missing.

    Attributes
    ----------
    psnr : float
        Peak signal-to-noise ratio in dB; infinite for equal pictures.
    ssim : float
        Structural similarity, at most 1.
    latent_rms : float
        Root of the mean squared difference of the final latents, whose own spread is near 1.
    """

    psnr: float = math.nan
    ssim: float = math.nan
    latent_rms: float = math.nan


def measure(picture: Picture, reference: Picture) -> Measured:
    """Measure a picture against its reference, both RGB of one size, at least 8 pixels wide and high.

    Raises
    ------
    MissingExtra
        scikit-image is not installed.
    """
    if picture.error or reference.error:
        return Measured()
    extras.require("skimage", "measuring pictures")
    import numpy as np
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    one, other = np.asarray(picture.image), np.asarray(reference.image)
    equal = np.array_equal(one, other)
    latents, limit = picture.latents, reference.latents
    apart = math.nan
    if latents is not None and limit is not None:
        apart = math.sqrt(float(np.mean((latents.astype(float) - limit) ** 2)))
    return Measured(
        psnr=math.inf if equal else float(peak_signal_noise_ratio(other, one, data_range=255)),
        ssim=float(structural_similarity(other, one, channel_axis=2, data_range=255)),
        latent_rms=apart,
    )


def spread(pictures: Sequence[Picture]) -> float:
    """Return how much pictures differ from each other: the standard deviation of a pixel, of 0 to 1.

    It is taken over the pictures for each pixel and colour, and then the root of its mean square. NaN
    for fewer than two pictures.
    """
    import numpy as np

    drawn = [np.asarray(picture.image, np.float32) / 255 for picture in pictures if not picture.error]
    if len(drawn) < 2:
        return math.nan
    return math.sqrt(float(np.stack(drawn).var(axis=0, ddof=1).mean()))


def same(some: Iterable[Picture], others: Iterable[Picture]) -> bool:
    """Tell whether each picture equals its counterpart, but for the rounding of another batch."""
    import numpy as np

    for one, other in zip(some, others, strict=True):
        if one.error or other.error:
            return False
        apart = np.asarray(one.image, np.int16) - np.asarray(other.image, np.int16)
        if np.abs(apart).max() > _ROUNDING:
            return False
    return True


def statistics(numbers: Iterable[float]) -> tuple[float, float]:
    """Return mean and standard deviation, NaN left out.

    Examples
    --------
    >>> statistics([1.0, 3.0, math.nan])
    (2.0, 1.4142135623730951)
    """
    known = [number for number in numbers if not math.isnan(number)]
    if not known:
        return math.nan, math.nan
    mean = math.fsum(known) / len(known) if all(map(math.isfinite, known)) else math.inf
    if len(known) < 2 or not math.isfinite(mean):
        return mean, math.nan
    return mean, math.sqrt(math.fsum((number - mean) ** 2 for number in known) / (len(known) - 1))
