"""The tiny models of this folder, and the engine that draws with them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sdnb.diffusers_engine import DiffusersEngine
from sdnb.models import Model

from .tiny import write_sd, write_sdxl


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Keep to one core, so that rounding and cost are the same on every machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def models_folder(tmp_path_factory) -> Path:
    """Hold the models of the session."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def sd(models_folder) -> Model:
    """Give a tiny epsilon-prediction Stable Diffusion."""
    return write_sd(models_folder / "tiny-sd")


@pytest.fixture(scope="session")
def sd_v(models_folder) -> Model:
    """Give a tiny v-prediction Stable Diffusion."""
    return write_sd(models_folder / "tiny-v", "v_prediction")


@pytest.fixture(scope="session")
def sdxl(models_folder) -> Model:
    """Give a tiny Stable Diffusion XL."""
    return write_sdxl(models_folder / "tiny-xl")


@pytest.fixture(scope="session")
def engine() -> DiffusersEngine:
    """Give the engine that most tests share."""
    return DiffusersEngine(device="cpu", memo={}, max_models=8)
