"""Rules without a rules file: from the servers, keys and model files that are already here."""

from __future__ import annotations

import asyncio
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from router.config import catalogue
from router.config.backend import Backend, GgufBackend, HttpBackend, LitellmBackend, Modality, WorldBackend
from router.config.schema import Route, Rules

__all__ = ["CLOUDS", "SERVERS", "Cloud", "Found", "Server", "abilities", "discover"]

PATIENCE = 0.3
"""Seconds that a local port gets to list its models."""

YARD, TOFY = "yard", "tofy"
"""Names of the world models: the embedded one, which is always here, and one whose files are."""

YARD_WORDS = r"\b(tracks?|sidings?|roads?|lines?|spurs?|wagg?ons?|cars?|yard|gleise?n?|t[1-4])\b"
"""What a question about the yard speaks of. Other described worlds are for a model that knows them."""

_LIST_LIMIT = 512 * 1024


@dataclass(frozen=True, slots=True)
class Server:
    """A program that serves models on a port of its own."""

    name: str
    title: str
    port: int
    command: str
    """What starts it."""


SERVERS = (
    Server("llama-cpp", "llama.cpp", 8080, "llama-server -m model.gguf --port 8080"),
    Server("ollama", "Ollama", 11434, "ollama serve, then: ollama pull qwen3:8b"),
    Server("lm-studio", "LM Studio", 1234, "lms server start"),
    Server("vllm", "vLLM", 8000, "vllm serve Qwen/Qwen3-8B"),
    Server("msty", "Msty", 10000, "open Msty and switch on its local AI service"),
)


@dataclass(frozen=True, slots=True)
class Cloud:
    """A provider that a key opens. `models` are in order of preference, as LiteLLM's list names them: small and
    cheap ones, because nobody chose them."""

    name: str
    variables: tuple[str, ...]
    models: tuple[str, ...]
    url: str | None
    """Of its OpenAI-compatible API; None: spoken to through LiteLLM."""


