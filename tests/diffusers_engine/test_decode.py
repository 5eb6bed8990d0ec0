"""Decoding: a second chance in full precision, failures with a reason, the safety checker."""

from __future__ import annotations

from dataclasses import replace
from html import escape

import numpy as np
import pytest
import torch

from sdnb.diffusers_engine import DiffusersEngine, decode, lane
from sdnb.diffusers_engine.loading import load

from .tiny import apart, render, spec_of, write_checked


@pytest.fixture
def half(sd):
    """Give an engine in bfloat16 with the tiny model loaded."""
    engine = DiffusersEngine(device="cpu", dtype="bfloat16", memo={})
    return engine, engine._parts(sd)


def overflowing(vae, monkeypatch, *, always=False):
    """Let a VAE overflow in half precision, as that of SDXL does."""
    right = vae.decode

    def wrong(latents, **options):
        if always or latents.dtype != torch.float32:
            return (torch.full((len(latents), 3, 64, 64), float("nan"), dtype=latents.dtype),)
        return right(latents, **options)

    monkeypatch.setattr(vae, "decode", wrong)


def test_an_overflow_is_decoded_again_in_float32(half, sd, monkeypatch):
    """A VAE that gives NaN in half precision decodes in full precision, says so, and is as before."""
    engine, parts = half
    (before,) = render(engine, sd, spec_of(sd))
    overflowing(parts.vae, monkeypatch)
    (picture,) = render(engine, sd, spec_of(sd))
    assert picture.notes == ("decoded again in float32: the VAE overflowed in half precision",)
    assert apart(picture.image, before.image) <= 12
    assert parts.vae.dtype == torch.bfloat16


def test_what_stays_infinite_fails_with_the_reason(half, sd, monkeypatch):
    """NaN in float32 too is a failed picture."""
    engine, parts = half
    overflowing(parts.vae, monkeypatch, always=True)
    (picture,) = render(engine, sd, spec_of(sd))
    assert "not finite" in picture.error
    assert picture.pixels is None


def test_numbers_that_are_not_finite_in_the_latents_are_not_decoded(engine, sd, monkeypatch):
    """A run that ends in NaN fails with scheduler and steps in the reason; its neighbours are drawn."""
    step = lane.Lane.step

    def poisoned(own, predicted):
        step(own, predicted)
        own.latents[0, 0, 0, 0] = float("nan")

    monkeypatch.setattr(lane.Lane, "step", poisoned)
    bad, good = render(engine, sd, spec_of(sd, seed=0), spec_of(sd, seed=1))
    assert bad.error.startswith("euler gave numbers that are not finite in 5 steps")
    assert not good.error


def test_conversion_is_that_of_the_image_processor(engine, sd):
    """The same latents become the same bytes as by diffusers' VaeImageProcessor."""
    from diffusers.image_processor import VaeImageProcessor

    parts = engine._parts(sd)
    latents = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        pixels = parts.vae.decode(latents / parts.vae.config.scaling_factor, return_dict=False)[0]
    theirs = VaeImageProcessor().postprocess(pixels, output_type="pil")
    ours = decode.decode(parts, list(latents))
    for made, image in zip(ours, theirs, strict=True):
        assert apart(made.image, image) == 0


def test_memory_that_runs_out_halves_what_is_decoded_at_once(engine, sd, monkeypatch):
    """Pictures are decoded in smaller batches, and where one is too many it fails with the reason."""
    parts = engine._parts(sd)
    latents = list(torch.randn(5, 4, 8, 8))
    whole = decode.decode(parts, latents)
    right, fits = parts.vae.decode, 2

    def scarce(some, **options):
        if len(some) > fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return right(some, **options)

    monkeypatch.setattr(parts.vae, "decode", scarce)
    for one, other in zip(whole, decode.decode(parts, latents), strict=True):
        assert apart(one.image, other.image) <= 1
    fits = 0
    failed = decode.decode(parts, latents[:2])
    assert ["smaller size" in made.error for made in failed] == [True, True]


@pytest.mark.parametrize(("side", "wanted"), [(64, [6]), (128, [4, 2])])
def test_pictures_that_end_together_are_decoded_together(engine, sd, monkeypatch, side, wanted):
    """Six pictures of one batch take one call of the VAE, or two where they are larger."""
    parts, calls = engine._parts(sd), []
    right = parts.vae.decode
    monkeypatch.setattr(parts.vae, "decode", lambda z, **more: calls.append(len(z)) or right(z, **more))
    specs = [spec_of(sd, seed=i, width=side, height=side, num_inference_steps=1) for i in range(6)]
    assert all(picture.pixels is not None for picture in render(engine, sd, *specs))
    assert calls == wanted


class _Checker:
    """Blocks the first picture of each batch, as the checker of a checkpoint reports it."""

    def __call__(self, images, clip_input):
        return images, [True] + [False] * (len(clip_input) - 1)


