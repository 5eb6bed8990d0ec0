"""The autoencoder: 128x128 pictures to 16x16 latents of four channels, and back."""

import time
from collections.abc import Iterator

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.nn import functional as F

from .optimizer import Optimizer, cosine

CHANNELS = (16, 32, 64, 128)
BATCH = 6
NOISE = 0.06
CONSTANT = 6.0


def build() -> AutoencoderKL:
    """A fresh autoencoder that already passes its input's eight-pixel averages through, exactly.

    From a random start the colours of a picture take very long to come through. So the first channels
    carry plus and minus RGB through every layer, where silu(x) - silu(-x) = x, and two constants beside them
    make the picture's own size almost vanish in the final normalisation.
    """
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        sample_size=128,
        block_out_channels=CHANNELS,
        layers_per_block=1,
        norm_num_groups=1,
        mid_block_add_attention=False,
        down_block_types=("DownEncoderBlock2D",) * len(CHANNELS),
        up_block_types=("UpDecoderBlock2D",) * len(CHANNELS),
        scaling_factor=1.0,
    )
    with torch.no_grad():
        for half in (vae.encoder, vae.decoder):
            for name, module in half.named_modules():
                if name.endswith("conv2"):
                    nn.init.zeros_(module.weight)
                    nn.init.zeros_(module.bias)
                if name.endswith("conv_shortcut"):
                    _pass(module, 8)
                if "downsamplers" in name and isinstance(module, nn.Conv2d):
                    _pass(module, 8, slice(0, 2))
                if "upsamplers" in name and isinstance(module, nn.Conv2d):
                    _pass(module, 8)
            _split(half.conv_in)
            _join(half.conv_out, half.conv_norm_out, 3)
        vae.encoder.conv_out.bias[4:] = -12.0
        vae.encoder.conv_out.weight[4:] = 0
        nn.init.normal_(vae.encoder.conv_out.weight[3:4], std=0.02)
        for module in (vae.quant_conv, vae.post_quant_conv):
            module.weight.copy_(torch.eye(module.weight.shape[0])[..., None, None])
            module.bias.zero_()
    return vae


