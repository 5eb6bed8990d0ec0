"""Pictures that begin from a picture are those of diffusers' own pipelines, with the model loaded once."""

from __future__ import annotations

from threading import Event

import diffusers
import numpy as np
import pytest
import torch

from sdnb import inputs, models, runner
from sdnb.defaults import check
from sdnb.diffusers_engine import DiffusersEngine, loading, start
from sdnb.engine import Group
from sdnb.errors import ModelError

from .tiny import BOUND, SIDE, apart, pipeline, plain, spec_of, write_inpainting, write_sd, write_sdxl

NAMES = [
    "euler",
    "euler_a",
    "ddim",
    "pndm",
    "heun",
    "dpmpp_2m_karras",
    "dpmpp_2m_sde",
    "unipc",
    "lcm",
    "dpmpp_sde",
]


def gradient(width=SIDE, height=SIDE, turn=False):
    """Make a picture with colours that differ everywhere."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    picture = np.stack([x, y, 255 - x], axis=-1).astype(np.uint8)
    return inputs.of(picture[::-1].copy() if turn else picture)


def half(width=SIDE, height=SIDE):
    """Make a mask whose right half is drawn anew."""
    return inputs.of(np.repeat(np.arange(width)[None] >= width // 2, height, axis=0).astype(np.uint8) * 255)


def draw(engine, model, specs, *given):
    """Draw specs with the user's pictures; return them in the order of the specs."""
    images = {one.digest: one.image for one in given}
    drawn = {p.spec: p for p in engine.render(Group(model, tuple(specs), images), lambda step: None, Event())}
    return [drawn[spec] for spec in specs]


def reference(model, spec, image, mask=None):
    """Draw a spec with diffusers' image-to-image or inpainting pipeline."""
    auto = diffusers.AutoPipelineForImage2Image if mask is None else diffusers.AutoPipelineForInpainting
    pipe = auto.from_pipe(pipeline(model))
    pipe.set_progress_bar_config(disable=True)
    more = {} if mask is None else {"mask_image": mask.image}
    return plain(model, spec, pipe=pipe, image=image.image, strength=spec.strength, **more)


@pytest.mark.parametrize("name", NAMES)
def test_image_to_image_is_that_of_diffusers(engine, sd, sdxl, name):
    """Several strengths, seeds and pictures in one group, each as a plain call draws it alone."""
    one, other = gradient(), gradient(turn=True)
    for model in (sd, sdxl):
        specs = [
            spec_of(model, scheduler=name, seed=i, strength=strength, init_image=image.digest)
            for i, (strength, image) in enumerate([(0.6, one), (0.6, other), (1.0, one)])
        ]
        for spec, picture in zip(specs, draw(engine, model, specs, one, other), strict=True):
            assert not picture.error, picture.error
            image = one if spec.init_image == one.digest else other
            assert apart(picture.image, reference(model, spec, image)) <= BOUND


@pytest.mark.parametrize("name", ["euler", "euler_a", "ddim", "heun", "dpmpp_2m", "lcm"])
def test_inpainting_is_that_of_diffusers(engine, sd, sdxl, name):
    """A mask draws its white part anew, from pure noise at strength 1, and keeps the rest."""
    image, mask = gradient(), half()
    for model in (sd, sdxl):
        specs = [
            spec_of(
                model,
                scheduler=name,
                seed=1,
                strength=strength,
                init_image=image.digest,
                mask_image=mask.digest,
            )
            for strength in (0.6, 1.0)
        ]
        for spec, picture in zip(specs, draw(engine, model, specs, image, mask), strict=True):
            assert not picture.error, picture.error
            assert apart(picture.image, reference(model, spec, image, mask)) <= BOUND


@pytest.mark.parametrize("name", ["euler_a", "dpmpp_2m"])
def test_a_model_made_for_inpainting_reads_the_mask(engine, models_folder, name):
    """Nine channels: latents, mask and the picture without what lies under it, for SD and XL."""
    image, mask = gradient(), half()
    for write in (write_sd, write_sdxl):
        folder = models_folder / f"fills-{write.__name__}"
        model = models.Model(folder.name, folder) if folder.exists() else write_inpainting(folder, write)
        assert models.capabilities(model).inpaints
        given = {"init_image": image.digest, "mask_image": mask.digest}
        specs = [
            spec_of(model, scheduler=name, seed=i, strength=s, **given) for i, s in enumerate((1.0, 0.6))
        ]
        for spec, picture in zip(specs, draw(engine, model, specs, image, mask), strict=True):
            assert not picture.error, picture.error
            assert apart(picture.image, plain(model, spec, image=image.image, mask_image=mask.image,
                                              strength=spec.strength)) <= BOUND  # fmt: skip
        with pytest.raises(ModelError, match="fills in masks; give it a picture with --init"):
            check(spec_of(model, init_image=image.digest), models.capabilities(model))


