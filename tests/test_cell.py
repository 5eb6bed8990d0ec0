"""The text of a cell: read, written, explained and completed."""

import ast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from sdnb import cell, inputs
from sdnb.errors import RequestError, SdnbError
from sdnb.sweep import Request
from tests.planning import NASTY, PIECES, planned, requests

FLAGS = [f" --{option.flag} " for option in cell.OPTIONS]
LINE = st.lists(st.sampled_from([*PIECES, *FLAGS, "1..3", "euler", "random", " all "]), max_size=14).map(
    "".join
)


def one(line, body="a red fox", **namespace):
    """Read a cell."""
    return cell.read(line, body, namespace)


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("--seed 1, 2, 3", {"seed": (1, 2, 3)}),
        ("--seed 1-10 (+3)", {"seed": (1, 4, 7, 10)}),
        ('--seed "1-10 (+3)"', {"seed": (1, 4, 7, 10)}),
        ("--guidance -1..1", {"guidance_scale": (-1.0, 0.0, 1.0)}),
        ("--guidance=1..7[3]", {"guidance_scale": (1.0, 4.0, 7.0)}),
        ('--scheduler "DPM++ 2M Karras", euler', {"scheduler": ("DPM++ 2M Karras", "euler")}),
        ("--negative a,b", {"negative_prompt": ("a", "b")}),
        ('--negative "a,b"', {"negative_prompt": ("a,b",)}),
        ('--negative ""', {"negative_prompt": ("",)}),
        ("--steps 10 --size 64x32,64", {"num_inference_steps": (10,), "size": ((64, 32), (64, 64))}),
        ("--count 4 --clip-skip 1", {"count": (4,), "clip_skip": (1,)}),
        ("--model mini,./here", {"model": ("mini", "./here")}),
    ],
)
def test_settings(line, settings):
    """Options give settings under their diffusers names, in the order named."""
    found = one(line).request.settings
    assert found == settings and list(found) == list(settings)


def test_run_options():
    """What is about the run and not about the pictures stands beside the request."""
    line = (
        "--limit 9 --device cpu --dtype float16 --out foxes --save 'my folder' --no-cache --dry-run --quiet"
    )
    asked = one(line)
    assert (asked.limit, asked.device, asked.dtype, asked.out, asked.save) == (
        9,
        "cpu",
        "float16",
        "foxes",
        "my folder",
    )
    assert (asked.no_cache, asked.redraw, asked.dry_run, asked.quiet) == (True, False, True, True)
    plain = one("")
    assert (plain.limit, plain.device, plain.out, plain.quiet) == (None, None, None, False)


def test_layout_options():
    """Axes are named by their short or full names; --zip may be repeated."""
    asked = one("--rows steps --cols colour --zip seed,steps --zip 'guidance, size'").request
    assert (asked.rows, asked.cols) == ("num_inference_steps", "colour")
    assert asked.zips == (("seed", "num_inference_steps"), ("guidance, size",))
    assert one("--zip guidance, size").request.zips == (("guidance_scale", "size"),)


def test_drawn_seeds_are_told():
    """Seeds by chance are concrete in the request, and marked there."""
    asked = one("--seed 7,random[2]").request
    assert asked.drawn == asked.settings["seed"][1:] and len(asked.drawn) == 2


def test_names_of_the_notebook():
    """$name takes a value or an iterable, in options only."""
    namespace = {"seeds": np.arange(2), "n": 5, "words": "a, b", "axis": "seed", "both": ["seed", "steps"]}
    asked = one(
        '--seed $seeds,9 --limit $n --negative $words,"$n" --rows $axis --zip $both', "a $n fox", **namespace
    )
    assert asked.request.settings == {"seed": (0, 1, 9), "negative_prompt": ("a, b", "$n")}
    assert asked.limit == 5 and asked.request.rows == "seed" and asked.request.prompts == ("a $n fox",)
    assert asked.request.zips == (("seed", "num_inference_steps"),)


