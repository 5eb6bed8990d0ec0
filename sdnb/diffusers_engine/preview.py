"""What the model thinks the picture will be, seen through a linear map from latents to RGB."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sdnb.diffusers_engine.pipelines import Parts

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["factors", "noise_level", "predict_x0", "to_images"]

# rows: latent channels; columns: red, green, blue; then the bias
_FACTORS = {
    "sd": (
        (
            (0.3512, 0.2297, 0.3227),
            (0.3250, 0.4974, 0.2350),
            (-0.2829, 0.1762, 0.2721),
            (-0.2120, -0.2616, -0.7177),
        ),
        (0.0, 0.0, 0.0),
    ),
    "sdxl": (
        (
            (0.3651, 0.4232, 0.4341),
            (-0.2533, -0.0042, 0.1068),
            (0.1076, 0.1111, -0.0362),
            (-0.3165, -0.2492, -0.2188),
        ),
        (0.1084, -0.0175, -0.0011),
    ),
}


def noise_level(scheduler: Any, timestep: Tensor) -> float:
    """Return the sigma of a timestep, the data having unit variance: ``sqrt((1 - a) / a)``.

    Between two training timesteps it is interpolated as the schedulers do, in its logarithm.
    """
    table = scheduler.alphas_cumprod.double().cpu().clamp(1e-8, 1.0 - 1e-8)
    place = min(max(float(timestep), 0.0), len(table) - 1.0)
    low = int(place)
    ratio = torch.log((1 - table) / table)  # twice the logarithm of sigma
    high = min(low + 1, len(table) - 1)
    return math.exp(float(ratio[low] + (ratio[high] - ratio[low]) * (place - low)) / 2)


def predict_x0(scheduler: Any, timestep: Tensor, scaled: Tensor, output: Tensor) -> Tensor:
    """Return the clean latents that a model's answer stands for.

    Schedulers that count in sigmas scale what the model reads to unit variance, so every model input is
    ``sqrt(a) x0 + sqrt(1 - a) noise`` with the cumulative alpha ``a`` of its timestep, and one formula
    for each prediction type holds for all of them (Salimans and Ho 2022, arXiv:2202.00512).

    Parameters
    ----------
    scheduler
        Of diffusers.
    timestep : Tensor
        Scalar.
    scaled, output : Tensor
        What the model read, and its answer after guidance; ``[rows, channels, height/8, width/8]``.
    """
    kind = scheduler.config.prediction_type
    if kind == "sample":
        return output
    clean: Tensor
    alpha = 1.0 / (1.0 + noise_level(scheduler, timestep) ** 2)
    signal, noise = alpha**0.5, (1 - alpha) ** 0.5
    if kind == "v_prediction":
        scaled, signal = signal * scaled, 1.0
    clean = (scaled - noise * output) / signal
    return clean


def factors(parts: Parts) -> tuple[Tensor, Tensor]:
    """Return the map from latents to RGB in [-1, 1]: ``[channels, 3]`` and a bias ``[3]``.

    A model that ships its own has it in ``preview.json``; the rest take that of their family.
    """
    file = parts.path / "preview.json"
    if file.is_file():
        said = json.loads(file.read_text(encoding="utf-8"))
        matrix, bias = said["factors"], said.get("bias", (0.0, 0.0, 0.0))
    else:
        matrix, bias = _FACTORS[parts.family]
    return torch.tensor(matrix, dtype=torch.float32), torch.tensor(bias, dtype=torch.float32)


@torch.inference_mode()
def to_images(latents: list[Tensor], through: tuple[Tensor, Tensor]) -> list[Image]:
    """Return latents as small RGB pictures, one pixel a latent.

    Parameters
    ----------
    latents : list of Tensor
        Each ``[channels, height/8, width/8]``; not finite values become grey.
    through : tuple of Tensor
        What `factors` returned.
    """
    from PIL import Image

    matrix, bias = through
    stacked = torch.stack(latents).float().cpu()
    if stacked.shape[1] != len(matrix):  # a model with other latents and no preview.json
        matrix, bias = torch.full((stacked.shape[1], 3), 1 / stacked.shape[1]), torch.zeros(3)
    rgb = torch.nan_to_num(torch.einsum("bchw,cd->bhwd", stacked, matrix) + bias)
    pixels = ((rgb.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).numpy()
    return [Image.fromarray(picture) for picture in pixels]
