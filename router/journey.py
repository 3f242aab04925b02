"""One request, from bytes to bytes. Read this first: each step is a short function, each room it enters a folder.

    door (api/) → decide (routing/) → in the course of the attempts (attempts/), for each candidate:
    prepare → look (cache/) → ask (backends/) → relay → record

Until the first content of an answer has gone to the client, a failure moves on to the next candidate. After it nothing
is repeated, and the stream is cut without its proper end: more clients recover from that than from an error event.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from time import perf_counter

from router.accounts.bills import Meter
from router.attempts.accept import Judge, judge_for
from router.attempts.course import Claim, Course
from router.attempts.failure import Failure, of_error, of_status, speaks_of_server
from router.attempts.heartbeat import Heartbeat
from router.attempts.opening import CHECKED, Opening
from router.backends.contract import Answer, Backend, BackendError, Call, Plain
from router.backends.trial import Trial, begin
from router.box import Box, State
from router.cache.visit import Visit
from router.config.schema import Route
from router.endpoints.vectors import as_asked
from router.nobody import all_failed, no_candidate
from router.outgoing import hides_usage, model_for, prepare
from router.refusal import Refusal, shape
from router.relay import Beaten, Terms, error_event, relay
from router.request.envelope import Envelope
from router.request.signals import Signals
from router.request.upload import Upload
from router.routing.decision import Decision
from router.routing.gates import CONVERSATIONS
from router.routing.session import prefer
from router.telemetry.record import Attempt, Record
from router.telemetry.text import LONGEST
from router.wire.exchange import Exchange

__all__ = ["travel"]

log = logging.getLogger("signalbox.journey")

DIRECTLY = Route(to=["direct"])
"""What holds for a request that names its backend, and for a route that says nothing."""

TICK = 0.002
"""Seconds: uvloop's clock and timers go by whole milliseconds."""

EXPLAINED = 3.0
"""Seconds that the words of an error may take, once its status is known."""

COMMENTED = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
"""Headers of a stream that begins with comments, before it is known whose answer it will be."""


async def travel(
    box: Box, exchange: Exchange, envelope: Envelope, record: Record, upload: Upload | None = None
) -> None:
    """Answer one request. Raises Refusal when the answer is an error of ours."""
    record.read = perf_counter()
    state = box.state
    signals = Signals(envelope, purse=box.turnstile.purse)
    if (held := box.turnstile.enter(signals, record)) is not None:
        await held
    decision = decide(box, state, signals)
    record.decided = perf_counter()
    record.route, record.stream, record.harness = decision.route, signals.stream, signals.harness
    record.rejected, record.private = decision.rejected, decision.private
    if record.trace is not None:
        record.trace.asked(envelope.data, signals.model, signals.session, decision.private)
    if decision.backend is None:
        raise no_candidate(state, decision)
    if box.turnstile.limited:
        await box.turnstile.admit(decision, signals, exchange, record)
    await Trip(box, state, exchange, envelope, signals, decision, record, upload).make()


def decide(box: Box, state: State, signals: Signals) -> Decision:
    """The rules' decision. A turn that brings tool results stays with the backend that asked for the tools."""
    plan = state.rulebook.plan
    if state.strict_models and signals.model and not plan.knows(signals.model):
        name = signals.model[:200]
        raise Refusal(404, f'the model "{name}" does not exist here', code="model_not_found", param="model")
    decision = plan.decide(signals, state.facts)
    if signals.tools and signals.tool_loop and (served := box.sessions.get(_session(signals))) is not None:
        return prefer(decision, served, signals, state.facts)
    plan.taken(decision)
    return decision


def _session(signals: Signals) -> str:
    """Of one client: two of them may give their sessions the same name."""
    return f"{signals.key}/{signals.session}"


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


