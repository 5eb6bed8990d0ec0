"""The model's figures, measured on what it draws: `python -m training.evaluate`."""

import argparse
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
from PIL import Image

from . import vae as autoencoder
from .captions import Plan, caption, draw_plan, evaluation_plans
from .card import PROMPTS, card
from .concepts import CONCEPTS
from .pictures import Painter, fetch, load_sprites
from .scenes import BACKGROUNDS, COLOURS, mean_background

WORK = Path(__file__).parent / "work"
MINI = Path(__file__).parents[1] / "sdnb" / "mini"
KEYS = tuple(c.key for c in CONCEPTS)
GUIDANCE = 3.0
SCHEDULERS = {
    "DDIM": DDIMScheduler,
    "Euler": EulerDiscreteScheduler,
    "DPM++ 2M": DPMSolverMultistepScheduler,
    "UniPC": UniPCMultistepScheduler,
}


def shrink(picture: np.ndarray) -> np.ndarray:
    """[128, 128, 3] as [32, 32, 3], by averages."""
    return picture.reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))


class Judge:
    """Says what is in a picture, by the nearest of the real ones.

    Parameters
    ----------
    painter
        Paints the real pictures.
    keys
        The concepts it could be.
    """

    def __init__(self, painter: Painter, keys: Sequence[str] = KEYS) -> None:
        self.painter, self.keys = painter, tuple(keys)
        self._real: dict[str | None, np.ndarray] = {}
        self._walls = np.stack([shrink(mean_background(key)) for key in BACKGROUNDS])

    def _references(self, background: str | None) -> np.ndarray:
        if background not in self._real:
            plans = [Plan((key,), "alone", background) for key in self.keys]
            self._real[background] = np.stack([shrink(self.painter.paint(plan)) for plan in plans])
        return self._real[background]

    def concepts(self, picture: np.ndarray, background: str | None) -> list[str]:
        """All concepts, the likeliest first, by squared distance at 32x32, over nine shifts.

        Parameters
        ----------
        picture
            float32 [128, 128, 3] in 0..1.
        background
            What was asked for: the real pictures compared with have the same one.
        """
        small, real = shrink(picture), self._references(background)
        far = np.full(len(real), np.inf)
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                shifted = np.roll(small, (dy, dx), (0, 1))
                far = np.minimum(far, ((real - shifted) ** 2)[:, 1:-1, 1:-1].mean(axis=(1, 2, 3)))
        return [self.keys[i] for i in np.argsort(far)]

    def slots(self, picture: np.ndarray, plan: Plan) -> list[bool]:
        """For each thing of a plan of two, whether it is the nearest of all concepts in its place.

        Harder than `concepts`: the things are smaller, and the other one is the same in all compared.
        """
        small, right = shrink(picture), []
        for slot, asked in enumerate(plan.things):
            far = {}
            for key in self.keys:
                things = tuple(key if i == slot else thing for i, thing in enumerate(plan.things))
                real = shrink(self.painter.paint(Plan(things, plan.relation, plan.background)))
                far[key] = min(
                    float(((real - np.roll(small, (dy, dx), (0, 1)))[1:-1, 1:-1] ** 2).mean())
                    for dy in (-1, 0, 1)
                    for dx in (-1, 0, 1)
                )
            right.append(min(far, key=far.__getitem__) == asked)
        return right

    def background(self, picture: np.ndarray) -> str:
        """The likeliest background, by the picture's upper corners and sides, where things seldom reach."""
        edge = np.ones((32, 32), bool)
        edge[4:, 4:-4] = False
        off = np.abs(self._walls - shrink(picture))[:, edge].mean(axis=2)
        return BACKGROUNDS[int(np.argmin(np.median(off, axis=1)))]