CLOUDS = (
    Cloud("anthropic", ("ANTHROPIC_API_KEY",), ("anthropic/claude-haiku-5-5", "anthropic/claude-haiku-4-5"), None),
    Cloud("openai", ("OPENAI_API_KEY",), ("openai/gpt-6-luna", "openai/gpt-5-mini"), "https://api.openai.com/v1"),
    Cloud(
        "gemini",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        ("gemini/gemini-3.8-flash", "gemini/gemini-flash-latest"),
        "https://generativelanguage.googleapis.com/v1beta/openai",
    ),
    Cloud("openrouter", ("OPENROUTER_API_KEY",), ("openrouter/auto",), "https://openrouter.ai/api/v1"),
    Cloud("groq", ("GROQ_API_KEY",), ("groq/openai/gpt-oss-120b",), "https://api.groq.com/openai/v1"),
    Cloud("mistral", ("MISTRAL_API_KEY",), ("mistral/mistral-small-latest",), "https://api.mistral.ai/v1"),
    Cloud("deepseek", ("DEEPSEEK_API_KEY",), ("deepseek/deepseek-flash",), "https://api.deepseek.com/v1"),
    Cloud("xai", ("XAI_API_KEY",), ("xai/grok-4.3", "xai/grok-4.20"), "https://api.x.ai/v1"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What is here, and the rules made of it. `missing` names what is not, each with what would provide it."""

    rules: Rules
    found: tuple[str, ...]
    missing: tuple[tuple[str, str], ...]


_ABILITIES = (
    ("embed", re.compile(r"embed|\bbge\b|bge-|\bgte\b|gte-|\be5\b|e5-|minilm", re.IGNORECASE)),
    ("other", re.compile(r"rerank|whisper|\btts\b|kokoro|piper|guard|stable-diffusion|flux", re.IGNORECASE)),
    (
        "image",
        re.compile(r"vl\b|[-_.\d]vl|vision|llava|pixtral|moondream|minicpm-v|internvl|gemma-?[34]", re.IGNORECASE),
    ),
    ("code", re.compile(r"coder|codestral|devstral|starcoder|codellama|code\b", re.IGNORECASE)),
)


def abilities(model: str) -> frozenset[str]:
    """What a model's name says of it: `embed`, `other` (neither), or `chat`, with `image` and `code` as they apply."""
    said = {ability for ability, pattern in _ABILITIES if pattern.search(model)}
    for apart in ("embed", "other"):
        if apart in said:
            return frozenset({apart})
    return frozenset(said | {"chat"})


async def discover(environ: Mapping[str, str], directory: Path) -> Found:
    """Look at the usual ports (all at once, 0.3 s), keys and `models/*.gguf`. Raises nothing for what is not there."""
    lists = await asyncio.gather(*(list_models(server.port) for server in SERVERS))
    parts = _Parts()
    for server, models in zip(SERVERS, lists, strict=True):
        parts.add_server(server, models)
    parts.add_files(directory / "models")
    parts.add_worlds(directory / "models", environ)
    for cloud in CLOUDS:
        parts.add_cloud(cloud, environ)
    return Found(parts.rules(), tuple(parts.found), tuple(parts.missing))


async def list_models(port: int, host: str = "127.0.0.1") -> list[str] | None:
    """Names from `GET /v1/models`; None when nothing there lists models in time, and for a Signalbox: it would be this
    one, or send back what is sent to it."""
    try:
        async with asyncio.timeout(PATIENCE):
            return _names(await _get(host, port))
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return None


async def _get(host: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        # HTTP/1.0 and no keep-alive: the answer then ends with the connection and is never chunked.
        writer.write(f"GET /v1/models HTTP/1.0\r\nHost: {host}:{port}\r\nAccept: application/json\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d{1,7})\r\n", head)
        if not re.match(rb"HTTP/1\.[01] 200 ", head):
            raise ValueError("not a list of models")
        body = bytearray()
        wanted = min(int(length[1]), _LIST_LIMIT) if length else _LIST_LIMIT
        while len(body) < wanted and (piece := await reader.read(wanted - len(body))):
            body += piece
        return bytes(body)
    finally:
        writer.close()


def _names(body: bytes) -> list[str]:
    data: Any = orjson.loads(body)
    entries = data.get("data") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        raise ValueError("not a list of models")
    named = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
    if any(entry["id"] == "auto" and entry.get("owned_by") == "signalbox" for entry in named):
        raise ValueError("a Signalbox")
    return [entry["id"] for entry in named]


class _Parts:
    """What has been found so far, by what it is good for, in order of preference."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.missing: list[tuple[str, str]] = []
        self.backends: dict[str, Backend] = {}
        self.aliases: dict[str, str] = {}
        self.good_for: dict[str, list[str]] = {"chat": [], "code": [], "image": [], "embed": [], "world": []}

    def add(self, name: str, spec: Backend, able: frozenset[str]) -> None:
        self.backends[name] = spec
        for ability in able & self.good_for.keys():
            self.good_for[ability].append(name)

    def add_server(self, server: Server, models: list[str] | None) -> None:
        if models is None:
            self.missing.append((f"{server.title} on port {server.port}", server.command))
            return
        if not models:
            self.missing.append((f"a model in {server.title} on port {server.port}", server.command))
            return
        self.found.append(f"{server.title} on port {server.port}: {_some(models)}")
        for suffix, model in _chosen(models):
            able, name = abilities(model), server.name + suffix
            accepts: list[Modality] | None = ["text", "image"] if "image" in able else None
            url = f"http://127.0.0.1:{server.port}/v1"
            self.add(name, HttpBackend(url=url, model=model, accepts=accepts, price=0), able)
            if model not in self.backends:
                self.aliases.setdefault(model, name)

    def add_files(self, directory: Path) -> None:
        files = [f for f in sorted(directory.glob("*.gguf")) if _is_model(f.name)]
        if not files:
            self.missing.append((f"a GGUF file in {directory.name}/", f"mkdir -p {directory.name}, and put one there"))
            return
        if (
            importlib.util.find_spec("llama_cpp") is None
        ):  # the backends are named all the same: they say what to install
            self.missing.append((f"llama.cpp in process, for {files[0].name}", "make llama"))
        taken: set[str] = set()
        for file in files:
            able = abilities(file.stem)
            kind = "embed" if "embed" in able else "chat" if "chat" in able else ""
            if kind and kind not in taken:  # one of each: every further file would sit in memory unasked
                taken.add(kind)
                self.found.append(f"{directory.name}/{file.name}")
                spec = GgufBackend(kind="gguf", path=str(file), embeddings=kind == "embed")
                self.add("gguf-embed" if kind == "embed" else "gguf", spec, able - {"image"})

    def add_worlds(self, directory: Path, environ: Mapping[str, str]) -> None:
        """The embedded yard, and before it a Tofy whose files lie here."""
        checkpoint, vocabulary = _checkpoint(directory), directory / "vocab_world.txt"
        if checkpoint is not None and not vocabulary.is_file():
            self.missing.append((f"{directory.name}/{vocabulary.name}, for {checkpoint.name}", "copy it there, too"))
        elif checkpoint is not None:
            paths = {"checkpoint": str(checkpoint), "vocabulary": str(vocabulary)}
            try:
                self.add(TOFY, _world(environ, **paths), frozenset({"world"}))
                self.found.append(f"{directory.name}/{checkpoint.name}")
            except ValidationError as error:  # of a variable of the environment
                self.missing.append((f"a Tofy from {checkpoint.name}", _sentence(error)))
        try:
            self.add(YARD, _world(environ), frozenset({"world"}))
        except ValidationError as error:
            self.missing.append(("the embedded switch yard", _sentence(error)))
        if TOFY not in self.backends and YARD in self.backends:
            self.aliases[TOFY] = YARD  # so that a client that was set up for Tofy finds one

    def add_cloud(self, cloud: Cloud, environ: Mapping[str, str]) -> None:
        variable = next((name for name in cloud.variables if environ.get(name)), None)
        if variable is None:
            self.missing.append((cloud.variables[0], f"export {cloud.variables[0]}=…"))
            return
        self.found.append(f"{variable}: {cloud.name}")
        entry = catalogue.newest(cloud.models)
        model, key = cloud.models[0], environ[variable]
        if entry is not None:
            model = next(name for name in cloud.models if catalogue.lookup(name) is entry)
        able = frozenset({"chat", "code"} | ({"image"} if entry and "image" in entry.accepts else set()))
        if cloud.url is None:
            self.add(cloud.name, LitellmBackend(kind="litellm", model=model, api_key=key), able)
            return
        own_name = model if cloud.name == "openrouter" else model.partition("/")[2]
        context = entry.context if entry else None
        max_output = entry.max_output if entry else None
        accepts: list[Modality] = [m for m in ("text", "image") if m == "text" or m in able]
        self.add(
            cloud.name,
            HttpBackend(
                url=cloud.url, model=own_name, api_key=key, accepts=accepts, context=context, max_output=max_output
            ),
            able,
        )

    def rules(self) -> Rules:
        """Local before cloud; a model made for the task before one that also can."""
        chat, code, image, embed, world = (
            self.good_for[ability] for ability in ("chat", "code", "image", "embed", "world")
        )
        local = [name for name in chat if name not in {cloud.name for cloud in CLOUDS}]
        plain = [name for name in chat if name not in code and name not in image]
        routes = [
            ("embeddings", {"task": "embed"}, embed),
            ("images", {"image": True}, image),
            ("world model", _world_task(world), world),
            ("code", {"task": "code"}, _unique(code if any(n in local for n in code) else local, local, code)),
            ("everything else", {}, _unique([n for n in plain if n in local], local, chat)),
        ]
        return Rules(
            version=1,
            backends=self.backends,
            aliases=self.aliases,
            routes=[Route(name=name, when=when, to=to) for name, when, to in routes if to],
        )


def _world(environ: Mapping[str, str], **paths: str) -> WorldBackend:
    return WorldBackend.model_validate({"kind": "world", **paths}, context={"environ": environ})


def _checkpoint(directory: Path) -> Path | None:
    """The weights of a Tofy; a `_teacher` is what it was trained against."""
    files = (file for file in sorted(directory.glob("model_world*.safetensors")) if "_teacher" not in file.name)
    return next(files, None)


def _world_task(names: list[str]) -> dict[str, Any]:
    """What goes to the world models: with a Tofy all that describes a world, else only the yard's."""
    return {"task": "world"} if TOFY in names else {"task": "world", "text": YARD_WORDS}


def _sentence(error: ValidationError) -> str:
    return error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")


def _chosen(models: list[str]) -> list[tuple[str, str]]:
    """(suffix of the backend's name, model): the first of each ability among a server's models."""
    chosen: dict[str, str] = {}
    for model in models:
        able = abilities(model)
        suffix = next((s for s in ("embed", "image", "code", "chat") if s in able), None)
        if suffix is not None:
            chosen.setdefault({"image": "-vision", "code": "-code", "embed": "-embed"}.get(suffix, ""), model)
    if len(chosen) == 1 and "-embed" not in chosen:
        return [("", model) for model in chosen.values()]
    return sorted(chosen.items())


def _is_model(file: str) -> bool:
    """Not a projector, not a bare vocabulary, and of a split model only the first part."""
    if file.startswith(("mmproj", "ggml-vocab")):
        return False
    part = re.search(r"-(\d{5})-of-\d{5}\.gguf\Z", file)
    return part is None or part[1] == "00001"


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _unique(*lists: list[str]) -> list[str]:
    return list(dict.fromkeys(name for names in lists for name in names))
