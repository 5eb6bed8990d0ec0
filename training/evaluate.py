"""The model's figures, measured on what it draws: `python -m training.evaluate`."""

import argparse
import json
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    UniPCMultistepScheduler,
)
from PIL import Image, ImageFilter

from . import vae as autoencoder
from .captions import Language, Plan, caption, draw_plan, evaluation_plans, hidden
from .card import PROMPTS, card
from .export import GUIDANCE, RECORD, STEPS
from .fidelity import fidelity, nearest_others
from .judge import KEYS, Judge, things
from .pictures import Painter, fetch, load_sprites
from .scenes import BACKGROUNDS

WORK = Path(__file__).parent / "work"
MINI = Path(__file__).parents[1] / "sdnb" / "mini"
LANGUAGES: tuple[Language, ...] = ("en", "es")
SCHEDULERS = {
    "DDIM": DDIMScheduler,
    "Euler": EulerDiscreteScheduler,
    "DPM++ 2M": DPMSolverMultistepScheduler,
    "UniPC": UniPCMultistepScheduler,
}


def draw(
    pipe: StableDiffusionPipeline,
    prompts: Sequence[str],
    steps: int = STEPS,
    guidance: float = GUIDANCE,
    seed: int = 0,
) -> np.ndarray:
    """Pictures of prompts, float32 [count, 128, 128, 3] in 0..1; prompt i has the seed `seed + i`."""
    pictures = []
    for start in range(0, len(prompts), 8):
        part = list(prompts[start : start + 8])
        generators = [torch.Generator().manual_seed(seed + start + i) for i in range(len(part))]
        drawn = pipe(
            part, num_inference_steps=steps, guidance_scale=guidance, generator=generators, output_type="np"
        )
        pictures.append(drawn.images)
    return np.concatenate(pictures)


