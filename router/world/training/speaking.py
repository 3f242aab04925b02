"""The decoder that is shipped, with its bridge and prefix: trained on latents that stay as they are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from router.world.training.net import Decoder, World, scaled_lr
from router.world.training.states import CONTENTS, HELD_OUT_PAIRS
from router.world.training.train import SOURCES, TARGETS, Data, Recipe, Report, held_out_starts, score
from router.world.training.words import FIRST_PIECE, IGNORED, PIECES, spoken
from router.world.yard.state import CAPACITY, TRACKS

__all__ = ["piles", "train_decoder"]

PILES = 40_000
NOISE = 0.08
"""Standard deviation of what is added to each number of a latent; imagined ones are off by less."""
AHEAD = 4


def train_decoder(data: Data, world: World, recipe: Recipe, report: Report) -> Decoder:
    """A new decoder; `world` gets a new bridge and prefix, and is not changed otherwise."""
    torch.manual_seed(recipe.seed + 2)
    sizes = recipe.sizes
    decoder = Decoder(FIRST_PIECE + len(PIECES), sizes)
    world.bridge = nn.Linear(sizes.dim, sizes.bridge)
    world.prefix = nn.Linear(sizes.bridge, sizes.rows * sizes.decoder)
    parameters = [*world.bridge.parameters(), *world.prefix.parameters(), *decoder.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=recipe.speaking_lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    shown = _Shown(data, world, recipe)
    told, steps = "", recipe.speaking_steps
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.speaking_lr * scaled_lr(step, steps)
        z, text = shown.draw()
        logits = decoder(world.rows(z), text[:, :-1].clamp_min(0))
        loss = functional.cross_entropy(logits.flatten(0, 1), text[:, 1:].flatten(), ignore_index=IGNORED)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if step % 500 == 499 or step == steps - 1:
            told = str(score(data, world, decoder, held_out_starts(data.states, 1000), ahead=(1, 8)))
        report("decoder", step + 1, steps, told)
    return decoder.eval()


class _Shown:
    """Draws latents and the texts that say them: half of states, told or imagined, and half of piles."""

    def __init__(self, data: Data, world: World, recipe: Recipe):
        self._data, self._world, self._recipe = data, world, recipe
        with torch.no_grad():
            told = [world.encoder(ids) for ids in data.phrasings.flatten(0, 1).split(1024)]
        self._latents = torch.cat(told).unflatten(0, data.phrasings.shape[:2])
        """[contents, phrasings, dim]: what is said must not hang on how it was told."""
        self._piles = piles(data.rng)
        texts = spoken([[CONTENTS[content] for content in pile] for pile in self._piles.tolist()])
        self._width = max(texts.shape[1], data.texts.shape[1])
        self._texts = self._as_wide(torch.from_numpy(texts))

    def draw(self) -> tuple[Tensor, Tensor]:
        """[batch, TRACKS, dim] and [batch, longest]."""
        recipe, data = self._recipe, self._data
        half = recipe.batch // 2 if recipe.piles else 0
        walk, moves = data.walks(recipe.batch - half, AHEAD, recipe.six)
        ahead = int(data.rng.integers(0, AHEAD + 1))
        z = self._told(data.contents[torch.from_numpy(walk[:, 0])])
        with torch.no_grad():
            for step in range(ahead):
                move = torch.from_numpy(moves[:, step])
                z = self._world.step(z, SOURCES[move], TARGETS[move])
        text = self._as_wide(data.texts[torch.from_numpy(walk[:, ahead])])
        if half:
            which = data.rng.integers(len(self._piles), size=half)
            z = torch.cat([z, self._told(torch.from_numpy(self._piles[which]))])
            text = torch.cat([text, self._texts[torch.from_numpy(which)]])
        longest = int((text != IGNORED).sum(dim=1).max())
        return z + NOISE * torch.randn_like(z), text[:, :longest]

    def _told(self, contents: Tensor) -> Tensor:
        which = self._data.rng.integers(self._latents.shape[1], size=tuple(contents.shape))
        return self._latents[contents, torch.from_numpy(which)]

    def _as_wide(self, texts: Tensor) -> Tensor:
        return functional.pad(texts, (0, self._width - texts.shape[1]), value=IGNORED)


def piles(rng: np.random.Generator, count: int = PILES) -> npt.NDArray[np.int64]:
    """[count, TRACKS]: contents chosen for each track without regard to the others, so that some wagon stands in two
    places. They are no states, and hold no held-out pair either.

    A decoder that only ever sees states learns what cannot be beside what, and then writes that instead of what it is
    told: a wagon on a track where it never saw it. The ablations show it.
    """
    sizes = np.array([len(content) for content in CONTENTS])
    of_size = [np.flatnonzero(sizes == size) for size in range(CAPACITY + 1)]
    found: list[list[int]] = []
    while len(found) < count:
        pile = [int(rng.choice(of_size[size])) for size in rng.integers(CAPACITY + 1, size=TRACKS)]
        wagons = "".join(CONTENTS[content] for content in pile)
        if len(set(wagons)) < len(wagons) and not any(w in CONTENTS[pile[track]] for w, track in HELD_OUT_PAIRS):
            found.append(pile)
    return np.array(found)
