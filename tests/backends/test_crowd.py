"""Many sequences in one context of llama.cpp, for real: who speaks beside others says what he says alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from router.backends.contract import BackendError
from router.backends.llama.context import Context
from router.backends.llama.crowd import Crowd
from router.backends.llama.file import read
from router.backends.llama.model import Model
from router.backends.llama.request import Sampling
from tests import tiny_gguf
from tests.backends.crowds import Heard, crowd, prefix, prompt, together

pytestmark = pytest.mark.real
pytest.importorskip("llama_cpp")

ENDLESS = Sampling(temperature=0.0, logit_bias=((tiny_gguf.EOS, -100.0),))
"""Greedy, and never the end token."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("gguf") / "tiny.gguf", layers=2)


@pytest.fixture(scope="module", params=["one batch", "two decodes"])
def four(tiny: Path, request: pytest.FixtureRequest) -> Iterator[Crowd]:
    with crowd(tiny, one_batch=request.param == "one batch") as made:
        yield made


def alone(tiny: Path, tokens: list[int], limit: int = 24) -> list[int]:
    """What a context of its own says."""
    model = Model(read(tiny), 0, lambda: False)
    context = Context(model, 256, 1, 1, embeddings=False)
    context.prompt(tokens)
    said: list[int] = []
    while len(said) < limit and not model.ends(token := int(context.logits().argmax())):
        said.append(token)
        context.add([token])
    context.close()
    model.close()
    return said


def fault(heard: Heard) -> BackendError:
    reason = heard.end()
    assert isinstance(reason, BackendError)
    return reason


def test_each_of_many_says_what_it_says_alone(tiny: Path, four: Crowd) -> None:
    prompts = [prompt(seed, 3 + seed) for seed in range(10)]
    assert together(four, [Heard(tokens) for tokens in prompts]) == [alone(tiny, tokens) for tokens in prompts]


def test_a_prefix_is_read_and_says_the_same_again(four: Crowd) -> None:
    seeds = [1, 2, 3, 4, 5, 6]
    plain = together(four, [Heard(prompt(0))])[0]
    read = together(four, [Heard(prompt(0), prefix=prefix(seed, 24)) for seed in seeds * 2])
    assert read[:6] == read[6:]
    assert len({tuple(plain), *map(tuple, read)}) > 3


def test_a_prefix_needs_no_prompt(four: Crowd) -> None:
    first, second = together(four, [Heard([], prefix=prefix(3)), Heard([], prefix=prefix(3))])
    assert first == second != []


def test_one_that_comes_while_another_speaks_changes_neither(tiny: Path) -> None:
    """The later begins, prefix first, when the earlier has said so many tokens: its prompt and that one's next token
    are one batch."""
    with crowd(tiny, parallel=1) as single:
        wanted = together(single, [Heard(prompt(0)), Heard(prompt(1), prefix=prefix(1))])
    for mixed in (True, False):
        for when in (1, 2, 5):
            with crowd(tiny, one_batch=mixed) as made:
                later = Heard(prompt(1), prefix=prefix(1))
                count = 0

                def begin(_: int, when: int = when, made: Crowd = made, later: Heard = later) -> bool:
                    nonlocal count
                    count += 1
                    if count == when:
                        made.say(later.speech)
                    return True

                earlier = Heard(prompt(0), take=begin)
                assert [*together(made, [earlier]), (later.end(), later.said)[1]] == wanted


def test_a_long_prompt_does_not_hold_up_those_who_speak(tiny: Path) -> None:
    with crowd(tiny, n_ctx=1024) as made:
        said_before_it_began: list[int] = []
        talker = Heard(prompt(0), limit=200, sampling=ENDLESS)
        long = Heard(
            prompt(1, 900),
            limit=1,
            sampling=ENDLESS,
            take=lambda _: said_before_it_began.append(len(talker.said)) is None,
        )
        started = threading.Event()
        talker._take = lambda _: started.set() is None
        made.say(talker.speech)
        assert started.wait(10)
        made.say(long.speech)
        assert (talker.end(), long.end()) == ("length", "length")
    assert said_before_it_began[0] >= 900 // 64 - 1


