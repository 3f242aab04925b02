"""The gates: what a backend must be able to do to get a request. They hold for every candidate, however it was chosen.

They judge by the request's signals, what its key may do and the backend's facts alone, in the order key, endpoint,
modality, context, tools, json, privacy, budget, health; the first that rejects a candidate is the one that is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from router.config.facts import Facts
from router.config.grant import Grant
from router.config.known import is_elsewhere
from router.config.schema import Route
from router.request.content import Conversation
from router.request.images import without_images
from router.request.signals import Signals
from router.routing.decision import DIRECT, Candidate

__all__ = ["GATES", "drops_images", "free_first", "judge", "passed", "unhealthy"]

GATES = ("key", "endpoint", "modality", "context", "tools", "json", "privacy", "budget", "health")

CONVERSATIONS = frozenset(
    {"/v1/chat/completions", "/v1/completion", "/v1/completions", "/v1/fim/completions", "/v1/infill"}
    | {"/v1/responses", "/v1/messages"}
)
"""Paths whose answer is text made from a prompt. Elsewhere (embeddings, audio, images) the path itself says what is
sent and asked, several inputs do not add up to one prompt, and the endpoint gate is what can be judged."""

IN_PROCESS = frozenset({"gguf", "world"})
"""Kinds that certainly cannot answer while they are down; a server elsewhere may have come back a moment ago."""

NEEDS_NO_IMAGES = ("title", "summary")
"""Tasks for which a picture in the history is of no use."""

ANSWER_SHARE = 8
"""At most an eighth of the context is kept free for the answer. Clients send `max_tokens` of 8,192 or 32,000 as a
habit, not as a need, and the prompt decides whether a backend can do the work at all."""
ANSWER_DEFAULT = 256
"""Tokens kept free when the client says no `max_tokens`."""
CERTAIN_SHARE = 0.9
"""The tokens of a prompt are an estimate: so much of it is taken as certain, and only that can reject a backend."""

Rejection = tuple[str, str]
"""The gate, and why, in one sentence."""


def judge(
    names: Iterable[str], signals: Signals, facts: Mapping[str, Facts], settings: Route | None, private: bool
) -> tuple[Candidate, ...]:
    """Each backend with whether it may be asked.

    Where only the health gate holds back all that pass the others, they stay in as a last resort: being down, or an
    open circuit, is what was seen last and not what is certain.
    """
    judged = []
    healthy = False
    media = any(signals.conversation.media)
    grant = signals.envelope.grant
    for name in names:
        about = facts[name]
        rejection = None if grant is None else _by_key(grant, settings, signals, about)
        if rejection is None:
            rejection = _rejection(signals, about, settings, private, media)
        if rejection is not None:
            judged.append(Candidate(name, False, *rejection))
        elif (about.up is False or about.shut is not None) and (why := unhealthy(about)) is not None:
            judged.append(Candidate(name, False, "health", why))
        else:
            healthy = True
            judged.append(passed(name))
    if healthy or not judged:
        return tuple(judged)
    return tuple(_last_resort(candidate, facts[candidate.backend]) for candidate in judged)


def unhealthy(facts: Facts) -> str | None:
    """Why a backend should not be asked now: it is down, or its circuit is open. None where it may."""
    if facts.up is False:
        return f"is down: {facts.fault}" if facts.fault else "is down"
    return facts.shut.why() if facts.shut is not None else None


@cache
def passed(name: str) -> Candidate:
    """The candidate that no gate rejects; made once for each name."""
    return Candidate(name)


def free_first(candidates: tuple[Candidate, ...], facts: Mapping[str, Facts]) -> tuple[Candidate, ...]:
    """At a soft budget: what costs nothing is asked before what costs money, each in the order of the route."""
    free = tuple(each for each in candidates if facts[each.backend].free)
    if not free or free == candidates[: len(free)]:
        return candidates
    return (*map(_spares, free), *(each for each in candidates if not facts[each.backend].free))


def _spares(candidate: Candidate) -> Candidate:
    if not candidate.ok or candidate.reason is not None:
        return candidate
    return Candidate(candidate.backend, reason="costs nothing, and a budget is past its soft mark")


def drops_images(signals: Signals, settings: Route | None, facts: Facts) -> str | None:
    """Which images become a short text on the way to this backend: None, "history" (those before the latest user
    turn, where the route says `old_images: drop`) or "all" (titles and summaries by a backend without eyes)."""
    drops_old = settings is not None and settings.old_images == "drop"
    blind = "image" not in facts.accepts
    if not (drops_old or blind) or not signals.image:
        return None
    if blind and signals.task in NEEDS_NO_IMAGES:
        return "all"
    return "history" if drops_old else None


def _last_resort(candidate: Candidate, facts: Facts) -> Candidate:
    if candidate.gate != "health" or (facts.up is False and facts.kind in IN_PROCESS):
        return candidate
    told = f"{candidate.reason}; asked all the same, as no other is left"
    return Candidate(candidate.backend, reason=told, last_resort=True)


def _by_key(grant: Grant, settings: Route | None, signals: Signals, facts: Facts) -> Rejection | None:
    """By what the client's key may do."""
    why = grant.refuses(settings.name if settings is not None else DIRECT, facts.name)
    if why is not None:
        return "key", why
    if grant.private and not _stays(signals, facts):
        return (
            "privacy",
            f'is not private, and the key "{grant.alias}" is: nothing of this request may leave the machine',
        )
    return None


