"""The text is read once per run of a batch; pixels are held to plain calls in `test_denoise`."""

from __future__ import annotations

from contextlib import contextmanager

import torch
from diffusers import UNet2DConditionModel

from sdnb.diffusers_engine.attention import KeysAndValues

from .tiny import render, spec_of


@contextmanager
def counted(unet):
    """Count what each of the maps of the text works out, by functions of their own as accelerate sets."""
    maps = {n: m for n, m in unet.named_modules() if n.endswith(("attn2.to_k", "attn2.to_v"))}
    rows: dict[str, list[int]] = {name: [] for name in maps}
    own = {}
    for name, layer in maps.items():

        def forward(states, name=name, right=layer.forward):
            rows[name].append(len(states))
            return right(states)

        layer.forward = own[name] = forward
    try:
        yield rows
        assert all(layer.__dict__["forward"] is own[name] for name, layer in maps.items())
    finally:
        for layer in maps.values():
            del layer.forward


def test_every_map_reads_the_text_once(engine, sd):
    """Six steps of three pictures make one call of each map; another run makes its own."""
    specs = [spec_of(sd, seed=seed, num_inference_steps=6) for seed in range(3)]
    with counted(engine._parts(sd).unet) as rows:
        render(engine, sd, *specs)
        assert len(rows) > 4
        assert set(map(tuple, rows.values())) == {(6,)}
        render(engine, sd, specs[0])
        assert set(map(tuple, rows.values())) == {(6, 2)}
    assert not any("forward" in vars(module) for module in engine._parts(sd).unet.modules())


def test_the_text_is_read_again_when_rows_leave(engine, sd):
    """A lane that ends takes its rows along, and the rest is read once more."""
    with counted(engine._parts(sd).unet) as rows:
        render(engine, sd, *(spec_of(sd, num_inference_steps=steps) for steps in (3, 6)))
    assert set(map(tuple, rows.values())) == {(4, 2)}


def test_a_block_that_attends_to_the_picture_twice():
    """An attn2 that reads the picture works it out at every call, and the answers are the model's own."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        block_out_channels=(32,),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D",),
        up_block_types=("CrossAttnUpBlock2D",),
        cross_attention_dim=32,
        norm_num_groups=8,
        only_cross_attention=(True,),
    ).eval()
    states, attended = torch.randn(2, 7, 32), KeysAndValues(unet)
    for time in (900, 100):
        latents = torch.randn(2, 4, 8, 8)
        with torch.no_grad():
            wanted = unet(latents, time, encoder_hidden_states=states)[0]
            with attended.of(states):
                assert torch.equal(unet(latents, time, encoder_hidden_states=states)[0], wanted)
    attended.clear()
    assert attended._made == {}
