"""The course of the attempts, as a list of what each backend does and the order in which they are asked."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from router.attempts.course import Claim, Course
from router.attempts.failure import CONTEXT, Failure
from router.attempts.retry import RESERVE, Budget
from router.config.facts import Facts

DOWN = Failure("connect", "nobody there")
BUSY = Failure("status 503", "busy")
TOO_LONG = Failure("context", "too long", 400, CONTEXT)
WRONG = Failure("refused", "bad request", 400, final=True)
GOOD = None

Says = Failure | None


class Play:
    """Backends that do what they are told, and a clock that does not wait."""

    def __init__(self, **backends: list[Says]):
        self.does = backends
        self.asked: list[str] = []
        self.last: list[bool] = []
        self.slept: list[float] = []

    async def ask(self, name: str, claim: Claim, last: bool) -> Says:
        self.asked.append(name)
        self.last.append(last)
        does = self.does[name]
        said = does.pop(0) if len(does) > 1 else does[0]
        if said is None:
            assert claim()
        return said

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def run(self, *, contexts: dict[str, int] | None = None, **settings: object) -> Says:
        order = list(self.does)
        facts = {name: Facts(name, "http", context=(contexts or {}).get(name)) for name in order}

        async def go() -> Says:
            budget = settings.pop("budget", None) or Budget()
            return await Course(order, self.ask, facts, budget, sleep=self.sleep, **settings).run()  # type: ignore[arg-type]

        return asyncio.run(go())


def test_the_first_that_answers_ends_it() -> None:
    play = Play(a=[DOWN], b=[BUSY], c=[GOOD], d=[GOOD])
    assert play.run() is None
    assert play.asked == ["a", "b", "c"]


def test_when_all_fail_the_last_failure_is_told() -> None:
    play = Play(a=[DOWN], b=[BUSY])
    assert play.run() is BUSY
    assert play.asked == ["a", "b"]


def test_a_request_at_fault_is_asked_of_nobody_else() -> None:
    play = Play(a=[WRONG], b=[GOOD])
    assert play.run(retries=3) is WRONG
    assert play.asked == ["a"]


def test_a_prompt_too_long_goes_only_where_there_is_more_context() -> None:
    contexts = {"a": 8000, "b": 4000, "c": 8000, "d": 32000}
    play = Play(a=[TOO_LONG], b=[GOOD], c=[GOOD], d=[GOOD])
    assert play.run(contexts=contexts, retries=3) is None
    assert play.asked == ["a", "d"]


def test_a_context_that_nobody_told_may_be_larger() -> None:
    play = Play(a=[TOO_LONG], b=[GOOD])
    assert play.run(contexts={"a": 8000}) is None
    assert play.asked == ["a", "b"]
    play = Play(a=[TOO_LONG], b=[GOOD])
    assert play.run(contexts={"b": 8000}) is None


def test_without_a_larger_one_the_client_learns_that_its_prompt_is_too_long() -> None:
    play = Play(a=[TOO_LONG], b=[GOOD])
    assert play.run(contexts={"a": 8000, "b": 8000}) is TOO_LONG
    assert play.asked == ["a"]


def test_without_retries_each_is_asked_once() -> None:
    play = Play(a=[BUSY, GOOD])
    assert play.run() is BUSY
    assert play.asked == ["a"]


def test_a_retry_comes_after_a_pause_and_before_the_next_candidate() -> None:
    play = Play(a=[DOWN, GOOD], b=[GOOD])
    assert play.run(retries=1) is None
    assert play.asked == ["a", "a"]
    assert 0 <= play.slept[0] <= 0.25


def test_pauses_grow_and_are_bounded() -> None:
    longest = [0.0] * 8
    for _ in range(200):
        play = Play(a=[BUSY])
        play.run(retries=8)
        longest = [max(pair) for pair in zip(longest, play.slept, strict=True)]
    assert longest[0] <= 0.25 < longest[2] <= 1.0 < longest[5] <= 8.0
    assert max(longest) <= 8.0


def test_what_would_fail_again_is_not_asked_again() -> None:
    for reason in ("rejected", "down", "context"):
        play = Play(a=[Failure(reason, "")], b=[GOOD])
        play.run(retries=5)
        assert play.asked == ["a", "b"]


def test_a_backend_that_wants_to_wait_is_asked_after_the_others() -> None:
    play = Play(a=[Failure("status 429", "", 429, retry_after=20.0), GOOD], b=[BUSY, BUSY, BUSY])
    assert play.run(retries=1) is None
    assert play.asked[0] == "a"
    assert play.asked[-1] == "a"
    assert play.asked.count("b") == 2
    assert 19 < play.slept[-1] <= 22


def test_a_wait_longer_than_the_request_has_is_not_begun() -> None:
    async def deadline() -> float:
        return asyncio.get_running_loop().time() + 10

    play = Play(a=[Failure("status 429", "", 429, retry_after=20.0), GOOD])
    assert play.run(retries=1, deadline=asyncio.run(deadline())) is not None
    assert play.slept == []
    play = Play(a=[Failure("status 429", "", 429, retry_after=3600.0), GOOD])
    assert play.run(retries=1) is not None, "nor is an hour, where no deadline is set"


def test_an_upload_that_has_begun_is_sent_to_nobody_else() -> None:
    play = Play(a=[BUSY], b=[GOOD])
    assert play.run(retries=2, repeatable=lambda: False) is BUSY
    assert play.asked == ["a"]


def test_of_those_that_want_to_wait_the_one_that_is_due_first_is_asked_first() -> None:
    busy = {"a": Failure("status 429", "", 429, retry_after=2.0), "b": Failure("status 429", "", 429, retry_after=30.0)}
    play = Play(a=[busy["a"], GOOD], b=[busy["b"], GOOD])
    assert play.run(retries=1) is None
    assert play.asked == ["a", "b", "a"]
    assert max(play.slept) <= 2.2


def test_one_that_wants_to_wait_is_asked_again_for_a_prompt_that_fits_nowhere_else() -> None:
    busy = Failure("status 503", "", 503, retry_after=3.0)
    contexts = {"large": 128_000, "small": 8000}
    play = Play(large=[busy, GOOD], small=[TOO_LONG])
    assert play.run(retries=1, contexts=contexts) is None
    assert play.asked == ["large", "small", "large"]
    play = Play(smaller=[busy, GOOD], small=[TOO_LONG])
    assert play.run(retries=1, contexts={"smaller": 4000, "small": 8000}) is TOO_LONG
    assert play.asked == ["smaller", "small"]


def test_the_one_asked_knows_whether_it_is_the_last() -> None:
    play = Play(a=[BUSY], b=[BUSY], c=[BUSY])
    play.run()
    assert play.last == [False, False, True]
    play = Play(a=[Failure("status 429", "", 429, retry_after=2.0), GOOD], b=[BUSY])
    play.run(retries=1)
    assert (play.asked[-1], play.last[-1]) == ("a", True), "nobody else is left when it is asked again"
    play = Play(a=[TOO_LONG], b=[BUSY], c=[GOOD])
    play.run(contexts={"a": 8000, "b": 32_000, "c": 4000})
    assert (play.asked, play.last) == (["a", "b"], [False, True])


def test_retries_never_add_more_than_a_fifth_to_an_outage() -> None:
    budget, asked, refused = Budget(), 0, 0
    for _ in range(1000):
        play = Play(a=[BUSY])
        play.run(retries=3, budget=budget)
        asked += len(play.asked)
    assert 1000 < asked <= 1000 + 200 + RESERVE
    counted: list[int] = []
    budget = Budget(lambda: counted.append(1))
    for _ in range(100):
        budget.take()
    assert len(counted) == 100 - RESERVE
    assert refused == 0


SAYS = st.sampled_from(
    [GOOD, DOWN, BUSY, TOO_LONG, WRONG, Failure("rejected", ""), Failure("full", "", 503, retry_after=30.0)]
)


@given(st.lists(st.lists(SAYS, min_size=1, max_size=4), min_size=1, max_size=4), st.integers(0, 3))
def test_whatever_they_do_each_is_asked_a_bounded_number_of_times_and_nobody_after_an_answer(
    does: list[list[Says]], retries: int
) -> None:
    play = Play(**{f"b{number}": list(says) for number, says in enumerate(does)})
    last = play.run(retries=retries)
    assert all(play.asked.count(name) <= retries + 1 for name in play.does)
    assert list(dict.fromkeys(play.asked)) == list(play.does)[: len(set(play.asked))], "in order, none left out"
    if last is not None and not last.final and not last.context:
        assert set(play.asked) == set(play.does) or any(TOO_LONG in says for says in does)


# -- hedging ----------------------------------------------------------------------------------------------------------


Timed = tuple[float, Says] | tuple[float, float]


class Race:
    """Backends that take their time: (seconds to the content, seconds from there to the end) or a failure; a list: one
    after the other."""

    def __init__(self, **backends: Timed | list[Timed]):
        self.does = backends
        self.asked: list[str] = []
        self.cancelled: list[str] = []
        self.won: list[str] = []

    async def ask(self, name: str, claim: Claim, last: bool) -> Says:
        self.asked.append(name)
        does = self.does[name]
        wait, then = does.pop(0) if isinstance(does, list) else does
        try:
            await asyncio.sleep(wait)
            if isinstance(then, Failure):
                return then
            if not claim():
                return Failure("beaten", "")
            self.won.append(name)
            await asyncio.sleep(then or 0)
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        return None

    def run(self, hedge: float = 0.05, budget: Budget | None = None, **settings: object) -> Says:
        async def go() -> Says:
            facts = {name: Facts(name, "http") for name in self.does}
            course = Course(list(self.does), self.ask, facts, budget or Budget(), hedge=hedge, **settings)  # type: ignore[arg-type]
            try:
                return await course.run()
            finally:
                assert len(asyncio.all_tasks()) == 1, "a loser is still at work"

        return asyncio.run(go())


def test_a_quick_one_is_not_hedged() -> None:
    race = Race(a=(0.0, 0.1), b=(0.0, 0.0))
    assert race.run() is None
    assert race.asked == ["a"]


def test_a_slow_one_is_beaten_by_the_next_and_stopped() -> None:
    race = Race(a=(1.0, 0.0), b=(0.01, 0.1))
    assert race.run() is None
    assert (race.asked, race.won, race.cancelled) == (["a", "b"], ["b"], ["a"])


def test_the_first_may_still_win_after_the_second_was_asked() -> None:
    race = Race(a=(0.1, 0.0), b=(1.0, 0.0))
    assert race.run() is None
    assert (race.won, race.cancelled) == (["a"], ["b"])


def test_only_one_of_two_that_come_at_once_wins() -> None:
    for _ in range(20):
        race = Race(a=(0.02, 0.01), b=(0.0, 0.01))
        assert race.run(hedge=0.02) is None
        assert len(race.won) == 1


def test_a_failure_starts_the_next_at_once() -> None:
    race = Race(a=(0.0, DOWN), b=(0.0, BUSY), c=(0.0, 0.0))
    assert race.run(hedge=30) is None
    assert race.won == ["c"]


def test_when_all_fail_in_a_race_a_failure_is_told() -> None:
    race = Race(a=(0.1, DOWN), b=(0.0, BUSY))
    assert race.run() in (DOWN, BUSY)
    assert race.asked == ["a", "b"]


def test_an_empty_budget_hedges_nothing() -> None:
    budget = Budget()
    while budget.take():
        pass
    race = Race(a=(0.2, 0.0), b=(0.0, 0.0))
    assert race.run(budget=budget) is None
    assert (race.asked, race.won) == (["a"], ["a"])


def test_a_client_that_leaves_ends_all_of_them() -> None:
    async def go() -> None:
        race = Race(a=(5.0, 0.0), b=(5.0, 0.0))
        facts = {name: Facts(name, "http") for name in "ab"}
        task = asyncio.ensure_future(Course(["a", "b"], race.ask, facts, Budget(), hedge=0.02).run())
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert sorted(race.cancelled) == ["a", "b"]
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(go())


def test_a_request_that_cannot_be_sent_twice_is_not_hedged() -> None:
    race = Race(a=(0.2, 0.0), b=(0.0, 0.0))
    assert race.run(repeatable=lambda: False) is None
    assert (race.asked, race.won) == (["a"], ["a"])


def test_who_has_begun_to_answer_is_not_stopped_by_a_request_at_fault() -> None:
    """The other says so in the very turn of the loop in which this one's content comes."""

    async def go() -> None:
        ended: list[str] = []
        both = asyncio.Event()

        async def ask(name: str, claim: Claim, last: bool) -> Says:
            await both.wait()
            if name == "b":
                return WRONG
            assert claim()
            await asyncio.sleep(0.01)
            ended.append(name)
            return None

        facts = {name: Facts(name, "http") for name in "ab"}
        course = asyncio.ensure_future(Course(["a", "b"], ask, facts, Budget(), hedge=0.01).run())
        await asyncio.sleep(0.05)
        both.set()
        assert await course is None
        assert ended == ["a"]

    asyncio.run(go())


def test_in_a_race_those_that_failed_are_asked_again_after_the_others() -> None:
    race = Race(a=[(0.0, DOWN), (0.0, 0.0)], b=[(0.0, BUSY), (0.0, 0.0)])
    assert race.run(retries=1) is None
    assert race.asked[:2] == ["a", "b"] and len(race.asked) == 3
    race = Race(a=[(0.0, DOWN)] * 3, b=[(0.0, BUSY)] * 3)
    assert race.run(retries=2) in (DOWN, BUSY)
    assert (race.asked.count("a"), race.asked.count("b")) == (3, 3)
