"""Trains `mini` from nothing, or goes on where it stopped: `python -m training --hours 2`.

Three trainings follow each other: the autoencoder, the text encoder, the UNet. Each has its share of the
hours and keeps a checkpoint in the work folder, so that a stopped run, started again with the same hours,
goes on within a minute or so of where it was; only what is painted for a training is painted anew. A part
that the exported folder has already is not trained again, except the UNet: it goes on from the exported
weights, at a lower learning rate, with all the hours. The hours are those of training: painting, about four
minutes on two idle cores for a run from nothing, comes on top.
"""

import argparse
import shutil
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
from .export import export, preview_factors, trained
from .optimizer import Optimizer, Report
from .pictures import Painter, fetch, load_sprites
from .scenes import BACKGROUNDS

# The stages in their order, with their shares of the time when all are trained.
SHARES = {"vae": 0.15, "text_encoder": 0.17, "unet": 0.68}
# Of the peak learning rates, when the UNet goes on from exported weights.
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
        Where checkpoints and finished parts are kept until the whole is exported.
    mini
        The pipeline's folder: what is exported, and what training goes on from when there are no checkpoints.
    seconds
        How long to train in all.
    seed
        For everything that is drawn by chance.
    watched
        How many held-out pictures progress is measured on.
    """

    def __init__(
        self, painter: Painter, work: Path, mini: Path, seconds: float, seed: int = 0, watched: int = 96
    ) -> None:
        self.painter, self.work, self.mini = painter, work, mini
        self.seed, self.watched = seed, watched
        self.keys = tuple(painter.sprites)
        self.rng = Random(seed)
        work.mkdir(parents=True, exist_ok=True)
        due = {name: share * seconds for name, share in SHARES.items() if self._is_due(name)}
        due["unet"] = seconds - sum(due.values()) + due["unet"]
        self.seconds = due

    def _is_due(self, name: str) -> bool:
        """Whether a stage is this run's: nothing of it was exported before."""
        begun = (self.work / name).exists() or (self.work / f"{name}.pt").exists()
        return name == "unet" or begun or not any((self.mini / name).glob("*.safetensors"))

    def _part(self, name: str) -> Path | None:
        """The folder of a part that is already trained: this run's, or else the exported one."""
        for folder in (self.work / name, self.mini / name):
            if any(folder.glob("*.safetensors")):
                return folder
        return None

    def _keep(self, name: str, model: AutoencoderKL | CLIPTextModel) -> None:
        """Save a finished part under a temporary name first; its checkpoint has done its work."""
        new = self.work / f"{name}.new"
        shutil.rmtree(new, ignore_errors=True)
        model.save_pretrained(new)
        new.rename(self.work / name)
        (self.work / f"{name}.pt").unlink(missing_ok=True)

    def _begin(self, name: str) -> tuple[dict | None, float]:
        """The optimizer's state and the seconds spent of a stopped stage; (None, 0.0) of a new one."""
        path = self.work / f"{name}.pt"
        found = torch.load(path, weights_only=True) if path.exists() else {"state": None, "spent": 0.0}
        torch.manual_seed(self.seed)
        self.rng = Random(f"{self.seed} {name} {found['spent']}")
        return found["state"], found["spent"]

    def _follow(self, name: str, reports: Iterator[Report]) -> Iterator[tuple[str, Optimizer]]:
        """Pass the reports' lines on, with the time left in all, and keep a checkpoint of the stage."""
        later = tuple(self.seconds)[tuple(self.seconds).index(name) + 1 :]
        for line, spent, optimizer in reports:
            left = max(0.0, self.seconds[name] - spent) + sum(self.seconds[stage] for stage in later)
            save({"state": optimizer.state(), "spent": spent}, self.work / f"{name}.pt")
            yield f"{line}; {left / 60:.1f} min left in all", optimizer

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

    def learn_vae(self, pictures: int = 5000) -> Iterator[str]:
        """Train the autoencoder, unless that is done."""
        if (folder := self._part("vae")) is not None:
            self.vae = AutoencoderKL.from_pretrained(folder).eval().requires_grad_(False)
        else:
            state, before = self._begin("vae")
            yield f"painting {pictures} pictures for the autoencoder"
            painted = torch.cat([_bytes(self.paint([plan])) for plan in self.plans(pictures)])
            held_out = _bytes(self.paint(evaluation_plans("held out", self.keys, self.watched)))
            self.vae = vae.build()
            reports = vae.train(
                self.vae, painted, held_out, self.seconds["vae"], self.seed, state=state, before=before
            )
            for line, _ in self._follow("vae", reports):
                yield line
            vae.normalize(self.vae, painted[:512])
            self._keep("vae", self.vae)
        self.vae.to(memory_format=torch.channels_last)

    def learn_text(self, pairs: int = 12_000, captions: int = 20_000) -> Iterator[str]:
        """Train the tokenizer and the text encoder, unless that is done."""
        if (folder := self._part("text_encoder")) is not None:
            self.tokenizer = CLIPTokenizer.from_pretrained(folder.parent / "tokenizer")
            self.encoder = (
                CLIPTextModel.from_pretrained(folder, dtype=torch.float32).eval().requires_grad_(False)
            )
            return
        state, before = self._begin("text_encoder")
        self.tokenizer = text.build_tokenizer(self.work / "tokenizer", self.seed, captions)
        alone = [Plan((key,), "alone", where) for key in self.keys for where in (*BACKGROUNDS, None)]
        alone = [plan for plan in alone if not hidden(plan)]
        twos: list[Plan] = []
        while len(twos) < pairs:
            twos += [plan for plan in self.plans(pairs) if plan.relation != "alone"]
        twos = twos[:pairs]
        yield f"painting {len(alone) + pairs} pictures for the text encoder"
        targets = text.patches(self.latents(alone + twos, chance=False))
        targets = torch.cat([targets, targets[: len(alone)].mean(0, keepdim=True)])

        def draw(rng: Random) -> tuple[Plan | None, int]:
            kind = rng.random()
            if kind < 0.03:
                return None, len(targets) - 1
            row = rng.randrange(len(alone)) if kind < 0.5 else len(alone) + rng.randrange(len(twos))
            return (alone[row] if row < len(alone) else twos[row - len(alone)]), row

        unseen = evaluation_plans("held out", self.keys, self.watched)
        spoken = [caption(plan, ("en", "es")[i % 2]) for i, plan in enumerate(unseen)]
        probes = (spoken, text.patches(self.latents(unseen, chance=False)))
        model = text.Layout(text.build(self.tokenizer))
        seconds = self.seconds["text_encoder"]
        reports = text.train(model, self.tokenizer, draw, targets, probes, seconds, self.seed, state, before)
        for line, _ in self._follow("text_encoder", reports):
            yield line
        self.encoder = model.encoder
        self._keep("text_encoder", self.encoder)

    def fresh(self, count: int) -> tuple[Tensor, Tensor]:
        """Newly painted pictures' latents and their captions' states."""
        plans = self.plans(count)
        captions = [
            caption(plan, self.rng.choice(("en", "en", "en", "es", "es")), self.rng) for plan in plans
        ]
        with torch.autocast("cpu", torch.bfloat16):
            states = self.states(captions)
        return self.latents(plans), states

    def learn_unet(self, first: int = unet.FIRST) -> Iterator[str]:
        """Train the UNet, from its checkpoint, or the exported weights, or nothing."""
        state, before = self._begin("unet")
        exported, rates = self.mini / "unet", unet.RATES
        if state is None and any(exported.glob("*.safetensors")):
            rates = (AGAIN * rates[0], AGAIN * rates[1])
            model = UNet2DConditionModel.from_pretrained(exported)
        else:
            model = unet.build()
        yield f"painting {first} pictures for the UNet"
        pool = unet.Pool(self.fresh, first)
        reports = unet.train(
            model, pool, self.states([""]), self.seconds["unet"], self.seed, state, rates, before=before
        )
        for line, optimizer in self._follow("unet", reports):
            self.unet, self.samples = optimizer.average, optimizer.steps * unet.BATCH
            yield line

    def deliver(self, pictures: int = 200) -> int:
        """Export what was trained, drop the checkpoints; the folder's size in bytes."""
        painted = self.paint(self.plans(pictures))
        factors = preview_factors(vae.encode(self.vae, painted), painted)
        record = trained(self.mini, self.seconds, self.samples)
        size = export(self.mini, self.vae, self.encoder, self.tokenizer, self.unet, factors, record)
        for name in (*SHARES, "tokenizer"):
            shutil.rmtree(self.work / name, ignore_errors=True)
            (self.work / f"{name}.pt").unlink(missing_ok=True)
        return size


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
    painter = Painter(load_sprites(fetch(args.work / "packages")))
    studio = Studio(painter, args.work, args.mini, args.hours * 3600, args.seed)
    for learn in (studio.learn_vae, studio.learn_text, studio.learn_unet):
        for line in learn():
            say(line)
    say(f"{args.mini}: {studio.deliver()} bytes")


if __name__ == "__main__":
    main()
