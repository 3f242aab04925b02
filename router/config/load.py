"""A rules file, read whole or refused with every fault in it."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from router.config import client_keys, references, wording
from router.config.document import SIZE_LIMIT, Document, read_document
from router.config.environment import UNSET, fill
from router.config.known import is_private
from router.config.problems import Place, Problem, RulesError
from router.config.schema import Rules

__all__ = ["Loaded", "digest", "examine", "load", "packaged", "parse", "read_content", "rules_file"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Rules that can be used, and where each part of them stands in the file."""

    rules: Rules
    file: Path
    digest: str
    """Of the file's content, as `digest` makes it."""
    problems: tuple[Problem, ...]
    """Warnings only, with line and column."""
    left_out: Mapping[str, tuple[str, ...]]
    """Optional backends that are not in `rules`, with the environment variables each of them lacks."""
    tests_left_out: tuple[str, ...]
    """Names of tests that ask for or expect what is left out."""
    document: Document
    secrets: frozenset[str] = field(repr=False)
    """What the environment gave: `placed` blots it out."""
    positions: Mapping[str, tuple[int, ...]]
    """For `routes` and `tests`: the position in the file of each of them in `rules`."""

    def placed(self, problem: Problem) -> Problem:
        """A problem found in `rules`, with the file, line and column that its place has in the file."""
        place = problem.place
        if len(place) > 1 and place[0] in self.positions and isinstance(place[1], int):
            place = (place[0], self.positions[str(place[0])][place[1]], *place[2:])
        return _located(dataclasses.replace(problem, place=place), self.document, self.secrets)


def _located(problem: Problem, document: Document, secrets: Collection[str]) -> Problem:
    """The problem with the line and column of its place, and without what is secret."""
    line, column = document.mark(problem.place)
    message, hint = problem.message, problem.hint
    # Shorter ones are ports and flags: blotting them out would hide the message, not the secret.
    if telling := [re.escape(secret) for secret in secrets if len(secret) > 3]:
        pattern = re.compile("|".join(sorted(telling, key=len, reverse=True)), re.IGNORECASE)
        message, hint = pattern.sub("…", message), pattern.sub("…", hint) if hint else None
    return dataclasses.replace(problem, message=message, hint=hint, file=document.file, line=line, column=column)


def digest(content: bytes) -> str:
    """Equal for equal contents; short enough for a log line."""
    return hashlib.sha256(content).hexdigest()[:16]


def packaged(name: str = "default") -> Path:
    """A rules file that comes with Signalbox: `default`, `home-lab`, `offline` or `reference`."""
    return Path(__file__).parents[1] / "rules" / f"{name}.yaml"


def rules_file(environ: Mapping[str, str] = os.environ, directory: Path | None = None) -> Path | None:
    """The user's rules file: `$SIGNALBOX_RULES`, else `signalbox.yaml` in the directory; None without either."""
    if said := environ.get("SIGNALBOX_RULES"):
        return Path(said)
    here = Path("signalbox.yaml") if directory is None else directory / "signalbox.yaml"
    return here if here.exists() else None


def read_content(path: Path) -> bytes:
    """The file's bytes; of a file over the limit only so many that `parse` refuses it. Raises OSError."""
    with path.open("rb") as file:
        return file.read(SIZE_LIMIT + 1)


def load(path: str | Path, environ: Mapping[str, str] = os.environ) -> Loaded:
    """Read a rules file. Raises OSError when it cannot be read, RulesError with every fault in it."""
    return parse(read_content(Path(path)), path, environ)


def parse(content: bytes, file: str | Path, environ: Mapping[str, str] = os.environ) -> Loaded:
    """`load` for a content that is already read. Raises RulesError."""
    loaded, problems = examine(content, file, environ)
    if loaded is None or any(problem.severity == "error" for problem in problems):
        raise RulesError(problems)
    return loaded


