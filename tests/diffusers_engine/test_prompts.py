"""Prompts are encoded once, as diffusers does; long and weighted ones as the web UI does."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from sdnb.diffusers_engine import DiffusersEngine, knows, prompts

from .tiny import CONTEXT, apart, pipeline, plain, render, spec_of


@contextmanager
def encoded(parts):
    """Count the prompts that the text encoder reads within."""
    texts: list[int] = []
    hook = parts.text_encoders[0].register_forward_pre_hook(lambda module, args: texts.append(len(args[0])))
    try:
        yield texts
    finally:
        hook.remove()


def test_a_prompt_is_encoded_once(sd):
    """A second run with the same prompt does not encode; another clip_skip or prompt does."""
    engine = DiffusersEngine(device="cpu")
    with encoded(engine._parts(sd)) as texts:
        render(engine, sd, spec_of(sd, seed=0), spec_of(sd, seed=1), spec_of(sd, "moon"))
        assert sum(texts) == 3  # two prompts and the empty negative one
        render(engine, sd, spec_of(sd, seed=2, scheduler="ddim"))
        assert sum(texts) == 3
        render(engine, sd, spec_of(sd, clip_skip=1))
        assert sum(texts) == 4


def test_what_is_remembered_is_bounded(sd, monkeypatch):
    """The least recently used embedding leaves first; what one batch needs is always there."""
    monkeypatch.setattr(prompts, "_KEPT", 3)
    parts = DiffusersEngine(device="cpu")._parts(sd)
    keys = [(word, 0) for word in ("a", "b", "c", "d", "e")]
    assert list(prompts.encode(parts, keys)) == keys
    prompts.encode(parts, [("a", 0)])
    prompts.encode(parts, [("f", 0)])
    assert list(parts.embeddings) == [("e", 0), ("a", 0), ("f", 0)]


LONG = "red fox moon " * 6 + "blue blur"  # 20 tokens, of which the tiny encoders read 14 at once
HEAD, TAIL = "red fox moon " * 4 + "red fox", "moon red fox moon blue blur"


def by_hand(model, spec, *rows: tuple[str, ...]):
    """Draw a spec with plain diffusers, given the texts of each chunk of the prompt and of the negative."""
    pipe = pipeline(model)
    made = [[pipe.encode_prompt(text, device="cpu", num_images_per_prompt=1,
             do_classifier_free_guidance=False) for text in row] for row in rows]  # fmt: skip
    states = [torch.cat([each[0] for each in row], dim=1) for row in made]
    keywords = {"prompt_embeds": states[0], "negative_prompt_embeds": states[1]}
    if len(made[0][0]) == 2:
        return plain(model, spec, **keywords)
    # encode_prompt of XL: states, negative, pooled, negative pooled
    return plain(model, spec, **keywords, pooled_prompt_embeds=made[0][0][2],
                 negative_pooled_prompt_embeds=made[1][0][2])  # fmt: skip


def test_a_long_prompt_is_read_in_chunks(engine, sd):
    """Prompt and negative are encoded chunk by chunk, the shorter filled up with empty chunks."""
    for prompt, negative, rows in [
        (LONG, "blur", ((HEAD, TAIL), ("blur", ""))),
        ("moon", LONG, (("moon", ""), (HEAD, TAIL))),
        ("red fox BREAK moon BREAK", "", (("red fox", "moon"), ("", ""))),
    ]:
        spec = spec_of(sd, prompt, negative_prompt=negative, scheduler="euler_a")
        (picture,) = render(engine, sd, spec)
        assert picture.notes == ()
        assert apart(picture.image, by_hand(sd, spec, *rows)) <= 2
        assert apart(picture.image, plain(sd, spec)) > 2


def test_a_long_prompt_for_two_encoders(engine, sdxl):
    """Both encoders of XL read every chunk; the pooled states are those of the first."""
    spec = spec_of(sdxl, LONG, negative_prompt="blur")
    (picture,) = render(engine, sdxl, spec)
    assert apart(picture.image, by_hand(sdxl, spec, (HEAD, TAIL), ("blur", ""))) <= 2


def test_chunks_end_at_a_comma_that_is_near():
    """A full chunk ends behind its last comma, if that is near; BREAK ends one anywhere."""
    tokenizer = Words()
    words = [str(number) for number in range(75)]
    text = [" ".join([*words[:60], ",", *words[:30]]), " ".join([*words[:30], ",", *words[:60]])]
    assert [[len(c.ids) for c in prompts.chunks(tokenizer, t, 75)] for t in text] == [[61, 30], [75, 16]]
    assert [len(c.ids) for c in prompts.chunks(tokenizer, " ".join(words), 75)] == [75]
    assert [len(c.ids) for c in prompts.chunks(tokenizer, " ".join([*words, ","]), 75)] == [75, 1]
    (one, two) = prompts.chunks(tokenizer, "a (b:1.5) BREAK [c]", 75)
    assert (one.weights, two.weights) == ([1.0, 1.5], [0.909091])


class Words:
    """A tokenizer of one token a word."""

    def __call__(self, text, add_special_tokens):
        return SimpleNamespace(input_ids=[hash(word) for word in text.split()])


def test_pictures_of_one_length_share_their_calls(engine, sd):
    """Long and short prompts are drawn in batches of their own, and a picture does not depend on them."""
    specs = [spec_of(sd, prompt, seed=seed) for prompt in (LONG, "moon") for seed in range(2)]
    rows: list[tuple[int, int]] = []
    hook = engine._parts(sd).unet.register_forward_pre_hook(
        lambda module, args, keywords: rows.append(tuple(keywords["encoder_hidden_states"].shape[:2])),
        with_kwargs=True,
    )
    try:
        pictures = render(engine, sd, *specs)
    finally:
        hook.remove()
    assert rows == [(4, CONTEXT)] * 5 + [(4, 2 * CONTEXT)] * 5
    for spec, picture in zip(specs, pictures, strict=True):
        (alone,) = render(engine, sd, spec)
        assert apart(picture.image, alone.image) <= 2


def test_weights_multiply_the_states_of_their_tokens(sd, sdxl):
    """A weight touches its own tokens' states only; weight 1 and escapes are exactly the plain prompt."""
    for model, skip in ((sd, 0), (sd, 1), (sdxl, 0)):
        parts = DiffusersEngine(device="cpu")._parts(model)
        keys = [("red fox moon", skip), ("red (fox:1.5) [moon]", skip), ("(red fox:1) moon", skip)]
        plain_, weighed, same = (prompts.encode(parts, keys)[key].states for key in keys)
        factors = torch.ones(CONTEXT)
        factors[2], factors[3] = 1.5, 1 / 1.1
        halves = len(parts.text_encoders)
        wanted = [restored(half, factors) for half in plain_.chunk(halves, dim=-1)]
        assert torch.allclose(weighed, torch.cat(wanted, dim=-1), atol=1e-5)
        assert torch.equal(same, plain_)


