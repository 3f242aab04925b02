"""Checks of backends that are no server: models in this process, and clouds that LiteLLM speaks to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from router.backends.llama.file import GgufError, read
from router.backends.llama.installed import llama_is_installed
from router.backends.world.settings import settings
from router.checkup.result import Result, failure, fine, skipped, warning
from router.config import catalogue
from router.config.backend import GgufBackend, LitellmBackend, WorldBackend
from router.config.discover import CLOUDS
from router.world.files import WorldError, opened

__all__ = ["gguf", "litellm", "world"]


def gguf(spec: GgufBackend) -> list[Result]:
    """The file, its context and template, and llama.cpp."""
    results = [_installed()]
    try:
        file = read(Path(spec.path).expanduser())
    except GgufError as error:
        fix = f"put the model there, or say its `path`: ls {Path(spec.path).parent}"
        return [failure("file", f"{spec.path} {error}", fix), *results]
    size = file.path.stat().st_size
    results.insert(0, fine("file", f"{file.path.name}, {file.architecture}, {size / 1e9:.1f} GB"))
    if file.context is not None:
        used = spec.n_ctx or min(file.context, 8192)
        of = f" of {file.context:,}" if file.context > used else ""
        results.append(fine("context", f"{used:,}{of} tokens"))
    if not spec.embeddings and spec.chat_template is None:
        results.append(_template(file.chat_template))
    return results


def _template(text: str | None) -> Result:
    if text is None:
        return failure("template", "the file has none", "chat_template: FILE names one, in Jinja")
    return fine("template", "knows tools" if "tools" in text else "there, and knows no tools")


def world(name: str, spec: WorldBackend) -> list[Result]:
    """Its files, and llama.cpp for the decoder."""
    said = settings(name, spec)
    if said.checkpoint is None:
        return [fine("files", "the switch yard that comes with Signalbox"), _installed()]
    results = []
    for title, path in (("checkpoint", said.checkpoint), ("vocabulary", said.vocabulary), ("prefix", said.projection)):
        if path is not None:
            results.append(_file(title, path))
    if said.decoder is None:
        results.append(failure("decoder", "none is named, and none lies in models/", "decoder: models/NAME.gguf"))
    else:
        try:
            results.append(fine("decoder", f"{said.decoder}, {read(said.decoder).architecture}"))
        except GgufError as error:
            results.append(failure("decoder", f"{said.decoder} {error}", "decoder: names a GGUF file for chat"))
    return [*results, _installed()]


def _file(title: str, path: str) -> Result:
    try:
        with opened(path) as file:
            file.read(8)
    except (WorldError, OSError) as error:
        return failure(title, str(error), f"copy it there, or say where it is: {title}: …")
    return fine(title, f"{path}, {Path(path).stat().st_size / 1e6:.1f} MB")


def _installed() -> Result:
    if llama_is_installed():
        return fine("llama.cpp", "installed")
    return failure("llama.cpp", "llama-cpp-python is not installed", "make llama (or: pip install 'signalbox[gguf]')")


def litellm(spec: LitellmBackend, environ: Mapping[str, str] = os.environ) -> list[Result]:
    """Its key, and its model in LiteLLM's list. Nothing is asked of it: see `cloud`."""
    return [_key(spec, environ), _listed(spec)]


def _key(spec: LitellmBackend, environ: Mapping[str, str]) -> Result:
    if spec.api_key is not None:
        if spec.api_key.get_secret_value():
            return fine("key", "present")
        return failure("key", "it is empty", "set the variable that `api_key` names")
    provider = spec.model.partition("/")[0]
    variables = next((cloud.variables for cloud in CLOUDS if cloud.name == provider), None)
    if variables is None:
        return skipped("key", f"LiteLLM knows where {provider} keeps it")
    present = next((name for name in variables if environ.get(name)), None)
    if present is None:
        return failure("key", f"{variables[0]} is not set", f"export {variables[0]}=…")
    return fine("key", f"{present} is set")


def _listed(spec: LitellmBackend) -> Result:
    remark = catalogue.remark("", spec)
    if remark is not None:
        return warning("models", remark.message, remark.hint)
    entry = catalogue.lookup(spec.model)
    if entry is None:
        return skipped("models", f"{spec.model} is not in LiteLLM's list, as none of this provider need be")
    size = f", {entry.context:,} tokens" if entry.context else ""
    if entry.price is None and spec.price is None:
        return warning("models", f"{entry.name}{size}, without a price", "price: {input: …, output: …} in the rules")
    return fine("models", f"{entry.name} is in LiteLLM's list{size}")
