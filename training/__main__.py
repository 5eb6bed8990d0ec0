"""Trains `mini` from nothing, or goes on where it stopped: `python -m training --hours 2`."""

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from . import text, unet, vae
from .captions import Plan, caption, draw_plan, evaluation_plans, hidden
from .evaluate import MINI, WORK
from .export import export, preview_factors
from .pictures import Painter, fetch, load_sprites
from .scenes import BACKGROUNDS

# Shares of the time: the autoencoder's and the text encoder's; the UNet has the rest.
VAE_SHARE, TEXT_SHARE = 0.15, 0.13
SAVE_EVERY = 120.0
# Of the peak learning rates, when the UNet goes on from shipped weights.
AGAIN = 0.5


def say(line: str) -> None:
    """Print a line with the time of day."""
    print(time.strftime("%H:%M:%S"), line, flush=True)


def save(value: object, path: Path) -> None:
    """torch.save to a temporary name first, so that a stop never leaves half a file."""
    new = path.with_suffix(".new")
    torch.save(value, new)
    new.replace(path)


class Studio:
    """The three trainings in their order, on pictures of one painter.

    Parameters
    ----------
    painter
        Paints the pictures.
    work
        Where checkpoints are kept.
    mini
        The pipeline's folder: what is exported, and what training goes on from when there are no checkpoints.
    seed
        For everything that is drawn by chance.
    watched
        How many held-out pictures progress is measured on.
    """

    def __init__(self, painter: Painter, work: Path, mini: Path, seed: int = 0, watched: int = 96) -> None:
        self.painter, self.work, self.mini = painter, work, mini
        self.seed, self.watched = seed, watched
        self.keys = tuple(painter.sprites)
        self.rng = Random(f"{seed} {time.time_ns() if (work / 'unet.pt').exists() else 0}")
        work.mkdir(parents=True, exist_ok=True)

    def _part(self, name: str) -> Path | None:
        """The folder of a part that is already trained: its checkpoint, or else the shipped weights."""
        for folder in (self.work / name, self.mini / name):
            if any(folder.glob("*.safetensors")):
                return folder
        return None

    def paint(self, plans: Sequence[Plan], chance: bool = True) -> Tensor:
        """Pictures of plans, float32 [count, 3, 128, 128] in -1..1."""
        pictures = np.stack([self.painter.paint(plan, self.rng if chance else None) for plan in plans])
        return torch.from_numpy(pictures).permute(0, 3, 1, 2) * 2 - 1

    def latents(self, plans: Sequence[Plan], chance: bool = True) -> Tensor:
        """Latents of the plans' pictures, [count, 4, 16, 16]."""
        parts = []
        for start in range(0, len(plans), 16):
            pictures = self.paint(plans[start : start + 16], chance).contiguous(
                memory_format=torch.channels_last
            )
            with torch.autocast("cpu", torch.bfloat16):
                parts.append(vae.encode(self.vae, pictures).float())
        return torch.cat(parts)

    def plans(self, count: int) -> list[Plan]:
        """Random plans of training."""
        return [draw_plan(self.rng, self.keys) for _ in range(count)]

    def states(self, captions: Sequence[str]) -> Tensor:
        """Text states, [count, 96, width]."""
        with torch.no_grad():
            parts = [
                self.encoder(
                    text.tokenize(self.tokenizer, list(captions[start : start + 32]))
                ).last_hidden_state
                for start in range(0, len(captions), 32)
            ]
        return torch.cat(parts)

    def learn_vae(self, seconds: float, pictures: int = 5000) -> Iterator[str]:
        """Train the autoencoder, unless that is done."""
        torch.manual_seed(self.seed)
        if (folder := self._part("vae")) is not None:
            self.vae = AutoencoderKL.from_pretrained(folder).eval().requires_grad_(False)
        else:
            painted = torch.cat([_bytes(self.paint([plan])) for plan in self.plans(pictures)])
            held_out = _bytes(self.paint(evaluation_plans("held out", self.keys, self.watched)))
            self.vae = vae.build()
            yield from vae.train(self.vae, painted, held_out, seconds, self.seed)
            vae.normalize(self.vae, painted[:512])
            self.vae.save_pretrained(self.work / "vae")
        self.vae.to(memory_format=torch.channels_last)

    def learn_text(self, seconds: float, pairs: int = 6000, captions: int = 20_000) -> Iterator[str]:
        """Train the tokenizer and the text encoder, unless that is done."""
        if (folder := self._part("text_encoder")) is not None:
            self.tokenizer = CLIPTokenizer.from_pretrained(folder.parent / "tokenizer")
            self.encoder = (
                CLIPTextModel.from_pretrained(folder, dtype=torch.float32).eval().requires_grad_(False)
            )
            return
        torch.manual_seed(self.seed)
        self.tokenizer = text.build_tokenizer(self.work / "tokenizer", self.seed, captions)
        alone = [Plan((key,), "alone", where) for key in self.keys for where in (*BACKGROUNDS, None)]
        alone = [plan for plan in alone if not hidden(plan)]
        twos: list[Plan] = []
        while len(twos) < pairs:
            twos += [plan for plan in self.plans(pairs) if plan.relation != "alone"]
        twos = twos[:pairs]
        targets = text.patches(self.latents(alone + twos, chance=False))
        targets = torch.cat([targets, targets[: len(alone)].mean(0, keepdim=True)])

        def draw(rng: Random) -> tuple[Plan | None, int]:
            kind = rng.random()
            if kind < 0.03:
                return None, len(targets) - 1
            row = rng.randrange(len(alone)) if kind < 0.6 else len(alone) + rng.randrange(len(twos))
            return (alone[row] if row < len(alone) else twos[row - len(alone)]), row

        unseen = evaluation_plans("held out", self.keys, self.watched)
        spoken = [caption(plan, ("en", "es")[i % 2]) for i, plan in enumerate(unseen)]
        probes = (spoken, text.patches(self.latents(unseen, chance=False)))
        model = text.Layout(text.build(self.tokenizer))
        yield from text.train(model, self.tokenizer, draw, targets, probes, seconds, self.seed)
        self.encoder = model.encoder
        self.encoder.save_pretrained(self.work / "text_encoder")

    def fresh(self, count: int) -> tuple[Tensor, Tensor]:
        """Newly painted pictures' latents and their captions' states."""
        plans = self.plans(count)
        captions = [
            caption(plan, self.rng.choice(("en", "en", "en", "es", "es")), self.rng) for plan in plans
        ]
        with torch.autocast("cpu", torch.bfloat16):
            states = self.states(captions)
        return self.latents(plans), states

    def learn_unet(self, seconds: float, first: int = unet.FIRST) -> Iterator[str]:
        """Train the UNet, from its checkpoint, or the shipped weights, or nothing; keep checkpoints."""
        torch.manual_seed(self.seed)
        checkpoint = self.work / "unet.pt"
        state = torch.load(checkpoint, weights_only=True)["state"] if checkpoint.exists() else None
        shipped = self.mini / "unet"
        rates = unet.RATES
        if any(shipped.glob("*.safetensors")):
            rates = (AGAIN * rates[0], AGAIN * rates[1])
            model = UNet2DConditionModel.from_pretrained(shipped)
        else:
            model = unet.build()
        pool = unet.Pool(self.fresh, first)
        begun = saved = time.monotonic()
        for line, optimizer in unet.train(model, pool, self.states([""]), seconds, self.seed, state, rates):
            yield line
            self.unet = optimizer.average
            if time.monotonic() - saved > SAVE_EVERY or "done" in line:
                saved = time.monotonic()
                save({"state": optimizer.state(), "spent": saved - begun}, checkpoint)
                optimizer.average.save_pretrained(self.work / "unet")

    def deliver(self, pictures: int = 200) -> int:
        """Export what was trained; the folder's size in bytes."""
        painted = self.paint(self.plans(pictures))
        factors = preview_factors(vae.encode(self.vae, painted), painted)
        return export(self.mini, self.vae, self.encoder, self.tokenizer, self.unet, factors)


def _bytes(pictures: Tensor) -> Tensor:
    return ((pictures + 1) * 127.5).round().to(torch.uint8)


def main(argv: Sequence[str] | None = None) -> None:
    """Everything from the packages of sprites to the exported folder, within the hours given."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--mini", type=Path, default=MINI)
    args = parser.parse_args(argv)
    torch.set_flush_denormal(True)
    begun, total = time.monotonic(), args.hours * 3600
    studio = Studio(Painter(load_sprites(fetch(args.work / "packages"))), args.work, args.mini, args.seed)

    def tell(lines: Iterator[str]) -> None:
        for line in lines:
            say(f"{line}; {max(0.0, total - time.monotonic() + begun) / 60:.0f} min left in all")

    tell(studio.learn_vae(VAE_SHARE * total))
    tell(studio.learn_text(TEXT_SHARE * total))
    tell(studio.learn_unet(max(1.0, total - (time.monotonic() - begun))))
    say(f"{args.mini}: {studio.deliver()} bytes")


if __name__ == "__main__":
    main()
