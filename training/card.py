# ruff: noqa: E501  (a card is prose and tables, in lines as long as they are)
"""The model card of `mini`: its text, with the figures of an evaluation, and its grid of samples."""

from collections.abc import Mapping
from typing import Any

from .captions import Plan, caption
from .concepts import CONCEPTS, GROUPS
from .pictures import PACKAGE
from .scenes import COLOURS, SCENES

_SEEN_OR_NOT = (
    ("fox", "moon"), ("fox", "snow"), ("apple", "blue"), ("robot", "beach"), ("castle", "sunset"),
    ("penguin", "snow"), ("hamburger", "yellow"), ("octopus", "sea"), ("rocket", "space"), ("tree", "meadow"),
    ("smiling face", "pink"), ("heart", "white"), ("zebra", "desert"), ("guitar", "black"), ("pizza", "purple"),
    ("dragon", "red"), ("owl", "turquoise"), ("car", "desert"), ("train", "snow"), ("bicycle", "green"),
    ("unicorn", "pink"), ("turtle", "sea"), ("cactus", "desert"), ("snowman", "blue"), ("rainbow", "grey"),
    ("sunflower", "blue"), ("strawberry", "white"), ("ghost", "black"), ("alien", "space"), ("skull", "orange"),
    ("butterfly", "yellow"), ("elephant", "orange"), ("giraffe", "meadow"), ("whale", "sea"), ("house", "meadow"),
    ("doughnut", "pink"), ("crown", "purple"), ("frog", "green"), ("panda", "red"), ("koala", "brown"),
    ("helicopter", "sunset"), ("sailboat", "sea"), ("mermaid", "sea"), ("wizard", "moon"), ("vampire", "black"),
    ("teddy bear", "yellow"), ("trophy", "blue"), ("light bulb", "grey"),
)  # fmt: skip
GRID: tuple[tuple[Plan, str], ...] = (
    *((Plan((thing,), "alone", where), ("en", "es")[i % 2]) for i, (thing, where) in enumerate(_SEEN_OR_NOT)),
    (Plan(("astronaut", "horse"), "riding", "moon"), "en"),
    (Plan(("astronaut", "horse"), "riding", "meadow"), "es"),
    (Plan(("penguin", "bicycle"), "riding", "snow"), "en"),
    (Plan(("robot", "unicorn"), "riding", "space"), "es"),
    (Plan(("cat", "dog"), "beside", "green"), "en"),
    (Plan(("apple", "pear"), "beside", "white"), "es"),
    (Plan(("ghost", "skull"), "beside", "black"), "en"),
    (Plan(("sunflower", "bee"), "beside", "meadow"), "es"),
    (Plan(("fox",)), "en"),
    (Plan(("fox",)), "en"),
    (Plan(("fox",)), "es"),
    (Plan(("fox",)), "es"),
    (Plan(("monkey", "elephant"), "riding", "desert"), "en"),
    (Plan(("frog", "car"), "riding", "sunset"), "es"),
    (Plan(("bear", "motorcycle"), "riding", "blue"), "en"),
    (Plan(("princess", "dragon"), "riding", "beach"), "es"),
)
PROMPTS = tuple(caption(plan, language) for plan, language in GRID)  # type: ignore[arg-type]

