"""`sticky`: a conversation stays with the backend whose KV cache holds most of it.

Each backend remembers the beginnings of the conversations it has served (`telemetry/warm.py`). A turn goes to the one
that knows its longest beginning; within NEAR messages of the longest, where it costs little to read them anew, to the
one that the conversation belongs to. That is said by rendezvous hashing of the conversation's name (`Signals.session`):
each backend draws a number for it and the highest wins, so that all workers agree, and a backend that goes or comes
moves only its own conversations.

A new conversation goes where it belongs, unless that backend already has more than its share of the requests in flight
(consistent hashing with bounded loads, arXiv:1608.01350): conversations with one system prompt spread out. A backend
that is down or full is passed over, and asked again when it is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from math import ceil, log

from router.config.facts import Facts
from router.request.signals import Signals
from router.routing.choice.contract import Choice, Ranked
from router.telemetry.load import Load

__all__ = ["Sticky"]

NEAR = 8
"""Messages, of which a tool call and its result are two."""
MORE_THAN_ITS_SHARE = 1.25

WARM, KNOWN, HOME, CROWDED = range(4)


class Sticky(Choice):
    """Holds nothing of its own. A weight is a backend's share of new conversations; with 0 it gets none, and one that
    had to go there leaves it as soon as it can."""

    def rank(self, names: Sequence[str], signals: Signals, facts: Mapping[str, Facts], told: bool) -> list[Ranked]:
        chain = signals.prefixes
        loads = [facts[name].load for name in names]
        depths = [load.warm.depth(chain) if load is not None else 0 for load in loads]
        sizes = self._sizes(names, loads)
        crowded = _crowded(loads, sizes)
        draws = _draws(f"{signals.key}/{signals.session}", names, sizes)
        deepest = max(depths)
        places = []
        for at, (load, depth, size) in enumerate(zip(loads, depths, sizes, strict=True)):
            full = load is not None and load.full
            places.append((full, not size, _kind(depth, deepest, at in crowded), -draws[at], at))
        places.sort()
        if not told:
            return [Ranked(names[place[-1]]) for place in places]
        home = draws.index(max(draws))
        return [
            Ranked(names[at], _why(depths[at], len(chain), at == home, full, kind)) for full, _, kind, _, at in places
        ]

    def _sizes(self, names: Sequence[str], loads: Sequence[Load | None]) -> list[float]:
        """Of each backend: its weight for each of its slots, which count as one where they are not known of all."""
        slots = [load.parallel for load in loads if load is not None and load.parallel is not None]
        if len(slots) < len(names):
            return [self.weights[name] for name in names]
        return [self.weights[name] * number for name, number in zip(names, slots, strict=True)]


def _kind(depth: int, deepest: int, crowded: bool) -> int:
    if depth:
        return WARM if depth >= deepest - NEAR else KNOWN
    return CROWDED if crowded else HOME


def _crowded(loads: Sequence[Load | None], sizes: Sequence[float]) -> set[int]:
    """Those that would have more than their share of what is in flight with one more request."""
    flying = [load.in_flight if load is not None else 0 for load in loads]
    everything, size = sum(flying), sum(sizes)
    if not everything or not size:
        return set()
    share = MORE_THAN_ITS_SHARE * (everything + 1) / size
    return {at for at, count in enumerate(flying) if count >= ceil(share * sizes[at])}


def _draws(conversation: str, names: Sequence[str], sizes: Sequence[float]) -> list[float]:
    """The number that each backend draws for a conversation: the higher, the likelier by its size (weighted rendezvous
    hashing, as in draft-ietf-bess-weighted-hrw)."""
    said = conversation.encode("utf-8", "surrogatepass")
    draws = []
    for name, size in zip(names, sizes, strict=True):
        digest = blake2b(b"%b\0%b" % (said, name.encode("utf-8", "surrogatepass")), digest_size=8).digest()
        draws.append(size / -log((int.from_bytes(digest, "big") + 0.5) / 2**64))
    return draws


def _why(depth: int, length: int, home: bool, full: bool, kind: int) -> str:
    said = "full; " if full else ""
    if depth:
        said += f"has served this conversation up to message {depth} of {length}"
        said += "" if kind == WARM else ", which is further back than another's"
        return said + (", and is where it belongs" if home else "")
    said += "where this conversation belongs by its hash" if home else "next by the conversation's hash"
    return said + (", but has more than its share of the requests in flight" if kind == CROWDED else "")
