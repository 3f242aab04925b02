"""The bounded queue: in order, so long and no longer, and no slot is ever lost."""

from __future__ import annotations

import asyncio

import pytest

from router.backends.contract import BackendError
from router.backends.slots import Slots

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_no_more_than_so_many_work_at_once_and_they_come_in_order() -> None:
    slots, done, most = Slots(2, 10, 5), [], 0

    async def work(number: int) -> None:
        nonlocal most
        await slots.take()
        most = max(most, slots.busy)
        await asyncio.sleep(0.005)
        done.append(number)
        slots.give_back()

    await asyncio.gather(*(work(number) for number in range(8)))
    assert most == 2
    assert done == list(range(8))
    assert (slots.busy, slots.waiting) == (0, 0)


async def test_a_full_queue_and_a_long_wait_are_refused_with_a_time_to_come_back() -> None:
    slots = Slots(1, 1, 0.05)
    await slots.take()
    waiting = asyncio.create_task(slots.take())
    await asyncio.sleep(0)
    with pytest.raises(BackendError, match="1 waiting") as caught:
        await slots.take()
    assert (caught.value.reason, caught.value.status) == ("full", 503)
    assert caught.value.retry_after is not None
    with pytest.raises(BackendError, match=r"no turn within 0\.05 s"):
        await waiting
    slots.give_back()
    await slots.take()
    assert (slots.busy, slots.waiting) == (1, 0)


async def test_leaving_the_queue_loses_no_slot_even_in_the_moment_of_ones_turn() -> None:
    slots = Slots(1, 10, 5)
    await slots.take()
    waiting = [asyncio.create_task(slots.take()) for _ in range(4)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    slots.give_back()  # to the first, which is cancelled before it can run
    waiting[0].cancel()
    await asyncio.gather(*waiting[:2], return_exceptions=True)
    await asyncio.wait_for(waiting[2], 1)
    slots.give_back()
    await asyncio.wait_for(waiting[3], 1)
    slots.give_back()
    assert (slots.busy, slots.waiting) == (0, 0)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def waiting_for(slots: Slots, count: int) -> list[asyncio.Task[float]]:
    tasks = [asyncio.create_task(slots.take()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def refused_after(slots: Slots) -> float:
    with pytest.raises(BackendError) as caught:
        await slots.take()
    assert caught.value.retry_after is not None
    return caught.value.retry_after


async def gone(tasks: list[asyncio.Task[float]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_is_refused_is_told_when_a_slot_would_be_free_for_it() -> None:
    clock = Clock()
    slots = Slots(2, 6, 60, clock)
    for _ in range(5):
        await slots.take()
        clock.now += 10.0
        slots.give_back()
    await slots.take()
    await slots.take()
    queue = await waiting_for(slots, 6)
    assert await refused_after(slots) == pytest.approx(7 * 10 / 2)
    await gone(queue[1:])
    clock.now += 10.0
    slots.give_back()
    await queue[0]
    queue = await waiting_for(slots, 6)
    assert await refused_after(slots) == pytest.approx(7 * 10 / 2)
    await gone(queue)


async def test_before_a_backend_that_hangs_the_time_to_come_back_grows_within_bounds() -> None:
    clock = Clock()
    slots = Slots(1, 2, 60, clock)
    await slots.take()
    queue = await waiting_for(slots, 2)
    assert await refused_after(slots) == 1.0
    clock.now += 20.0
    assert await refused_after(slots) == pytest.approx(60.0)
    clock.now += 10_000.0
    assert await refused_after(slots) == 600.0
    await gone(queue)


async def test_where_nobody_may_wait_the_time_to_come_back_is_a_slots_own() -> None:
    slots = Slots(2, 0, 60, Clock())
    slots.service = 120.0
    await slots.take()
    await slots.take()
    assert await refused_after(slots) == pytest.approx(120 / 2)


async def test_the_only_one_that_waited_in_vain_is_told_how_long_the_slot_is_held_by_now() -> None:
    clock = Clock()
    slots = Slots(1, 64, 0.01, clock)
    await slots.take()
    clock.now += 300.0
    assert await refused_after(slots) == pytest.approx(300.0)


async def test_how_long_a_slot_is_held_is_right_whoever_gives_it_back_first() -> None:
    clock = Clock()
    slots = Slots(2, 0, 60, clock)
    for _ in range(200):  # one works for 1 s and one for 3 s, again and again
        await slots.take()
        await slots.take()
        clock.now += 1.0
        slots.give_back()
        clock.now += 2.0
        slots.give_back()
    assert slots.service == pytest.approx(2.0, abs=0.6)


async def test_who_leaves_in_the_moment_of_its_turn_does_not_count_as_work() -> None:
    clock = Clock()
    slots = Slots(1, 5, 60, clock)
    await slots.take()
    queue = await waiting_for(slots, 1)
    clock.now += 8.0
    slots.give_back()
    await gone(queue)
    assert slots.service == pytest.approx(8.0)
    assert (slots.busy, slots.waiting) == (0, 0)
