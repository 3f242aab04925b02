"""The moves-to-go head: trained on latents that stay as they are, while the decoder learns to say them.

Of these sizes two trainings with a thread each are nearly twice as fast as one with two threads. So the head is trained
in a process of its own.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from router.world.training.distances import Pairs
from router.world.training.net import ToGo, scaled_lr
from router.world.training.progress import bars
from router.world.training.states import states
from router.world.training.train import Recipe, Report

__all__ = ["Parameters", "train_to_go", "training_to_go"]

Parameters = dict[str, npt.NDArray[np.float32]]
NOISE = 0.05
"""Standard deviation of what is added to each number of a latent, as imagined ones are off by some."""


@contextmanager
def training_to_go(table: Tensor, recipe: Recipe, threads: int) -> Iterator[Future[tuple[Parameters, float]]]:
    """Has the head trained meanwhile, from `table` [contents, dim], the latents of the plain forms."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool.submit(_alone, table.numpy(), recipe, threads)


def _alone(table: npt.NDArray[np.float32], recipe: Recipe, threads: int) -> tuple[Parameters, float]:
    torch.set_num_threads(threads)
    pairs = Pairs(states(), np.random.default_rng(recipe.seed + 1))
    head, off = train_to_go(torch.from_numpy(table), recipe, pairs, bars(line=1))
    return {name: tensor.numpy() for name, tensor in head.state_dict().items()}, off


def train_to_go(table: Tensor, recipe: Recipe, pairs: Pairs, report: Report) -> tuple[ToGo, float]:
    """The head, and by how many moves it was off in the mean, over its last hundred batches."""
    torch.manual_seed(recipe.seed + 1)
    head = ToGo(recipe.sizes)
    optimizer = torch.optim.AdamW(
        head.parameters(), lr=recipe.to_go_lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    recent: list[float] = []
    for step in range(recipe.to_go_steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.to_go_lr * scaled_lr(step, recipe.to_go_steps)
        starts, goals, moves = pairs.draw(recipe.to_go_batch)
        z, goal = table[torch.from_numpy(starts.astype(np.int64))], table[torch.from_numpy(goals.astype(np.int64))]
        guess = head(z + NOISE * torch.randn_like(z), goal)
        truth = torch.from_numpy(moves)
        loss = functional.smooth_l1_loss(guess, truth, beta=0.5)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
        recent = [*recent[-99:], float((guess.detach() - truth).abs().mean())]
        report("moves to go", step + 1, recipe.to_go_steps, f"off by {np.mean(recent):.2f} moves")
    return head.eval(), float(np.mean(recent))
