"""The rules compiled: which route a request takes, which of its backends may be asked, and in what order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from router.config.facts import Facts
from router.config.problems import Place, Problem, RulesError
from router.config.schema import Route, Rules
from router.request.signals import Signals
from router.routing.choice.chooser import chooser_of
from router.routing.conditions import AllOf, AnyOf, Condition, Leaf, Term, compile_when, leaves
from router.routing.decision import DIRECT, Candidate, Decision
from router.routing.gates import free_first, judge, passed
from router.routing.index import Index
from router.routing.matches import Words
from router.telemetry.record import Record

__all__ = ["AUTO", "CompiledRoute", "Plan", "compile_plan"]

AUTO = "auto"
"""The model name that leaves the choice to the routes."""

INDEXED_FROM = 24
"""Routes from which on the index is faster than the plain loop (`python -m bench.decide`)."""

SPARED = ("hit", "joined", "similar")
"""What the cache says where the backend itself was not asked."""

NO_ROUTE = Decision(route="", backend=None, candidates=(), settings=None)
"""There is nothing to keep private: it goes nowhere."""


class CompiledRoute:
    """One route: its settings, its condition, and the decision when no gate rejects anything."""

    __slots__ = ("chooser", "condition", "name", "private", "settings", "to", "unhindered")

    def __init__(self, settings: Route, condition: Condition):
        self.name = settings.name
        self.settings = settings
        self.condition = condition
        self.to = tuple(dict.fromkeys(settings.backends))
        self.chooser = chooser_of(settings)
        self.private = settings.private
        self.unhindered = self.decision(tuple(map(passed, self.to)))

    def decision(self, candidates: tuple[Candidate, ...], private: bool = False, named: bool = False) -> Decision:
        """This route's decision with its candidates as the gates judged them. `private`: the client's key is."""
        private = private or self.private
        return Decision(self.name, _first_ok(candidates), candidates, self.settings, private, named)


class Plan:
    """Decides. Made by `compile_plan`; holds no state of requests but whose turn it is (`choice: weighted`)."""

    def __init__(self, rules: Rules, routes: tuple[CompiledRoute, ...], problems: tuple[Problem, ...] = ()):
        self.routes = routes
        self.problems = problems
        """Warnings."""
        self._names = tuple(dict.fromkeys((AUTO, *rules.backends, *rules.aliases)))
        self._backend_of: dict[str, str | None] = {"": None, AUTO: None}
        self._backend_of.update({name: name for name in rules.backends if name != AUTO})
        for alias, target in rules.aliases.items():
            self._backend_of[alias] = target if target in rules.backends else None
        self._spoken = _model_names(routes)
        self._asked = tuple((route.condition.holds, route) for route in routes)
        self._index = _index(routes)
        self._choosers = {route.name: route.chooser for route in routes if route.chooser is not None}
        asked = [
            leaf.state.facet for route in routes for leaf in leaves(route.condition.term) if leaf.state is not None
        ]
        self._asks_state = bool(asked)
        self._remembers = "warm" in asked or any(route.settings.choice == "sticky" for route in routes)

    def decide(self, signals: Signals, facts: Mapping[str, Facts], told: bool = False) -> Decision:
        """Where this request goes. `facts` holds each backend of the rules. `told`: candidates that a choice has
        ordered say why.

        A request that names a backend goes there alone, under the name of the first matching route if that lists the
        backend, else as "direct"; the gates hold for it too, and so does the privacy of the route it would have taken.
        """
        if self._asks_state:
            signals.backend = facts
        route = self.first(signals)
        backend = self.backend_of(signals.model)
        if backend is not None:
            return _direct(backend, route, signals, facts)
        if route is None:
            return NO_ROUTE
        candidates = judge(route.to, signals, facts, route.settings, route.private)
        if route.chooser is not None:
            candidates = route.chooser.arrange(candidates, signals, facts, told)
        if signals.purse is not None and signals.spent.soft:
            candidates = free_first(candidates, facts)
        grant = signals.envelope.grant
        if grant is not None:
            return route.decision(candidates, grant.private)
        if candidates == route.unhindered.candidates:
            return route.unhindered
        return route.decision(candidates)

    def taken(self, decision: Decision) -> None:
        """A request goes as `decide` said."""
        if self._choosers and not decision.named and (chooser := self._choosers.get(decision.route)) is not None:
            # Who is passed over has no turn that it could catch up with.
            chooser.taken(tuple(each.backend for each in decision.candidates if each.ok and each.gate is None))

    def answered(self, signals: Signals, facts: Facts, record: Record) -> None:
        """This backend has answered a request: its KV cache is warm for what follows."""
        if self._remembers and facts.load is not None and record.status == 200 and record.cache not in SPARED:
            facts.load.warm.put(signals.prefixes)

    def first(self, signals: Signals) -> CompiledRoute | None:
        """The first route whose condition holds."""
        if self._index is not None:
            number = self._index.first(signals)
            return None if number is None else self.routes[number]
        for holds, route in self._asked:
            if holds(signals):
                return route
        return None

    def backend_of(self, model: str) -> str | None:
        """The backend that a model name stands for; None when the routes decide.

        Clients put a provider's name before it (`openai/NAME`): the part after the first slash counts where the whole
        is neither known nor named in a rule.
        """
        try:
            return self._backend_of[model]
        except KeyError:
            return self._backend_of.get(self._after_provider(model))

    def knows(self, model: str) -> bool:
        """Is it `auto`, a backend, an alias, or named in some route's `model` condition? "" is known."""
        return model in self._backend_of or self._spoken.test(model) or self._after_provider(model) in self._backend_of

    def names(self) -> tuple[str, ...]:
        """`auto`, every backend, every alias."""
        return self._names

    def _after_provider(self, model: str) -> str:
        """The name without its provider; itself when it has none or a rule speaks of the whole."""
        _, slash, rest = model.partition("/")
        return rest if slash and rest and not self._spoken.test(model) else model


