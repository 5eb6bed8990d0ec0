"""The text side: a tokenizer, and a CLIP text encoder whose padding positions hold the picture's layout.

Stable Diffusion's cross-attention sees every position of the text encoder, padding too, and the encoder is
causal, so what stands after the prompt has read all of it. Here LAYOUT padding positions follow PROMPT
ordinary ones, one for each 2x2 patch of the latents, and the encoder is trained alone, first, to know from
the caption what the picture looks like there. That is a noise-free regression, far cheaper to learn than
diffusion; the UNet is left with one pattern of attention, the same for every concept, and with the finishing.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from .captions import Language, Plan, caption, draw_plan
from .concepts import CONCEPTS
from .optimizer import Optimizer, Report, cosine

PROMPT, LAYOUT = 32, 64
WIDTH = 256
BATCH = 24
START, END = "<|startoftext|>", "<|endoftext|>"


def build_tokenizer(folder: Path, seed: int = 0, captions: int = 20_000) -> CLIPTokenizer:
    """Train a byte-pair vocabulary on the captions' words, and save it as a CLIP tokenizer in `folder`."""
    rng = Random(seed)
    keys = tuple(c.key for c in CONCEPTS)
    lines = [caption(draw_plan(rng, keys), rng.choice(("en", "es")), rng) for _ in range(captions)]
    lines += [name.text for c in CONCEPTS for name in c.en + c.es] * 20
    raw = Tokenizer(models.BPE(unk_token=END, end_of_word_suffix="</w>", fuse_unk=False))
    raw.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(r"\s+", " "), normalizers.Lowercase()]
    )
    split = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(split), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=2000,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    raw.train_from_iterator(lines, trainer)
    learned = json.loads(raw.to_str())["model"]
    merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in learned["merges"]]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = alphabet + [letter + "</w>" for letter in alphabet] + ["".join(m) for m in merges]
    vocab = {word: index for index, word in enumerate(dict.fromkeys(words))}
    vocab[START], vocab[END] = len(vocab), len(vocab) + 1
    tokenizer = CLIPTokenizer(
        vocab=vocab,
        merges=merges,
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        model_max_length=PROMPT + LAYOUT,
    )
    save_tokenizer(tokenizer, folder)
    return tokenizer


def save_tokenizer(tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Write `tokenizer.json`, for transformers 5, and `vocab.json` and `merges.txt`, for transformers 4."""
    # What an earlier call padded and cut to would be kept, and hold for everyone who loads the file.
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.save_pretrained(folder)
    config = folder / "tokenizer_config.json"
    settings = json.loads(config.read_text("utf-8"))
    kept = {k: v for k, v in settings.items() if k not in ("is_local", "local_files_only", "name_or_path")}
    config.write_text(json.dumps(kept, indent=2) + "\n", "utf-8")
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    pairs = (pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"])
    (folder / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False), "utf-8")
    (folder / "merges.txt").write_text("\n".join(("#version: 0.2", *pairs)) + "\n", "utf-8")


def build(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """A fresh text encoder for a tokenizer."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=640,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=PROMPT + LAYOUT,
        projection_dim=WIDTH,
        hidden_act="gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def tokenize(tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """int64 [batch, PROMPT + LAYOUT], padded and cut as StableDiffusionPipeline does it."""
    return tokenizer(
        captions, padding="max_length", max_length=PROMPT + LAYOUT, truncation=True, return_tensors="pt"
    ).input_ids


def patches(latents: Tensor) -> Tensor:
    """[batch, 4, 16, 16] latents as [batch, 64, 16]: one row for each 2x2 patch."""
    return nn.functional.pixel_unshuffle(latents, 2).flatten(2).mT


class Layout(nn.Module):
    """The text encoder with the linear head that its training alone needs."""

    def __init__(self, encoder: CLIPTextModel) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(WIDTH, 16)

    def forward(self, ids: Tensor) -> Tensor:
        """Patches [batch, 64, 16] of token ids [batch, 96]."""
        return self.head(self.encoder(input_ids=ids).last_hidden_state[:, PROMPT:])


def train(
    model: Layout,
    tokenizer: CLIPTokenizer,
    draw: Callable[[Random], tuple[Plan | None, int]],
    targets: Tensor,
    probes: tuple[list[str], Tensor],
    seconds: float,
    seed: int = 0,
    state: dict | None = None,
    before: float = 0.0,
) -> Iterator[Report]:
    """Train in place for a time, reporting now and then; ends with the averaged weights.

    Parameters
    ----------
    model
        What is trained.
    draw
        Gives a plan to write a caption for (None: the empty prompt) and its row in `targets`.
    targets
        float32 [count, 64, 16], the patches of the plans' pictures without chance.
    probes
        Captions training never sees, and their patches: the error there is logged.
    seconds
        How long in all.
    seed
        For captions and their order.
    state, before
        The optimizer's state and the seconds spent before a stop, to go on from.
    """
    optimizer = Optimizer(model, muon=0.01, adam=2e-3, average=0.995)
    if state:
        optimizer.resume(state)
    rng = Random(seed + optimizer.steps)
    languages: tuple[Language, ...] = ("en", "en", "en", "es", "es")
    begun, said, tail = time.monotonic() - before, before, 0.0
    probe_ids = tokenize(tokenizer, probes[0])
    while (spent := time.monotonic() - begun) < seconds:
        captions, rows = [], []
        while len(captions) < BATCH:
            plan, row = draw(rng)
            captions.append("" if plan is None else caption(plan, rng.choice(languages), rng))
            rows.append(row)
        ids = tokenize(tokenizer, captions)
        with torch.autocast("cpu", torch.bfloat16):
            seen = model(ids).float()
        value = (seen - targets[rows]).square().mean()
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step(cosine(spent / seconds))
        tail = 0.98 * tail + 0.02 * value.item() if tail else value.item()
        if spent - said > Report.EVERY:
            said = spent
            with torch.no_grad():
                error = (optimizer.average(probe_ids) - probes[1]).square().mean().item()
            line = f"text {spent:.0f} of {seconds:.0f} s, step {optimizer.steps}, error {tail:.4f}"
            yield Report(f"{line}, held out {error:.4f}", spent, optimizer)
    model.load_state_dict(optimizer.average.state_dict())
    model.eval().requires_grad_(False)
    yield Report(f"text done, step {optimizer.steps}, error {tail:.4f}", spent, optimizer)