@pytest.mark.parametrize(
    ("body", "prompts"),
    [
        ("a red fox\n", ("a red fox",)),
        ("\n a\nb \n\n", ("a\nb",)),
        ("a\n---\nb\n--- \nc", ("a", "b", "c")),
        ("a\n\\---\nb", ("a\n---\nb",)),
        ("a\n\\\\---\nb", ("a\n\\---\nb",)),
        ("\\>>> a\n>>> b\n\\ c", (">>> a\n>>> b\n\\ c",)),
        ("a --- b\n----", ("a --- b\n----",)),
        ("{a|b} \\{c\\|d}", ("{a|b} \\{c\\|d}",)),
    ],
)
def test_body(body, prompts):
    """The body is the prompt; a line of --- parts several, and with a backslash it is text."""
    assert one("", body).request.prompts == prompts


@pytest.mark.parametrize(
    ("line", "prompt"),
    [
        ("a red fox --seed 3", "a red fox"),
        ("--seed 3 a red fox", "a red fox"),
        ("a red --seed 3 fox's den", "a red fox's den"),
        ('"a red fox" --seed 3', "a red fox"),
        ('a "red" fox', 'a "red" fox'),
        ("'tis a fox", "'tis a fox"),
        ("{red|blue} fox, (very:1.2)", "{red|blue} fox, (very:1.2)"),
    ],
)
def test_one_line(line, prompt):
    """On one line the words that belong to no option are the prompt."""
    assert one(line, None).request.prompts == (prompt,)


@pytest.mark.parametrize(
    ("line", "body", "told"),
    [
        ("--seed 1 fox", "x", "'fox' belongs to no option"),
        ("", " \n", "no prompt; write one below"),
        ("", "a\n---\n", "prompt 2 of 2 is empty"),
        ("--seed 1", None, "as in: %diffuse a red fox"),
        ("--seed 1, fox", None, "to the prompt"),
        ("--seed 1 --seed 2", "x", "--seed is given twice; one --seed takes a list"),
        ("--quiet --quiet", "x", "--quiet is given twice"),
        ("--seeds 1", "x", "did you mean '--seed'"),
        ("--neg x", "x", "for --neg write --negative"),
        ("--redraw --no-cache", "x", "drop one"),
        ("--seed", "x", "needs a value"),
        ("--scheduler ,", "x", "empty value"),
    ],
)
def test_refused(line, body, told):
    """Each slip gives one line that says what to write."""
    with pytest.raises(RequestError, match=told) as caught:
        one(line, body)
    assert "\n" not in str(caught.value)


@settings(max_examples=300, deadline=None)
@given(st.one_of(LINE, st.text(max_size=30)), st.one_of(st.none(), NASTY, st.text(max_size=20)))
def test_any_text_gives_a_cell_or_an_error(line, body):
    """Whatever is typed, the answer is a `Cell` or an `SdnbError` of one line."""
    try:
        asked = cell.read(line, body, {"x": 3, "a": [1, "b", None]})
    except SdnbError as error:
        assert str(error)
        return
    assert isinstance(asked, cell.Cell) and all(asked.request.prompts)
    try:
        planned(asked.request, limit=64)
    except SdnbError as error:
        assert str(error)


def test_write_is_explicit():
    """A written cell says everything that decides its pictures, axes first."""
    zipped = {
        "scheduler": ["Euler a", "ddim"],
        "seed": "1..3",
        "steps": [10, 20],
        "zips": ["steps", "scheduler"],
    }
    sweep = planned("{red|blue} fox", **zipped, rows="steps", negative_prompt="dark, noisy")
    assert cell.write(sweep) == (
        '%%diffuse --scheduler euler_a,ddim --seed 1..3 --steps 10,20 --negative "dark, noisy" --model mini '
        "--guidance 4 --size 128x128 --zip steps,scheduler --rows steps\n{red|blue} fox\n"
    )


def test_write_names_a_folder_by_its_path():
    """A model is written as it was named, not as a spec calls it."""
    assert '--model "/models/my, own"' in cell.write(planned("a fox", model="/models/my, own"))


def test_write_pairs_what_each_model_brings():
    """Settings that come from the models are written too, paired with them."""
    sweep = planned("a fox", model=["mini", "big"], seed=[1, 2])
    text = cell.write(sweep)
    assert "--steps 20,30" in text and "--zip model,steps,guidance,scheduler,size" in text
    assert planned(cell.parse(text, {}).request).specs == sweep.specs