def _rejection(signals: Signals, facts: Facts, settings: Route | None, private: bool, media: bool) -> Rejection | None:
    """By every gate but health. `media`: the request holds images, audio or files."""
    path = signals.path
    if facts.endpoints is not None and not facts.serves(path):
        return "endpoint", f"does not serve {path}, only {', '.join(sorted(facts.endpoints))}"
    if path in CONVERSATIONS:
        if media or "text" not in facts.accepts:
            rejection = _modality(signals, facts, settings)
            if rejection is not None:
                return rejection
        if facts.context and (rejection := _context(signals, facts.context, media)) is not None:
            return rejection
        if not facts.tools and signals.tools:
            return "tools", f"does not take tools, and the request offers {len(signals.tools)}"
        if not facts.json and signals.json:
            return "json", "does not keep to a JSON schema, and the request asks for one"
    if private and not _stays(signals, facts):
        return "privacy", "is not private, and the route is: nothing of this request may leave the machine"
    if not facts.free and (over := signals.spent.over) is not None:
        return "budget", f"costs money, or has no known price, and {over}"
    return None


def _stays(signals: Signals, facts: Facts) -> bool:
    """Nothing of the request leaves this machine, nor by the name of a model that Ollama has in its cloud."""
    if not facts.private or facts.model is not None:
        return facts.private
    return not (is_elsewhere(signals.model) or (facts.models and all(map(is_elsewhere, facts.models))))


def _modality(signals: Signals, facts: Facts, settings: Route | None) -> Rejection | None:
    accepts = facts.accepts
    missing = []
    if "text" not in accepts:
        missing.append("text")
    if "image" not in accepts and signals.image and _images_remain(signals, settings, facts):
        missing.append("image")
    if "audio" not in accepts and signals.audio:
        missing.append("audio")
    if "file" not in accepts and signals.file:
        missing.append("file")
    if not missing:
        return None
    takes = ", ".join(sorted(accepts)) or "nothing"
    return "modality", f"accepts {takes}, and the request holds {' and '.join(missing)}"


def _images_remain(signals: Signals, settings: Route | None, facts: Facts) -> bool:
    """Are there images left after those are dropped that this request does not need?"""
    scope = drops_images(signals, settings, facts)
    if scope != "history":
        return scope is None
    data = signals.envelope.data
    return Conversation({**data, **without_images(data, scope)}).media.images > 0


def _context(signals: Signals, context: int, media: bool) -> Rejection | None:
    # A token is at least one byte, so that a short body fits without being counted; pictures cost more than their
    # address is long.
    size = len(signals.envelope.body)
    if size and size + context // ANSWER_SHARE <= context and not media:
        return None
    prompt, answer = signals.tokens, _answer(signals, context)
    if prompt * CERTAIN_SHARE + answer <= context:
        return None
    asked = f"{prompt:,} of prompt and {answer:,} for the answer"
    return "context", f"needs about {prompt + answer:,} tokens ({asked}), and its context is {context:,}"


def _answer(signals: Signals, context: int) -> int:
    """Tokens of the context that must be free for the answer."""
    asked = signals.max_tokens
    share = context // ANSWER_SHARE
    return min(ANSWER_DEFAULT if asked is None or asked < 0 else asked, share)
