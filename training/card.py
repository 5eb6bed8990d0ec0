# ruff: noqa: E501  (a card is prose and tables, in lines as long as they are)
"""The model card of `mini`: its text, with the figures of an evaluation, and its grid of samples."""

from collections.abc import Mapping

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

![sixty-four samples](samples.png)

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
Concepts by the nearest real picture among all {count} at 32x32; background by the nearest of twenty; DPM++ 2M,
20 steps, guidance {guidance}; training saw none of the held-out combinations.

Read the top-1 with care: every concept has one sprite, nearly always in one place, and the measure looks at outline and
colour at 32x32, so it saturates, and a smudged picture counts as right. What is held out is combinations; every sprite
has been seen, by the autoencoder too. The figures for two things saturate in the same way: right colours in the right place suffice, and pictures of riding are
smudged to the eye although every thing counts as right. Detail counts ragged edges as detail. The controls, the same
pictures judged by each other's labels, show that the measure can fail. It cannot choose the guidance scale: 1.5, 3 and 5
were all at 100 % (forty prompts a cell), so 3 is simply what was set beforehand.

{figures}

## Data
Sprites: npm `{package}` {version}, Microsoft's Fluent Emoji, MIT licence, (c) Microsoft Corporation. The English
and Spanish names, the scenes and the captions are this project's own. One in eight of (concept, background)
combinations is held out, by a hash; so are the astronaut together with the horse, and either on the moon.

## Recipe
1. Autoencoder (f=8, four channels), ten minutes, from a start that already passes averages through.
2. Text encoder, eight minutes, alone: 64 padding positions after the prompt each predict one 2x2 patch of the
   latents of the caption's picture without chance. Cross-attention sees padding, so the UNet finds the layout there.
3. UNet {channels}, {unet_time}, v-prediction on cached latents and states; a tenth of captions dropped.
Muon for matrices, AdamW for the rest, bfloat16 autocast, averaged weights. These weights were made stage by stage,
with these functions, by a script that is not kept; `python -m training --hours 1.5` does the same in one go and has been
run only on a few made-up sprites so far. A resumed run begins its learning rate anew; figures: `python -m training.evaluate --card`.

## Variants
{variants}
"""

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
| v-loss after 700 steps, ordinary text states (an earlier model; other pictures, batch of 16) / with layout (batch of 24) | 0.49 / 0.36 |"""


def card(
    figures: Mapping[str, object], millions: float, guidance: float, channels: object, unet_time: str
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
    unet_time
        How long it was trained, in words.
    """
    things = "\n".join(
        f"- {group}: " + ", ".join(c.key for c in CONCEPTS if c.group == group) for group in GROUPS
    )
    rows = ["| | top-1 | top-5 | colour | scene |", "|---|---|---|---|---|"]
    rows += [
        f"| {name} | "
        + " | ".join(f"{found.get(k, 0):.1%}" for k in ("top1", "top5", "colour", "scene"))
        + " |"
        for name, found in figures.items()
        if isinstance(found, dict)
    ]
    rows += ["", *(f"- {name}: {value}" for name, value in figures.items() if not isinstance(value, dict))]
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
        unet_time=unet_time,
        variants=_VARIANTS,
    )