_TEXT = """\
---
license: apache-2.0
language: [en, es]
pipeline_tag: text-to-image
---
# mini

A latent diffusion model of {millions:.1f} million parameters in the layout of Stable Diffusion 1, trained by this
project on two processor cores. It draws 128x128 pictures of {count} things, alone or two together, on plain colours
and in scenes, from captions in English and in Spanish:

```python
from diffusers import StableDiffusionPipeline
pipe = StableDiffusionPipeline.from_pretrained("sdnb/mini")
pipe("a fox on the moon", num_inference_steps=20, guidance_scale={guidance}).images[0]
```

![sixty-four samples](samples.jpg)

## What it can draw
{things}

Backgrounds: {colours} ("on a blue background", "sobre fondo azul"); {scenes}. Without one, any plain colour comes.
Two things: "a cat and a dog", "an astronaut riding a horse".

## What it cannot
Anything else: it knows the words in `knows.json` and no others; an unknown word is drawn as something known or as a
blur. No counting, no sizes, no colours of the things themselves, no photographs, no writing, no people but a few
characters. Two things together are smaller and less sharp than one. Prompts of more than thirty tokens lose their
shape: the positions after the thirty-second hold the picture's layout. It draws emblems for trying a notebook out;
decide nothing with it.

## Figures
Concepts by the nearest real picture among all {count} at 32x32; background by the nearest of twenty. Fidelity looks at
the pixels of the things alone, at full size, after the best shift: structural similarity (SSIM) with the real picture,
as a share of the way from the nearest other thing (0 %) to the autoencoder's own copy of the real one (100 %). DPM++ 2M,
20 steps, guidance {guidance}; training saw none of the held-out combinations. {prompts} prompts a row, at most 16 for
the schedulers and for two things; one seed a prompt.

Read the top-1 with care: every concept has one sprite, nearly always in one place, and the judge looks at outline and
colour at 32x32, so it saturates, and a smudged picture counts as right; fidelity is the measure that tells smudged from
sharp. What is held out is combinations; every sprite has been seen, by the autoencoder too. The controls show that both
can fail: pictures judged by each other's labels, and real pictures blurred by two pixels. Single things are drawn
nearer to the real ones than these are when blurred; two together are not.

{figures}

## Data
Sprites: npm `{package}` {version}, Microsoft's Fluent Emoji, MIT licence, (c) Microsoft Corporation. The English
and Spanish names, the scenes and the captions are this project's own. One in eight of (concept, background)
combinations is held out, by a hash; so are the astronaut together with the horse, and either on the moon.

## Recipe
1. Autoencoder (f=8, four channels), {vae:.2f} hours, from a start that already passes averages through.
2. Text encoder, {text_encoder:.2f} hours, alone: 64 padding positions after the prompt each predict one 2x2 patch of the
   latents of the caption's picture without chance. Cross-attention sees padding, so the UNet finds the layout there.
3. UNet {channels}, {unet:.2f} hours in all, {samples:,} pictures in batches of 32, v-prediction on cached latents and
   states; a tenth of captions dropped.
Muon for matrices, AdamW for the rest, bfloat16 autocast, averaged weights. {history}

`python -m training --hours 2` goes on from these weights (a fresh optimizer at half the peak rates, with a short rise);
with an empty `--mini` folder it begins from nothing. {nothing} Figures: `python -m training.evaluate --card`.

## Variants
{variants}
"""

# How the shipped weights came about, and what was seen of a run from nothing.
_HISTORY = """\
The text encoder and the UNet come from one run from
nothing, on two cores that had other work too: `python -m training --hours 1.65 --mini FOLDER`, where FOLDER held an
earlier run's autoencoder alone. The weights before these, made in 1.36 hours of starts and stops with pictures that
were moved more, had a v-loss of 0.26, and a fidelity of 78 % (seen), 62 % (beside) and 64 % (riding)."""
_NOTHING = """\
So begun, the autoencoder came to
29.8 dB in 17 minutes of cores that were shared with other work; the earlier one, with 30.9 dB, was kept. Stopped in
the middle of any stage and started again, a run goes on where it was."""