def examine(
    content: bytes, file: str | Path, environ: Mapping[str, str] = os.environ
) -> tuple[Loaded | None, list[Problem]]:
    """All problems, in the order of the file, and the rules as far as they can be understood.

    With an error among the problems the rules lack what is faulty: good for looking for more faults, not for use.
    Raises RulesError when the file is not YAML.
    """
    document = read_document(content, str(file))
    if isinstance(document.data, dict):
        document.data = {key: value for key, value in document.data.items() if not key.startswith("x-")}
    examination = _Examination(document, environ)
    loaded = examination.run(Path(file), digest(content))
    return loaded, examination.sorted()


class _Examination:
    """The problems found so far in one file, and the data without what is faulty."""

    def __init__(self, document: Document, environ: Mapping[str, str]):
        self.document = document
        self.environ = environ
        self.filled = fill(document.data, environ)
        self.data = self.filled.data
        self.problems: list[Problem] = []
        self.left_out: dict[str, tuple[str, ...]] = {}
        self.positions = {name: list(range(_length(self.data, name))) for name in ("routes", "tests")}
        self.broken = {"routes": 0, "tests": 0}

    def sorted(self) -> list[Problem]:
        placed = [_located(problem, self.document, self.filled.values) for problem in self.problems]
        return sorted(placed, key=lambda problem: (problem.line, problem.column))

    def run(self, file: Path, content_digest: str) -> Loaded | None:
        self._environment()
        rules = self._validated()
        if rules is None:
            return None
        rules = self._named(rules)
        names = references.Names(
            backends=tuple(_mapping(self.data, "backends")),
            routes=self.positions["routes"],
            tests=self.positions["tests"],
            all_routes=not self.broken["routes"],
        )
        self.problems += references.problems(self._judged(rules), names)
        some_private = any(map(is_private, rules.backends.values()))
        route_names = [route.name for route in rules.routes]
        self.problems += client_keys.problems(
            rules.keys, route_names, list(names.backends), some_private, self.filled.secret
        )
        rules, tests_left_out = self._without_left_out(rules)
        return Loaded(
            rules=rules,
            file=file,
            digest=content_digest,
            problems=tuple(problem for problem in self.sorted() if problem.severity == "warning"),
            left_out=self.left_out,
            tests_left_out=tests_left_out,
            document=self.document,
            secrets=frozenset(self.filled.values),
            positions={name: tuple(positions) for name, positions in self.positions.items()},
        )

    def _environment(self) -> None:
        for place in self.filled.malformed:
            hint = "write ${NAME} or ${NAME:-default}; for a dollar and a brace write $${"
            self.problems.append(Problem("`${` begins no environment variable here", place, hint))
        for place, variable in self.filled.missing:
            backend = str(place[1]) if place[:1] == ("backends",) and len(place) > 2 else None
            if backend is not None and self._optional(backend):
                self.left_out[backend] = (*self.left_out.get(backend, ()), variable)
                continue
            hint = f"set it, or write ${{{variable}:-default}}"
            if backend is not None:
                hint += f", or say `optional: true` at backend `{backend}`"
            self.problems.append(Problem(f"the environment variable {variable} is not set", place, hint))
        for backend, variables in self.left_out.items():
            message = f"backend `{backend}` is left out: {_listed(variables)} not set"
            self.problems.append(Problem(message, ("backends", backend), severity="warning"))

    def _optional(self, backend: str) -> bool:
        spec = _mapping(self.data, "backends").get(backend)
        return isinstance(spec, dict) and str(spec.get("optional")).lower() == "true"

    def _validated(self) -> Rules | None:
        """The rules; when something is faulty, what remains of them without it."""
        try:
            return Rules.model_validate(self.data, context={"environ": self.environ})
        except ValidationError as error:
            found = wording.problems(error, self.data, self.filled.secret)
        # In a backend that is left out, a stand-in for the missing variable is no fault of the file.
        found = [
            p for p in found if not (p.place[1:2] and p.place[1] in self.left_out and p.place in self.filled.secret)
        ]
        self.problems += found
        self._take_out(problem.place for problem in found)
        try:
            return Rules.model_validate(self.data, context={"environ": self.environ})
        except ValidationError:
            return None

    def _take_out(self, places: Iterable[Place]) -> None:
        if not isinstance(self.data, dict):
            return
        stand_in = {"kind": "http", "url": UNSET, "private": True}
        data = {**self.data, "version": 1, "backends": dict(_mapping(self.data, "backends"))}
        items: dict[str, set[int]] = {"routes": set(), "tests": set()}
        for place in [*places, *(("backends", name, "") for name in self.left_out)]:
            section = place[0] if place else "version"
            if section == "backends" and len(place) > 1:
                data["backends"][place[1]] = stand_in
            elif section in items and len(place) > 1:
                items[str(section)].add(int(place[1]))
            elif section != "version":
                data.pop(str(section), None)
        for section, faulty in items.items():
            self.broken[section] = len(faulty) or int(section not in data and section in self.data)
            self.positions[section] = [n for n in range(_length(data, section)) if n not in faulty]
            if faulty:
                data[section] = [data[section][n] for n in self.positions[section]]
        self.data = data

    def _named(self, rules: Rules) -> Rules:
        routes = [
            route if route.name else route.model_copy(update={"name": f"route {position + 1}"})
            for position, route in zip(self.positions["routes"], rules.routes, strict=True)
        ]
        return rules.model_copy(update={"routes": routes})

    def _judged(self, rules: Rules) -> Rules:
        """The rules without backends whose address is not known: whether they are private cannot be said."""
        known = {n: spec for n, spec in rules.backends.items() if n not in self.left_out or not self._hides_url(n)}
        return rules if len(known) == len(rules.backends) else rules.model_copy(update={"backends": known})

    def _hides_url(self, backend: str) -> bool:
        return ("backends", backend, "url") in self.filled.secret

    def _without_left_out(self, rules: Rules) -> tuple[Rules, tuple[str, ...]]:
        """The rules without what is left out, the routes that lead only there, and the tests of either."""
        if not self.left_out:
            return rules, ()
        routes, route_positions, gone = [], [], set()
        for position, route in zip(self.positions["routes"], rules.routes, strict=True):
            if to := [target for target in route.to if target.backend not in self.left_out]:
                routes.append(route if len(to) == len(route.to) else route.model_copy(update={"to": to}))
                route_positions.append(position)
                continue
            message = f"route `{route.name}` is left out: all its backends are"
            self.problems.append(Problem(message, ("routes", position), severity="warning"))
            gone.add(route.name)
        kept = [
            (position, case)
            for position, case in zip(self.positions["tests"], rules.tests, strict=True)
            if case.expect.route not in gone
            and case.expect.backend not in self.left_out
            and str(case.request.get("model")) not in self.left_out
        ]
        left_out = tuple(case.name for case in rules.tests if all(case is not other for _, other in kept))
        self.positions = {"routes": route_positions, "tests": [position for position, _ in kept]}
        backends = {name: spec for name, spec in rules.backends.items() if name not in self.left_out}
        if not backends:
            hint = "set the variables of one, or add a backend that needs none"
            self.problems.append(
                Problem("no backend is left: all are optional and lack their variables", ("backends",), hint)
            )
        aliases = {alias: target for alias, target in rules.aliases.items() if target not in self.left_out}
        tests = [case for _, case in kept]
        update = {"backends": backends, "aliases": aliases, "routes": routes, "tests": tests}
        return rules.model_copy(update=update), left_out


def _mapping(data: Any, name: str) -> dict[str, Any]:
    value = data.get(name) if isinstance(data, dict) else None
    return value if isinstance(value, dict) else {}


def _length(data: Any, name: str) -> int:
    value = data.get(name) if isinstance(data, dict) else None
    return len(value) if isinstance(value, list) else 0


def _listed(variables: tuple[str, ...]) -> str:
    unique = list(dict.fromkeys(variables))
    return f"{' and '.join(unique)} {'is' if len(unique) == 1 else 'are'}"