def draw(
    pipe: StableDiffusionPipeline,
    prompts: Sequence[str],
    steps: int = 20,
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


def detail(pictures: np.ndarray) -> float:
    """Mean difference of neighbouring pixels where things stand: what blur takes away."""
    middle = pictures[:, 24:104, 24:104]
    return float(np.abs(np.diff(middle, axis=1)).mean() + np.abs(np.diff(middle, axis=2)).mean())


def measure(judge: Judge, pictures: np.ndarray, plans: Sequence[Plan]) -> dict[str, float]:
    """Shares of pictures whose concept comes first, among the first five, with the right colour or scene."""
    first, five, colours, scenes = [], [], [], []
    for picture, plan in zip(pictures, plans, strict=True):
        ranked = judge.concepts(picture, plan.background)
        first.append(ranked[0] == plan.things[0])
        five.append(plan.things[0] in ranked[:5])
        (colours if plan.background in COLOURS else scenes).append(
            judge.background(picture) == plan.background
        )
    mean = {"top1": first, "top5": five, "colour": colours, "scene": scenes}
    return {name: round(float(np.mean(values)), 4) for name, values in mean.items() if values}


def main(argv: Sequence[str] | None = None) -> dict:
    """Draw, measure, print; with `--card` also write the model card beside the weights."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("--folder", type=Path, default=MINI)
    parser.add_argument("--count", type=int, default=len(KEYS), help="prompts a kind and language")
    parser.add_argument("--guidance", type=float, default=GUIDANCE)
    parser.add_argument("--quick", action="store_true", help="only the concepts, colours and scenes")
    parser.add_argument("--card", action="store_true", help="write the model card and its samples too")
    parser.add_argument("--trained", default="", help="for the card: how long the UNet was trained")
    args = parser.parse_args(argv)
    torch.set_flush_denormal(True)
    painter = Painter(load_sprites(fetch(WORK / "packages")))
    judge = Judge(painter)
    pipe = StableDiffusionPipeline.from_pretrained(args.folder)
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = DPMSolverMultistepScheduler.from_config(pipe.scheduler.config)
    figures: dict = {}
    for kind in ("seen", "held out"):
        plans = evaluation_plans(kind, KEYS, args.count)
        for language in ("en", "es"):
            pictures = draw(pipe, [caption(plan, language) for plan in plans], guidance=args.guidance)
            if language == "en":
                real = np.stack([painter.paint(plan, Random(i)) for i, plan in enumerate(plans)])
                share = round(detail(pictures) / detail(real), 3)
                figures[f"detail, {kind}, share of real pictures'"] = share
                print(f"{kind:9s} detail {share:.0%} of real pictures'", flush=True)
                wrong = measure(judge, np.roll(pictures, 1, axis=0), plans)
                figures[f"control: {kind}, labels shifted by one"] = wrong
            figures[f"{kind}, {language}"] = found = measure(judge, pictures, plans)
            print(f"{kind:9s} {language}  " + "  ".join(f"{k} {v:.1%}" for k, v in found.items()), flush=True)
    if not args.quick:
        plans = evaluation_plans("held out", KEYS, 96, seed=1)
        real = (
            torch.from_numpy(
                np.stack([painter.paint(plan, Random(i)) for i, plan in enumerate(plans)])
            ).permute(0, 3, 1, 2)
            * 2
            - 1
        )
        again = autoencoder.decode(pipe.vae, autoencoder.encode(pipe.vae, real))
        figures["vae psnr"] = round(autoencoder.psnr(real, again), 2)
        print(f"autoencoder {figures['vae psnr']} dB on held-out pictures")
        for relation in ("beside", "riding"):
            rng, pairs = Random(relation), []
            while len(pairs) < 16:
                if (plan := draw_plan(rng, KEYS)).relation == relation:
                    pairs.append(plan)
            pictures = draw(pipe, [caption(plan, "en") for plan in pairs], guidance=args.guidance)
            right = [hit for p, plan in zip(pictures, pairs, strict=True) for hit in judge.slots(p, plan)]
            figures[f"two things {relation}, each right"] = round(float(np.mean(right)), 4)
            print(f"two things {relation}: {np.mean(right):.1%} of the things right", flush=True)
        plans = evaluation_plans("seen", KEYS, min(32, args.count), seed=1)
        for name, kind in SCHEDULERS.items():
            pipe.scheduler = kind.from_config(pipe.scheduler.config)
            for steps in (10, 20):
                pictures = draw(pipe, [caption(plan, "en") for plan in plans], steps, args.guidance)
                figures[f"{name}, {steps} steps"] = found = measure(judge, pictures, plans)
                print(
                    f"{name:9s} {steps} steps  " + "  ".join(f"{k} {v:.1%}" for k, v in found.items()),
                    flush=True,
                )
        begun = time.perf_counter()
        for seed in range(3):
            draw(pipe, ["a fox on the moon"], seed=seed)
        figures["seconds a picture"] = round((time.perf_counter() - begun) / 3, 2)
        figures["peak memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"{figures['seconds a picture']} s a picture at 20 steps, at most {figures['peak memory, MB']} MB"
        )
    if args.card:
        drawn = draw(pipe, PROMPTS, guidance=args.guidance)
        rows = drawn.reshape(8, 8, 128, 128, 3).swapaxes(1, 2).reshape(1024, 1024, 3)
        grid = Image.fromarray((rows * 255).round().astype(np.uint8))
        grid.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(
            args.folder / "samples.png", optimize=True
        )
        parts = (pipe.unet, pipe.vae, pipe.text_encoder)
        millions = sum(p.numel() for part in parts for p in part.parameters()) / 1e6
        channels = tuple(pipe.unet.config.block_out_channels)
        text = card(figures, millions, args.guidance, channels, args.trained or "the rest of the time")
        (args.folder / "README.md").write_text(text, "utf-8")
    return figures


if __name__ == "__main__":
    main()
