"""The denoiser: a small UNet2DConditionModel trained on cached latents and cached text states."""

import time
from collections.abc import Callable, Iterator

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn

from .optimizer import Optimizer, Report, cosine
from .text import WIDTH

CHANNELS = (40, 80, 160)
BATCH = 32
FIRST, FRESH, EVERY, MOST = 4000, 160, 120, 20_000
DROP = 0.1
RATES = (0.01, 1e-3)


def build() -> UNet2DConditionModel:
    """A fresh UNet whose residual branches all begin at zero, so that it begins as an almost linear map."""
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        block_out_channels=CHANNELS,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=8,
        use_linear_projection=True,
    )
    for name, module in unet.named_modules():
        if name.endswith(("conv2", "proj_out", "conv_out")):
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
    return unet


def schedule() -> DDIMScheduler:
    """The noise schedule that goes with the weights; it ends near pure noise, as plain colours need."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.02,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


class Pool:
    """Latents and text states that training draws from; some are painted anew all the time.

    Parameters
    ----------
    paint
        Gives `count` fresh pairs: latents float32 [count, 4, 16, 16], text states [count, 96, WIDTH].
    first
        How many to begin with.
    """

    def __init__(
        self, paint: Callable[[int], tuple[Tensor, Tensor]], first: int = FIRST, most: int = MOST
    ) -> None:
        self.paint, self.most, self.next = paint, most, 0
        self.latents = torch.empty(0, 4, 16, 16)
        self.states = torch.empty(0)
        self.add(first)

    def add(self, count: int) -> None:
        """Paint `count` more; past `most` they take the oldest ones' place."""
        latents, states = self.paint(count)
        states = states.bfloat16()
        if len(self.latents) + count <= self.most:
            self.latents = torch.cat([self.latents, latents])
            self.states = torch.cat([self.states, states]) if len(self.states) else states
            return
        rows = (torch.arange(count) + self.next) % len(self.latents)
        self.latents[rows], self.states[rows] = latents, states
        self.next = int(rows[-1]) + 1


def train(
    unet: UNet2DConditionModel,
    pool: Pool,
    empty: Tensor,
    seconds: float,
    seed: int = 0,
    state: dict | None = None,
    rates: tuple[float, float] = RATES,
    batch: int = BATCH,
    before: float = 0.0,
) -> Iterator[Report]:
    """Train in place for a time, reporting now and then; the averaged weights are the optimizer's.

    Parameters
    ----------
    unet
        What is trained.
    pool
        Where latents and states come from.
    empty
        The empty prompt's states, [1, 96, WIDTH], put in a tenth of the captions' place.
    seconds
        How long in all: the learning rate falls to a fiftieth at the end.
    seed
        For the noise and the order of the pairs.
    state, before
        The optimizer's state and the seconds spent before a stop, to go on from.
    rates
        Peak learning rates of Muon and AdamW.
    batch
        Samples a step.
    """
    optimizer = Optimizer(unet, muon=rates[0], adam=rates[1], average=0.999)
    if state:
        optimizer.resume(state)
    generator = torch.Generator().manual_seed(seed + optimizer.steps)
    kept = schedule().alphas_cumprod
    empty = empty.bfloat16()
    unet.train()
    begun, said, tail, hard, at_start = time.monotonic() - before, before, 0.0, 0.0, optimizer.steps
    while (spent := time.monotonic() - begun) < seconds:
        rows = torch.randint(len(pool.latents), (batch,), generator=generator)
        clean, states = pool.latents[rows], pool.states[rows]
        states = torch.where(torch.rand(batch, 1, 1, generator=generator) < DROP, empty, states)
        spread = (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch
        steps = (spread * 1000).long()
        noise = torch.randn(clean.shape, generator=generator)
        signal, sigma = kept[steps].sqrt()[:, None, None, None], (1 - kept[steps]).sqrt()[:, None, None, None]
        with torch.autocast("cpu", torch.bfloat16):
            guess = unet(signal * clean + sigma * noise, steps, states, return_dict=False)[0].float()
        errors = (guess - (signal * noise - sigma * clean)).square().mean(dim=(1, 2, 3))
        errors.mean().backward()
        nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step(cosine(spent / seconds))
        tail += (errors.mean().item() - tail) * (0.01 if tail else 1)
        high = errors.detach()[steps >= 700].mean().item()
        hard += (high - hard) * (0.01 if hard else 1)
        if optimizer.steps % EVERY == 0:
            pool.add(FRESH)
        if spent - said > Report.EVERY:
            said = spent
            rate = (optimizer.steps - at_start) * batch / (spent - before)
            yield Report(
                f"unet {spent:.0f} of {seconds:.0f} s, step {optimizer.steps}, v-loss {tail:.4f}, "
                f"at t>=700 {hard:.4f}, {rate:.0f} samples/s, pool {len(pool.latents)}",
                spent,
                optimizer,
            )
    line = f"unet done, step {optimizer.steps}, v-loss {tail:.4f}, at t>=700 {hard:.4f}"
    yield Report(line, spent, optimizer)
