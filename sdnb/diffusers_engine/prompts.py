"""Prompts to embeddings, encoded once per model and text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sdnb.diffusers_engine.pipelines import Parts, quiet
from sdnb.engine import TokenReport

__all__ = ["Embedding", "encode", "negative_of", "report"]

_KEPT = 256  # embeddings per model; one of Stable Diffusion 1.5 is 236 kB in full precision
_AT_ONCE = 16


@dataclass(frozen=True)
class Embedding:
    """What the UNet reads of one prompt.

    Attributes
    ----------
    states : Tensor
        ``[1, tokens, channels]``.
    pooled : Tensor or None
        ``[1, channels]``, SDXL only.
    note : str
        What was left out of a prompt that is too long, or empty.
    """

    states: Tensor
    pooled: Tensor | None
    note: str = ""


Key = tuple[str, int]


def encode(parts: Parts, wanted: Iterable[Key]) -> dict[Key, Embedding]:
    """Encode prompts, as ``encode_prompt`` of the diffusers pipelines does.

    Parameters
    ----------
    parts : Parts
        Remembers what it has encoded.
    wanted : iterable of (str, int)
        Prompts with the number of text layers to skip (``clip_skip``).
    """
    wanted = list(dict.fromkeys(wanted))
    known = parts.embeddings
    missing = [key for key in wanted if key not in known]
    for skip in sorted({skip for _, skip in missing}):
        texts = [text for text, own in missing if own == skip]
        for start in range(0, len(texts), _AT_ONCE):
            some = texts[start : start + _AT_ONCE]
            for text, embedding in zip(some, _encode(parts, some, skip), strict=True):
                known[text, skip] = embedding
    found = {}
    for key in wanted:
        known.move_to_end(key)
        found[key] = known[key]
    while len(known) > max(_KEPT, len(wanted)):
        known.popitem(last=False)
    return found


def negative_of(parts: Parts, text: str, like: Embedding, encoded: dict[Key, Embedding]) -> Embedding:
    """Return the negative branch: zeros for an empty negative prompt where the checkpoint wants them."""
    if text or not parts.zero_empty_negative:
        return encoded[text, 0]
    pooled = None if like.pooled is None else torch.zeros_like(like.pooled)
    return Embedding(torch.zeros_like(like.states), pooled)


@torch.inference_mode()
def _encode(parts: Parts, texts: list[str], skip: int) -> list[Embedding]:
    states, pooled = [], None
    notes = [""] * len(texts)
    with quiet():
        for tokenizer, encoder in zip(parts.tokenizers, parts.text_encoders, strict=True):
            limit = tokenizer.model_max_length
            ids = tokenizer(
                texts, padding="max_length", max_length=limit, truncation=True, return_tensors="pt"
            )
            notes = [note or _left_out(tokenizer, text) for note, text in zip(notes, texts, strict=True)]
            reads_mask = getattr(encoder.config, "use_attention_mask", False)
            mask = ids.attention_mask.to(parts.device) if reads_mask else None
            deep = skip > 0 or parts.family == "sdxl"
            out = encoder(ids.input_ids.to(parts.device), attention_mask=mask, output_hidden_states=deep)
            if parts.family == "sdxl":
                states.append(out.hidden_states[-(skip + 2)])
                pooled = out[0] if out[0].ndim == 2 else pooled
            elif skip:
                # transformers 5 took the inner text_model away
                norm = getattr(encoder, "text_model", encoder).final_layer_norm
                states.append(norm(out.hidden_states[-(skip + 1)]))
            else:
                states.append(out[0])
    joined = torch.cat(states, dim=-1).to(parts.text_encoders[-1].dtype)
    return [
        Embedding(joined[i : i + 1].clone(), None if pooled is None else pooled[i : i + 1].clone(), note)
        for i, note in enumerate(notes)
    ]


def _left_out(tokenizer: Any, text: str) -> str:
    ids = tokenizer(text, add_special_tokens=False).input_ids
    room = tokenizer.model_max_length - 2
    if len(ids) <= room:
        return ""
    rest = " ".join(tokenizer.decode(ids[room:]).split())
    return f"the prompt has {len(ids)} tokens and the model reads {room}; left out: {rest!r}"


def report(tokenizer: Any, text: str) -> TokenReport:
    """Tell what a prompt becomes: its tokens as text, and how many the model reads."""
    with quiet():
        ids = tokenizer(text, add_special_tokens=False).input_ids
    return TokenReport(tuple(tokenizer.decode([i]) for i in ids), tokenizer.model_max_length - 2)
