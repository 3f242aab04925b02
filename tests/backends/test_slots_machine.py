"""The queue under any sequence of comings and goings: no slot is lost, none is given twice, nobody is forgotten."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from router.backends.contract import BackendError
from router.backends.slots import Slots


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Queue(RuleBasedStateMachine):
    """`working` and `waiting` are what must be true; the tasks are what is."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        self.tasks: list[asyncio.Task[float]] = []
        self.working = 0
        self.left_in_the_moment: list[asyncio.Task[float]] = []

    @initialize(parallel=st.integers(1, 3), queue=st.integers(0, 4))
    def begin(self, parallel: int, queue: int) -> None:
        self.slots = Slots(parallel, queue, patience=3600.0, clock=self.clock)

    def run(self, rounds: int = 3) -> None:
        async def breathe() -> None:
            for _ in range(rounds):
                await asyncio.sleep(0)

        self.loop.run_until_complete(breathe())

    def settle(self) -> None:
        """Tasks that have their slot become work; those that were refused or cancelled are gone."""
        self.run()
        for task in [task for task in self.tasks if task.done()]:
            self.tasks.remove(task)
            if task.cancelled():
                continue
            error = task.exception()
            if error is None:
                self.working += 1
            else:
                assert isinstance(error, BackendError)
                assert error.reason == "full"
                assert error.retry_after is not None
                assert 1.0 <= error.retry_after <= 600.0

    @rule()
    def a_request_comes(self) -> None:
        before = (self.working, len(self.tasks))
        self.tasks.append(self.loop.create_task(self.slots.take()))
        self.settle()
        parallel, queue = self.slots.parallel, self.slots.queue
        if parallel is None or (before[0] < parallel and not before[1]):
            assert (self.working, len(self.tasks)) == (before[0] + 1, before[1])
        else:
            assert (self.working, len(self.tasks)) == (before[0], before[1] + (before[1] < queue))

    @precondition(lambda self: self.working)
    @rule(seconds=st.floats(0, 100))
    def a_request_ends(self, seconds: float) -> None:
        self.clock.now += seconds
        waiting, parallel = len(self.tasks), self.slots.parallel
        goes_over = parallel is None or self.working <= parallel
        self.working -= 1
        self.slots.give_back()
        self.settle()
        assert len(self.tasks) == (max(0, waiting - 1) if goes_over else waiting)

    @rule(parallel=st.none() | st.integers(1, 5))
    def the_server_says_how_many_it_takes(self, parallel: int | None) -> None:
        wake = len(self.tasks) if parallel is None else max(0, parallel - self.working)
        before = (self.working, len(self.tasks))
        self.slots.resize(parallel)
        self.settle()
        woken = min(wake, before[1])
        assert (self.working, len(self.tasks)) == (before[0] + woken, before[1] - woken)

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def one_that_waits_leaves(self, data: Any) -> None:
        data.draw(st.sampled_from(self.tasks)).cancel()
        self.settle()

    @precondition(lambda self: self.working and self.tasks)
    @rule(data=st.data())
    def one_leaves_in_the_moment_a_slot_is_free(self, data: Any) -> None:
        """The slot may have been given to it, and it has not run since."""
        leaving = data.draw(st.sampled_from(self.tasks))
        self.working -= 1
        if data.draw(st.booleans()):
            leaving.cancel()
            self.slots.give_back()
        else:
            self.slots.give_back()
            leaving.cancel()
        self.settle()

    @precondition(lambda self: len(self.tasks) > 1 and self.working)
    @rule()
    def all_that_wait_leave_in_the_moment_a_slot_is_free(self) -> None:
        self.working -= 1
        self.slots.give_back()
        for task in self.tasks:
            task.cancel()
        self.settle()
        assert not self.tasks

    @precondition(lambda self: self.tasks and self.slots.parallel is not None)
    @rule()
    def the_patience_of_one_ends(self) -> None:
        """As `asyncio.timeout` ends it: a cancellation that becomes a refusal."""
        task = self.loop.create_task(impatient(self.slots))
        self.loop.run_until_complete(asyncio.wait({task}))
        assert isinstance(task.exception(), BackendError)
        self.settle()

    @invariant()
    def the_books_are_right(self) -> None:
        if not hasattr(self, "slots"):
            return
        slots = self.slots
        assert slots.busy == self.working
        assert slots.waiting == len(self.tasks)
        assert slots.waiting <= slots.queue
        if slots.waiting:
            assert slots.parallel is not None
            assert slots.busy >= slots.parallel, "somebody waits beside a free slot"
        assert len(slots._since) == slots.busy
        assert slots.until_first >= 0.0
        assert slots.service is None or 0.0 <= slots.service <= self.clock.now

    def teardown(self) -> None:
        for task in self.tasks:
            task.cancel()
        self.run()
        self.loop.close()


async def impatient(slots: Slots) -> float:
    before, slots.patience = slots.patience, 0.0005
    try:
        return await slots.take()
    finally:
        slots.patience = before


Queue.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestQueue = Queue.TestCase
