"""One candidate asked: what it is sent, what the cache has, and what came of it. Whom to ask is up to `trip.py`."""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter

from router.accounts.bills import Meter
from router.attempts.accept import Judge, judge_for
from router.attempts.course import Claim
from router.attempts.failure import Failure, of_error, of_status
from router.attempts.opening import CHECKED, Opening
from router.backends.contract import Answer, Backend, BackendError, Call, Plain
from router.backends.trial import Trial, begin
from router.box import Box, State
from router.cache.visit import Visit
from router.config.schema import Route
from router.dialects.bridge import LARGE, Telling, opened
from router.dialects.contract import Dialect
from router.dialects.messages.count import counted
from router.dialects.native import COUNTING, is_translated
from router.endpoints.vectors import as_asked
from router.outgoing import hides_usage, model_for, prepare
from router.refusal import Refusal, shape
from router.relay import Beaten, Terms, relay
from router.repair.taught import AGAIN, Taught
from router.request.envelope import Envelope
from router.request.initiator import initiator
from router.request.signals import Signals
from router.request.upload import Upload
from router.respond import error_event
from router.routing.decision import Decision
from router.telemetry.record import Attempt, Record
from router.telemetry.text import LONGEST
from router.wire.exchange import Exchange

__all__ = ["DIRECTLY", "Asking", "always"]

log = logging.getLogger("signalbox.asking")

DIRECTLY = Route(to=["direct"])
"""What holds for a request that names its backend, and for a route that says nothing."""

TICK = 0.002
"""Seconds: uvloop's clock and timers go by whole milliseconds."""

EXPLAINED = 3.0
"""Seconds that the words of an error may take, once its status is known."""


def _visit(
    box: Box,
    state: State,
    signals: Signals,
    decision: Decision,
    backend: Backend,
    call: Call,
    record: Record,
    attempt: Attempt,
) -> Visit | None:
    """This request at the cache; None where the route has none, or this request is not for it."""
    settings = decision.settings
    if settings is None or settings.cache is None:
        return None
    if call.credentials:  # what one client's own key buys is not for another
        record.cache = attempt.cache = "bypass"
        return None
    private = decision.private or state.rulebook.rules.backends[backend.name].private is True
    similar = settings.cache.similar
    embedder = state.backends.get(similar.backend) if similar is not None else None
    if embedder is not None and decision.private and not embedder.facts.private:
        embedder = None  # it would read the question
    return box.cache.visit(settings.cache, decision.route, private, signals, backend, call, record, attempt, embedder)


