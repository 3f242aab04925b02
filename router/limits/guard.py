"""The guard: a client that went wild is slowed, then stopped, while all other sessions go on.

Two things are looked at. A **turn** that fails and comes again at once, over and over: the same messages, whatever
stands around them, an answer that is an error, or empty, or says that the context is full. And the **bounds** of a
session, requests and US dollars in a time, far above what an agent at work needs. Clients were seen to send 10 to 19
requests a second without end when the usage they are told stands at their limit.

It refuses with status 400, the one at which all clients tried stop. What it knows is of this process.
"""

from __future__ import annotations

import asyncio
import marshal
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from hashlib import blake2b
from time import perf_counter

import orjson

from router.config.facts import Facts
from router.config.limits import Guard as Settings
from router.limits.window import Window
from router.refusal import Refusal
from router.request.signals import Signals, names_session
from router.routing.gates import CONVERSATIONS
from router.telemetry.record import Record

__all__ = ["DELAYS", "PAUSE", "Guard"]

PAUSE = 2.0
"""Seconds between a failure and the next try from which on it is no hammering. Who backs off soon waits longer."""
POLITE = 0.8
"""Who waits so much of a `Retry-After` keeps to it."""
DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds that the tries are held up which come before the refusal."""
MOST_HELD = 16
"""Of one turn, at once: more are refused."""
MOST_SESSIONS = 10_000
MOST_TURNS = 16
"""Of one session, that have failed."""
FORGOTTEN = 60.0
"""Seconds after which a turn that failed is forgotten."""
FULL = 0.97
"""Share of a context that a prompt may fill, and that a prompt and an answer which was cut may fill together."""

UNSURE = frozenset(
    {"llm", "langchain", "autogen", "ai-sdk", "dspy", "openai-python", "openai-node", "anthropic-python", "litellm"}
    | {"curl", "other", "open-webui"}
)
"""Programs that are agents or batch jobs, who knows: what they begin alike is no session for sure, unless they name
it, and has no bounds. A job may well send one prompt a thousand times."""


class _Turn:
    """One that failed, of one session."""

    __slots__ = ("count", "fault", "held", "last", "patience")

    def __init__(self) -> None:
        self.count = 0
        self.held = 0
        self.last = 0.0
        self.fault = ""
        self.patience = PAUSE
        """Seconds after which the next try is no hammering."""


class _Session:
    """What it did within the windows."""

    __slots__ = ("dollars", "requests")

    def __init__(self, settings: Settings):
        self.requests = Window(settings.requests.seconds)
        self.dollars = Window(settings.usd.seconds)


class Guard:
    """Of one process, by the settings of one set of rules. Both tables are bounded: the oldest go first."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = perf_counter):
        """`clock`: that of records."""
        self.settings = settings
        self._clock = clock
        self._failing: OrderedDict[str, dict[bytes, _Turn]] = OrderedDict()
        """By session, the latest failure last: its turns, by a hash of all that is said."""
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def enter(self, signals: Signals, record: Record) -> Awaitable[None] | None:
        """None: it may go on. Else to be awaited first. Raises Refusal."""
        if signals.path not in CONVERSATIONS:
            return None
        record.turn = signals
        if self._failing:
            turn = self._known(signals)
            if turn is not None and turn.count >= self.settings.repeats:
                return _held(turn, turn.count - self.settings.repeats, record)
        if (name := _bounded(signals)) is not None:
            self._within_bounds(self._session(name), record)
        return None

    def ended(self, signals: Signals, record: Record, facts: Mapping[str, Facts]) -> None:
        """It was answered, or not."""
        if record.outcome == "cancelled":
            return
        if (dollars := record.paid) and (name := _bounded(signals)) is not None:
            self._session(name).dollars.add(self._clock(), dollars)
        fault = _fault(record, facts)
        if fault is not None:
            self._failed(signals, fault, record)
        elif (turns := self._failing.get(_name(signals)) if self._failing else None) is not None:
            turns.pop(_digest(signals), None)
            if not turns:
                del self._failing[_name(signals)]

    def _known(self, signals: Signals) -> _Turn | None:
        """The turn, if it has failed, unless it was given time since."""
        now, name = self._clock(), _name(signals)
        while self._failing and _latest(next(iter(self._failing.values()))) < now - FORGOTTEN:
            self._failing.popitem(last=False)
        turns = self._failing.get(name)
        if turns is None:
            return None
        digest = _digest(signals)
        turn = turns.get(digest)
        if turn is not None and not turn.held and now - turn.last >= turn.patience:
            del turns[digest]
            if not turns:
                del self._failing[name]
            return None
        return turn

    def _failed(self, signals: Signals, fault: str, record: Record) -> None:
        name, digest = _name(signals), _digest(signals)
        turns = self._failing.setdefault(name, {})
        turn = turns.pop(digest, None) or _Turn()
        if record.limited != "loop":
            if record.started >= turn.last:  # those that were under way at the same time are one try
                turn.count += 1
            turn.fault = fault
        turn.patience = PAUSE if record.retry_after is None else min(PAUSE, POLITE * record.retry_after)
        turn.last = self._clock()
        turns[digest] = turn
        if len(turns) > MOST_TURNS:
            del turns[next(iter(turns))]
        self._failing.move_to_end(name)
        if len(self._failing) > MOST_SESSIONS:
            self._failing.popitem(last=False)

    def _within_bounds(self, session: _Session, record: Record) -> None:
        now, requests, usd = self._clock(), self.settings.requests, self.settings.usd
        if (wait := session.requests.wait(now, 1, requests.amount)) > 0:
            raise _over("session_requests", f"{requests} requests", wait, record)
        if session.dollars.used(now) >= usd.amount:
            raise _over("session_usd", f"{usd} US dollars", session.dollars.wait(now, 1e-9, usd.amount), record)
        session.requests.add(now, 1)

    def _session(self, name: str) -> _Session:
        session = self._sessions.get(name)
        if session is None:
            session = self._sessions[name] = _Session(self.settings)
            if len(self._sessions) > MOST_SESSIONS:
                self._sessions.popitem(last=False)
        else:
            self._sessions.move_to_end(name)
        return session


