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
        depths = {name: load.warm.depth(chain) if (load := facts[name].load) is not None else 0 for name in names}
        deepest = max(depths.values())
        sizes = self._sizes(names, facts)
        conversation = f"{signals.key}/{signals.session}".encode("utf-8", "surrogatepass")
        spare = {name for name in names if not sizes[name]}
        full = {name for name in names if (load := facts[name].load) is not None and load.full}
        crowded = _crowded(names, sizes, facts)
        kinds = {name: _kind(depths[name], deepest, name in crowded) for name in names}

        def place(name: str) -> tuple[bool, bool, int, float]:
            return name in full, name in spare, kinds[name], -_draw(conversation, name, sizes[name])

        order = sorted(names, key=place)
        if not told:
            return list(map(Ranked, order))
        home = max(names, key=lambda name: _draw(conversation, name, sizes[name]))
        return [Ranked(name, _why(depths[name], len(chain), name == home, name in full, kinds[name])) for name in order]

    def _sizes(self, names: Sequence[str], facts: Mapping[str, Facts]) -> dict[str, float]:
        """Of each backend: its weight for each of its slots, which count as one where they are not known of all."""
        slots = [
            load.parallel for name in names if (load := facts[name].load) is not None and load.parallel is not None
        ]
        if len(slots) < len(names):
            slots = [1] * len(names)
        return {name: self.weights[name] * number for name, number in zip(names, slots, strict=True)}


def _kind(depth: int, deepest: int, crowded: bool) -> int:
    if depth:
        return WARM if depth >= deepest - NEAR else KNOWN
    return CROWDED if crowded else HOME


def _crowded(names: Sequence[str], sizes: Mapping[str, float], facts: Mapping[str, Facts]) -> set[str]:
    """Those that would have more than their share of what is in flight with one more request."""
    flying = {name: load.in_flight if (load := facts[name].load) is not None else 0 for name in names}
    everything, size = sum(flying.values()) + 1, sum(sizes.values())
    if not size:
        return set()
    return {name for name in names if flying[name] >= ceil(MORE_THAN_ITS_SHARE * everything * sizes[name] / size)}


def _draw(conversation: bytes, name: str, size: float) -> float:
    """The number that a backend draws for a conversation: the higher, the likelier by its size (weighted rendezvous
    hashing, as in draft-ietf-bess-weighted-hrw)."""
    digest = blake2b(conversation, digest_size=8, key=name.encode("utf-8", "surrogatepass")[:64]).digest()
    return size / -log((int.from_bytes(digest, "big") + 0.5) / 2**64)


def _why(depth: int, length: int, home: bool, full: bool, kind: int) -> str:
    said = "full; " if full else ""
    if depth:
        said += f"has served this conversation up to message {depth} of {length}"
        said += "" if kind == WARM else ", which is further back than another's"
        return said + (", and is where it belongs" if home else "")
    said += "where this conversation belongs by its hash" if home else "next by the conversation's hash"
    return said + (", but has more than its share of the requests in flight" if kind == CROWDED else "")
