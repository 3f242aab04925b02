"""What sequences of one context hold helps others: beginnings are computed once, and the answers stay the same."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from router.backends.contract import BackendError
from router.backends.llama.batch import Batch
from router.backends.llama.crowd import Crowd
from router.backends.llama.request import Sampling
from tests import tiny_gguf
from tests.backends.crowds import Heard, crowd, prefix, prompt, together

pytestmark = pytest.mark.real
pytest.importorskip("llama_cpp")

ENDLESS = Sampling(temperature=0.0, logit_bias=((tiny_gguf.EOS, -100.0),))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("gguf") / "tiny.gguf", layers=2)


def first(tiny: Path, tokens: list[int], **more: Any) -> list[int]:
    """What a crowd says that has said nothing before."""
    with crowd(tiny) as made:
        return together(made, [Heard(tokens, **more)])[0]


def test_all_but_the_last_position_of_an_equal_beginning_is_taken_over(tiny: Path) -> None:
    with crowd(tiny) as made:
        for start in (None, prefix(1)):
            said = []
            for expected in (0, len(prompt(0, 40)) - 1 + (0 if start is None else 8)):
                one = Heard(prompt(0, 40), prefix=start)
                said += together(made, [one])
                assert one.speech.cached == expected
            assert said[0] == said[1] == first(tiny, prompt(0, 40), prefix=start)


@pytest.mark.parametrize("one_batch", [True, False])
def test_prefixes_are_shared_as_far_as_their_rows_are_equal(tiny: Path, one_batch: bool) -> None:
    begun, other = prefix(1, 12), prefix(1, 12)
    other[7] += 1
    with crowd(tiny, one_batch=one_batch) as made:
        together(made, [Heard(prompt(0), prefix=begun)])
        speeches = [Heard(prompt(0), prefix=p) for p in (other, begun[:5], prefix(2, 12))]
        said = [together(made, [one])[0] for one in speeches]
    assert [one.speech.cached for one in speeches] == [7, 5, 0]
    assert said == [first(tiny, prompt(0), prefix=p) for p in (other, begun[:5], prefix(2, 12))]


def test_a_conversation_goes_on_where_it_ended(tiny: Path) -> None:
    with crowd(tiny) as made:
        opening = Heard(prompt(0, 20), limit=10)
        together(made, [opening, *(Heard(prompt(n)) for n in (1, 2, 3))])
        longer = [*prompt(0, 20), *opening.said, *prompt(4)]
        going_on = Heard(longer)
        assert together(made, [going_on])[0] == first(tiny, longer)
    assert going_on.speech.cached == 21 + 9  # the last word of an answer is never computed


def test_who_speaks_lends_his_beginning(tiny: Path) -> None:
    with crowd(tiny, n_ctx=4096) as made:
        begun = threading.Event()
        talker = Heard(prompt(0, 50), limit=4000, sampling=ENDLESS, take=lambda _: begun.set() is None)
        made.say(talker.speech)
        assert begun.wait(10)
        tokens = [*prompt(0, 50), *prompt(1)]
        other = Heard(tokens)
        said = together(made, [other])[0]
        assert (talker.reasons, other.speech.cached) == ([], 51)
        talker.speech.cancel()
        talker.end()
    assert said == first(tiny, tokens)


def test_a_long_beginning_that_several_bring_at_once_is_computed_once(tiny: Path) -> None:
    with crowd(tiny, n_ctx=1024) as made:
        shared = prompt(0, 700)
        speeches = [Heard([*shared, *prompt(n)]) for n in (1, 2, 3, 4)]
        said = together(made, speeches)
    assert sorted(one.speech.cached for one in speeches)[0] == 0
    # Who waits goes on as soon as less is left than is worth waiting for.
    assert all(one.speech.cached > 701 - 64 for one in speeches[1:])
    with crowd(tiny, n_ctx=1024, parallel=1) as single:
        assert said == together(single, [Heard([*shared, *prompt(n)]) for n in (1, 2, 3, 4)])


def test_who_waits_for_a_beginning_computes_it_when_the_other_is_cancelled(tiny: Path) -> None:
    with crowd(tiny, n_ctx=4096) as made:
        shared = prompt(0, 3000)
        speeches = [Heard([*shared, *prompt(n)], limit=3) for n in (1, 2)]
        for one in speeches:
            made.say(one.speech)
        speeches[0].speech.cancel()
        assert isinstance(speeches[0].end(), BackendError)
        assert isinstance(speeches[1].end(), str)


def test_the_sequence_used_longest_ago_is_given_up_first(tiny: Path) -> None:
    with crowd(tiny, parallel=3) as made:
        for n in (0, 1, 2, 0, 3):  # 3 takes the place of 1
            together(made, [Heard(prompt(n, 30))])
        kept = []
        for n in (0, 2, 3):
            one = Heard(prompt(n, 30))
            together(made, [one])
            kept.append(one.speech.cached)
        gone = Heard(prompt(1, 30))
        together(made, [gone])
    assert kept == [30, 30, 30]
    assert gone.speech.cached == 1  # BOS


def squat(made: Crowd, count: int) -> None:
    """Fill cells of the cache with positions of the last sequence that the crowd knows nothing of."""
    batch = Batch(count)

    def fill(_: int) -> bool:
        for start in range(0, count, 256):
            batch.clear()
            stop = min(count, start + 256)
            batch.piece(3, start, None, [5] * (stop - start), last=False)
            assert made._context.decode(batch) == 0
        return False

    together(made, [Heard(prompt(9, 2), sampling=ENDLESS, take=fill)])


def test_for_want_of_room_idle_sequences_are_forgotten(tiny: Path) -> None:
    with crowd(tiny) as made:
        squat(made, 946)
        for n in (0, 1):  # of 1024 cells, 78 are left
            one = Heard(prompt(n, 50), limit=5)
            assert together(made, [one])[0] == first(tiny, prompt(n, 50), limit=5)
        assert [made._context.held(number) for number in (0, 1, 2)] == [0, 0, 55]


def test_without_room_only_the_speech_fails_that_asks_for_it(tiny: Path) -> None:
    with crowd(tiny) as made:
        squat(made, 946)
        talker, large = Heard(prompt(0), limit=40, sampling=ENDLESS), Heard(prompt(1, 200))
        made.say(talker.speech)
        made.say(large.speech)
        assert talker.end() == "length"
        assert talker.said == first(tiny, prompt(0), limit=40, sampling=ENDLESS)
        reason = large.end()
        assert isinstance(reason, BackendError)
        assert "could not compute (code 1)" in reason.message
        made._context.cut(3, 0)
        assert together(made, [Heard(prompt(1, 200))])[0] == first(tiny, prompt(1, 200))