def test_an_answer_ends_by_its_listener_by_its_limit_and_by_its_end_token(tiny: Path, four: Crowd) -> None:
    full = alone(tiny, prompt(0), 240)
    assert len(full) > 5
    stopped = Heard(prompt(0), take=lambda token: token != full[3])
    limited = Heard(prompt(0), limit=5)
    whole = Heard(prompt(0), limit=240)
    nothing = Heard(prompt(0), limit=0)
    together(four, [stopped, limited, whole, nothing])
    assert (stopped.end(), limited.end(), whole.end(), nothing.end()) == ("stop", "length", "stop", "length")
    assert (stopped.said, limited.said, whole.said, nothing.said) == (full[:4], full[:5], full, [])
    assert whole.speech.tokens == len(full)
    assert whole.speech.seconds > 0 < whole.speech.prompt_seconds


def test_an_answer_ends_when_its_context_is_full(tiny: Path) -> None:
    with crowd(tiny, parallel=2, n_ctx=64) as made:
        both = [Heard(prompt(seed, 9), limit=1000, sampling=ENDLESS) for seed in range(2)]
        together(made, both)
    assert [one.end() for one in both] == ["length", "length"]
    assert [len(one.said) for one in both] == [55, 55]  # the last need not be computed


def test_who_draws_by_chance_draws_alike_in_company(tiny: Path, four: Crowd) -> None:
    chance = [Sampling(temperature=1.5, seed=seed) for seed in (7, 8)]
    one, other = together(four, [Heard(prompt(0), sampling=s) for s in chance])
    again = [Heard(prompt(0), sampling=chance[0]), Heard(prompt(5)), Heard(prompt(0), sampling=chance[1])]
    assert together(four, again) == [one, alone(tiny, prompt(5)), other]
    assert one != other


