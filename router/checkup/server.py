"""Checks that ask a server for nothing but what it says of itself: is it there, which is it, what does it serve."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import orjson

from router.backends.servers import msty
from router.backends.servers.interview import NOT_NOW, interview
from router.backends.servers.openai import entries
from router.backends.servers.told import Told
from router.checkup.patient import Heard, Patient
from router.checkup.result import Result, failure, fine, skipped, warning
from router.config.discover import SERVERS, abilities
from router.config.known import is_elsewhere, is_loopback_host, shown
from router.config.problems import did_you_mean
from router.wire.client import WireError

__all__ = [
    "context",
    "costs_nothing",
    "dialects",
    "embeds",
    "is_local",
    "key",
    "listens",
    "models",
    "reachable",
    "recognise",
    "template",
]

TITLES = {
    "llama.cpp": "llama.cpp",
    "ollama": "Ollama",
    "lm-studio": "LM Studio",
    "vllm": "vLLM",
    "tofy": "a Tofy server",
    "signalbox": "a Signalbox",
}
LITTLE = 16_384
"""Tokens. What coding agents send before any work begins is up to 15,000 of them."""


def is_local(url: str) -> bool:
    """It is on this machine or in a network of one's own, where an answer sends no bill."""
    host = urlsplit(url).hostname or ""
    if is_loopback_host(host) or host.endswith((".local", ".lan", ".internal")):
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host


def costs_nothing(patient: Patient) -> bool:
    """Whether no answer of its can cost money: the rules say so, or it is a program on a machine of one's own that
    computes itself. Any other there may be a proxy of a cloud, as another Signalbox is."""
    spec, program = patient.spec, patient.told.server
    if spec.price is not None:
        return patient.facts.free
    if is_elsewhere(patient.model or ""):
        return False
    return patient.facts.free or (is_local(spec.url) and program in TITLES and program != "signalbox")


async def listens(patient: Patient) -> list[Result]:
    """A connection, and what the rules say is served there: all that can be said of what is no language model."""
    try:
        connected = await patient.knock()
    except WireError as error:
        return [failure("reachable", str(error), _unreachable(patient, error.reason))]
    secure = " with TLS" if patient.spec.url.startswith("https") else ""
    paths = ", ".join(sorted(patient.facts.endpoints or ()))
    return [
        fine("reachable", f"connected{secure} in {connected:,.0f} ms", connected),
        skipped("serves", f"{paths}, as the rules say; not asked"),
    ]


async def reachable(patient: Patient) -> tuple[Result, Heard]:
    """A connection, and the list of models over it."""
    title = "reachable"
    try:
        connected = await patient.knock()
    except WireError as error:
        return failure(title, str(error), _unreachable(patient, error.reason)), Heard()
    heard = await patient.models()
    secure = " with TLS" if patient.spec.url.startswith("https") else ""
    if heard.status == 0:
        fix = "say the right `url` of this backend" if "redirects" in heard.error else _AWAKE
        return failure(title, f"connected{secure} in {connected:,.0f} ms; {heard.error}", fix, heard.took), heard
    told = f"connected{secure} in {connected:,.0f} ms, answers in {heard.first:,.0f} ms"
    if heard.status in NOT_NOW:
        return failure(
            title, f"{told}: {heard.error}", "wait until it has loaded its model, then again", heard.took
        ), heard
    if heard.status == 404 and not patient.base:
        fix = f"its API is mostly under /v1: url: {shown(patient.spec.url).rstrip('/')}/v1"
        return failure(title, f"{told}: {heard.error}", fix, heard.took), heard
    return fine(title, told, heard.first), heard


_AWAKE = "something listens there and does not speak HTTP as it should: say the right `url`, or start the server again"