class Asking:
    """One decided request, as it is put to its candidates."""

    __slots__ = (
        *("box", "state", "exchange", "envelope", "signals", "decision", "record", "upload"),
        *("_dialect", "deadline", "route"),
    )

    def __init__(
        self,
        box: Box,
        state: State,
        exchange: Exchange,
        envelope: Envelope,
        signals: Signals,
        decision: Decision,
        record: Record,
        upload: Upload | None,
    ):
        self.box = box
        self.state = state
        self.exchange = exchange
        self.envelope = envelope
        self.signals = signals
        self.decision = decision
        self.record = record
        self.upload = upload
        self.route = decision.settings or DIRECTLY
        self._dialect: Dialect | None = None
        """The request read, where a candidate needs it translated."""
        self.deadline: float | None = None
        """Of the whole request, on the loop's clock."""

    async def ask(self, name: str, claim: Claim, last: bool) -> Failure | None:
        """One candidate: again at once, with the request repaired, where its error tells what is wrong with it. None:
        its answer is the client's, whole or cut after its first content."""
        backend = self.state.backends[name]
        model = (model_for(self.state, self.signals, backend) or self.signals.model)[:LONGEST]
        taught = Taught(backend.repairs, model)
        while True:
            failure = await self._ask_once(backend, taught, claim, last)
            if failure is not AGAIN:
                return failure

    async def _ask_once(self, backend: Backend, taught: Taught, claim: Claim, last: bool) -> Failure | None:
        """One attempt."""
        record, name = self.record, backend.name
        attempt = Attempt(name, model=taught.model)
        record.backend, record.model = name, attempt.model
        dialect = await self._needed(backend)
        if dialect is not None and self.envelope.path == COUNTING:
            return await self._count(backend, dialect, attempt, claim)
        call = prepare(self.state, self.envelope, self.signals, self.decision, backend, self.upload, taught, dialect)
        attempt.changed = record.changed = call.changed
        attempt.repaired = call.repaired
        if backend.asks_initiator:
            call.initiator = initiator(self.signals)
        if backend.takes_client_key:
            call.credentials = self.box.keyring.keys.passed(self.envelope.headers.raw, self.envelope.grant)
        visit = _visit(self.box, self.state, self.signals, self.decision, backend, call, record, attempt)
        last = last or (self.upload is not None and self.upload.touched)
        judge = self._judge(call, last)

        def wins() -> bool:
            return claim() and self._won(attempt)

        terms = self._terms(call, dialect, backend, judge, wins)
        if visit is not None:
            visit.fault = None if judge is None else judge.stream if call.stream else judge.plain
            if (kept := await visit.look()) is not None:
                return await self._replay(kept, terms)
        if record.trace is not None:
            call.headers = record.trace.onward(call.headers)
        asked = backend if visit is None else visit
        trial = begin(asked.circuit, last or self.decision.last_resort, own_key=bool(call.credentials))
        if trial is None:  # its circuit was closed, or free to try, when the gates looked
            record.rejected += ((name, "health"),)
            return Failure("open", "its circuit is open", 503)
        meter = self.meter(record)
        if visit is None or not visit.joins:
            meter.asked(name)
        try:
            failure = await self._attempt(asked, call, attempt, terms, trial, meter, taught)
        except asyncio.CancelledError:
            if attempt.reason == "beaten" and attempt.answered:
                self._pay(attempt, terms, meter)
            elif attempt.reason != "beaten" and not terms.open and call.queued is not None:
                meter.given_up()
            raise
        if failure is not None and failure.reason in ("rejected", "beaten"):
            self._pay(attempt, terms, meter)
        return failure

    async def _count(self, backend: Backend, dialect: Dialect, attempt: Attempt, claim: Claim) -> Failure | None:
        """How many tokens the prompt is for this backend's model, which generates nothing for it."""
        record = self.record
        record.attempts.append(attempt)
        record.asked = attempt.asked = perf_counter()
        call = prepare(
            self.state,
            self.envelope,
            self.signals,
            self.decision,
            backend,
            None,
            Taught(backend.repairs, attempt.model),
            dialect,
        )
        tokens = await backend.count_tokens(call.data)
        record.answered = attempt.answered = attempt.ended = perf_counter()
        if not (claim() and self._won(attempt)):
            return _failed(record, attempt, Failure("beaten", "another was quicker"))
        answer = Plain(counted(self.signals.tokens if tokens is None else tokens, estimated=tokens is None))
        await relay(self.exchange, answer, self.meter(record), Terms(always, COUNTING))
        return None

    def meter(self, record: Record) -> Meter:
        return Meter(self.state.bills, record, lambda: self.signals.tokens)

    async def _replay(self, kept: Answer, terms: Terms) -> Failure | None:
        """Relay an answer out of the cache."""
        terms.opening = terms.first_content = None
        kept = as_asked(self.envelope.path, self.envelope.data, kept)
        try:
            await relay(self.exchange, kept, self.meter(self.record), terms)
        except Beaten:
            return Failure("beaten", "another was quicker")
        return None

    async def _needed(self, backend: Backend) -> Dialect | None:
        """The request read, where this backend does not speak its dialect. Raises Refusal."""
        envelope = self.envelope
        if not is_translated(envelope.path, envelope.data, backend.facts):
            return None
        if self._dialect is None:
            answers = self.state.answers
            memory = answers.of(envelope.key) if answers is not None else None
            if len(envelope.body) < LARGE:
                self._dialect = opened(envelope.path, envelope.data, memory)
            else:
                read = await asyncio.to_thread(opened, envelope.path, envelope.data, memory)
                self._dialect = self._dialect or read  # of another candidate, meanwhile
        return self._dialect

    def _judge(self, call: Call, last: bool) -> Judge | None:
        """Of a candidate's answer; that of the last one is better than none."""
        if not self.route.accept or last:
            return None
        return judge_for(self.route.accept, call.path, call.data, lambda: tuple(self.signals.tools))

    def _terms(self, call: Call, dialect: Dialect | None, backend: Backend, judge: Judge | None, claim: Claim) -> Terms:
        opening = Opening(judge) if call.path in CHECKED else None
        hide = dialect is None and hides_usage(call.path, self.envelope.data, self.signals)
        telling = None if dialect is None else Telling(dialect, call.data["model"])
        return Terms(claim, call.path, opening, backend.first_content, hide, telling)

    def _won(self, attempt: Attempt) -> bool:
        """The record tells of the attempt whose answer the client gets, and of it last."""
        record = self.record
        others = [each for each in record.attempts if each is not attempt]
        if len(others) < len(record.attempts):  # it is not among them where another's was joined
            record.attempts = [*others, attempt]
        for other in others:
            if other.reason is None:
                other.reason, other.message = "beaten", "another was quicker"
        record.backend, record.model, record.changed = attempt.backend, attempt.model, attempt.changed
        record.asked, record.answered = attempt.asked, attempt.answered
        record.cache, record.cache_bytes, record.similarity = attempt.cache, attempt.cache_bytes, attempt.similarity
        return True

    async def _attempt(
        self,
        asked: Backend | Visit,
        call: Call,
        attempt: Attempt,
        terms: Terms,
        trial: Trial,
        meter: Meter,
        taught: Taught,
    ) -> Failure | None:
        record, exchange = self.record, self.exchange
        record.attempts.append(attempt)
        record.asked = attempt.asked = perf_counter()
        record.answered = 0.0
        answer: Answer | None = None
        try:
            answer = trial.watched(await asked.ask(call), lambda: attempt.cache != "joined")
            answer = as_asked(call.path, self.envelope.data, answer)
            record.answered = attempt.answered = perf_counter()
            if answer.status >= 400:
                body = await _explanation(answer)
                if taught.by(answer.status, body, call):
                    return _failed(record, attempt, AGAIN)
                if (failure := of_status(answer.status, answer.headers, body)) is not None:
                    return _failed(record, attempt, failure)
                answer = Plain(body, answer.status, answer.headers)
            else:
                taught.settle()
            await relay(exchange, answer, meter, terms)
            return None
        except BackendError as error:
            if error.reason == "refused" and not terms.open and taught.by(error.status, error.message.encode(), call):
                return _failed(record, attempt, AGAIN)
            failure = _failed(record, attempt, of_error(error))
            if not terms.open:
                return failure
            self.break_off(failure.message, told=terms.telling is not None and terms.telling.failed)
            return None
        except Beaten:
            return _failed(record, attempt, Failure("beaten", "another was quicker"))
        except asyncio.CancelledError:
            if self._is_late and not terms.open and attempt.reason is None:
                attempt.reason, attempt.message = "timeout", "nothing came in the time that the request had"
            raise
        finally:
            meter.idle()
            if terms.open:
                record.worked = meter.worked
            came = terms.open and attempt.cache != "joined"
            trial.over(attempt.reason, attempt.message, answer, came, attempt.retry_after)
            attempt.ended, attempt.queued = perf_counter(), call.queued or 0.0
            if answer is not None:
                answer.abort()

    @property
    def _is_late(self) -> bool:
        return self.deadline is not None and asyncio.get_running_loop().time() >= self.deadline - TICK

    def _pay(self, attempt: Attempt, terms: Terms, meter: Meter) -> None:
        """An answer came, or had begun to, that the client does not get: it is paid for all the same."""
        record = self.record
        paid = Record(record.id, record.path, attempt.asked, record.key, record.harness, record.route)
        paid.backend, paid.model, paid.stream = attempt.backend, attempt.model, record.stream
        paid.status, paid.outcome, paid.usage = 200, "unwanted", terms.usage
        paid.ended, paid.cache = attempt.ended, attempt.cache
        bill = self.meter(paid)
        bill.worked = meter.worked
        bill.told()
        bill.heard(*terms.heard)
        record.unwanted.append(paid)

    def break_off(self, message: str, told: bool = False) -> None:
        """After the first content nothing is repeated: cut the stream, or end it with an error, as the route says.
        `told`: the client has heard of one."""
        exchange, path = self.exchange, self.envelope.path
        self.record.outcome = "broken"
        whole = exchange.last.endswith((b"\n\n", b"\r\n\r\n"))
        if self.route.on_broken_stream == "error" and self.record.stream and whole:
            refusal = Refusal(502, f"{self.record.backend}: {message}", code="stream_broken")
            if not told:
                exchange.write(error_event(path, shape(refusal, anthropic=path.startswith("/v1/messages"))[1]))
            exchange.finish()
        else:
            exchange.cut()


def always() -> bool:
    """A claim that nobody disputes."""
    return True


async def _explanation(answer: Answer) -> bytes:
    """What an error says, if it does so soon: others may be asked meanwhile. Raises BackendError."""
    try:
        async with asyncio.timeout(EXPLAINED):
            return await answer.read()
    except TimeoutError:
        answer.abort()
        return b""


def _failed(record: Record, attempt: Attempt, failure: Failure) -> Failure:
    # An attempt shared with others has failed for all.
    if not any(each is attempt for each in record.attempts):
        record.attempts.append(attempt)
    attempt.reason, attempt.message, attempt.retry_after = failure.reason, failure.message, failure.retry_after
    # The line of the request tells the reason. The words may be a provider's, and repeat what was asked.
    log.debug("%s failed: %s", attempt.backend, failure.reason if record.private else failure.message)
    return failure