def test_the_first_come_is_the_first_served(tiny: Path) -> None:
    order: list[int] = []
    with crowd(tiny, parallel=2) as made:
        queued = [
            Heard(prompt(n), limit=3, take=lambda _, n=n: (n in order or order.append(n)) in (True, None))
            for n in range(9)
        ]
        together(made, queued)
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("heard", "reason", "message"),
    [
        (Heard([1, 100_000]), "refused", "outside the vocabulary"),
        (Heard([1, -1]), "refused", "outside the vocabulary"),
        (Heard([]), "refused", "neither a prefix nor a prompt"),
        (Heard(prompt(0, 300)), "refused", "the context holds 256"),
        (Heard(prompt(0), prefix=prefix(0, width=64)), "broken", "rows of 96 are wanted"),
        (Heard(prompt(0), prefix=np.full((4, 96), np.nan, np.float32)), "broken", "no finite number"),
        (Heard(prompt(0), sampling=Sampling(logit_bias=((100_000, 1.0),))), "refused", "not in the vocabulary"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_speech_that_cannot_be_computed_fails_alone(tiny: Path, heard: Heard, reason: str, message: str) -> None:
    with crowd(tiny) as made:
        good = Heard(prompt(4))
        made.say(good.speech)
        made.say(heard.speech)
        assert (fault(heard).reason, message in fault(heard).message, heard.said) == (reason, True, [])
        assert (good.end(), good.said) == ("stop" if len(good.said) < 24 else "length", alone(tiny, prompt(4)))


def test_a_listener_that_fails_fails_alone(tiny: Path, four: Crowd, caplog: pytest.LogCaptureFixture) -> None:
    def break_off(_: int) -> bool:
        raise OSError("nobody there")

    bad, good = Heard(prompt(0), take=break_off), Heard(prompt(1))
    four.say(bad.speech)
    assert together(four, [good]) == [alone(tiny, prompt(1))]
    assert fault(bad).reason == "broken"
    assert "who hears" in caplog.text


def test_cancelled_speeches_end_whether_they_speak_or_wait(tiny: Path) -> None:
    with crowd(tiny, parallel=2, n_ctx=4096) as made:
        started = threading.Event()
        speaking = [
            Heard(prompt(n), limit=4000, sampling=ENDLESS, take=lambda _: started.set() is None) for n in (0, 1)
        ]
        waiting = Heard(prompt(2))
        for one in (*speaking, waiting):
            made.say(one.speech)
        assert started.wait(10)
        waiting.speech.cancel()
        assert "cancelled" in fault(waiting).message
        for one in speaking:
            one.speech.cancel()
            assert "cancelled" in fault(one).message
        assert together(made, [Heard(prompt(3))]) == [alone(tiny, prompt(3))]
        late = Heard(prompt(3))
        late.speech.cancel()
        made.say(late.speech)
        assert "cancelled" in fault(late).message
    assert [len(one.reasons) for one in (*speaking, waiting, late)] == [1, 1, 1, 1]


def test_a_cancel_stops_a_prompt_that_is_being_computed(tiny: Path) -> None:
    with crowd(tiny, parallel=1, n_ctx=4096) as made:
        long = Heard(prompt(0, 4000))
        made.say(long.speech)
        long.speech.cancel()
        fault(long)
        after = Heard(prompt(1))
        assert together(made, [after]) == [alone(tiny, prompt(1))]
        assert long.said == []


def test_closing_ends_all_and_what_comes_later_is_told_at_once(tiny: Path) -> None:
    with crowd(tiny, parallel=1, n_ctx=4096) as made:
        both = [Heard(prompt(0, 3000)), Heard(prompt(1))]
        for one in both:
            made.say(one.speech)
        made.close()
        assert [fault(one).reason for one in both] == ["down", "down"]
        late = Heard(prompt(2))
        made.say(late.speech)
        assert (late.reasons != [], fault(late).reason) == (True, "down")


def test_two_hundred_with_cancels_in_between_leave_nothing_stuck(tiny: Path) -> None:
    rng = np.random.default_rng(5)
    prefixes = [None, prefix(1), prefix(2, 5)]
    kinds = [(seed, int(rng.integers(1, 90)), int(rng.integers(0, 3)), int(rng.integers(1, 30))) for seed in range(20)]

    def speech(kind: tuple[int, int, int, int], **more: object) -> Heard:
        seed, length, which, limit = kind
        return Heard(prompt(seed, length), limit=limit, prefix=prefixes[which], **more)

    with crowd(tiny, parallel=1) as single:
        wanted = {kind: together(single, [speech(kind)])[0] for kind in kinds}
    with crowd(tiny) as made:
        all_of_them: list[tuple[tuple[int, int, int, int], Heard, bool]] = []
        for _ in range(200):
            kind = kinds[int(rng.integers(20))]
            one = speech(kind)
            cancelled = bool(rng.random() < 0.4)
            all_of_them.append((kind, one, cancelled))
            made.say(one.speech)
            if cancelled:
                threading.Timer(float(rng.random()) * 0.02, one.speech.cancel).start()
        for kind, one, cancelled in all_of_them:
            reason = one.end()
            if not cancelled:
                assert isinstance(reason, str)
            if isinstance(reason, str):
                assert one.said == wanted[kind]
        cache = made._cache
        assert all(sequence.speech is None for sequence in cache.sequences)
        assert sorted(s.number for s in cache._idle) == [0, 1, 2, 3]
        assert [made._context.held(s.number) for s in cache.sequences] == [s.length for s in cache.sequences]
        assert all(len(one.reasons) == 1 for _, one, _ in all_of_them)
    assert sum(isinstance(one.reasons[0], BackendError) for _, one, _ in all_of_them) > 30
