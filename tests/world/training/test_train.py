"""The training's parts in PyTorch against what runs without it: numpy and llama.cpp."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
import torch

from router.backends.llama.crowd import Crowd
from router.backends.llama.file import read
from router.backends.llama.model import Model
from router.backends.llama.speech import Speech
from router.world.training.__main__ import main, prepare
from router.world.training.distances import Pairs
from router.world.training.export import write_files
from router.world.training.planning import train_to_go
from router.world.training.train import SOURCES, TARGETS, Data, Recipe, train_world
from router.world.training.words import BOS, FIRST_PIECE, PIECES, tokenized
from router.world.vocabulary import Vocabulary
from router.world.yard.model import DECODER, YardModel
from router.world.yard.state import MOVES


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A few steps of everything, and the files made of it: the numbers mean nothing, but both sides must agree."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    data, words = prepare(0)
    recipe = Recipe(stages=((1, 8, 1e-3), (2, 4, 1e-3)), to_go_steps=4, to_go_batch=64)
    world, decoder = train_world(data, len(Vocabulary(words)), FIRST_PIECE + len(PIECES), recipe, _silent)
    with torch.no_grad():
        table = world.encoder(data.phrasings[:, 0])
    to_go, _ = train_to_go(table, recipe, Pairs(data.states, data.rng), _silent)
    folder = tmp_path_factory.mktemp("trained")
    write_files(folder, words, world, decoder, to_go, {"one_move": "1", "one_error": "1"})
    return data, world, decoder, to_go, YardModel.load(folder), folder


def _silent(*_: object) -> None:
    return None


def _clauses(data: Data, state: int) -> list[str]:
    return [" ".join(wagons) or "empty" for wagons in data.states.yard(state).tracks]


def test_numpy_gives_the_latents_of_pytorch(trained):
    data, world, _, _, model, _ = trained
    states = np.array([17, 4711, 60_000, 99_999])
    with torch.no_grad():
        wanted = world.encode(data.words(states, plain=True)).numpy()
    got = np.stack([model.encode(_clauses(data, int(state))) for state in states])
    assert np.abs(got - wanted).max() < 1e-4


def test_numpy_gives_moves_chances_distances_and_rows_of_pytorch(trained):
    data, world, _, to_go, model, _ = trained
    states = np.arange(12) * 7919
    z = model.encode([clause for state in states for clause in _clauses(data, int(state))])
    tensor = torch.from_numpy(z)
    with torch.no_grad():
        moved = world.step(tensor, SOURCES, TARGETS)
        chances = world.forbidden(tensor, SOURCES, TARGETS).sigmoid()
        estimates = to_go(tensor, tensor.roll(1, 0))
        rows = world.rows(tensor)
    source, target = SOURCES.numpy(), TARGETS.numpy()
    assert np.abs(model.predict(z, source, target) - moved.numpy()).max() < 1e-4
    assert np.abs(model.forbidden(z, source, target) - chances.numpy()).max() < 1e-4
    assert np.abs(model.to_go(z, np.roll(z, 1, axis=0)) - estimates.numpy()).max() < 1e-3
    assert np.abs(model.prefix(z) - rows.numpy()).max() < 1e-4


def test_llama_cpp_draws_the_tokens_of_pytorch(trained):
    data, _, decoder, _, model, folder = trained
    z = model.encode(_clauses(data, 88_888))
    rows = model.prefix(z)
    llama = Model(read(folder / DECODER), 0, lambda: False)
    crowd = Crowd(llama, parallel=1, n_ctx=64, n_threads=1, n_threads_batch=1, exact=True)
    drawn: list[int] = []
    ended = threading.Event()

    def take(token: int) -> bool:
        drawn.append(token)
        return True

    crowd.say(Speech([BOS], limit=12, prefix=rows, take=take, done=lambda _: ended.set()))
    assert ended.wait(20)
    crowd.close()
    llama.close()
    tokens = [BOS]
    with torch.no_grad():
        while len(tokens) <= len(drawn):
            logits = decoder(torch.from_numpy(rows)[None], torch.tensor([tokens]))
            tokens.append(int(logits[0, -1].argmax()))
    assert drawn
    assert tokens[1:] == drawn


def test_walks_stay_among_the_states_that_may_be_seen(trained):
    data = trained[0]
    walk, moves = data.walks(200, 4, 0.7)
    assert data.states.seen[walk].all()
    for step in range(4):
        for state, move, following in zip(walk[:, step], moves[:, step], walk[:, step + 1], strict=True):
            assert data.states.yard(state).after(MOVES[move]) == data.states.yard(following)


def test_hidden_words_are_never_the_wagons(trained):
    data = trained[0]
    state = int(np.flatnonzero(data.states.seen & (data.states.count == 6))[100])
    ids = data.words(np.full(200, state))
    wagons = Vocabulary(prepare(0)[1]).ids("A B C D E F")
    for number in wagons:
        assert ((ids == number).flatten(1).sum(dim=1) >= 1).all()


def test_a_text_of_the_yard_is_whole_pieces():
    tokens = tokenized("Track 1: A D. Track 2: empty. Track 3: B C. Track 4: E F.")
    assert "".join(PIECES[token - FIRST_PIECE] for token in tokens).startswith("Track 1: A D. Track 2: empty.")
    with pytest.raises(ValueError, match="not spoken"):
        tokenized("Track 5: A.")


def test_a_model_that_falls_short_is_not_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["training", "--share", "0.001", "--threads", "1", "--out", str(tmp_path)])
    assert main() == 1
    assert not list(tmp_path.iterdir())
    assert "Not written" in capsys.readouterr().err
