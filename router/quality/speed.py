"""How fast a backend answers: the first token, tokens read and written, and what its context holds."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from router.quality.asking import Asker, Heard

__all__ = ["Speed", "measure", "probe_context"]

RUNS = 5
WRITE = 128
"""Tokens of an answer."""
READ = 1500
"""Tokens of the long prompt, about."""
LINE = "On track {} the wagons {} wait for the lamp to turn green before the lever moves. "
"""About twenty tokens."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Speed:
    """Medians. None: not known."""

    first_token: float | None
    """Seconds, for a short prompt."""
    prompt_rate: float | None
    """Tokens read in a second: those of a long prompt, by the time to its first token, the way there included."""
    write_rate: float | None
    """Tokens written in a second, after the first."""
    runs: int
    """How many were answered, of RUNS."""
    estimated: bool
    """The backend tells no usage: tokens are counted by their length."""
    fault: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


async def measure(asker: Asker, progress: Progress) -> Speed:
    """Ask RUNS times for a text, and as often with a long prompt. Each begins anew, so that no cache knows it."""
    short = [await _short(asker, at, progress) for at in range(RUNS)]
    good = [heard for heard in short if heard.fault is None and heard.first]
    if not good:
        fault = next((heard.fault for heard in short if heard.fault), "it answers no word")
        return Speed(None, None, None, 0, False, fault)
    context = asker.backend.facts.context
    size = READ if context is None else max(32, min(READ, context // 2))
    long = [await _long(asker, 0, size, progress)]
    if long[0].fault is not None:  # its tokens are shorter than most models'
        size //= 4
    long += [await _long(asker, at, size, progress) for at in range(1, RUNS)]
    read = [heard.tokens.input / heard.first for heard in long if heard.fault is None and heard.first]
    rates = [rate for heard in good if (rate := _write_rate(heard)) is not None]
    return Speed(
        first_token=median(heard.first for heard in good),
        prompt_rate=median(read) if read else None,
        write_rate=median(rates) if rates else None,
        runs=len(good),
        estimated=any(heard.tokens.estimated for heard in good),
    )


async def _short(asker: Asker, at: int, progress: Progress) -> Heard:
    progress(f"{asker.name}: speed, answer {at + 1} of {RUNS}")
    words = f"[{secrets.token_hex(4)}] Count upwards from 1 in words, without an end, separated by commas."
    return await asker.ask([{"role": "user", "content": words}], WRITE)


async def _long(asker: Asker, at: int, size: int, progress: Progress) -> Heard:
    progress(f"{asker.name}: speed, long prompt {at + 1} of {RUNS}")
    return await asker.ask([{"role": "user", "content": f"{_filler(size)} Answer with the word yes."}], 4)


def _filler(tokens: int) -> str:
    """A text of about that many tokens that nobody has seen before."""
    lines = max(1, tokens // 20)
    return f"[{secrets.token_hex(4)}] " + "".join(LINE.format(at, chr(65 + at % 26)) for at in range(lines))


def _write_rate(heard: Heard) -> float | None:
    """Of an answer in one piece there is none."""
    tokens, time = heard.tokens.output - 1, heard.ended - heard.first
    return tokens / time if tokens >= 8 and time > 0.001 else None


async def probe_context(asker: Asker, progress: Progress) -> str:
    """Whether a prompt that fills nine tenths of the context it tells is read from its beginning on, in a word."""
    context = asker.backend.facts.context
    if context is None:
        return "not told"
    progress(f"{asker.name}: a prompt of about {context * 9 // 10:,} tokens")
    word = secrets.token_hex(3)
    words = f"The secret word is {word}. {_filler(context * 8 // 10)} Answer with the secret word alone."
    heard = await asker.ask([{"role": "user", "content": words}], 32)
    if heard.fault is not None:
        return f"refused: {heard.fault}"
    return "read to its beginning" if word in heard.text else "answered, without what stood at its beginning"
