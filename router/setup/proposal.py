"""The rules that are proposed: a file that a person reads, with the reason beside each choice and tests at its end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from router.config import catalogue
from router.config.discover import YARD_WORDS, Cloud, abilities
from router.setup.hardware import Hardware
from router.setup.look import Around, Seen
from router.setup.models import Model, Use, best, rank

__all__ = ["Proposal", "propose"]

OLLAMA = "http://127.0.0.1:11434/v1"
SMALL = 4.5
"""Billions of parameters, up to which a model is quick enough for titles."""
_SIZE = re.compile(r"(?:^|[:_-])(\d{1,3}(?:\.\d)?)b\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Backend:
    """Lines of one, and what it is good for."""

    name: str
    why: str
    said: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A file, and what else there is to do."""

    text: str
    found: tuple[str, ...]
    """What it was made from, a line each."""
    commands: tuple[tuple[str, str], ...]
    """What is missing, each with the command that brings it."""


@dataclass(slots=True)
class _Made:
    backends: list[Backend] = field(default_factory=list)
    commands: list[tuple[str, str]] = field(default_factory=list)

    def names(self) -> set[str]:
        return {backend.name for backend in self.backends}


def propose(around: Around, hardware: Hardware, *, clouds: bool, private: bool, llama: bool) -> Proposal:
    """`clouds`: their keys may be used. `private`: code stays on this machine. `llama`: llama.cpp is installed."""
    made = _Made()
    _add_model(made, around, hardware, "code", "coder")
    _add_model(made, around, hardware, "image", "vision")
    _add_model(made, around, hardware, "embed", "embeddings")
    _add_small(made, around)
    for file in around.files[:1]:
        why = "llama.cpp inside Signalbox" + ("" if llama else ", once `make llama` has compiled it")
        made.backends.append(Backend("in-process", why, (("kind", "gguf"), ("path", f"models/{file.name}"))))
        if not llama:
            made.commands.append((f"llama.cpp in process, for {file.name}", "make llama"))
    for seen in around.servers:
        if seen.program == "tofy":
            said = (("url", seen.url), ("model", "tofy"), ("price", "0"))
            made.backends.append(Backend("tofy", "a Tofy server: the last user message, through its world model", said))
    if llama:
        made.backends.append(Backend("yard", "the switch yard's world model that comes along", (("kind", "world"),)))
    for cloud, variable in around.clouds if clouds else ():
        made.backends.append(_cloud(cloud, variable))
    text = "\n".join(_file(made, around, hardware, private)) + "\n"
    return Proposal(text, tuple(_found(around, hardware)), tuple(made.commands))


def _installed(around: Around, use: Use) -> list[tuple[int, float, str, Seen]]:
    """Models that are here, the best first: by family, then the larger."""
    found = [
        (rank(use, model), -_size(model), model, seen)
        for seen in around.servers
        if seen.program != "tofy"
        for model in seen.models
        if _serves(use, model)
    ]
    return sorted(found, key=lambda each: each[:3])


def _serves(use: Use, model: str) -> bool:
    able = abilities(model)
    if use == "code":
        return "chat" in able
    return use in able


def _size(model: str) -> float:
    match = _SIZE.search(model)
    return float(match[1]) if match else 0.0


def _add_model(made: _Made, around: Around, hardware: Hardware, use: Use, name: str) -> None:
    """The best that is installed, else the one that fits, with the command that brings it."""
    installed = _installed(around, use)
    if installed:
        _, _, model, seen = installed[0]
        made.backends.append(Backend(name, f"{seen.title}, {_why(use, model)}", _local(seen.url, model, use)))
        if use != "code" or "code" in abilities(model) or "gpt-oss" in model:
            return
        better = best(use, hardware)
        if better is not None:
            made.commands.append((f"a coder that fits here: {_memory(better)}", f"ollama pull {better.name}"))
        return
    if use == "embed":
        return  # nobody misses one who has not asked for it
    fits = best(use, hardware)
    if fits is None:
        return
    made.commands.append(
        (f"a model for {'code' if use == 'code' else 'images'}: {_memory(fits)}", f"ollama pull {fits.name}")
    )
    if use == "code":
        why = f"not here yet: ollama pull {fits.name}"
        made.backends.append(Backend(name, why, _local(_ollama(around), fits.name, use)))


def _why(use: Use, model: str) -> str:
    if use == "code" and "code" not in abilities(model):
        return "the best for code of what is installed"
    return {"code": "made for code", "image": "sees images", "embed": "makes vectors"}[use]


def _memory(model: Model) -> str:
    return f"{model.name}, {model.file:g} GB to load, {model.memory():.0f} GB of memory with 32k tokens"


def _ollama(around: Around) -> str:
    return next((seen.url for seen in around.servers if seen.program == "ollama"), OLLAMA)


def _local(url: str, model: str, use: Use) -> tuple[tuple[str, str], ...]:
    more = (("accepts", "[text, image]"),) if use == "image" else ()
    return (("url", url), ("model", _quoted(model)), ("price", "0"), *more)


def _add_small(made: _Made, around: Around) -> None:
    taken = {value for backend in made.backends for key, value in backend.said if key == "model"}
    small = [
        (_size(model), model, seen)
        for _, _, model, seen in _installed(around, "code")
        if 0 < _size(model) <= SMALL and _quoted(model) not in taken and "image" not in abilities(model)
    ]
    if small:
        _, model, seen = min(small, key=lambda each: each[:2])
        made.backends.append(
            Backend("small", f"{seen.title}, quick: titles and summaries", _local(seen.url, model, "code"))
        )