def _unreachable(patient: Patient, reason: str) -> str:
    if reason == "tls":
        return "`verify: /path/of/authority.pem` names the authority of a certificate of your own"
    url = urlsplit(patient.spec.url)
    if not is_loopback_host(url.hostname or ""):
        models = f"{shown(patient.spec.url).rstrip('/')}/models"
        return f"switch that machine on, or look whether it listens there: curl {models}"
    command = next((server.command for server in SERVERS if server.port == url.port), None)
    return f"start it: {command}" if command else "start the server, or say the right port in `url`"


async def recognise(patient: Patient) -> None:
    """Which program it is and what it tells, into the patient. It says so itself; a port is a hint for Msty alone."""
    try:
        patient.told = await interview(patient.backend, patient.base, patient.spec.model, _strange(patient))
    except WireError:
        patient.told = Told()
    program = TITLES.get(patient.told.server or "")
    if program in ("Ollama", "llama.cpp") and await _at_msty(patient):
        program = f"Msty ({program})"
    elif program is None and urlsplit(patient.spec.url).port in msty.PORTS:
        program = "Msty, by its port"
    patient.program = program


def _strange(patient: Patient) -> bool:
    """A cloud is not asked for the pages of small servers."""
    return patient.spec.url.startswith("http:") or is_local(patient.spec.url)


async def _at_msty(patient: Patient) -> bool:
    if urlsplit(patient.spec.url).port in msty.PORTS:
        return True
    if patient.told.server == "llama.cpp":
        return msty.keeps(await patient.page(b"/props"))
    return patient.model is not None and msty.keeps(await _shown(patient))


async def _shown(patient: Patient) -> dict[str, Any]:
    return await patient.page(b"/api/show", orjson.dumps({"model": patient.model}))


def key(patient: Patient, heard: Heard) -> Result | None:
    """Whether it is there and taken; None where none is said and none is asked for."""
    spec, title = patient.spec, "key"
    given = spec.api_key is not None and bool(spec.api_key.get_secret_value())
    if heard.status in (401, 403):
        if spec.pass_key and not given:
            return skipped(title, "each client brings its own, so nothing more can be asked")
        detail = (
            "it asks for a key, and the rules say none" if not given else f"the key is refused, status {heard.status}"
        )
        return failure(
            title, detail, f"api_key: ${{SOME_API_KEY}} in the rules, and export SOME_API_KEY=… ({patient.name})"
        )
    if spec.api_key is not None and not given:
        return failure(title, "the key is empty", "set the variable that `api_key` names")
    return fine(title, "present, and not refused") if given else None


def models(patient: Patient, heard: Heard) -> Result:
    """Whether the model that the rules name is listed."""
    title, said = "models", patient.spec.model
    if heard.status != 200:
        return skipped(title, f"it tells none ({heard.error})")
    listed = [entry["id"] for entry in entries(heard.status, heard.body)]
    if not listed:
        return failure(title, "it lists none", _pull(patient, said or "qwen3:8b"))
    if said is None:
        return fine(title, f"{_count(len(listed), 'model')}: {_some(listed)}; the client's own name is sent")
    if patient.told.server == "ollama" and is_elsewhere(said):
        fix = "take one without -cloud at its end; no rule that says `private` can know of it"
        return warning(title, f"{said} is answered in Ollama's cloud: what is sent leaves this machine", fix)
    if said in listed or f"{said}:latest" in listed:
        more = f", of {len(listed):,}" if len(listed) > 1 else ""
        return fine(title, f"{said} is there{more}")
    meant = did_you_mean(said, listed)
    detail = f"{said} is not among {_count(len(listed), 'model')}: {_some(listed)}"
    if patient.told.server == "llama.cpp" and len(listed) == 1:
        return warning(title, f"{detail}; llama.cpp answers all the same", f"model: {listed[0]}")
    if patient.told.server is None and len(listed) == 1:
        return warning(title, f"{detail}; it may answer all the same", f"model: {listed[0]}")
    return failure(title, detail, f"{meant} Or: {_pull(patient, said)}" if meant else _pull(patient, said))