class Trip:
    """One decided request on its way to its candidates."""

    __slots__ = (
        *("box", "state", "exchange", "envelope", "signals", "decision", "record", "upload"),
        *("_deadline", "_heartbeat", "_hide_usage", "_route"),
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
        self._route = decision.settings or DIRECTLY
        self._hide_usage = hides_usage(envelope, signals)
        self._heartbeat: Heartbeat | None = None
        self._deadline: float | None = None
        """Of the whole request, on the loop's clock."""

    async def make(self) -> None:
        """Ask the candidates until one answers. Raises Refusal when none does."""
        route = self._route
        if self.signals.stream and route.keep_alive and self.envelope.path in CONVERSATIONS:
            self._heartbeat = Heartbeat(self.exchange, route.keep_alive, self._headers)
        if route.timeout:
            self._deadline = asyncio.get_running_loop().time() + route.timeout
        try:
            async with asyncio.timeout_at(self._deadline) if route.timeout else contextlib.nullcontext():
                failure = await self._course(route).run()
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
        served = self.record.backend
        self.state.rulebook.plan.answered(self.signals, self.state.backends[served].facts, self.record)
        if self.signals.tools:
            self.box.sessions.put(_session(self.signals), served)

    def _course(self, route: Route) -> Course:
        upload = self.upload
        return Course(
            self.decision.order,
            self._ask,
            self.state.facts,
            self.box.retries,
            route.retries,
            route.hedge,
            self._deadline,
            lambda: upload is None or not upload.touched,
        )

    async def _ask(self, name: str, claim: Claim, last: bool) -> Failure | None:
        """One attempt. None: its answer is the client's, whole or cut after its first content."""
        record, backend = self.record, self.state.backends[name]
        model = model_for(self.state, self.signals, backend) or self.signals.model
        attempt = Attempt(name, model=model[:LONGEST])
        record.backend, record.model = name, attempt.model
        call = prepare(self.state, self.envelope, self.signals, self.decision, backend, self.upload)
        if backend.takes_client_key:
            call.credentials = self.box.keyring.keys.passed(self.envelope.headers.raw, self.envelope.grant)
        visit = _visit(self.box, self.state, self.signals, self.decision, backend, call, record, attempt)
        last = last or (self.upload is not None and self.upload.touched)
        judge = self._judge(last)

        def wins() -> bool:
            return claim() and self._won(attempt)

        if visit is not None:
            visit.fault = None if judge is None else judge.stream if call.stream else judge.plain
            if (kept := await visit.look()) is not None:
                return await self._replay(kept, wins)
        if record.trace is not None:
            call.headers = record.trace.onward(call.headers)
        asked = backend if visit is None else visit
        trial = begin(asked.circuit, last or self.decision.last_resort, own_key=bool(call.credentials))
        if trial is None:  # its circuit was closed, or free to try, when the gates looked
            record.rejected += ((name, "health"),)
            return Failure("open", "its circuit is open", 503)
        terms = self._terms(backend, judge, wins)
        meter = self._meter(record)
        if visit is None or not visit.joins:
            meter.asked(name)
        try:
            failure = await self._attempt(asked, call, attempt, terms, trial, meter)
        except asyncio.CancelledError:
            if attempt.reason == "beaten" and attempt.answered:
                self._pay(attempt, terms, meter)
            elif attempt.reason != "beaten" and not terms.open and call.queued is not None:
                meter.given_up()
            raise
        if failure is not None and failure.reason in ("rejected", "beaten"):
            self._pay(attempt, terms, meter)
        return failure

    def _meter(self, record: Record) -> Meter:
        return Meter(self.state.bills, record, lambda: self.signals.tokens)

    async def _replay(self, kept: Answer, wins: Claim) -> Failure | None:
        """Relay an answer out of the cache."""
        kept = as_asked(self.envelope.path, self.envelope.data, kept)
        try:
            await relay(self.exchange, kept, self._meter(self.record), Terms(wins, hide_usage=self._hide_usage))
        except Beaten:
            return Failure("beaten", "another was quicker")
        return None

    def _judge(self, last: bool) -> Judge | None:
        """Of a candidate's answer; that of the last one is better than none."""
        if not self._route.accept or last:
            return None
        return judge_for(self._route.accept, self.envelope.path, self.envelope.data, lambda: tuple(self.signals.tools))

    def _terms(self, backend: Backend, judge: Judge | None, claim: Claim) -> Terms:
        opening = Opening(judge) if self.envelope.path in CHECKED else None
        return Terms(claim, opening, backend.first_content, self._hide_usage)

    def _won(self, attempt: Attempt) -> bool:
        """The record tells of the attempt whose answer the client gets, and of it last."""
        record = self.record
        others = [each for each in record.attempts if each is not attempt]
        if len(others) < len(record.attempts):  # it is not among them where another's was joined
            record.attempts = [*others, attempt]
        for other in others:
            if other.reason is None:
                other.reason, other.message = "beaten", "another was quicker"
        record.backend, record.model = attempt.backend, attempt.model
        record.asked, record.answered = attempt.asked, attempt.answered
        record.cache, record.cache_bytes, record.similarity = attempt.cache, attempt.cache_bytes, attempt.similarity
        return True

    async def _attempt(
        self, asked: Backend | Visit, call: Call, attempt: Attempt, terms: Terms, trial: Trial, meter: Meter
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
                if (failure := of_status(answer.status, answer.headers, body)) is not None:
                    return _failed(record, attempt, failure)
                answer = Plain(body, answer.status, answer.headers)
            await relay(exchange, answer, meter, terms)
            return None
        except BackendError as error:
            failure = _failed(record, attempt, of_error(error))
            if not terms.open:
                return failure
            self._break_off(failure.message)
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
        return self._deadline is not None and asyncio.get_running_loop().time() >= self._deadline - TICK

    def _pay(self, attempt: Attempt, terms: Terms, meter: Meter) -> None:
        """An answer came, or had begun to, that the client does not get: it is paid for all the same."""
        record = self.record
        paid = Record(record.id, record.path, attempt.asked, record.key, record.harness, record.route)
        paid.backend, paid.model, paid.stream = attempt.backend, attempt.model, record.stream
        paid.status, paid.outcome, paid.usage = 200, "unwanted", terms.usage
        paid.ended, paid.cache = attempt.ended, attempt.cache
        bill = self._meter(paid)
        bill.worked = meter.worked
        bill.told()
        bill.heard(*terms.heard)
        record.unwanted.append(paid)

    def _break_off(self, message: str) -> None:
        """After the first content nothing is repeated: cut the stream, or end it with an error, as the route says."""
        exchange, path = self.exchange, self.envelope.path
        self.record.outcome = "broken"
        whole = exchange.last.endswith((b"\n\n", b"\r\n\r\n"))
        if self._route.on_broken_stream == "error" and self.record.stream and whole:
            refusal = Refusal(502, f"{self.record.backend}: {message}", code="stream_broken")
            exchange.write(error_event(path, shape(refusal, anthropic=path.startswith("/v1/messages"))[1]))
            exchange.finish()
        else:
            exchange.cut()

    def _too_late(self, message: str) -> None:
        """The time for the whole request is over. Raises Refusal where nothing of an answer has gone out."""
        for attempt in self.record.attempts:
            if attempt.reason is None:  # it was answering, which speaks well of its backend
                attempt.reason = "timeout"
        if self.exchange.started and not self.exchange.commented:
            self._break_off(message)
        else:
            raise self._refusal(Refusal(504, message, code="timeout"))

    async def _give_up(self, failure: Failure) -> None:
        """Nobody has answered. The last backend's own error is shown where it told one. Raises Refusal."""
        if failure.answer is not None and not (self.exchange.commented and self._cuts(failure.status)):
            self.record.retry_after = failure.retry_after
            try:
                await relay(self.exchange, failure.answer, self._meter(self.record), Terms(lambda: True))
            except BackendError:  # it cannot be told where a stream has begun
                raise self._refusal(all_failed(self.record, failure)) from None
        elif failure.final or failure.context:
            raise self._refusal(Refusal(failure.status, failure.message, code=failure.code))
        else:
            raise self._refusal(all_failed(self.record, failure))

    def _refusal(self, refusal: Refusal) -> Refusal:
        refusal.cut = self._cuts(refusal.status)
        return refusal

    def _cuts(self, status: int) -> bool:
        """Where a stream has begun with comments, clients come again after a cut, and give up at an error: so it is
        cut where coming again may help."""
        return speaks_of_server(status) and self._route.on_broken_stream == "cut"

    def _headers(self) -> list[tuple[bytes, bytes]]:
        """Of a stream that begins with comments."""
        return [*COMMENTED, (b"x-request-id", self.record.id.encode("latin-1"))]


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
