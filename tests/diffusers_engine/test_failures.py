"""Exceptions: which of them mean memory, what the user is told, and that they keep no tensor."""

from __future__ import annotations

import gc
import weakref
from threading import Event

import pytest
import torch

from sdnb.diffusers_engine import failures
from sdnb.engine import Group

from .tiny import BOUND, apart, plain, render, spec_of


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (torch.OutOfMemoryError("CUDA: nothing left"), True),
        (MemoryError(), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), True),
        (RuntimeError("sizes do not match"), False),
        (ValueError("out of memory"), False),
    ],
    ids=str,
)
def test_what_means_that_memory_ran_out(error, short):
    """Every device has its own way to say it; nothing else is taken for it."""
    assert failures.out_of_memory(error) is short


class _Broken(RuntimeError):
    pass


@pytest.mark.parametrize("raised", [KeyboardInterrupt, _Broken])
def test_what_stops_a_run_keeps_no_tensor(engine, sd, raised):
    """The traceback of an interrupt or a failure in a callback holds no tensor of the run."""
    held: list[weakref.ref] = []

    def stop(step):
        if step.note:  # the model is loaded first
            return
        batch = step.preview.__self__
        held.extend(weakref.ref(lane.latents) for lane in batch._lanes)
        held.extend(weakref.ref(lane.output) for lane in batch._lanes)
        held.append(weakref.ref(batch._gathered()[0]["encoder_hidden_states"]))
        raise raised("stop")

    specs = tuple(spec_of(sd, scheduler=name) for name in ("euler", "heun"))
    with pytest.raises(raised) as kept:
        list(engine.render(Group(sd, specs), stop, Event()))
    gc.collect()
    assert kept.value.__traceback__ is not None
    assert len(held) == 5
    assert [ref() for ref in held] == [None] * 5
    (picture,) = render(engine, sd, specs[0])
    assert apart(picture.image, plain(sd, specs[0])) <= BOUND


def test_an_interrupt_inside_the_model_keeps_no_tensor(engine, sd):
    """Ctrl-C deep in a call of the model lets go of what the call had made."""
    held: list[weakref.ref] = []
    block = engine._parts(sd).unet.mid_block

    def interrupt(module, args):
        held.append(weakref.ref(args[0]))
        raise KeyboardInterrupt

    hook = block.register_forward_pre_hook(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt) as kept:
            render(engine, sd, spec_of(sd))
    finally:
        hook.remove()
    gc.collect()
    assert kept.value.__traceback__ is not None
    assert [ref() for ref in held] == [None]


def test_the_line_about_an_exception_names_its_place():
    """`why` keeps kind, first line and place, and no frame."""
    try:
        raise IndexError("index 7 is out of bounds\nmore")
    except IndexError as error:
        said = failures.why(error)
    assert said.startswith("IndexError: index 7 is out of bounds (test_failures.py:")