def compile_plan(rules: Rules) -> Plan:
    """Compile the routes. Raises RulesError whose problems have places and no line numbers."""
    problems: list[Problem] = []
    routes = []
    for index, settings in enumerate(rules.routes):
        condition = compile_when(settings.when, ("routes", index, "when"), problems)
        routes.append(CompiledRoute(settings, condition))
    if not problems:
        problems += _unreachable(routes)
    if any(problem.severity == "error" for problem in problems):
        raise RulesError(problems)
    return Plan(rules, tuple(routes), tuple(problems))


def _direct(backend: str, route: CompiledRoute | None, signals: Signals, facts: Mapping[str, Facts]) -> Decision:
    grant = signals.envelope.grant
    key = grant is not None and grant.private
    if route is not None and backend in route.to:
        return route.decision(judge((backend,), signals, facts, route.settings, route.private), key, named=True)
    private = route is not None and route.private
    candidates = judge((backend,), signals, facts, None, private)
    return Decision(DIRECT, _first_ok(candidates), candidates, None, private or key, named=True)


def _first_ok(candidates: tuple[Candidate, ...]) -> str | None:
    for candidate in candidates:
        if candidate.ok:
            return candidate.backend
    return None


def _model_names(routes: tuple[CompiledRoute, ...]) -> Words:
    spoken = Words()
    for route in routes:
        for words in _spoken(route.condition.term):
            spoken |= words
    return Words(spoken.exact, tuple(glob for glob in spoken.globs if glob.shortest))


def _spoken(term: Term) -> Iterator[Words]:
    """What a condition says a model may be called; what it says it may not be called is left out."""
    if isinstance(term, Leaf):
        if term.signal == "model" and isinstance(term.match, Words):
            yield term.match
    elif isinstance(term, AllOf | AnyOf):
        for part in term.terms:
            yield from _spoken(part)


def _index(routes: Sequence[CompiledRoute]) -> Index | None:
    return Index([route.condition for route in routes]) if len(routes) >= INDEXED_FROM else None


def _unreachable(routes: Sequence[CompiledRoute]) -> Iterator[Problem]:
    """An error for each route that an earlier one always comes before."""
    index_of_many = _index(routes)
    for index, route in enumerate(routes):
        earlier_ones = range(index) if index_of_many is None else index_of_many.may_cover(index)
        for earlier in (routes[number] for number in earlier_ones):
            if route.condition.implies(earlier.condition):
                always = not earlier.settings.when
                why = "matches every request" if always else f"matches whenever `{route.name}` would"
                place: Place = ("routes", index, "when") if route.settings.when else ("routes", index)
                message = f"route `{route.name}` is never reached: `{earlier.name}` before it {why}"
                yield Problem(message, place, f"move it before `{earlier.name}`, or narrow that one's `when:`")
                break
