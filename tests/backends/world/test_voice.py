from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("llama_cpp")

from router.backends.contract import BackendError
from router.backends.world.decoder import Decoder
from router.backends.world.hearing import Listener
from router.backends.world.voice import CrowdVoice
from router.world.yard.model import DECODER, SHIPPED, YardModel
from tests import tiny_gguf

pytestmark = pytest.mark.skipif(not (SHIPPED / DECODER).is_file(), reason="no trained yard is shipped yet")


@pytest.fixture(scope="module")
def yard() -> YardModel:
    return YardModel.load()


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    made = Decoder(SHIPPED / DECODER, parallel=4, n_ctx=256, n_gpu_layers=0, n_threads=1)
    yield made
    made.close()


@pytest.fixture
def voice(decoder: Decoder) -> CrowdVoice:
    return CrowdVoice(decoder.crowd, decoder.model)


def test_it_says_the_state_that_the_prefix_stands_for(voice: CrowdVoice, yard: YardModel) -> None:
    z = yard.encode(["A , D", "empty", "B C", "E F"])
    assert "".join(voice.say(yard.prefix(z))) == "Track 1: A D. Track 2: empty. Track 3: B C. Track 4: E F."
    moved = yard.predict(z, 2, 1)
    assert "".join(voice.say(yard.prefix(moved))) == "Track 1: A D. Track 2: C. Track 3: B. Track 4: E F."


def test_many_at_once_are_said_as_each_by_itself_and_in_their_order(voice: CrowdVoice, yard: YardModel) -> None:
    z = yard.encode(["A D", "empty", "B C", "E F"])
    moves = [(source, target) for source in (0, 2, 3) for target in range(4) if source != target]
    prefixes = [yard.prefix(yard.predict(z, *move)) for move in moves]
    alone = ["".join(voice.say(prefix)) for prefix in prefixes]
    assert len(set(alone)) == len(moves)
    assert voice.say_all(prefixes) == alone


def test_tokens_and_positions_are_counted(voice: CrowdVoice, yard: YardModel) -> None:
    prefix = yard.prefix(yard.encode(["A D", "empty", "B C", "E F"]))
    said = voice.say_all([prefix, prefix])
    listener = voice.listener
    assert listener.prompt_tokens == 2 * (len(prefix) + 1)
    assert listener.tokens > 2 * 10 and len(said) == 2
    assert listener.prompt_seconds > 0 and listener.seconds > 0


def test_a_plain_voice_says_all_in_one_piece(decoder: Decoder, yard: YardModel) -> None:
    voice = CrowdVoice(decoder.crowd, decoder.model, every=None)
    assert len(list(voice.say(yard.prefix(yard.encode(["A D", "empty", "B C", "E F"]))))) == 1


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Decoder]:
    """A decoder slow and long-winded enough to be interrupted."""
    path = tiny_gguf.write(tmp_path_factory.mktemp("gguf") / "long.gguf", context=8192, layers=12)
    made = Decoder(path, parallel=2, n_ctx=8192, n_gpu_layers=0, n_threads=1)
    yield made
    made.close()


def long_speech(listener: Listener) -> Iterator[list[int]]:
    from router.backends.llama.request import Sampling

    endless = Sampling(temperature=0, logit_bias=((tiny_gguf.EOS, -100.0),))
    return iter(listener.hear([tiny_gguf.BOS, 40], limit=8000, sampling=endless))


def test_a_cancelled_listener_hears_of_it_and_may_ask_no_more(endless: Decoder) -> None:
    listener = Listener(endless.crowd)
    hearing = long_speech(listener)
    next(hearing)
    threading.Timer(0.05, listener.cancel).start()
    with pytest.raises(BackendError, match="cancelled"):
        for _ in hearing:
            pass
    with pytest.raises(BackendError, match="cancelled"):
        listener.hear([tiny_gguf.BOS], limit=3)


def test_whoever_leaves_early_gives_the_sequence_back(endless: Decoder) -> None:
    for _ in range(6):  # of two sequences
        hearing = long_speech(Listener(endless.crowd))
        next(hearing)
        hearing.close()  # type: ignore[attr-defined]
    begun = time.monotonic()
    assert sum(map(len, Listener(endless.crowd).hear([tiny_gguf.BOS, 40], limit=4))) <= 4
    assert time.monotonic() - begun < 1


def test_a_prefix_that_does_not_fit_ends_all_of_them_with_a_sentence(endless: Decoder) -> None:
    voice = CrowdVoice(endless.crowd, endless.model)
    with pytest.raises(BackendError, match="prefix has the shape"):
        voice.say_all([None, np.zeros((3, 5), np.float32), None])
    assert not voice.listener.cancelled
