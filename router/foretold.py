"""What would be changed of a request so that a backend takes it, told before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from router.config.facts import CHAT, Facts
from router.config.schema import Route
from router.dialects.bridge import opened, words_of
from router.dialects.chat.request import chat_body
from router.dialects.native import is_translated
from router.refusal import Refusal
from router.repair.mend import PATHS
from router.repair.repairs import Repairs
from router.request.signals import Signals
from router.routing.plan import Plan

__all__ = ["foretell"]


def foretell(
    plan: Plan, signals: Signals, facts: Mapping[str, Facts], repairs: Mapping[str, Repairs]
) -> Callable[[str, Route | None], tuple[str, ...]]:
    """Of a backend and the route's settings, a word for each repair, as `x-signalbox-changed` has them. What the
    backend would refuse beyond that is learned when it does."""

    def changed(name: str, settings: Route | None) -> tuple[str, ...]:
        about, path, data = facts[name], signals.path, signals.envelope.data
        words: tuple[str, ...] = ()
        if is_translated(path, data, about):
            try:
                dialect = opened(path, data)
            except Refusal:  # it would not be sent
                return ()
            path, data, words = CHAT, chat_body(dialect.prompt), words_of(dialect)
        if path not in PATHS or name not in repairs:
            return words
        if settings is not None:
            data = {**data, **settings.set}
        ours = not signals.model or signals.model in plan.names()
        model = about.model or (about.models[0] if about.models and ours else signals.model)
        known = repairs[name]
        return words + known.mended(data, known.needs(model), lambda: signals.tokens).words

    return changed