class _Seen(dict):
    pixel_values = torch.zeros(2, 3, 8, 8)

    def to(self, device):
        return self


def test_a_blocked_picture_is_black_and_says_so(engine, sd):
    """The checkpoint's own safety checker blanks a picture with a note; the others stay."""
    parts = replace(
        engine._parts(sd), safety_checker=_Checker(), feature_extractor=lambda images, return_tensors: _Seen()
    )
    blocked, free = decode.decode(parts, list(torch.randn(2, 4, 8, 8)))
    assert blocked.notes == [decode.BLOCKED]
    assert not np.asarray(blocked.image).any()
    assert free.notes == []
    assert np.asarray(free.image).any()


def test_a_real_safety_checker_is_loaded_and_asked(sd, tmp_path):
    """A folder with a safety checker is drawn with it, unless the user switched it off."""
    model = write_checked(sd, tmp_path / "checked")
    on, off = DiffusersEngine(device="cpu"), DiffusersEngine(device="cpu", safety_checker=False)
    (checked,) = render(on, model, spec_of(sd, num_inference_steps=2))
    assert not np.asarray(checked.image).any()
    assert checked.notes == (decode.BLOCKED,)
    (unchecked,) = render(off, model, spec_of(sd, num_inference_steps=2))
    assert np.asarray(unchecked.image).any()
    assert on.identity(model) != off.identity(model)
    assert load(model, "cpu", "float32", safety_checker=False).safety_checker is None


def test_a_blocked_picture_is_kept_and_shown_as_blocked(sd, tmp_path):
    """From the cell to the store and back: black, with the reason; switched off it is drawn anew."""
    import sdnb
    from sdnb import api, desk, settings

    model = write_checked(sd, tmp_path / "checked")
    ask = {"model": str(model.path), "num_inference_steps": 2, "device": "cpu", "progress": False}
    for cached in (False, True):
        results = sdnb.diffuse("red fox", **ask)
        assert results[0].cached is cached
        assert results[0].notes == (decode.BLOCKED,)
        assert not np.asarray(results[0].image).any()
        assert escape(decode.BLOCKED) in results._repr_mimebundle_()["text/html"]
    assert "safety checker" in desk.answer("status") and "on, where" in desk.answer("status")
    settings.activate(settings.Sdnb(safety_checker=False))
    free = sdnb.diffuse("red fox", **ask)
    assert not free[0].cached and not free[0].notes
    assert np.asarray(free[0].image).any()
    (line,) = [line for line in desk.answer("status").splitlines() if line.startswith("safety checker")]
    assert line.endswith("off")
    api.unload()


@pytest.fixture(scope="module")
def seen():
    """Give the parts of mini, and the latents of a picture that it drew."""
    from sdnb import models

    engine = DiffusersEngine(device="cpu")
    model = models.resolve("mini")
    parts = engine._parts(model)
    (drawn,) = render(
        engine, model, spec_of(model, "a red fox", width=256, height=256, num_inference_steps=6)
    )
    with torch.inference_mode():
        pixels = torch.from_numpy(np.array(drawn.image)).permute(2, 0, 1)[None].float() / 127.5 - 1
        latents = parts.vae.encode(pixels).latent_dist.mean * parts.vae.config.scaling_factor
    return parts, latents[0]


def test_a_very_big_picture_is_decoded_in_tiles(seen, monkeypatch):
    """Above the limit tiles are decoded, their number says so, and the picture is near the whole one."""
    parts, latents = seen
    (whole,) = decode.decode(parts, [latents])
    sides = []
    hook = parts.vae.decoder.register_forward_pre_hook(lambda module, args: sides.append(args[0].shape[-1]))
    monkeypatch.setattr(decode.devices, "WHOLE_PIXELS", 256 * 256 - 1)
    (tiled,) = decode.decode(parts, [latents])
    hook.remove()
    assert len(sides) > 4 and max(sides) <= 16
    assert tiled.notes == ["decoded in tiles, for its size"]
    assert not whole.notes and not parts.vae.use_tiling
    difference = np.abs(np.asarray(whole.image, np.int16) - np.asarray(tiled.image, np.int16))
    assert difference.mean() < 4


def test_memory_that_runs_out_for_one_picture_is_answered_with_tiles(seen, monkeypatch):
    """A picture that is too much whole is decoded in tiles, with a note, before it fails."""
    parts, latents = seen
    right = parts.vae.decode

    def scarce(some, **options):
        if not parts.vae.use_tiling:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return right(some, **options)

    monkeypatch.setattr(parts.vae, "decode", scarce)
    (made,) = decode.decode(parts, [latents])
    assert made.notes == ["decoded in tiles, for memory ran out"]
    assert np.asarray(made.image).std() > 5