def test_what_is_outside_of_the_mask_is_kept(engine, sd, monkeypatch):
    """The latents of the kept half end as those of the original; the other half does not."""
    image, mask = gradient(), half()
    spec = spec_of(sd, init_image=image.digest, mask_image=mask.digest)
    parts = engine._parts(sd)
    ended: list[torch.Tensor] = []
    decode = parts.vae.decode
    monkeypatch.setattr(parts.vae, "decode", lambda z, **more: ended.append(z) or decode(z, **more))
    draw(engine, sd, [spec], image, mask)
    originals = start.Originals(parts, {image.digest: image.image})
    with torch.inference_mode():
        clean = originals.latents(spec, torch.Generator().manual_seed(spec.seed), torch.float32)
    away = (ended[0] * parts.vae.config.scaling_factor - clean).abs().amax(dim=(0, 1, 2))
    assert away[: SIDE // 16].max() < 1e-5
    assert away[SIDE // 16 :].min() > 0.1


def test_pictures_with_and_without_a_start_share_calls(engine, sd):
    """One group may hold all kinds; the long ones do not lengthen the others."""
    image = gradient()
    specs = [
        spec_of(sd, num_inference_steps=6),
        spec_of(sd, num_inference_steps=6, init_image=image.digest, strength=0.5),
        spec_of(sd, num_inference_steps=6, init_image=image.digest),
    ]
    rows: list[int] = []
    hook = engine._parts(sd).unet.register_forward_pre_hook(lambda module, args: rows.append(len(args[0])))
    try:
        pictures = draw(engine, sd, specs, image)
    finally:
        hook.remove()
    assert rows == [6] * 3 + [4] * 3
    assert apart(pictures[0].image, plain(sd, specs[0])) <= BOUND
    assert apart(pictures[1].image, reference(sd, specs[1], image)) <= BOUND


@pytest.mark.parametrize("name", ["euler", "heun", "pndm", "dpm2_a", "dpmpp_sde"])
def test_evaluations_are_counted_right(engine, sd, name):
    """The runner's estimate is the number of rows that the model reads."""
    image = gradient()
    rows: list[int] = []
    hook = engine._parts(sd).unet.register_forward_pre_hook(lambda m, args: rows.append(len(args[0])))
    try:
        for strength in (0.3, 0.75, 1.0):
            rows.clear()
            spec = spec_of(
                sd, scheduler=name, num_inference_steps=7, init_image=image.digest, strength=strength
            )
            draw(engine, sd, [spec], image)
            assert sum(rows) == runner.evaluations(spec, engine.capabilities(sd))
    finally:
        hook.remove()


def test_the_model_is_loaded_once_and_a_picture_encoded_once(sd, monkeypatch):
    """Text, picture and mask draw with the same parts; the VAE reads a picture once for all its seeds."""
    engine, loads = DiffusersEngine(device="cpu"), []
    load = loading.load
    monkeypatch.setattr(loading, "load", lambda *args, **more: loads.append(1) or load(*args, **more))
    image, mask = gradient(), half()
    vae = engine._parts(sd).vae
    encoded: list[int] = []
    encode = vae.encode
    monkeypatch.setattr(vae, "encode", lambda pixels: encoded.append(len(pixels)) or encode(pixels))
    draw(engine, sd, [spec_of(sd)])
    draw(engine, sd, [spec_of(sd, seed=s, init_image=image.digest, strength=0.5) for s in range(40)], image)
    draw(engine, sd, [spec_of(sd, init_image=image.digest, mask_image=mask.digest)], image, mask)
    assert loads == [1]
    assert encoded == [1, 1]


def test_other_proportions_lose_their_edges(engine, sd):
    """A picture of another shape is cut to the middle, not squeezed; one of the size is left as it is."""
    wide = gradient(SIDE * 2, SIDE)
    middle = inputs.of(wide.image.crop((SIDE // 2, 0, SIDE // 2 + SIDE, SIDE)))
    (picture,) = draw(engine, sd, [spec_of(sd, init_image=wide.digest, strength=0.5)], wide)
    assert (
        apart(picture.image, reference(sd, spec_of(sd, init_image=wide.digest, strength=0.5), middle))
        <= BOUND
    )


@pytest.mark.parametrize("name", ["dpmpp_2m", "euler_a", "heun"])
def test_mini_draws_from_a_picture(engine, name):
    """The embedded model goes on from one of its own pictures as diffusers does."""
    torch.manual_seed(0)
    mini = models.resolve("mini")
    image, mask = gradient(128, 128), half(128, 128)
    for more, given in (({"strength": 0.5}, None), ({"mask_image": mask.digest}, mask)):
        spec = spec_of(
            mini, "a fox", scheduler=name, width=128, height=128, init_image=image.digest, **more,
            num_inference_steps=4,
        )  # fmt: skip
        (picture,) = draw(engine, mini, [spec], image, mask)
        assert apart(picture.image, reference(mini, spec, image, given)) <= BOUND
