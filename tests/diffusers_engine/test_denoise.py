"""Batches of lanes: the pictures are those of plain diffusers calls, and calls are shared."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

import diffusers
import numpy as np
import pytest
import torch

from sdnb import scheduler_kinds, schedulers
from sdnb.engine import Group

from .tiny import BOUND, PLAIN, apart, counted, plain, render, spec_of


@pytest.mark.parametrize(
    "kind", [k for k in scheduler_kinds.TABLE.values() if not k.flow], ids=lambda k: k.name
)
def test_a_batch_of_eight_is_eight_plain_calls(engine, sd_v, kind):
    """Seeds, prompts, negative prompts and guidance of a batch do not touch each other; v-prediction."""
    specs = [
        spec_of(
            sd_v,
            "blue moon" if seed % 2 else "red fox",
            seed=seed,
            guidance_scale=(1.0, 4.0, 7.5)[seed % 3],
            negative_prompt="blur" if seed > 4 else "",
            scheduler=kind.name,
            num_inference_steps=4,
        )
        for seed in range(8)
    ]
    for spec, picture in zip(specs, render(engine, sd_v, *specs), strict=True):
        assert not picture.error
        assert apart(picture.image, plain(sd_v, spec)) <= BOUND


def test_all_schedulers_stacked_are_plain_calls(engine, sd):
    """Schedulers of different lengths share calls without a trace in the pictures."""
    specs = [spec_of(sd, scheduler=name, seed=i, num_inference_steps=4) for i, name in enumerate(PLAIN)]
    for spec, picture in zip(specs, render(engine, sd, *specs), strict=True):
        assert not picture.error, spec.scheduler
        assert apart(picture.image, plain(sd, spec)) <= BOUND, spec.scheduler


def test_a_picture_does_not_depend_on_how_often_it_is_drawn(engine, sd):
    """The same spec gives the same bytes again, after other pictures too."""
    spec = spec_of(sd, scheduler="euler_a", seed=7)
    (first,) = render(engine, sd, spec)
    render(engine, sd, replace(spec, seed=8))
    (again,) = render(engine, sd, spec)
    assert np.array_equal(first.image, again.image)


def test_four_seeds_share_every_call(engine, sd):
    """A lane of four seeds makes one call a step, of two rows a picture."""
    specs = [spec_of(sd, seed=seed, num_inference_steps=6) for seed in range(4)]
    with counted(engine, sd) as rows:
        render(engine, sd, *specs)
    assert rows == [8] * 6


def test_eight_schedulers_share_every_call(engine, sd):
    """Stacked schedulers make as many calls as the longest of them alone, and rows leave as they end."""
    names = ["euler", "euler_a", "ddim", "heun", "dpmpp_2m", "unipc", "lms", "pndm"]
    specs = [spec_of(sd, scheduler=name, num_inference_steps=5) for name in names]
    with counted(engine, sd) as rows:
        render(engine, sd, *specs)
    wanted = [schedulers.parse(name).evaluations(5) for name in names]
    assert len(rows) == max(wanted)
    assert sum(rows) == 2 * sum(wanted)


def test_finished_pictures_come_before_longer_ones_end(engine, sd):
    """A picture of few steps is yielded while the others of its batch go on."""
    specs = [spec_of(sd, num_inference_steps=9), spec_of(sd, num_inference_steps=3)]
    calls: list[int] = []
    drawing = engine.render(
        Group(sd, tuple(specs)), lambda step: step.note or calls.append(step.done), Event()
    )
    assert next(drawing).spec.num_inference_steps == 3
    assert calls == [1, 2, 3]
    assert [picture.spec.num_inference_steps for picture in drawing] == [9]


def test_steps_tell_how_far_a_batch_is(engine, sd):
    """Each call is told once, with the calls in all and the pictures of the batch."""
    told = []
    render(engine, sd, spec_of(sd, scheduler="heun", num_inference_steps=3), on_step=told.append)
    assert [(step.done, step.total) for step in told] == [(n, 5) for n in range(1, 6)]
    assert told[0].specs == (spec_of(sd, scheduler="heun", num_inference_steps=3),)


def test_cancel_ends_within_one_call(engine, sd):
    """After `cancel` no further call is made, and the next run draws the right picture."""
    cancel, told = Event(), []

    def stop_at_three(step):
        told.append(step.done)
        if step.done == 3:
            cancel.set()

    specs = tuple(spec_of(sd, scheduler="dpmpp_2m", seed=seed, num_inference_steps=8) for seed in range(2))
    with counted(engine, sd) as rows:
        assert list(engine.render(Group(sd, specs), stop_at_three, cancel)) == []
    assert len(rows) == 3 == told[-1]
    (picture,) = render(engine, sd, specs[0])
    assert apart(picture.image, plain(sd, specs[0])) <= BOUND


def test_a_failing_model_call_fails_its_pictures_only(engine, sd):
    """The pictures of a failed call say why; those of the next batch are drawn."""
    specs = [spec_of(sd, seed=seed, num_inference_steps=2) for seed in range(40)]
    unet, raised = engine._parts(sd).unet, []

    def fail_once(module, args):
        if not raised:
            raised.append(1)
            raise ValueError("no such thing\nsecond line")

    hook = unet.register_forward_pre_hook(fail_once)
    try:
        pictures = render(engine, sd, *specs)
    finally:
        hook.remove()
    failed = [picture for picture in pictures if picture.error]
    assert 0 < len(failed) < len(specs)
    assert failed[0].error.startswith("ValueError: no such thing (test_denoise.py:")
    assert all(picture.pixels is not None for picture in pictures if not picture.error)


def test_memory_that_runs_out_halves_the_batch(engine, sd):
    """After an out-of-memory error smaller batches draw the same pictures, and say so."""
    specs = [spec_of(sd, seed=seed, num_inference_steps=2) for seed in range(8)]

    def four_rows_fit(module, args):
        if len(args[0]) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")

    hook = engine._parts(sd).unet.register_forward_pre_hook(four_rows_fit)
    try:
        pictures = render(engine, sd, *specs)
    finally:
        hook.remove()
    for spec, picture in zip(specs, pictures, strict=True):
        assert apart(picture.image, plain(sd, spec)) <= BOUND
        assert any("memory ran out" in note for note in picture.notes)


def test_one_picture_that_does_not_fit_fails_with_the_reason(engine, sd):
    """Where even one picture runs out of memory it says so."""

    def nothing_fits(module, args):
        raise torch.OutOfMemoryError("CUDA out of memory")

    hook = engine._parts(sd).unet.register_forward_pre_hook(nothing_fits)
    try:
        pictures = render(engine, sd, spec_of(sd, seed=0), spec_of(sd, seed=1))
    finally:
        hook.remove()
    assert [picture.error for picture in pictures] == ["memory ran out; try a smaller size"] * 2


def test_a_scheduler_that_fails_in_mid_run_fails_its_lane_only(engine, sd, monkeypatch):
    """An exception of one scheduler's step fails its pictures with the reason; other lanes go on."""
    right = diffusers.DDIMScheduler.step

    def fail_late(scheduler, output, timestep, *tensors, **keywords):
        if timestep < 500:
            raise IndexError("index 7 is out of bounds")
        return right(scheduler, output, timestep, *tensors, **keywords)

    monkeypatch.setattr(diffusers.DDIMScheduler, "step", fail_late)
    specs = [spec_of(sd, scheduler="ddim", seed=0), spec_of(sd), spec_of(sd, scheduler="ddim", seed=1)]
    with counted(engine, sd) as rows:
        failed, drawn, also = render(engine, sd, *specs)
    assert failed.error.startswith("IndexError: index 7 is out of bounds (test_denoise.py:")
    assert also.error == failed.error
    assert rows == [6, 6, 6, 2, 2]
    assert apart(drawn.image, plain(sd, specs[1])) <= BOUND
