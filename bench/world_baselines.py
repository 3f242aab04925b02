"""Beside the world model: what it would be without its parts, and what others make of the same questions."""

from __future__ import annotations

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from bench.world_cases import Cases
from router.backends.world.decoder import Decoder
from router.backends.world.voice import CrowdVoice
from router.world.training.states import SPLITS, States
from router.world.yard.state import MOVES, Yard

if TYPE_CHECKING:  # with PyTorch, which only trainings need
    from router.world.training.train import Score

__all__ = ["chat_model", "trained_variants"]

QUESTION = (
    "A yard has four tracks. Each track is written from its buffer stop to the switch, so the last wagon named is the "
    "one that can move; a moved wagon becomes the last of its new track. {state} The last wagon of {move} moves. "
    "Write the new state in exactly the same form, and nothing else."
)


def trained_variants() -> str:
    """The table of the ablations, and the decoder that learns from text to text; two trainings at a time."""
    from router.world.training.ablations import SHARE, VARIANTS

    # Of these sizes two trainings with a thread each are faster than one with two.
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        alone = pool.submit(_text_only)
        scores = pool.map(_variant, VARIANTS)
        rows = [_row(name, score) for name, score in zip(VARIANTS, scores, strict=True)]
    told = ", ".join(f"{share:.1%} on states held out by {split}" for split, share in alone.result().items())
    return "\n".join(
        [
            "## What each part is for\n",
            f"The same recipe with {SHARE:.0%} of the steps, a part left out each time. Per cent of states held out by "
            "chance (seed 0) and by structure: exact after so many imagined moves; and the letters that a linear probe "
            "reads in the latent.\n",
            "| | 1 | 4 | 8 | 32 | letters | structure: 1 | 4 | 8 | 32 | letters |",
            "| --- |" + " ---: |" * 10,
            *rows,
            f"\nThe same decoder without a world model, trained as long from text to text: {told}.",
        ]
    )


def _row(name: str, scores: list[Score]) -> str:
    shares = [share for score in scores for share in (*score.exact.values(), score.probe)]
    return f"| {name} | " + " | ".join(f"{share * 100:.1f}" for share in shares) + " |"


def _variant(name: str) -> list[Score]:
    import torch

    from router.world.training.__main__ import prepare
    from router.world.training.ablations import ablated
    from router.world.training.train import Recipe
    from router.world.vocabulary import Vocabulary

    torch.set_num_threads(1)
    recipe = Recipe()
    data, words = prepare(recipe.seed)
    return ablated(name, data, len(Vocabulary(words)), recipe, _tell)


def _text_only() -> dict[str, float]:
    import torch

    from router.world.training.__main__ import prepare
    from router.world.training.ablations import text_only
    from router.world.training.train import Recipe

    torch.set_num_threads(1)
    recipe = Recipe()
    return text_only(prepare(recipe.seed)[0], recipe, _tell)


def _tell(stage: str, step: int, steps: int, told: str) -> None:
    """A line now and then: bars of two trainings would overwrite each other."""
    if step == steps or step % 250 == 0:
        print(f"{stage}: {step} of {steps} steps. {told}", file=sys.stderr, flush=True)


def chat_model(path: Path, states: States, size: int) -> str:
    """How often a GGUF chat model writes the next state when it is asked in words, its rules explained."""
    decoder = Decoder(path, parallel=4, n_ctx=1024, n_gpu_layers=-1, n_threads=0)
    voice = CrowdVoice(decoder.crowd, decoder.model, every=None)
    try:
        right = 0
        walk, moves = Cases(states, SPLITS[0]).walks(size, 1, purpose=1)
        for (start, following), move in zip(walk, moves[:, 0], strict=True):
            content = QUESTION.format(state=states.yard(int(start)), move=MOVES[move])
            prompt = decoder.template.render({"messages": [{"role": "user", "content": content}]})
            hearing = voice.listener.hear(decoder.tokens(prompt), limit=96, every=None)
            said = b"".join(decoder.model.piece(token) for tokens in hearing for token in tokens)
            right += _is(said.decode("utf-8", "replace"), states.yard(int(following)))
            print(".", end="", file=sys.stderr, flush=True)
    finally:
        decoder.close()
    return f"A chat model, `{path.name}`, asked in words: {right / size:.1%} of {size} next states exact."


def _is(text: str, yard: Yard) -> bool:
    return str(yard) in " ".join(text.split())
