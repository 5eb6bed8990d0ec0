"""Prompts to embeddings, encoded once per model and text.

A prompt of more tokens than the text encoder reads at once is encoded in chunks whose states are joined,
and a piece that is emphasised (`sdnb.emphasis`) has its states multiplied by its weight, after which the
mean of the chunk's states is brought back to what it was: both as the web UI does. A prompt without
either gives exactly the states that diffusers' ``encode_prompt`` gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sdnb import emphasis
from sdnb.diffusers_engine.pipelines import Parts, quiet
from sdnb.engine import TokenReport
from sdnb.spec import ImageSpec

__all__ = ["Embedding", "branches", "encode", "guided", "length", "notes", "report", "texts"]

_KEPT = 256  # embeddings per model; one of Stable Diffusion 1.5 is 236 kB in full precision
_AT_ONCE = 16
# A chunk that is full ends at its last comma if that is no farther back than this; the web UI's default.
_BACK_TO_COMMA = 20
# The mean is restored only where there is one: next to this share of the states' spread it is rounding.
_NO_MEAN = 0.002


@dataclass(frozen=True)
class Embedding:
    """What the UNet reads of one prompt.

    Attributes
    ----------
    states : Tensor
        ``[1, chunks * context, channels]``.
    pooled : Tensor or None
        ``[1, channels]``, of the first chunk; SDXL only.
    note : str
        What the user should know of it, or empty.
    """

    states: Tensor
    pooled: Tensor | None
    note: str = ""


@dataclass(frozen=True)
class Chunk:
    """Tokens that are encoded together, without start, end and padding.

    Attributes
    ----------
    ids : list of int
    weights : list of float
        One for each token.
    """

    ids: list[int]
    weights: list[float]


Key = tuple[str, int]


def chunks(tokenizer: Any, text: str, most: int) -> list[Chunk]:
    """Part a prompt into chunks of at most `most` tokens; at least one, which may be empty."""
    with quiet():
        (comma, *_) = tokenizer(",", add_special_tokens=False).input_ids
        made: list[Chunk] = []
        for part in emphasis.read(text):
            made.append(Chunk([], []))
            last_comma = -1
            for piece, weight in part:
                for token in tokenizer(piece, add_special_tokens=False).input_ids:
                    now = made[-1]
                    if len(now.ids) == most:
                        near = token != comma and last_comma >= max(most - _BACK_TO_COMMA, 0)
                        cut = last_comma + 1 if near else most
                        made.append(Chunk(now.ids[cut:], now.weights[cut:]))
                        del now.ids[cut:], now.weights[cut:]
                        last_comma = -1
                    elif token == comma:
                        last_comma = len(now.ids)
                    made[-1].ids.append(token)
                    made[-1].weights.append(weight)
    return made


def guided(parts: Parts, spec: ImageSpec) -> bool:
    """Tell whether a picture needs the negative branch: two rows of the model instead of one."""
    return spec.guidance_scale > 1 and parts.unet.config.time_cond_proj_dim is None


def length(parts: Parts, spec: ImageSpec) -> int:
    """Return how many chunks a picture's states have: the longer of its two prompts decides.

    Only pictures of one number share a call of the model.
    """
    both = [spec.prompt, *([spec.negative_prompt] if guided(parts, spec) else ())]
    return max(len(chunks(parts.tokenizers[0], text, parts.prompt_tokens)) for text in both)


def texts(parts: Parts, spec: ImageSpec) -> list[Key]:
    """Return what `encode` must be asked for before `branches` can be."""
    wanted = [(spec.prompt, spec.clip_skip)]
    if guided(parts, spec) and (spec.negative_prompt or not parts.zero_empty_negative):
        wanted.append((spec.negative_prompt, 0))
    if length(parts, spec) > 1:
        wanted += [("", spec.clip_skip), ("", 0)]
    return wanted


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
        some = [text for text, own in missing if own == skip]
        for text, embedding in zip(some, _encode(parts, some, skip), strict=True):
            known[text, skip] = embedding
    found = {}
    for key in wanted:
        known.move_to_end(key)
        found[key] = known[key]
    while len(known) > max(_KEPT, len(wanted)):
        known.popitem(last=False)
    return found


def branches(
    parts: Parts, spec: ImageSpec, encoded: dict[Key, Embedding]
) -> tuple[Embedding, Embedding | None]:
    """Return the positive and the negative branch, the shorter one filled up with empty chunks.

    An empty negative prompt is zeros where the checkpoint wants them; without guidance there is no negative.
    """
    positive = encoded[spec.prompt, spec.clip_skip]
    if not guided(parts, spec):
        return positive, None
    if not spec.negative_prompt and parts.zero_empty_negative:
        pooled = None if positive.pooled is None else torch.zeros_like(positive.pooled)
        return positive, Embedding(torch.zeros_like(positive.states), pooled)
    other = encoded[spec.negative_prompt, 0]
    long = max(positive.states.shape[1], other.states.shape[1])
    return _filled(positive, ("", spec.clip_skip), long, encoded), _filled(other, ("", 0), long, encoded)


def notes(parts: Parts, spec: ImageSpec, encoded: dict[Key, Embedding]) -> list[str]:
    """Return what the user should know of a picture's prompts."""
    said = [encoded[spec.prompt, spec.clip_skip].note]
    if guided(parts, spec) and spec.negative_prompt:
        said.append(encoded[spec.negative_prompt, 0].note.replace("the prompt", "the negative prompt", 1))
    return [note for note in said if note]


