"""What each part of the recipe is for: the same training with one part left out, and a decoder without a world model.

All are trained anew for the same, shortened number of steps, and judged on held-out states in PyTorch; what they reach
can be compared with each other and not with the shipped files, which were trained longer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from router.world.training.net import Decoder, scaled_lr
from router.world.training.speaking import train_decoder
from router.world.training.states import SPLITS
from router.world.training.train import Data, Ints, Recipe, Report, Score, held_out_starts, score, train_world
from router.world.training.words import FIRST_PIECE, IGNORED, PIECES
from router.world.yard.state import MOVES, WAGONS

__all__ = ["VARIANTS", "ablated", "text_only"]

SHARE = 0.6
"""Of the usual number of steps."""
HIGHEST_RATE = 4e-3


VARIANTS: dict[str, dict[str, Any]] = {
    "everything": {},
    "no JEPA term": {"jepa": 0.0},
    "no grounding": {"grounding": 0.0},
    "decoder learns from states only": {"piles": False},
}
"""By what is left out: the recipe's fields that say so."""


def short(recipe: Recipe) -> Recipe:
    """The same with fewer steps."""
    stages = tuple((ahead, int(steps * SHARE), rate) for ahead, steps, rate in recipe.stages)
    return replace(recipe, stages=stages, speaking_steps=int(recipe.speaking_steps * SHARE))


def ablated(name: str, data: Data, vocabulary: int, recipe: Recipe, report: Report) -> list[Score]:
    """One of VARIANTS, on states held out by chance and by structure: the share of exact states after 1, 4, 8 and 32
    imagined moves, and the letters."""
    variant = replace(short(recipe), **VARIANTS[name])
    world, _ = train_world(data, vocabulary, FIRST_PIECE + len(PIECES), variant, _named(name, report))
    decoder = train_decoder(data, world, variant, _named(name, report))
    starts = [held_out_starts(data.states, 2000, split=split) for split in ("seed 0", "structure")]
    return [score(data, world, decoder, each, ahead=(1, 4, 8, 32)) for each in starts]


def text_only(data: Data, recipe: Recipe, report: Report) -> dict[str, float]:
    """The same decoder without a world model: it reads state and move as text and learns to write the next state.

    The share of exact next states, for starts held out by chance and for those held out by structure; as many steps
    of training as `ablated` gives.
    """
    torch.manual_seed(recipe.seed)
    decoder = Decoder(FIRST_PIECE + len(PIECES), recipe.sizes)
    steps = int(sum(steps for _, steps, _ in recipe.stages) * SHARE)
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=HIGHEST_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = HIGHEST_RATE * scaled_lr(step, steps)
        walk, moves = data.walks(recipe.batch, 1, recipe.six)
        loss = functional.cross_entropy(*_written(data, decoder, walk, moves[:, 0]), ignore_index=IGNORED)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimizer.step()
        report("decoder alone, text to text", step + 1, steps, "")
    return {split: _text_score(data, decoder, split) for split in ("seed 0", "structure")}


def _written(data: Data, decoder: Decoder, walk: Ints, moves: Ints) -> tuple[Tensor, Tensor]:
    """Logits and targets of the next state's text, after the state's text and the two tracks of the move."""
    before, after = (data.texts[torch.from_numpy(walk[:, n])] for n in (0, 1))
    longest = int((before != IGNORED).sum(dim=1).max())
    asked = before[:, :longest].clamp_min(0)
    ends = torch.tensor([[move.source, move.target] for move in MOVES])[torch.from_numpy(moves)] + FIRST_PIECE
    tokens = torch.cat([asked, ends, after[:, :-1].clamp_min(0)], dim=1)
    nothing = torch.zeros(len(tokens), 0, decoder.token_embd.embedding_dim)
    logits = decoder(nothing, tokens)[:, longest + 2 :]
    return logits.flatten(0, 1), after[:, 1:].flatten()


@torch.no_grad()
def _text_score(data: Data, decoder: Decoder, split: str, size: int = 2000) -> float:
    states, rng = data.states, np.random.default_rng(11)
    held = states.held[:, SPLITS.index(split)] & (states.count == len(WAGONS))
    start = rng.choice(np.flatnonzero(held), size)
    options = states.following[start] >= 0
    moves = (rng.random(options.shape) * options).argmax(axis=1)
    walk = np.stack([start, states.following[start, moves]], axis=1)
    logits, wanted = _written(data, decoder, walk, moves)
    right = (logits.argmax(dim=-1) == wanted) | (wanted == IGNORED)
    return float(right.view(size, -1).all(dim=1).float().mean())


def _named(name: str, report: Report) -> Report:
    return lambda stage, step, steps, told: report(f"{name}: {stage}", step, steps, told)
