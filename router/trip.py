"""One decided request on its way to its candidates: they are asked until the answer of one is the client's."""

from __future__ import annotations

import asyncio
import contextlib

from router.asking import Asking, always
from router.attempts.course import Course
from router.attempts.failure import Failure, speaks_of_server
from router.attempts.heartbeat import Heartbeat
from router.backends.contract import BackendError
from router.nobody import all_failed
from router.refusal import Refusal
from router.relay import Terms, relay
from router.routing.gates import CONVERSATIONS
from router.routing.session import name_of

__all__ = ["Trip"]

COMMENTED = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
"""Headers of a stream that begins with comments, before it is known whose answer it will be."""


class Trip:
    """Asks the candidates of one request, and tells the client when there is none left."""

    __slots__ = ("_asking", "_heartbeat", "exchange", "record", "route")

    def __init__(self, asking: Asking):
        self._asking = asking
        self.exchange, self.record, self.route = asking.exchange, asking.record, asking.route
        self._heartbeat: Heartbeat | None = None

    async def make(self) -> None:
        """Ask the candidates until one answers. Raises Refusal when none does."""
        asking, route, signals = self._asking, self.route, self._asking.signals
        if signals.stream and route.keep_alive and signals.path in CONVERSATIONS:
            self._heartbeat = Heartbeat(self.exchange, route.keep_alive, self._headers)
        if route.timeout:
            asking.deadline = asyncio.get_running_loop().time() + route.timeout
        try:
            async with asyncio.timeout_at(asking.deadline) if route.timeout else contextlib.nullcontext():
                failure = await self._course().run()
        except TimeoutError:
            if route.timeout is None:
                raise
            if not self.exchange.response_complete:  # it may have become so in this very moment
                self._too_late(f"no answer within {route.timeout:g} s")
                return
            failure = None
        finally:
            if self._heartbeat is not None:
                self._heartbeat.stop()
        if failure is not None:
            await self._give_up(failure)
            return
        state, served = asking.state, self.record.backend
        state.rulebook.plan.answered(signals, state.backends[served].facts, self.record)
        if signals.tools:
            asking.box.sessions.put(name_of(signals), served)

    def _course(self) -> Course:
        asking, route, upload = self._asking, self.route, self._asking.upload
        return Course(
            asking.decision.order,
            asking.ask,
            asking.state.facts,
            asking.box.retries,
            route.retries,
            route.hedge,
            asking.deadline,
            lambda: upload is None or not upload.touched,
        )

    def _too_late(self, message: str) -> None:
        """The time for the whole request is over. Raises Refusal where nothing of an answer has gone out."""
        for attempt in self.record.attempts:
            if attempt.reason is None:  # it was answering, which speaks well of its backend
                attempt.reason = "timeout"
        if self.exchange.started and not self.exchange.commented:
            self._asking.break_off(message)
        else:
            raise self._refusal(Refusal(504, message, code="timeout"))

    async def _give_up(self, failure: Failure) -> None:
        """Nobody has answered. The last backend's own error is shown where it told one. Raises Refusal."""
        record = self.record
        if failure.answer is not None and not (self.exchange.commented and self._cuts(failure.status)):
            record.retry_after = failure.retry_after
            try:
                await relay(self.exchange, failure.answer, self._asking.meter(record), Terms(always, record.path))
            except BackendError:  # it cannot be told where a stream has begun
                raise self._refusal(all_failed(record, failure)) from None
        elif failure.final or failure.context:
            raise self._refusal(Refusal(failure.status, failure.message, code=failure.code))
        else:
            raise self._refusal(all_failed(record, failure))

    def _refusal(self, refusal: Refusal) -> Refusal:
        refusal.cut = self._cuts(refusal.status)
        return refusal

    def _cuts(self, status: int) -> bool:
        """Where a stream has begun with comments, clients come again after a cut, and give up at an error: so it is
        cut where coming again may help."""
        return speaks_of_server(status) and self.route.on_broken_stream == "cut"

    def _headers(self) -> list[tuple[bytes, bytes]]:
        """Of a stream that begins with comments."""
        return [*COMMENTED, (b"x-request-id", self.record.id.encode("latin-1"))]