def _filled(one: Embedding, empty: Key, long: int, encoded: dict[Key, Embedding]) -> Embedding:
    if one.states.shape[1] == long:
        return one
    filling = encoded[empty].states
    times = (long - one.states.shape[1]) // filling.shape[1]
    return Embedding(torch.cat([one.states, *[filling] * times], dim=1), one.pooled, one.note)


@torch.inference_mode()
def _encode(parts: Parts, prompts: Sequence[str], skip: int) -> list[Embedding]:
    joined: list[list[Tensor]] = [[] for _ in prompts]
    pooled: list[Tensor] = []
    for tokenizer, encoder in zip(parts.tokenizers, parts.text_encoders, strict=True):
        parted = [chunks(tokenizer, text, parts.prompt_tokens) for text in prompts]
        rows = [chunk for some in parted for chunk in some]
        states, tops = [], []
        for start in range(0, len(rows), _AT_ONCE):
            read, top = _states(parts, tokenizer, encoder, rows[start : start + _AT_ONCE], skip)
            states += read
            tops += top
        first = 0
        for place, some in enumerate(parted):
            joined[place].append(torch.cat(states[first : first + len(some)]).unsqueeze(0))
            if tops:
                pooled.append(tops[first].unsqueeze(0))
            first += len(some)
    dtype = parts.text_encoders[-1].dtype
    return [
        Embedding(
            torch.cat(each, dim=-1).to(dtype),
            pooled[place] if pooled else None,
            _note(parts, text),
        )
        for place, (text, each) in enumerate(zip(prompts, joined, strict=True))
    ]


def _states(
    parts: Parts, tokenizer: Any, encoder: Any, rows: Sequence[Chunk], skip: int
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the states of each chunk, ``[context, channels]``, and its pooled ones where there are any."""
    context = tokenizer.model_max_length
    ids = torch.full((len(rows), context), tokenizer.pad_token_id)
    mask = torch.zeros_like(ids)
    weights = torch.ones(ids.shape)
    for place, row in enumerate(rows):
        end = len(row.ids) + 2
        ids[place, :end] = torch.tensor([tokenizer.bos_token_id, *row.ids, tokenizer.eos_token_id])
        mask[place, :end] = 1
        weights[place, 1 : end - 1] = torch.tensor(row.weights)
    reads_mask = getattr(encoder.config, "use_attention_mask", False)
    deep = skip > 0 or parts.family == "sdxl"
    with quiet():
        out = encoder(
            ids.to(parts.device),
            attention_mask=mask.to(parts.device) if reads_mask else None,
            output_hidden_states=deep,
        )
    tops: list[Tensor] = []
    if parts.family == "sdxl":
        states = out.hidden_states[-(skip + 2)]
        tops = list(out[0].clone()) if out[0].ndim == 2 else []
    elif skip:
        # transformers 5 took the inner text_model away
        norm = getattr(encoder, "text_model", encoder).final_layer_norm
        states = norm(out.hidden_states[-(skip + 1)])
    else:
        states = out[0]
    return [_weighted(one, own) for one, own in zip(states, weights, strict=True)], tops


def _weighted(states: Tensor, weights: Tensor) -> Tensor:
    """Multiply states ``[context, channels]`` by weights ``[context]``, and restore their mean."""
    if bool((weights == 1).all()):
        return states.clone()
    full = states.float()
    weighed = full * weights.to(full.device).unsqueeze(1)
    before, after = full.mean(), weighed.mean()
    if min(before.abs(), after.abs()) > _NO_MEAN * full.std():
        weighed *= before / after
    return weighed.to(states.dtype)


def _note(parts: Parts, text: str) -> str:
    most = parts.prompt_tokens
    if most >= parts.tokenizers[0].model_max_length - 2:
        return ""
    count = sum(len(chunk.ids) for chunk in chunks(parts.tokenizers[0], text, most))
    if count <= most:
        return ""
    return f"the prompt has {count} tokens; the model has learned {most} at most and draws longer ones badly"


def report(tokenizer: Any, text: str, most: int) -> TokenReport:
    """Tell what a prompt becomes: its tokens as text with their weights, chunk by chunk."""
    parted = chunks(tokenizer, text, most)
    return TokenReport(
        tuple(
            tuple((tokenizer.decode([i]), w) for i, w in zip(c.ids, c.weights, strict=True)) for c in parted
        ),
        most,
    )
