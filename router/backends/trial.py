"""One attempt at a backend, as its circuit breaker sees it.

Only what speaks of the server counts as a failure: that it cannot be reached, does not answer in time, breaks off, is
not what it claims, answers with 5xx or 429. A client's mistakes and leaving, the rate limit of a key of its own, and a
full queue of ours do not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from router.backends.circuit import Circuit
from router.backends.contract import Answer
from router.wire.retry_after import retry_after

__all__ = ["Trial", "begin"]

FAILURES = {
    "connect": "it cannot be reached",
    "tls": "TLS with it fails",
    "timeout": "it does not answer in time",
    "broken": "its answers break off",
    "malformed": "its answers are not what they claim to be",
}
"""Words of BackendError's list that speak of the server, and what others are told of them. A failure's own words may
be a provider's, and repeat what was asked: they are quoted only where there was no answer to repeat it."""
QUOTED = frozenset({"connect", "tls"})
LONGEST_QUOTE = 160
NOT_DONE_AT_ALL = frozenset({501, 505})
"""Server errors that speak of what was asked: the server does not do that."""
ASK_TO_WAIT = frozenset({429, 503})
"""Statuses whose `Retry-After` says how long to ask nothing (RFC 6585 §4, RFC 9110 §15.6.4)."""

_STATUS = re.compile(r"status (\d{3})\Z")


class Trial:
    """Made by `begin`; `over` in any case, once."""

    __slots__ = ("_circuit", "_own_key", "_ticket")

    def __init__(self, circuit: Circuit, ticket: int, own_key: bool):
        self._circuit = circuit
        self._ticket = ticket
        self._own_key = own_key

    def watched(self, answer: Answer, own: Callable[[], bool] = lambda: True) -> Answer:
        """The answer, which closes a half-open circuit with its first piece: not only when a long stream has ended.

        `own`, asked when that piece is here: it is the backend's own, and not another request's that was joined.
        """
        if self._circuit.tries(self._ticket) and answer.status < 400:
            return _Watched(answer, lambda: self._circuit.answered(self._ticket) if own() else None)
        return answer

    def over(
        self, reason: str | None, message: str, answer: Answer | None, came: bool, wait: float | None = None
    ) -> None:
        """What came of it.

        `reason` and `message` are of the failure, None and "" where there was none; `answer` is None where not even a
        head came; `came`: some of the body did, and not out of a cache; `wait`: seconds, as the failure has them.
        """
        circuit, ticket = self._circuit, self._ticket
        if reason is None and came and answer is not None and answer.status < 429:  # nearly all
            circuit.answered(ticket)
            return
        status = _status(reason, answer)
        if status == 429 and self._own_key:
            circuit.left(ticket)
        elif status == 429 or (status >= 500 and status not in NOT_DONE_AT_ALL):
            if status not in ASK_TO_WAIT:
                wait = None
            elif wait is None and answer is not None:
                wait = retry_after(answer.headers)
            circuit.failed(ticket, f"status {status}", f"status {status}", wait or None)
        elif reason in FAILURES:
            circuit.failed(ticket, reason, message[:LONGEST_QUOTE] if reason in QUOTED else FAILURES[reason])
        elif reason is None and came:
            circuit.answered(ticket)
        else:
            circuit.left(ticket)


class _Free(Trial):
    """At a backend without a circuit."""

    __slots__ = ()

    def __init__(self) -> None:
        pass

    def watched(self, answer: Answer, own: Callable[[], bool] = lambda: True) -> Answer:
        return answer

    def over(
        self, reason: str | None, message: str, answer: Answer | None, came: bool, wait: float | None = None
    ) -> None:
        return None


_FREE = _Free()


def begin(circuit: Circuit | None, last: bool, *, own_key: bool = False) -> Trial | None:
    """An attempt begins; None: it must not. `last`: no other candidate is left, so it may in any case. `own_key`: it
    carries the client's own key, whose rate limit says nothing of the server."""
    if circuit is None:
        return _FREE
    ticket = circuit.enter(last)
    return None if ticket is None else Trial(circuit, ticket, own_key)


def _status(reason: str | None, answer: Answer | None) -> int:
    """Of an error; 0 where the failure is another than a status."""
    if reason is None:
        return answer.status if answer is not None else 0
    found = _STATUS.match(reason)
    return int(found[1]) if found is not None else 0


class _Watched(Answer):
    """An answer that tells when its body begins."""

    def __init__(self, answer: Answer, began: Callable[[], None]):
        self._answer = answer
        self._began = began
        self.status = answer.status
        self.headers = answer.headers

    async def read(self) -> bytes:
        return await self._answer.read()

    async def pipe(self, sink: Callable[[bytes], None], ready: Callable[[], Any] | None = None) -> None:
        began = False

        def first(data: bytes) -> None:
            nonlocal began
            if not began:
                began = True
                self._began()
            sink(data)

        await self._answer.pipe(first, ready)

    def abort(self) -> None:
        self._answer.abort()