def test_write_a_request():
    """Of a request that was not planned only what it names is written."""
    wanted = one("--count 3 --scheduler all --negative a,b --zip negative,scheduler").request
    text = cell.write(wanted)
    assert text == "%%diffuse --count 3 --negative a,b --scheduler all --zip negative,scheduler\na red fox\n"
    assert cell.parse(text, {}).request == Request(
        prompts=("a red fox",), settings=wanted.settings, zips=wanted.zips
    )


def test_write_allows_itself():
    """A cell of many pictures carries the limit that lets it run."""
    assert cell.parse(cell.write(planned("a fox", seed=range(100))), {}).limit == 100


def test_write_refuses_line_breaks_in_paths():
    """What cannot stand on one line is told and not written wrongly."""
    with pytest.raises(RequestError, match="line break"):
        cell.write(Request(prompts=("a fox",), settings={"model": ("a\nb",)}))


@settings(max_examples=250, deadline=None)
@given(requests())
def test_written_cells_read_as_the_same_sweep(wanted):
    """Reading a written cell gives the same specs, also after IPython has had the text."""
    try:
        sweep = planned(wanted)
    except SdnbError:
        return
    for picture in sweep.inputs.values():
        inputs.keep(picture)  # as a run does
    text = cell.write(sweep)
    asked = cell.parse(text, {})
    again = planned(asked.request, limit=asked.limit or 64)
    assert again.specs == sweep.specs
    call = ast.parse(TransformerManager().transform_cell(text)).body[0].value
    name, line, body = (ast.literal_eval(argument) for argument in call.args)
    assert (name, cell.read(line, body, {})) == ("diffuse", asked)


def test_selections_can_be_written():
    """The cell of a part of a sweep draws that part."""
    sweep = planned("{c: red|blue} {fox|cat}", seed=range(4), steps=[1, 2, 3, 4], zips=["seed", "steps"])
    part, _ = sweep.select(c="red", seed=[1, 3])
    assert planned(cell.parse(cell.write(part), {}).request).specs == part.specs


def test_parse_needs_the_magic():
    """Text that is no cell of ours is refused."""
    for text in ("a fox", "%%time\na fox", "%%diffusers\na", ""):
        with pytest.raises(RequestError, match="no %%diffuse cell"):
            cell.parse(text, {})


def test_manual_tells_every_option_and_its_examples_work():
    """The manual lists the whole table, and what it shows can be read."""
    text = cell.manual()
    for option in cell.OPTIONS:
        assert f"--{option.flag}" in text and option.help in text
    assert "\n\n\n" not in text and max(map(len, text.splitlines())) < 100
    shown = [line.strip() for line in text.splitlines() if line.strip().startswith("%%diffuse --")]
    assert len(shown) >= 4
    for line in shown:
        planned(cell.parse(f"{line}\na fox", {}).request, limit=64)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--sch", ["--scheduler"]),
        ("--seed 3 --se", []),
        ("--zip seed,steps --zi", ["--zip"]),
        ("--scheduler ", ["euler", "euler_a", "heun", "all"]),
        ("--scheduler eu", ["euler", "euler_a"]),
        ("--scheduler=he", ["heun"]),
        ("--scheduler heun,eu", ["euler", "euler_a"]),
        ("--scheduler heun, eu", ["euler", "euler_a"]),
        ('--scheduler "heun", "eu', ["euler", "euler_a"]),
        ("--scheduler heun eu", []),
        ("--model ", ["mini", "owner/name"]),
        ("--model owner/", ["owner/name"]),
        ("--seed 1 --steps 2 --rows s", ["seed", "steps"]),
        ("--count 3 --zip se", ["seed"]),
        ("--rows c", ["colour"]),
        ("--device c", ["cpu", "cuda"]),
        ("--dtype ", ["auto", "float32", "float16", "bfloat16"]),
        ("--seed r", ["random"]),
        ("a fox", []),
        ("", []),
        ("--nonsense x", []),
    ],
)
def test_complete(line, expected):
    """Options after dashes, then what each takes, also inside a comma list."""
    found = cell.complete(
        line, schedulers=["euler", "euler_a", "heun"], models=["mini", "owner/name"], axes=["colour"]
    )
    assert found == expected


@given(LINE)
def test_complete_never_fails(line):
    """Whatever stands before the cursor, completion offers words."""
    assert all(isinstance(word, str) for word in cell.complete(line, schedulers=["euler"], models=["mini"]))
