"""The whole examination: which checks there are, in which order they are told, and what runs at the same time.

Everything runs at once, but two things: a backend is asked one question after the other, and of backends on the same
server only one has its model answer at a time, for they share a GPU.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from router.checkup import answering, cloud, inside, machine, server, services
from router.checkup.patient import Patient
from router.checkup.result import Result, clean, failure, fine, skipped, warning
from router.config.backend import Backend, GgufBackend, HttpBackend, LitellmBackend, WorldBackend
from router.config.known import shown
from router.config.problems import RulesError
from router.config.secret import reveal
from router.routing.rulebook import Rulebook
from router.settings import Settings

__all__ = ["Ask", "Group", "examine", "secrets"]


@dataclass(frozen=True, slots=True)
class Ask:
    """What the user wants to know."""

    patience: float = 10.0
    """Seconds for each answer."""
    quick: bool = False
    """No model has to answer."""
    paid: bool = False
    """Nor do models that cost money keep silent."""
    only: tuple[str, ...] = ()
    """Backends; empty: all of them, and the machine."""


@dataclass(frozen=True, slots=True)
class Group:
    """Results about one thing."""

    name: str
    """Of a backend; "" for the machine."""
    about: str = ""
    results: tuple[Result, ...] = ()


@dataclass(slots=True)
class _Shared:
    """Among the backends of one examination."""

    ask: Ask
    dates: list[str] = field(default_factory=list)
    servers: dict[tuple[str, int | None], asyncio.Lock] = field(default_factory=dict)


async def examine(
    ask: Ask, settings: Settings, rules: Rulebook | RulesError | OSError, path: Path | None
) -> AsyncIterator[Group]:
    """Groups in a fixed order, each as soon as it and those before it are done. Raises nothing for what is ill."""
    rulebook = rules if isinstance(rules, Rulebook) else None
    shared, hidden = _Shared(ask), secrets(settings, rulebook)
    specs = rulebook.rules.backends if rulebook is not None else {}
    chosen = {name: spec for name, spec in specs.items() if not ask.only or name in ask.only}
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(_rules(ask, settings, rules, path)) if not ask.only else None
        backends = [tasks.create_task(_examined(name, spec, shared)) for name, spec in chosen.items()]
        beside = tasks.create_task(_beside(ask, settings, rulebook)) if not ask.only else None
        if first is not None:
            yield _cleaned(Group("", "", tuple(await first)), hidden)
        for task in backends:
            yield _cleaned(await task, hidden)
        if beside is not None:
            yield _cleaned(Group("", "", (*await beside, machine.clock(shared.dates))), hidden)


def secrets(settings: Settings, rulebook: Rulebook | None) -> tuple[str, ...]:
    """Whatever must never be printed, the longest first."""
    found, texts = [*settings.keys.values(), settings.admin_key], list[str]()
    for spec in rulebook.rules.backends.values() if rulebook is not None else ():
        if isinstance(spec, HttpBackend | LitellmBackend):
            found.append(spec.api_key)
        if isinstance(spec, HttpBackend):
            found += spec.headers.values()
            texts += _queried(spec.url)
    texts += [reveal(secret) or "" for secret in found]
    if (url := reveal(settings.redis_url)) is not None:
        user = url.partition("://")[2].partition("/")[0].rpartition("@")[0]
        texts += [user, user.partition(":")[2], *_queried(url)]
    texts += [unquote(text) for text in texts]
    # What is shorter is no secret, and blotting it out would hide what is told.
    return tuple(sorted({text for text in texts if len(text) > 3}, key=len, reverse=True))


def _queried(url: str) -> list[str]:
    """The query of a URL, and each value in it: some servers take their key there."""
    query = url.partition("#")[0].partition("?")[2]
    return [query, *(value for _, value in parse_qsl(query)), *(part.partition("=")[2] for part in query.split("&"))]


def _cleaned(group: Group, hidden: Iterable[str]) -> Group:
    return Group(group.name, group.about, tuple(clean(result, hidden) for result in group.results))


async def _rules(
    ask: Ask, settings: Settings, rules: Rulebook | RulesError | OSError, path: Path | None
) -> list[Result]:
    loaded = rules.loaded if isinstance(rules, Rulebook) else None
    digest = loaded.digest if loaded is not None else None
    return [_rules_valid(rules, path), await services.port(settings, digest, ask.patience)]


def _rules_valid(rules: Rulebook | RulesError | OSError, path: Path | None) -> Result:
    if isinstance(rules, OSError):
        missing = isinstance(rules, FileNotFoundError)
        fix = f"signalbox setup --file {path}" if missing else "signalbox doctor --rules FILE names another"
        return failure("rules", f"{path}: {rules.strerror or rules}", fix)
    if isinstance(rules, RulesError):
        errors = [problem for problem in rules.problems if problem.severity == "error"]
        first = errors[0]
        hint = f" ({first.hint})" if first.hint else ""
        more = f"; {len(errors) - 1} more" if len(errors) > 1 else ""
        where = f"{path}:{first.line}" if first.line else str(path)
        return failure("rules", f"{where}: {first.message}{hint}{more}", f"signalbox check {path}")
    counts = f"{_count(len(rules.rules.backends), 'backend')}, {_count(len(rules.rules.routes), 'route')}"
    if rules.path is None:
        return warning("rules", f"no rules file; made from what is here: {counts}", "signalbox setup writes one")
    if rules.problems:
        first = rules.problems[0]
        return warning("rules", f"{rules.path}:{first.line}: {first.message}", first.hint or "signalbox check")
    return fine("rules", f"{rules.path}: {counts}, {_count(len(rules.rules.tests), 'test')}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


async def _beside(ask: Ask, settings: Settings, rulebook: Rulebook | None) -> list[Result]:
    rules = rulebook.rules if rulebook is not None else None
    paths = [spec.path for spec in rules.backends.values() if isinstance(spec, GgufBackend)] if rules else []
    folders = [Path(path).expanduser().parent for path in paths]
    redis, traces = await asyncio.gather(
        services.redis(settings, ask.patience), services.traces(patience=min(ask.patience, 3.0))
    )
    return [
        machine.keys(settings, rules),
        redis,
        traces,
        await asyncio.to_thread(machine.ledger, settings),
        machine.disk(settings, folders),
        machine.files(),
        machine.python(),
    ]


async def _examined(name: str, spec: Backend, shared: _Shared) -> Group:
    """Of one backend, whatever it does. Each question has its own time, and there are not many."""
    try:
        return await _of_kind[type(spec)](name, spec, shared)
    except Exception as error:  # of ours: one check that fails must not hide what the others have found
        told = failure("check", f"a fault of the doctor's own: {error!r}", "please report it, with this line")
    return Group(name, spec.kind, (told,))


async def _http(name: str, spec: HttpBackend, shared: _Shared) -> Group:
    patient = Patient(name, spec, shared.ask.patience)
    try:
        if spec.serves != "openai":
            return Group(name, f"{shown(spec.url)}, {spec.serves}", tuple(await server.listens(patient)))
        results = [result async for result in _questions(patient, shared)]
    finally:
        await patient.close()
    program = f", {patient.program}" if patient.program else ""
    return Group(name, f"{shown(spec.url)}{program}", tuple(results))


async def _questions(patient: Patient, shared: _Shared) -> AsyncIterator[Result]:
    there, heard = await server.reachable(patient)
    yield there
    if there.state == "failure":
        return
    if date := heard.headers.get("date"):
        shared.dates.append(date)
    await server.recognise(patient)
    if patient.told.fault is not None:
        yield failure("models", patient.told.fault, "wait, or look at its log; then once more: signalbox doctor")
        return
    key = server.key(patient, heard)
    if key is not None:
        yield key
        if key.state != "ok":
            return
    listed = server.models(patient, heard)
    yield listed
    if (spoken := server.dialects(patient)) is not None:
        yield spoken
    yield server.context(patient)
    if (told := await server.template(patient)) is not None:
        yield told
    if why := _silent(patient, shared.ask, listed):
        yield skipped("answers", why)
        return
    url = urlsplit(patient.spec.url)
    async with shared.servers.setdefault((url.hostname or "", url.port), asyncio.Lock()):
        async for result in _answers(patient):
            yield result


def _silent(patient: Patient, ask: Ask, listed: Result) -> str | None:
    """Why its model is not made to answer."""
    if ask.quick:
        return "not asked for: --quick"
    if listed.state == "failure":
        return "not asked for, without its model"
    if patient.model is None:
        return "not asked for: no model is known to ask for"
    if not (ask.paid or server.costs_nothing(patient)):
        return "not asked, as that may cost money (--paid asks; `price: 0` in the rules: it is free)"
    return None


async def _answers(patient: Patient) -> AsyncIterator[Result]:
    if server.embeds(patient):
        yield await answering.embeds(patient)
        return
    checks: list[Callable[[Patient], Awaitable[Result]]] = [answering.streams]
    if patient.told.server == "tofy":
        yield skipped("tool call", "a Tofy server reads the last user message, and no tools")
    elif patient.spec.tools is False:
        yield skipped("tool call", "the rules say `tools: false`")
    else:
        checks.insert(0, answering.tool_call)
    if "image" in patient.facts.accepts:
        checks.append(answering.images)
    for check in checks:
        yield await check(patient)
        if patient.silent:
            return  # nor will it answer the others


async def _gguf(name: str, spec: GgufBackend, _: _Shared) -> Group:
    return Group(name, spec.path, tuple(await asyncio.to_thread(inside.gguf, spec)))


async def _world(name: str, spec: WorldBackend, _: _Shared) -> Group:
    return Group(name, "a world model in process", tuple(await asyncio.to_thread(inside.world, name, spec)))


async def _litellm(name: str, spec: LitellmBackend, shared: _Shared) -> Group:
    results, ask = await asyncio.to_thread(inside.litellm, spec), shared.ask
    if ask.quick or not ask.paid:
        results.append(skipped("answers", "not asked: --quick" if ask.quick else "not asked (--paid asks)"))
    elif all(result.state != "failure" for result in results):
        results.append(await cloud.answers(name, spec, ask.patience))
    return Group(name, f"LiteLLM, {spec.model}", tuple(results))


_of_kind: dict[type, Callable[..., Awaitable[Group]]] = {
    HttpBackend: _http,
    GgufBackend: _gguf,
    WorldBackend: _world,
    LitellmBackend: _litellm,
}