class Exam:
    """Draws fixed prompts with a pipeline, and measures what it drew.

    Parameters
    ----------
    pipe
        The pipeline.
    painter
        Paints the real pictures.
    count
        Prompts a kind and language.
    guidance
        The guidance scale.
    """

    def __init__(
        self, pipe: StableDiffusionPipeline, painter: Painter, count: int, guidance: float = GUIDANCE
    ) -> None:
        self.pipe, self.painter, self.count, self.guidance = pipe, painter, count, guidance
        self.keys = tuple(painter.sprites)
        self.judge = Judge(things(painter, self.keys), self.keys)
        self.others = nearest_others(painter, self.keys)
        self.figures: dict = {}

    def note(self, name: str, found: dict[str, float] | float) -> None:
        """Keep a figure, and print it."""
        self.figures[name] = found
        line = "  ".join(f"{k} {v:g}" for k, v in found.items()) if isinstance(found, dict) else f"{found:g}"
        print(f"{name}: {line}", flush=True)

    def draw(self, plans: Sequence[Plan], language: Language = "en", steps: int = 20) -> np.ndarray:
        """Pictures of the plans' plain captions."""
        return draw(self.pipe, [caption(p, language) for p in plans], steps, guidance=self.guidance)

    def copies(self, plans: Sequence[Plan], rng: Random | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Real pictures of plans, and what the autoencoder makes of them."""
        real = np.stack([self.painter.paint(plan, rng) for plan in plans])
        pictures = torch.from_numpy(real).permute(0, 3, 1, 2) * 2 - 1
        again = autoencoder.decode(self.pipe.vae, autoencoder.encode(self.pipe.vae, pictures))
        return real, ((again.clamp(-1, 1) + 1) / 2).permute(0, 2, 3, 1).numpy()

    def fidelity(self, pictures: np.ndarray, plans: Sequence[Plan]) -> dict[str, float]:
        """How near the drawn things are to the real ones."""
        return fidelity(self.painter, self.others, pictures, self.copies(plans)[1], plans)

    def measure(self, pictures: np.ndarray, plans: Sequence[Plan]) -> dict[str, float]:
        """What the judge says of single things, and how near they are to the real ones."""
        return self.judge.measure(pictures, plans) | self.fidelity(pictures, plans)

    def things(self) -> None:
        """Single things, in both languages, and the controls that show that the measures can fail."""
        for kind in ("seen", "held out"):
            plans = evaluation_plans(kind, self.keys, self.count)
            for language in LANGUAGES:
                pictures = self.draw(plans, language)
                self.note(f"{kind}, {language}", self.measure(pictures, plans))
            wrong = np.roll(pictures, 1, axis=0)
            self.note(f"control: {kind}, each judged as the next", self.measure(wrong, plans))
        real, _ = self.copies(plans)
        blurred = np.stack([blur(picture) for picture in real])
        self.note("control: real pictures, blurred", self.measure(blurred, plans))

    def pairs(self, count: int = 16) -> None:
        """Two things, beside each other and riding, in combinations that training may see and may not."""
        for relation in ("beside", "riding"):
            for kind in ("seen", "held out"):
                plans = pair_plans(relation, kind, self.keys, count)
                pictures = self.draw(plans)
                self.note(f"two things {relation}, {kind}", self.fidelity(pictures, plans))
                if relation == "riding" and kind == "seen":
                    wrong = self.fidelity(np.roll(pictures, 1, axis=0), plans)
                    self.note("control: riding, each judged as the next", wrong)

    def schedulers(self) -> None:
        """Four schedulers at ten and twenty steps."""
        before = self.pipe.scheduler
        plans = evaluation_plans("seen", self.keys, min(16, self.count), seed=1)
        for name, kind in SCHEDULERS.items():
            self.pipe.scheduler = kind.from_config(before.config)
            for steps in (10, 20):
                pictures = self.draw(plans, steps=steps)
                self.note(f"{name}, {steps} steps", self.measure(pictures, plans))
        self.pipe.scheduler = before

    def cost(self, folder: Path) -> None:
        """The autoencoder's error, time, memory, and how often training has shown things."""
        plans = evaluation_plans("held out", self.keys, 96, seed=1)
        real, again = self.copies(plans, Random(0))
        error = ((real - again) ** 2).mean(axis=(1, 2, 3))
        self.note("autoencoder, held-out pictures, dB", round(float((-10 * np.log10(error)).mean()), 2))
        begun = time.perf_counter()
        for seed in range(3):
            draw(self.pipe, ["a fox on the moon"], seed=seed)
        self.note("seconds a picture, 20 steps", round((time.perf_counter() - begun) / 3, 2))
        self.note("peak memory, MB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        if (folder / RECORD).exists():
            samples = json.loads((folder / RECORD).read_text("utf-8"))["samples"]
            for name, seen in views(self.keys, samples).items():
                self.note(name, seen)


def blur(picture: np.ndarray, radius: float = 2.0) -> np.ndarray:
    """The picture smudged: a Gaussian of `radius` pixels."""
    image = Image.fromarray(np.round(picture * 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), np.float32) / 255


def pair_plans(relation: str, kind: str, keys: tuple[str, ...], count: int, seed: int = 0) -> list[Plan]:
    """`count` plans of two things that training may see, or never does."""
    rng, plans = Random(f"{relation} {kind} {seed}"), []
    while len(plans) < count:
        if kind == "seen":
            plan = draw_plan(rng, keys)
        else:
            seen = draw_plan(rng, keys)
            plan = Plan(seen.things, seen.relation, rng.choice(BACKGROUNDS))
        if plan.relation == relation and plan.background and hidden(plan) is (kind == "held out"):
            plans.append(plan)
    return plans


def views(keys: tuple[str, ...], samples: int, plans: int = 20_000) -> dict[str, float]:
    """How often the UNet has been shown a thing, and a thing on one background, on average."""
    drawn = [draw_plan(rng, keys) for rng in [Random(0)] for _ in range(plans)]
    things = sum(len(plan.things) for plan in drawn) / plans
    placed = sum(len(plan.things) for plan in drawn if plan.background) / plans
    pairs = sum(not hidden(Plan((key,), "alone", where)) for key in keys for where in BACKGROUNDS)
    return {
        "views a thing so far": round(samples * things / len(keys)),
        "views a pair of thing and background so far": round(samples * placed / pairs, 1),
    }


def main(argv: Sequence[str] | None = None) -> dict:
    """Draw, measure, print; with `--card` also write the model card beside the weights."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("--folder", type=Path, default=MINI)
    parser.add_argument("--count", type=int, default=len(KEYS), help="prompts a kind and language")
    parser.add_argument("--guidance", type=float, default=GUIDANCE)
    parser.add_argument("--quick", action="store_true", help="only single things and pairs")
    parser.add_argument("--card", action="store_true", help="write the model card and its samples too")
    args = parser.parse_args(argv)
    torch.set_flush_denormal(True)
    pipe = StableDiffusionPipeline.from_pretrained(args.folder)
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = DPMSolverMultistepScheduler.from_config(pipe.scheduler.config)
    exam = Exam(pipe, Painter(load_sprites(fetch(WORK / "packages"))), args.count, args.guidance)
    exam.things()
    exam.pairs()
    if not args.quick:
        exam.schedulers()
        exam.cost(args.folder)
    if args.card:
        grid = Image.fromarray((samples(pipe, args.guidance) * 255).round().astype(np.uint8))
        grid.save(args.folder / "samples.jpg", quality=90, subsampling=0)
        parts = (pipe.unet, pipe.vae, pipe.text_encoder)
        millions = sum(p.numel() for part in parts for p in part.parameters()) / 1e6
        record = json.loads((args.folder / RECORD).read_text("utf-8"))
        channels = tuple(pipe.unet.config.block_out_channels)
        text = card(exam.figures, millions, args.guidance, channels, record, args.count)
        (args.folder / "README.md").write_text(text, "utf-8")
    return exam.figures


def samples(pipe: StableDiffusionPipeline, guidance: float = GUIDANCE) -> np.ndarray:
    """The card's grid of eight by eight, float32 [1024, 1024, 3] in 0..1."""
    drawn = draw(pipe, PROMPTS, guidance=guidance)
    return drawn.reshape(8, 8, 128, 128, 3).swapaxes(1, 2).reshape(1024, 1024, 3)


if __name__ == "__main__":
    main()
