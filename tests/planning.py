"""What the tests of planning share: models that exist only on paper, and strategies for requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from PIL import Image

from sdnb import inputs, scheduler_kinds, templates
from sdnb.errors import ModelError
from sdnb.models import Capabilities, Model
from sdnb.planner import plan
from sdnb.settings import Sdnb
from sdnb.sweep import Request, Sweep, request

FITS = frozenset(name for name, kind in scheduler_kinds.TABLE.items() if not kind.flow)
MODELS = {
    "mini": Capabilities("sd", 128, 128, 20, 4.0, "ddim", FITS),
    "big": Capabilities("sdxl", 1024, 1024, 30, 5.0, "euler", FITS - {"lms"}, text_layers=8),
    "hub/tuned@v1": Capabilities("sd", 512, 512, 25, 7.5, "pndm", FITS),
    "/models/my, own": Capabilities("sd", 512, 512, 25, 7.5, "pndm", FITS),
}


def resolve(text: str) -> tuple[Model, Capabilities]:
    """Find one of the models on paper."""
    if text not in MODELS:
        raise ModelError(f"no model {text!r}")
    return Model(text.removeprefix("/models/"), Path("/models", text.rsplit("/")[-1])), MODELS[text]


def planned(wanted: Request | str, *, limit: int | None = None, **given: Any) -> Sweep:
    """Plan a request, or a prompt with settings, against the models on paper."""
    if isinstance(wanted, str):
        zips, sides = given.pop("zips", ()), {side: given.pop(side, None) for side in ("rows", "cols")}
        wanted = request(wanted, given, zips=zips, **sides)
    return plan(wanted, settings=Sdnb(), resolve=resolve, limit=limit)


# Letters that mean something somewhere in a cell, and letters that mean nothing.
PIECES = [*"ab\"'{}|\\,:$-=()[]#%?>. \n\t\r\u2028é狐🦊\x00"]
PIECES += ["---", "\n---\n", "--seed", "$x", "{a|b}", "..", ">>> ", " and "]
NASTY = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
LITERAL = NASTY.filter(lambda text: text.strip()).map(templates.escape)
GROUP = st.builds(
    lambda name, texts: (
        "{" + name + "|".join(templates.escape(t).replace("{", "").replace("}", "") for t in texts) + "}"
    ),
    st.sampled_from(["", "colour: ", "animal: ", "größe:"]),
    st.lists(st.text("ab ,'\"", max_size=3), min_size=2, max_size=3),
)
PROMPT = st.one_of(
    LITERAL, st.lists(st.one_of(GROUP, st.just("fox")), min_size=1, max_size=3).map("x".join), NASTY
)
SETTINGS = {
    "model": st.sampled_from(sorted(MODELS)),
    "negative_prompt": NASTY,
    "seed": st.one_of(st.integers(0, 5), st.integers(0, 2**63 - 1)),
    "num_inference_steps": st.integers(1, 1000),
    "guidance_scale": st.one_of(st.integers(0, 20), st.floats(0, 1000)),
    "scheduler": st.sampled_from(
        ["euler", "Euler a", "DPM++ 2M Karras", "heun_karras", "dpmpp_2m?solver_order=3"]
    ),
    "size": st.tuples(st.integers(1, 200), st.integers(1, 200)).map(lambda s: (s[0] * 8, s[1] * 8)),
    "clip_skip": st.integers(0, 7),
    "strength": st.floats(0.1, 1),
}
INIT = inputs.of(Image.new("RGB", (40, 24), "red"))


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Make requests, most of which can be planned, some with zips and with rows and columns."""
    names = draw(st.permutations(sorted(SETTINGS)))[: draw(st.integers(0, 5))]
    length = draw(st.integers(1, 3))
    settings = {}
    for name in names:
        size = draw(st.sampled_from([1, length]))
        settings[name] = tuple(draw(st.lists(SETTINGS[name], min_size=size, max_size=size)))
    long = [name for name in names if len(settings[name]) > 1]
    zips = [tuple(long[:2])] if len(long) > 1 and draw(st.booleans()) else []
    sides = [draw(st.sampled_from([None, *long])) for _ in range(2)]
    if "strength" in settings:
        settings["init_image"] = (INIT,)
    prompts = draw(st.lists(PROMPT, min_size=1, max_size=3))
    if sides[0] == sides[1] or (zips and set(sides) == set(zips[0])):
        sides[1] = None
    return request(prompts, settings, zips=zips, rows=sides[0], cols=sides[1])