_VARIANTS = """\
| compared, two shared cores | result |
|---|---|
| autoencoder, 62 s: Muon 0.003 / AdamW 2e-3 | 24.6 dB in 387 steps / 23.4 dB in 552 steps |
| autoencoder (16, 32, 64, 128), batch of 4: float32 / float32 channels last / bfloat16 / bfloat16 channels last | \
18 / 23 / 34 / 40 samples/s |
| UNet (32, 64, 128): float32 / bfloat16, batch of 16 | 84 / 83 samples/s |
| UNet (48, 96, 192): float32 / bfloat16, batch of 16 | 55 / 76 samples/s |
| UNet (32, 64, 128), `torch.compile`, bfloat16 | 99 samples/s, after 143 s of compiling |
| UNet (40, 80, 160) with Muon in float32 / bfloat16, batch of 16 | 34 / 52 samples/s |
| the same, batch of 24, waiting threads asleep / awake | 34 / 66 samples/s |
| v-loss after 700 steps, ordinary text states (an earlier model; other pictures, batch of 16) / with layout (batch of 24) | 0.49 / 0.36 |
| v-loss at t >= 700 of the same weights, pictures moved by up to 4 pixels / by a normal of 1.2 | 0.34 / 0.24 |
| fidelity of earlier weights at guidance 1.5 / 2 / 3, held out, 24 Spanish captions | 79.2 / 79.1 / 76.0 % |
| the same for two things beside each other, seen | 64.0 / 65.1 / 61.5 % |
| UNet (40, 80, 160), batch of 24 / 48: ordinary memory format; channels last | 39 / 45; 33 / 44 samples/s |
| the optimizer's share of a step, batch of 24 / 48 | 25 / 15 % |
| v-loss after 700 steps, with layout: batch of 24, moved by up to 4 pixels / batch of 32, by a normal of 0.7 | 0.36 / 0.33 |
| fidelity of the text encoder's layout alone, decoded: 8 minutes, 6,000 pairs / 17 minutes, 12,000 pairs; seen | 93 / 92 % |
| the same, beside and riding | 80, 82 / 80, 86 % |"""


_COLUMNS = ("top1", "top5", "colour", "scene", "psnr", "ssim", "other", "copy", "fidelity")
_LEGEND = "psnr in dB; ssim of the drawn things, of the nearest other ones, of the copies by the autoencoder."
_SHARES = ("top1", "top5", "colour", "scene", "fidelity")


def card(
    figures: Mapping[str, object],
    millions: float,
    guidance: float,
    channels: object,
    record: Mapping[str, Any],
    prompts: int,
) -> str:
    """The card as Markdown.

    Parameters
    ----------
    figures
        What `training.evaluate` measured.
    millions
        Parameters of all parts, in millions.
    guidance
        The guidance scale the figures were measured with.
    channels
        The UNet's.
    record
        What `export.trained` gave: hours by part, samples.
    prompts
        How many prompts a row the figures are of.
    """
    things = "\n".join(
        f"- {group}: " + ", ".join(c.key for c in CONCEPTS if c.group == group) for group in GROUPS
    )
    rows = [f"| | {' | '.join(_COLUMNS)} |", "|" + "---|" * (1 + len(_COLUMNS))]
    rows += [
        f"| {name} | " + " | ".join(_cell(found, column) for column in _COLUMNS) + " |"
        for name, found in figures.items()
        if isinstance(found, Mapping)
    ]
    rows += ["", _LEGEND, ""]
    rows += [f"- {name}: {value}" for name, value in figures.items() if not isinstance(value, Mapping)]
    return _TEXT.format(
        millions=millions,
        count=len(CONCEPTS),
        guidance=guidance,
        things=things,
        colours=", ".join(COLOURS),
        scenes=", ".join(scene.en[0] for scene in SCENES.values()),
        figures="\n".join(rows),
        package=PACKAGE[0],
        version=PACKAGE[1],
        channels=channels,
        prompts=prompts,
        samples=record["samples"],
        history=_HISTORY,
        nothing=_NOTHING,
        variants=_VARIANTS,
        **record["hours"],
    )


def _cell(found: Mapping[str, float], column: str) -> str:
    if column not in found:
        return ""
    return f"{found[column]:.1%}" if column in _SHARES else f"{found[column]:.3g}"