def restored(states, factors):
    """Multiply states as the web UI does."""
    weighed = states * factors[None, :, None]
    clear = abs(float(states.mean())) > 0.002 * float(states.std())
    return weighed * (states.mean() / weighed.mean()) if clear else weighed


def test_the_mean_of_weighted_states_is_restored():
    """It is what it was before; states without a mean to speak of are only multiplied."""
    states, weights = torch.randn(16, 8) + 0.5, torch.ones(16)
    weights[3:6] = 1.7
    weighed = prompts._weighted(states, weights)
    assert torch.allclose(weighed.mean(), states.mean())
    assert torch.allclose(weighed[4] / weighed[0] * states[0], states[4] * 1.7)
    level = states - states.mean()
    assert torch.equal(prompts._weighted(level, weights)[4], level[4] * 1.7)


def test_a_model_of_short_prompts_says_so(engine, sd, tmp_path):
    """A model that has learned on fewer tokens than it reads gets chunks of so many, and a note."""
    folder = tmp_path / "short"
    shutil.copytree(sd.path, folder)
    (folder / "knows.json").write_text(json.dumps(KNOWN | {"prompt_tokens": 3}))
    model = replace(sd, path=folder)
    short, long = render(engine, model, spec_of(sd, "red moon fox"), spec_of(sd, "red moon fox blue"))
    assert short.notes == ()
    assert long.notes == (
        "the prompt has 4 tokens; the model has learned 3 at most and draws longer ones badly",
    )
    assert [len(c) for c in engine.tokens(model, ["red moon fox blue"])[0].chunks] == [3, 1]


def test_tokens_tell_what_a_prompt_becomes(engine, sd):
    """Tokens come as text with their weights, in chunks, without start, end and padding."""
    one, none, long = engine.tokens(sd, ["red (fox:1.3)!", "", LONG])
    assert one.chunks == ((("red", 1.0), ("fox", 1.3), ("!", 1.0)),)
    assert one.limit == CONTEXT - 2
    assert none.tokens == ()
    assert [len(chunk) for chunk in long.chunks] == [14, 6]


KNOWN = {
    "concepts": [
        {"en": "fox", "es": "zorro", "synonyms": {"en": ["vixen"], "es": ["raposa"]}},
        {"en": "hot air balloon", "es": "globo", "synonyms": {"en": [], "es": []}},
    ],
    "colours": [{"en": "red", "es": "rojo"}],
}


@pytest.mark.parametrize("prompt", ["a FOX", "two foxes", "Un zorro, rojo", "hot-air balloon", "raposas"])
def test_a_known_concept_needs_no_note(prompt):
    """Case, plural, punctuation, language and synonyms all count as known."""
    assert knows.note("mini", KNOWN, prompt) == ""


@pytest.mark.parametrize("prompt", ["", "red", "foxglove", "hot air", "hot air and a balloon"])
def test_an_unknown_concept_is_said(prompt):
    """A colour alone, a part of a word or of a term is no concept."""
    assert "%sdnb models mini" in knows.note("mini", KNOWN, prompt)


def test_a_model_with_knows_json_notes_strange_prompts(engine, sd, tmp_path):
    """A folder with knows.json gives one note to pictures of prompts it has nothing for."""
    folder = tmp_path / "small"
    shutil.copytree(sd.path, folder)
    (folder / "knows.json").write_text(json.dumps(KNOWN))
    strange, known = render(
        engine, replace(sd, path=folder), spec_of(sd, "blue moon"), spec_of(sd, "red fox")
    )
    assert strange.notes == (knows.note(sd.name, KNOWN, "blue moon"),)
    assert known.notes == ()