def _cloud(cloud: Cloud, variable: str) -> Backend:
    entry = catalogue.newest(cloud.models)
    model = next(
        (name for name in cloud.models if entry is not None and catalogue.lookup(name) is entry), cloud.models[0]
    )
    said = (("kind", "litellm"), ("model", model), ("api_key", f"${{{variable}}}"), ("optional", "true"))
    return Backend(cloud.name, f"the key stays in {variable}; without it this is left out", said)


def _quoted(model: str) -> str:
    """As YAML: in quotes where it is not plainly a name."""
    if model.lower() in ("true", "false", "null"):
        return json.dumps(model)
    return model if re.fullmatch(r"[A-Za-z][\w.-]*(?:[:/][\w.-]+)*", model) else json.dumps(model)


def _file(made: _Made, around: Around, hardware: Hardware, private: bool) -> Iterator[str]:
    yield "# Rules of Signalbox, proposed by `signalbox setup` and yours to edit: changes take effect as you save."
    yield f"# This machine: {hardware}."
    yield "# `signalbox check` finds faults, `signalbox test` runs the tests below, `signalbox doctor` looks at it all."
    yield ""
    yield "version: 1"
    yield ""
    yield "backends:"
    for backend in made.backends:
        yield f"  {backend.name}:".ljust(40) + f"# {_comment(backend.why)}"
        yield from (f"    {key}: {value}" for key, value in backend.said)
    if not made.backends:
        yield f"  ollama:{' ' * 31}# nothing is here yet: any model of an Ollama on this machine"
        yield f"    url: {OLLAMA}"
        yield "    price: 0"
    yield ""
    yield "routes:" + " " * 33 + "# the first that matches decides"
    routes = list(_routes(made, around, private))
    for name, when, to, more in routes:
        yield f"  - name: {name}"
        if when:
            yield f"    when: {when}"
        yield f"    to: {to[0] if len(to) == 1 else '[' + ', '.join(to) + ']'}"
        yield from (f"    {line}" for line in more)
    yield ""
    yield "tests:" + " " * 34 + "# run by `signalbox test`; nothing is sent"
    yield from _tests(routes)


def _comment(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)


Route = tuple[str, str, list[str], list[str]]


def _routes(made: _Made, around: Around, private: bool) -> Iterator[Route]:
    names = made.names()
    clouds = [cloud.name for cloud, _ in around.clouds if cloud.name in names]
    seeing = [cloud for cloud in clouds if _sees(made, cloud)]
    local: tuple[str, ...] = ("coder", "in-process")
    coders = [name for name in local if name in names] or ([] if made.backends else ["ollama"])
    chat = [*coders, *clouds] or [name for name in ("tofy", "yard") if name in names] or ["ollama"]
    if "embeddings" in names:
        yield "embeddings", "{task: embed}", ["embeddings"], []
    if to := [*(["vision"] if "vision" in names else []), *seeing]:
        yield "images", "{image: true}", to, []
    if "yard" in names:
        when = f"{{task: world, text: '{YARD_WORDS}'}}"
        yield "switch yard", when, ["yard", *coders[:1]], []
    if "tofy" in names:
        yield "world model", '{any: [{model: [tofy, "world/*"]}, {task: world}]}', ["tofy"], []
    if "small" in names:
        yield "titles and summaries", "{task: [title, summary]}", ["small", *chat], []
    if private and coders:
        yield "code stays here", "{task: [code, autocomplete]}", coders, ["private: true"]
    yield "everything else", "", chat, []


def _sees(made: _Made, cloud: str) -> bool:
    (model,) = [
        value for backend in made.backends if backend.name == cloud for key, value in backend.said if key == "model"
    ]
    entry = catalogue.lookup(model)
    return entry is not None and "image" in entry.accepts


_IMAGE = '[{type: image_url, image_url: {url: "data:image/png;base64,iVBORw0KGgo="}}]'


def _tests(routes: list[Route]) -> Iterator[str]:
    """One for each route that can be told from a request."""
    to = {name: backends for name, _, backends, _ in routes}
    yield from _test("a greeting", "Say hello", "everything else", to)
    if "images" in to:
        yield "  - name: a screenshot goes to a model that sees it"
        yield f"    request: {{messages: [{{role: user, content: {_IMAGE}}}]}}"
        yield f"    expect: {{route: images, backend: {to['images'][0]}}}"
    if "code stays here" in to:
        yield from _test("a bug", "Fix the bug in calc.py", "code stays here", to)
    if "embeddings" in to:
        yield "  - name: a text to be embedded goes to the embedding model"
        yield "    path: /v1/embeddings"
        yield "    request: {input: a signal box}"
        yield "    expect: {route: embeddings, backend: embeddings}"
    if "world model" in to:
        yield "  - name: a client that was set up for Tofy finds one"
        yield "    request: {model: world/tofy, messages: [{role: user, content: What happens next?}]}"
        yield "    expect: {route: world model, backend: tofy}"


def _test(what: str, text: str, route: str, to: dict[str, list[str]]) -> Iterator[str]:
    yield f"  - name: {what} goes to {to[route][0]}"
    yield f"    request: {{messages: [{{role: user, content: {text}}}]}}"
    yield f"    expect: {{route: {route}, backend: {to[route][0]}}}"


def _found(around: Around, hardware: Hardware) -> Iterator[str]:
    yield f"this machine: {hardware}"
    for seen in around.servers:
        more = f" and {len(seen.models) - 4} more" if len(seen.models) > 4 else ""
        yield f"{seen.title} at {seen.url}: {', '.join(seen.models[:4])}{more}"
    yield from (f"models/{file.name}" for file in around.files)
    yield from (f"{variable}: {cloud.name}" for cloud, variable in around.clouds)
    if around.redis:
        yield "REDIS_URL: answers can be cached and limits counted together"
    if around.signalbox:
        yield "a Signalbox that runs here already"