def _held(turn: _Turn, more: int, record: Record) -> Awaitable[None]:
    if more < len(DELAYS) and turn.held < MOST_HELD:
        return _hold(turn, DELAYS[more])
    record.limited = "loop"
    raise Refusal(
        400,
        f"this turn was sent {turn.count} times in a row and failed each time ({turn.fault}), so it is not sent again: "
        f"change it, or wait {PAUSE:g} seconds before the next try",
        code="loop_detected",
    )


def _over(word: str, bound: str, wait: float, record: Record) -> Refusal:
    record.limited = word
    return Refusal(
        400,
        f"this session went over its bound of {bound}, which looks like a loop; it may go on in {math.ceil(wait)} s "
        "(`guard:` in the rules sets the bound)",
        code="session_limit_exceeded",
    )


def _latest(turns: Mapping[bytes, _Turn]) -> float:
    return max((turn.last for turn in turns.values()), default=0.0)


async def _hold(turn: _Turn, seconds: float) -> None:
    turn.held += 1
    try:
        await asyncio.sleep(seconds)
    finally:
        turn.held -= 1


def _bounded(signals: Signals) -> str | None:
    """The session, where it certainly is one."""
    if signals.harness in UNSURE and names_session(signals.envelope) is None:
        return None
    return _name(signals)


def _name(signals: Signals) -> str:
    """Of one client: two of them may give their sessions the same name."""
    return f"{signals.key}/{signals.session}"


def _digest(signals: Signals) -> bytes:
    """Of all that is said, and none of the fields that may change from try to try."""
    data = signals.envelope.data
    said = [data.get(name) for name in ("messages", "input", "prompt", "system", "instructions")]
    try:
        text = orjson.dumps(said)
    except TypeError:  # a number, half a surrogate pair or a depth that orjson does not write
        text = marshal.dumps(said, 2)  # of equal values equal bytes; later versions write references
    return blake2b(text, digest_size=16).digest()


def _fault(record: Record, facts: Mapping[str, Facts]) -> str | None:
    """Why the same turn would fail again; None when it went well."""
    if record.status >= 400:
        return f"status {record.status}"
    if record.outcome == "broken":
        return "its answer broke off"
    tokens = record.tokens
    if tokens is None or tokens.estimated:
        return None
    if not tokens.output:
        return "an empty answer"
    about = facts.get(record.backend)
    if about is None or not about.context:
        return None
    if tokens.input >= FULL * about.context:
        return "the context is full"
    # Whoever limits an answer, be it client, route or server, gets what was asked for: short, and no failure.
    if record.finish_reason in ("length", "max_tokens") and tokens.input + tokens.output >= FULL * about.context:
        return "no room for the whole answer"
    return None
