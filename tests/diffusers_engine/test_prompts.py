"""Prompts are encoded once, as diffusers does, and nothing is cut without a word."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from sdnb.diffusers_engine import DiffusersEngine, knows, prompts

from .tiny import CONTEXT, apart, plain, render, spec_of


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


def test_a_long_prompt_says_what_was_left_out(engine, sd):
    """The picture is that of the cut prompt, and its note has the counts and the words."""
    spec = spec_of(sd, "red fox moon " * 6 + "blue blur")
    (picture,) = render(engine, sd, spec)
    assert picture.notes == (
        "the prompt has 20 tokens and the model reads 14; left out: 'moon red fox moon blue blur'",
    )
    assert apart(picture.image, plain(sd, spec)) <= 2


def test_a_long_negative_prompt_says_so_too(engine, sd):
    """A negative prompt that is cut is told, but only where it is used."""
    long = "blur " * 20
    used, unused = render(
        engine, sd, spec_of(sd, negative_prompt=long), spec_of(sd, negative_prompt=long, guidance_scale=1.0)
    )
    assert "negative prompt has 20 tokens" in used.notes[0]
    assert not unused.notes


def test_tokens_tell_what_a_prompt_becomes(engine, sd):
    """Tokens come as text without start, end and padding, with the number that the model reads."""
    one, none = engine.tokens(sd, ["red fox!", ""])
    assert one.tokens == ("red", "fox", "!")
    assert one.limit == CONTEXT - 2
    assert none.tokens == ()


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
    import json
    import shutil
    from dataclasses import replace

    folder = tmp_path / "small"
    shutil.copytree(sd.path, folder)
    (folder / "knows.json").write_text(json.dumps(KNOWN))
    strange, known = render(
        engine, replace(sd, path=folder), spec_of(sd, "blue moon"), spec_of(sd, "red fox")
    )
    assert strange.notes == (knows.note(sd.name, KNOWN, "blue moon"),)
    assert known.notes == ()