def _pull(patient: Patient, model: str) -> str:
    return {
        "ollama": f"ollama pull {model}",
        "lm-studio": f"lms get {model}",
        "vllm": f"vllm serve {model}",
    }.get(patient.told.server or "", f"load {model} there, or say one that is listed as `model`")


def context(patient: Patient) -> Result:
    """As it is loaded, as the rules say, as it was trained."""
    title, said, told = "context", patient.spec.context, patient.told
    loaded, trained = told.context, told.trained
    if loaded is None and said is None:
        return skipped(title, "it does not tell; say `context` in the rules, so that long prompts go elsewhere")
    size = loaded or said or 0
    of = f" of {trained:,}" if trained and trained > size else ""
    if loaded and said and said > loaded:
        detail = f"the rules say {said:,} tokens, it has loaded {loaded:,}{of}: longer prompts are cut or refused"
        return failure(title, detail, f"{_enlarge(patient, said)}; or `context: {loaded}`")
    if of and size < LITTLE and not embeds(patient):
        cut = ", and cuts longer prompts without a word" if told.server == "ollama" else ""
        wanted = min(trained or LITTLE, 32_768)
        return warning(title, f"{size:,}{of} tokens{cut}", _enlarge(patient, wanted))
    whose = "" if loaded else " (as the rules say; it does not tell)"
    return fine(title, f"{size:,}{of} tokens{whose}")


def _enlarge(patient: Patient, wanted: int) -> str:
    """How to start it with more."""
    return {
        "ollama": f"OLLAMA_CONTEXT_LENGTH={wanted} ollama serve",
        "llama.cpp": f"llama-server -c {wanted * (patient.told.slots or 1)} …, which its slots share",
        "lm-studio": f"lms load {patient.model} --context-length {wanted}",
        "vllm": f"vllm serve {patient.model} --max-model-len {wanted}",
    }.get(patient.told.server or "", f"load it with a context of {wanted:,} tokens")


def dialects(patient: Patient) -> Result | None:
    """What it takes as it comes, beside chat completions; None where that is nothing."""
    asked = patient.told.dialects if patient.spec.dialects is None else None
    spoken = sorted(patient.facts.dialects | (asked or frozenset()))
    return fine("speaks", f"/v1/chat/completions, {', '.join(spoken)}") if spoken else None


async def template(patient: Patient) -> Result | None:
    """Whether the model's chat template knows tools and a system prompt; None where nothing tells."""
    title, server = "template", patient.told.server
    if server == "llama.cpp":
        text = (await patient.page(b"/props")).get("chat_template")
        fix = "serve a model with a template of its own: llama-server --jinja --chat-template-file FILE"
        tools, system = "tools", "system"
    elif server == "ollama" and patient.model is not None:
        text = (await _shown(patient)).get("template")
        fix = "take a model of Ollama's library, or say TEMPLATE in its Modelfile: ollama show --modelfile"
        tools, system = ".Tools", ".System"
    else:
        return None
    if not isinstance(text, str):
        return None
    if not text.strip():
        return failure(title, "none: prompts arrive as bare text", fix)
    if server == "ollama" and text.strip() == "{{ .Prompt }}" and patient.told.tools:
        return fine(title, "Ollama's own for this model")
    if patient.facts.tools and tools not in text and patient.told.tools is not True:
        fix = "`tool call` tells whether that matters; where it fails: `tools: false`, or another model"
        return warning(title, "knows no tools", fix)
    # Most templates pass any role on, and name none.
    known = [word for word, there in (("tools", tools in text), ("a system prompt", system in text)) if there]
    return fine(title, "knows " + " and ".join(known) if known else "there")


def embeds(patient: Patient) -> bool:
    return patient.told.endpoints == frozenset({"/v1/embeddings"}) or "embed" in abilities(patient.model or "")


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:3]) + (" …" if len(listed) > 3 else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