def _pass(conv: nn.Conv2d, count: int, taps: slice | None = None) -> None:
    """Let the first channels through unchanged: by the middle tap, or as the mean of some."""
    taps = taps or slice(conv.kernel_size[0] // 2, conv.kernel_size[0] // 2 + 1)
    conv.weight[:count] = 0
    conv.weight[:, :count] *= 0.1
    conv.bias[:count] = 0
    for c in range(count):
        area = conv.weight[c, c, taps, taps]
        area.fill_(1 / area.numel())


def _split(conv: nn.Conv2d) -> None:
    """Channels 0..2 become the three inputs, 3..5 their negatives, 6 and 7 plus and minus a constant."""
    middle = conv.kernel_size[0] // 2
    conv.weight[:8] = 0
    conv.bias[:8] = 0
    for c in range(3):
        conv.weight[c, c, middle, middle] = 1
        conv.weight[3 + c, c, middle, middle] = -1
    conv.bias[6], conv.bias[7] = CONSTANT, -CONSTANT


def _join(conv: nn.Conv2d, norm: nn.GroupNorm, count: int) -> None:
    """Subtract the pairs of `_split` again, at the size they had before the normalisation."""
    middle = conv.kernel_size[0] // 2
    size = CONSTANT * (2 / norm.num_channels) ** 0.5
    conv.weight[:count] *= 0.02
    conv.bias[:count] = 0
    for c in range(count):
        conv.weight[c, c, middle, middle] = size
        conv.weight[c, 3 + c, middle, middle] = -size


def loss(real: Tensor, drawn: Tensor) -> Tensor:
    """L1 at full and at quarter size, of the gradients, and squared error.

    Parameters
    ----------
    real, drawn
        float32 [batch, 3, 128, 128] in -1..1.
    """
    off = drawn - real
    across, down = off.diff(dim=-1).abs().mean(), off.diff(dim=-2).abs().mean()
    return (
        off.abs().mean()
        + 0.3 * (across + down)
        + 0.3 * F.avg_pool2d(off, 4).abs().mean()
        + 4 * off.square().mean()
    )


def psnr(real: Tensor, drawn: Tensor) -> float:
    """Peak signal to noise ratio in dB, the mean over the pictures; inputs in -1..1."""
    error = ((real - drawn.clamp(-1, 1)) / 2).square().mean(dim=(1, 2, 3))
    return float((-10 * error.log10()).mean())


def encode(vae: AutoencoderKL, pictures: Tensor) -> Tensor:
    """The latents' means, float32 [batch, 4, 16, 16], of pictures in -1..1, in small batches."""
    with torch.no_grad():
        return torch.cat([vae.encode(part).latent_dist.mean for part in pictures.split(16)])


def decode(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Pictures in -1..1 of latents, in small batches."""
    with torch.no_grad():
        return torch.cat([vae.decode(part).sample for part in latents.split(16)])


def train(
    vae: AutoencoderKL,
    pictures: Tensor,
    held_out: Tensor,
    seconds: float,
    seed: int = 0,
    decoder_only: bool = False,
) -> Iterator[str]:
    """Train in place for a time, yielding a line of progress now and then; ends with the averaged weights.

    Parameters
    ----------
    vae
        What is trained.
    pictures, held_out
        uint8 [count, 3, 128, 128].
    seconds
        How long.
    seed
        For the order of the pictures.
    decoder_only
        Leave the encoder, and so the meaning of latents, as it is.
    """
    generator = torch.Generator().manual_seed(seed)
    vae.train().to(memory_format=torch.channels_last)
    vae.encoder.requires_grad_(not decoder_only)
    vae.quant_conv.requires_grad_(not decoder_only)
    optimizer = Optimizer(vae, muon=0.005, adam=1e-3, average=0.995)
    begun, said, tail = time.monotonic(), 0.0, 0.0
    while (spent := time.monotonic() - begun) < seconds:
        chosen = torch.randint(len(pictures), (BATCH,), generator=generator)
        batch = _unit(pictures[chosen]).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            latents = vae.encode(batch).latent_dist.mean.float()
            size = latents.detach().std(dim=(0, 2, 3), keepdim=True)
            noise = torch.randn(latents.shape, generator=generator) * size * NOISE
            drawn = vae.decode(latents + noise).sample.float()
        value = loss(batch, drawn)
        value.backward()
        nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step(cosine(spent / seconds))
        tail = 0.98 * tail + 0.02 * value.item() if tail else value.item()
        if spent - said > 30:
            said = spent
            line = f"vae {spent:.0f} of {seconds:.0f} s, step {optimizer.steps}, loss {tail:.4f}"
            yield f"{line}, {score(optimizer.average, held_out[:64]):.2f} dB"
    vae.load_state_dict(optimizer.average.state_dict())
    vae.eval().requires_grad_(False)
    yield f"vae done, step {optimizer.steps}, {score(vae, held_out):.2f} dB"


def score(vae: AutoencoderKL, pictures: Tensor) -> float:
    """PSNR of uint8 pictures encoded and decoded."""
    real = _unit(pictures)
    return psnr(real, decode(vae, encode(vae, real)))


def _unit(pictures: Tensor) -> Tensor:
    return pictures.float() / 127.5 - 1


def normalize(vae: AutoencoderKL, pictures: Tensor) -> None:
    """Fold every channel's mean and spread into the quant convolutions, so that latents are of unit size."""
    latents = encode(vae, _unit(pictures))
    mean, spread = latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3))
    with torch.no_grad():
        vae.quant_conv.weight[:4] /= spread[:, None, None, None]
        vae.quant_conv.bias[:4] = (vae.quant_conv.bias[:4] - mean) / spread
        vae.post_quant_conv.bias += vae.post_quant_conv.weight[..., 0, 0] @ mean
        vae.post_quant_conv.weight *= spread[None, :, None, None]
