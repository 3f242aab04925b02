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
