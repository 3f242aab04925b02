"""A circuit breaker for one backend: after failures it is left alone for a while, then one request tries it.

Closed, all may ask. Failures in a row, or too large a share of the requests of a sliding window, open it. While it is
open nobody asks, but for a route's last candidate. After a pause, which grows with each opening in a row, it is half
open: one request at a time may pass. If that one is answered it closes, if it fails it opens for longer.

    closed ── failures ──> open ── pause over ──> half open ── answered ──> closed
                            ^                        │
                            └──────── failed ────────┘

It is a state machine without a loop: whoever asks the backend takes a ticket from `enter` and tells with it what came
of it: `answered`, `failed` or `left`. A ticket of an earlier state says nothing of the present one, and is ignored: a
request that was sent before the circuit opened may end minutes later.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Literal

from router.config.backend import Circuit as Settings
from router.config.facts import Facts

__all__ = ["Circuit", "CircuitState", "Window"]

log = logging.getLogger("signalbox.backends")

CircuitState = Literal["closed", "half-open", "open"]

PARTS = 10
"""Parts of the sliding window: it moves on by one of them at a time."""


class Window:
    """How many requests were answered, and how many failed, in the last `length` seconds."""

    __slots__ = ("_at", "_now", "_parts", "_width", "answered", "failed")

    def __init__(self, length: float):
        self._width = length / PARTS
        self._parts = [[0, 0] for _ in range(PARTS)]
        self._now = self._parts[0]
        self._at = 0
        self.answered = 0
        self.failed = 0

    def count(self, now: float, failed: bool) -> None:
        """One more. `now` in seconds, and never less than before."""
        at = int(now / self._width)
        if at != self._at:
            self._move_on(at)
        self._now[failed] += 1
        if failed:
            self.failed += 1
        else:
            self.answered += 1

    def clear(self) -> None:
        """Forget all."""
        for part in self._parts:
            part[0] = part[1] = 0
        self.answered = self.failed = 0

    def _move_on(self, at: int) -> None:
        if at - self._at >= PARTS:
            self.clear()
        else:
            for number in range(self._at + 1, at + 1):
                part = self._parts[number % PARTS]
                self.answered -= part[0]
                self.failed -= part[1]
                part[0] = part[1] = 0
        self._at = at
        self._now = self._parts[at % PARTS]


class Circuit:
    """Of one backend. While it is not closed it stands in `facts.shut`, for the gates to ask."""

    __slots__ = (
        *("_because", "_clock", "_closed_at", "_epoch", "_failures", "_jitter", "_pause", "_probe"),
        *("_alarm", "_asked_for", "_settings", "_ticket", "_until", "_window", "facts", "opened"),
    )

    def __init__(
        self,
        facts: Facts,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[float, float], float] = random.uniform,
        alarm: Callable[[], None] = lambda: None,
    ):
        """`alarm` is called whenever it opens."""
        self.facts = facts
        self.opened: Counter[str] = Counter()
        """How often it was opened, by the reason of the failure that did it, until somebody takes the count."""
        self._settings = settings
        self._clock = clock
        self._jitter = jitter
        self._alarm = alarm
        self._window = Window(settings.window)
        self._failures = 0
        """In a row."""
        self._ticket = self._epoch = 1
        """The latest ticket given out, and the one that is everybody's in the present state."""
        self._probe = 0
        """The ticket of the one request that tries; 0: none does."""
        self._until: float | None = None
        """When the pause is over; None: closed."""
        self._pause = 0.0
        """Seconds of the latest pause, before jitter."""
        self._closed_at = -math.inf
        self._because = ""
        self._asked_for = False
        """The backend itself has asked for this pause."""

    @property
    def state(self) -> CircuitState:
        """As it is now."""
        if self._until is None:
            return "closed"
        return "open" if self._clock() < self._until else "half-open"

    def why(self) -> str | None:
        """Why the next request may not pass, in words; None where it may."""
        if self._until is None:
            return None
        left = self._until - self._clock()
        if left > 0:
            return f"circuit open for another {math.ceil(left)} s {self._because}"
        return f"circuit half-open {self._because}; one request is trying it" if self._probe else None

    def enter(self, last: bool = False) -> int | None:
        """A ticket for one request, which must be handed back in any case; None: do not ask.

        `last`: there is no other candidate, so it may ask whatever the state.
        """
        if self._until is None:
            return self._epoch
        if not self._probe and self._clock() >= self._until:
            self._ticket += 1
            self._probe = self._ticket
            return self._probe
        return self._epoch if last else None

    def tries(self, ticket: int) -> bool:
        """Is this the one request whose answer all others wait for?"""
        return ticket == self._probe

    def answered(self, ticket: int) -> None:
        """The backend has answered; of a stream its first piece will do."""
        if self._until is None:
            if ticket == self._epoch:
                self._failures = 0
                self._window.count(self._clock(), False)
        elif ticket in (self._probe, self._epoch):
            self._close()

    def failed(self, ticket: int, reason: str, told: str, wait: float | None = None) -> None:
        """The backend has failed.

        `reason` is a word for metrics, `told` goes into sentences that clients see. `wait`: seconds for which the
        backend itself asks to be left alone.
        """
        now = self._clock()
        if self._until is None:
            if ticket == self._epoch:
                self._failures += 1
                self._window.count(now, True)
                self._judge(reason, told, wait)
        elif ticket == self._probe or (ticket == self._epoch and now >= self._until):
            self._open(reason, f"after it failed again: {told}", wait)
        elif ticket == self._epoch and wait is not None:
            self._until = max(self._until, now + min(wait, self._settings.longest_pause))

    def left(self, ticket: int) -> None:
        """Nothing was learned: the client has left, the request was at fault, the answer came from elsewhere."""
        if ticket == self._probe:
            self._probe = 0

    def take(self) -> list[tuple[str, int]]:
        """(reason, times) that it was opened since the last call."""
        if not self.opened:
            return []
        taken = list(self.opened.items())
        self.opened.clear()
        return taken

    def look_again(self) -> None:
        """The server was gone and is there again: what was wrong may be over, unless it asked to be left alone."""
        if self._until is not None and not self._asked_for:
            self._until = min(self._until, self._clock())

    def _judge(self, reason: str, told: str, wait: float | None) -> None:
        settings, window = self._settings, self._window
        if wait is not None:
            self._open(reason, f"as it asked for: {told}", wait)
        elif self._failures >= settings.failures:
            self._open(reason, f"after {self._failures} failures: {told}", None)
        else:
            asked = window.failed + window.answered
            if asked >= settings.requests and window.failed >= settings.rate * asked:
                self._open(reason, f"after {window.failed} of {asked} requests failed: {told}", None)

    def _open(self, reason: str, because: str, wait: float | None) -> None:
        now, settings = self._clock(), self._settings
        # One that fails again soon after it has closed goes on with the pauses it had: else it would flap for ever.
        again = self._until is not None or now - self._closed_at < max(settings.window, self._pause)
        if wait is not None:
            pause = min(wait * self._jitter(1.0, 1.1), settings.longest_pause)
        else:
            self._pause = min(2 * self._pause if again and self._pause else settings.pause, settings.longest_pause)
            pause = self._pause * self._jitter(0.75, 1.0)
        log.info("%s: circuit open for %.1f s %s", self.facts.name, pause, because)
        self._until = now + pause
        self._because, self._asked_for = because, wait is not None
        self.opened[reason] += 1
        self.facts.shut = self
        self._turn()
        self._alarm()

    def _close(self) -> None:
        log.info("%s: circuit closed", self.facts.name)
        self._until = None
        self._closed_at = self._clock()
        self.facts.shut = None
        self._failures = 0
        self._window.clear()
        self._turn()

    def _turn(self) -> None:
        """All tickets given out so far are of the past."""
        self._ticket += 1
        self._epoch, self._probe = self._ticket, 0
