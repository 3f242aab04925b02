"""Which conversations a backend has served lately: what its KV cache may still hold.

A conversation is known by the digests of its growing beginnings (`request.prefix`). Kept are those of its latest turns
and no text; the one unused for longest goes first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from time import perf_counter

__all__ = ["Warm"]

CAPACITY = 10_000
"""Beginnings, of each backend."""
TIME_TO_LIVE = 3600.0
"""Seconds after the last turn."""
KEPT = 3
"""Of a turn's beginnings, the longest. Clients take out of their last messages what they had put in for one turn only:
then a shorter beginning is found again."""
LOOKED_AT = 64
"""Of a turn's beginnings, the longest: a conversation that was changed further back counts as a new one."""


class Warm:
    """Of one backend, in this process."""

    __slots__ = ("_capacity", "_clock", "_known", "_time_to_live")

    def __init__(
        self,
        capacity: int = CAPACITY,
        time_to_live: float = TIME_TO_LIVE,
        clock: Callable[[], float] = perf_counter,
    ):
        self._capacity = capacity
        self._time_to_live = time_to_live
        self._clock = clock
        self._known: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def depth(self, chain: Sequence[bytes]) -> int:
        """How long the longest of these beginnings is that was served here: its place in the chain, from 1; 0 when none
        is known."""
        known = self._known
        if not known:
            return 0
        now = self._clock()
        for depth in range(len(chain), max(0, len(chain) - LOOKED_AT), -1):
            ends = known.get(chain[depth - 1])
            if ends is not None and now < ends:
                return depth
        return 0

    def put(self, chain: Sequence[bytes]) -> None:
        """A turn with these beginnings was answered."""
        ends = self._clock() + self._time_to_live
        for digest in chain[-KEPT:]:
            self._known[digest] = ends
            self._known.move_to_end(digest)
        while len(self._known) > self._capacity:
            self._known.popitem(last=False)
