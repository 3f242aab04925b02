"""The training itself: a world model first, then what it takes to plan with it.

1. Encoder, transition, bridge, prefix and a decoder together, one imagined step; then several. The JEPA term draws each
   imagined latent to what a slowly following teacher makes of the next state, told in other words; variance and
   covariance terms keep the latents spread. The probe grounds them: without it a latent may look healthy by all usual
   signs and yet not know which wagon is which.
2. The decoder that is shipped, with its bridge and prefix, anew, on latents that stay as they are (`speaking.py`).
3. Beside it, in a process of its own, the moves-to-go head, on the same latents (`planning.py`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from router.world.training.net import Decoder, Sizes, World, scaled_lr
from router.world.training.states import CONTENTS, SPLITS, States
from router.world.training.words import IGNORED, NOT_A_WORD
from router.world.yard.state import CAPACITY, MOVES, WAGONS

__all__ = ["Data", "Recipe", "Report", "Score", "held_out_starts", "scales", "score", "train_world"]

Ints = npt.NDArray[np.integer]
Report = Callable[[str, int, int, str], None]
"""(stage, step, of how many, the held-out score so far)"""

SOURCES = torch.tensor([move.source for move in MOVES])
TARGETS = torch.tensor([move.target for move in MOVES])
PLAIN_SHARE = 0.15
"""How often a track is told in its plain form."""
UNKNOWN_SHARE = 0.1
"""How often a word is replaced by an unknown one."""


@dataclass(frozen=True)
class Recipe:
    """Steps, rates and weights. `jepa` and `grounding` 0 leave these terms out."""

    seed: int = 0
    batch: int = 64
    stages: tuple[tuple[int, int, float], ...] = ((1, 2500, 4e-3), (4, 2000, 2e-3))
    """(imagined steps, training steps, highest learning rate)"""
    jepa: float = 1.0
    grounding: float = 1.0
    variance: float = 1.0
    covariance: float = 0.04
    disallowed: float = 0.5
    momentum: float = 0.99
    speaking_steps: int = 6000
    speaking_lr: float = 3e-3
    piles: bool = True
    """The decoder that is shipped also learns from wagons piled up anyhow; False: from states only."""
    six: float = 0.7
    """Share of yards with all six wagons."""
    to_go_steps: int = 5000
    to_go_batch: int = 384
    to_go_lr: float = 1.5e-3
    sizes: Sizes = field(default_factory=Sizes)


class Data:
    """States, their texts and phrasings as tensors, and random walks among the states that training may see."""

    def __init__(
        self,
        states: States,
        texts: npt.NDArray[np.int64],
        phrasings: npt.NDArray[np.int64],
        telling: npt.NDArray[np.bool_],
        rng: np.random.Generator,
    ):
        self.states = states
        self.telling = torch.from_numpy(telling)
        """[vocabulary]: words that carry meaning (wagons, directions, `empty`) and are never hidden."""
        self.contents = torch.from_numpy(states.contents.astype(np.int64))
        self.phrasings = torch.from_numpy(phrasings)
        self.places = _places()
        seen = states.seen
        self.onward = np.where((states.following >= 0) & seen[states.following], states.following, -1)
        leads = seen & (self.onward >= 0).any(axis=1)
        self.full = np.flatnonzero(leads & (states.count == len(WAGONS)))
        self.fewer = [np.flatnonzero(leads & (states.count == count)) for count in range(1, len(WAGONS))]
        self.rng = rng
        self.texts = torch.from_numpy(texts)

    def walks(self, size: int, steps: int, six: float) -> tuple[Ints, Ints]:
        """States [size, steps + 1] and moves [size, steps], all of them seen; a walk can always go back."""
        rng = self.rng
        counts = np.bincount(rng.integers(len(self.fewer), size=size - int(size * six)), minlength=len(self.fewer))
        fewer = [rng.choice(states, count) for states, count in zip(self.fewer, counts, strict=True)]
        state = np.concatenate([rng.choice(self.full, int(size * six)), *fewer])
        states, moves = [state], []
        for _ in range(steps):
            options = self.onward[state] >= 0
            move = (rng.random(options.shape) * options).argmax(axis=1)
            state = self.onward[state, move]
            states.append(state)
            moves.append(move)
        return np.stack(states, axis=1), np.stack(moves, axis=1)

    def words(self, states: Ints, *, plain: bool = False) -> Tensor:
        """[…] states → [n, TRACKS, words] ids in random phrasings, or in the plain one."""
        contents = self.contents[torch.from_numpy(states)]
        return self.phrasings[contents, 0] if plain else self.worded(contents)

    def worded(self, contents: Tensor) -> Tensor:
        """[…] contents → […, words] ids in random phrasings."""
        which = self.rng.integers(1, self.phrasings.shape[1], size=tuple(contents.shape))
        which *= self.rng.random(which.shape) >= PLAIN_SHARE
        ids = self.phrasings[contents, torch.from_numpy(which)]
        ids = ids[..., : int((ids > 0).any(dim=tuple(range(ids.dim() - 1))).sum())]  # no wider than the longest
        unknown = torch.from_numpy(self.rng.random(tuple(ids.shape), dtype=np.float32)) < UNKNOWN_SHARE
        return torch.where(unknown & (ids > 2) & ~self.telling[ids], NOT_A_WORD, ids)


def _places() -> Tensor:
    """[contents, CAPACITY]: 0 for no wagon, else 1 + its number."""
    table = torch.zeros(len(CONTENTS), CAPACITY, dtype=torch.int64)
    for number, content in enumerate(CONTENTS):
        for place, wagon in enumerate(content):
            table[number, place] = 1 + WAGONS.index(wagon)
    return table


def train_world(data: Data, vocabulary: int, pieces: int, recipe: Recipe, report: Report) -> tuple[World, Decoder]:
    """All stages. `vocabulary`: the encoder's words, `pieces`: the decoder's tokens."""
    torch.manual_seed(recipe.seed)
    world, decoder = World(vocabulary, recipe.sizes), Decoder(pieces, recipe.sizes)
    for steps_ahead, steps, rate in recipe.stages:
        _stage(data, world, decoder, recipe, steps_ahead, steps, rate, report)
    return world.eval(), decoder.eval()


def _stage(
    data: Data, world: World, decoder: Decoder, recipe: Recipe, ahead: int, steps: int, rate: float, report: Report
) -> None:
    teacher = copy.deepcopy(world.encoder).requires_grad_(False)
    parameters = [*world.parameters(), *decoder.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    told = ""
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * scaled_lr(step, steps)
        loss = _loss(data, world, decoder, teacher, recipe, ahead)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        with torch.no_grad():
            for slow, fast in zip(teacher.parameters(), world.encoder.parameters(), strict=True):
                slow.lerp_(fast, 1 - recipe.momentum)
        if step % 250 == 249 or step == steps - 1:
            told = str(score(data, world, decoder, held_out_starts(data.states, 400), ahead=(1, 8)))
        report(f"world, {ahead} step{'s' * (ahead > 1)} ahead", step + 1, steps, told)


def _loss(data: Data, world: World, decoder: Decoder, teacher: torch.nn.Module, recipe: Recipe, ahead: int) -> Tensor:
    walk, moves = data.walks(recipe.batch, ahead, recipe.six)
    contents = data.contents[torch.from_numpy(walk)]
    z = world.encode(data.words(walk[:, 0]))
    imagined = [z]
    for number in range(ahead):
        move = torch.from_numpy(moves[:, number])
        imagined.append(world.step(imagined[-1], SOURCES[move], TARGETS[move]))
    every = torch.stack(imagined, dim=1)  # [batch, ahead + 1, TRACKS, dim]
    rows = torch.arange(len(z))
    loss = every.new_zeros(())
    if recipe.jepa:
        # One later state of each walk, drawn anew every time, is enough: the teacher is half of what a step costs.
        later = torch.from_numpy(data.rng.integers(1, ahead + 1, size=len(z)))
        with torch.no_grad():
            target = teacher(data.words(walk[rows, later]).flatten(0, 1)).view_as(z)
        loss = loss + recipe.jepa * functional.mse_loss(every[rows, later], target)
    loss = loss + _spread(z.flatten(0, 1), recipe)
    if recipe.grounding:
        read = world.probe(every).unflatten(-1, (CAPACITY, 1 + len(WAGONS)))
        loss = loss + recipe.grounding * functional.cross_entropy(read.flatten(0, -2), data.places[contents].flatten())
    which = torch.from_numpy(data.rng.integers(0, ahead + 1, size=len(z)))
    shown = every[rows, which]
    text = data.texts[torch.from_numpy(walk)[rows, which]]
    logits = decoder(world.rows(shown), text[:, :-1].clamp_min(0))
    loss = loss + functional.cross_entropy(logits.flatten(0, 1), text[:, 1:].flatten(), ignore_index=IGNORED)
    return loss + recipe.disallowed * _disallowed(data, world, shown, contents[rows, which])


def _spread(z: Tensor, recipe: Recipe) -> Tensor:
    """Each coordinate varies with a standard deviation of at least one, and no two vary together (VICReg)."""
    centred = z - z.mean(dim=0)
    covariance = centred.T @ centred / (len(z) - 1)
    deviation = covariance.diagonal().add(1e-4).sqrt()
    apart = (covariance.square().sum() - covariance.diagonal().square().sum()) / z.shape[1]
    return recipe.variance * functional.relu(1 - deviation).mean() + recipe.covariance * apart


def _disallowed(data: Data, world: World, z: Tensor, contents: Tensor) -> Tensor:
    move = torch.from_numpy(data.rng.integers(0, len(MOVES), size=len(z)))
    source, target = SOURCES[move], TARGETS[move]
    rows = torch.arange(len(z))
    places = data.places[contents]
    truth = torch.stack([places[rows, source, 0] == 0, places[rows, target, -1] > 0], dim=1)
    return functional.binary_cross_entropy_with_logits(world.forbidden(z, source, target), truth.float())


def held_out_starts(states: States, size: int, wagons: tuple[int, int] = (6, 6), split: str | None = None) -> Ints:
    """[size] states that no training sees, with so many wagons (from, to); held out by that split, or by any."""
    held = ~states.seen if split is None else states.held[:, SPLITS.index(split)]
    wanted = held & (states.count >= wagons[0]) & (states.count <= wagons[1])
    drawn: Ints = np.random.default_rng(8).choice(np.flatnonzero(wanted), size)
    return drawn


@dataclass(frozen=True)
class Score:
    """Shares, 0 to 1, of held-out states."""

    exact: dict[int, float]
    """By imagined steps: the decoder says the whole state right."""
    probe: float
    """The letters that the probe reads in an encoded state."""

    def __str__(self) -> str:
        said = ", ".join(f"{share:.1%} after {steps}" for steps, share in self.exact.items())
        return f"held out: {said}; letters {self.probe:.1%}"


@torch.no_grad()
def score(
    data: Data, world: World, decoder: Decoder, starts: Ints, ahead: tuple[int, ...], *, plain: bool = True
) -> Score:
    """From held-out `starts`, told in the plain form or in the training's other words; the states on the way are drawn
    without regard to what was seen.

    The decoder is judged by its most likely tokens given the right ones before, which is what drawing them greedily
    gives.
    """
    states, state = data.states, starts
    rng = np.random.default_rng(7)
    z = world.encode(data.words(state, plain=plain))
    contents = data.contents[torch.from_numpy(state)]
    read = world.probe(z).unflatten(-1, (CAPACITY, -1)).argmax(dim=-1)
    places = data.places[contents]
    letters = float((read == places)[places > 0].float().mean())
    exact = {}
    for step in range(1, max(ahead) + 1):
        options = states.following[state] >= 0
        move = (rng.random(options.shape) * options).argmax(axis=1)
        state = states.following[state, move]
        moved = torch.from_numpy(move)
        z = world.step(z, SOURCES[moved], TARGETS[moved])
        if step in ahead:
            exact[step] = float(_said_right(data, world, decoder, z, state).float().mean())
    return Score(exact, letters)


def _said_right(data: Data, world: World, decoder: Decoder, z: Tensor, state: Ints) -> Tensor:
    text = data.texts[torch.from_numpy(state)]
    said = decoder(world.rows(z), text[:, :-1].clamp_min(0)).argmax(dim=-1)
    right: Tensor = ((said == text[:, 1:]) | (text[:, 1:] == IGNORED)).all(dim=1)
    return right


@torch.no_grad()
def scales(data: Data, world: World, size: int = 2000) -> tuple[float, float]:
    """Median distances: between the latents of two states one move apart, and between an imagined and a told state."""
    walk, moves = data.walks(size, 1, 1.0)
    before, after = (world.encode(data.words(walk[:, n], plain=True)) for n in (0, 1))
    move = torch.from_numpy(moves[:, 0])
    imagined = world.step(before, SOURCES[move], TARGETS[move])
    return tuple(float((a - b).flatten(1).norm(dim=1).median()) for a, b in ((before, after), (imagined, after)))  # type: ignore[return-value]
