"""Clients that keep a configuration: what each needs to be told. `docs/connect.md` says which of it was tried."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from router.clients.contract import Change, Client, Entry, Machine, Model, Put, Target

__all__ = ["CODING"]


def _first(*paths: Path) -> Path:
    """The first that is there, else the last."""
    return next((path for path in paths if path.exists()), paths[-1])


def _opencode_provider(target: Target) -> dict[str, Any]:
    key = f"{{env:{target.variable}}}" if target.variable else target.said_key
    return {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Signalbox",
        "options": {"baseURL": target.url, "apiKey": key},
        "models": {model.name: _opencode_model(model) for model in target.models},
    }


def _opencode_model(model: Model) -> dict[str, Any]:
    """Without `attachment` and `modalities` images are withheld."""
    return {
        "name": model.name,
        "attachment": model.images,
        "tool_call": True,
        "modalities": {"input": ["text", "image"] if model.images else ["text"], "output": ["text"]},
        "limit": {"context": model.window, "output": model.answer},
    }


def _like_opencode(path: Path, target: Target) -> tuple[Change, ...]:
    return (
        Change(
            path,
            "json",
            (
                Put(("$schema",), "https://opencode.ai/config.json", "absent"),
                Put(("provider", "signalbox"), _opencode_provider(target)),
                Put(("model",), f"signalbox/{target.model.name}"),
            ),
        ),
    )


def _opencode(machine: Machine, target: Target) -> tuple[Change, ...]:
    folder = machine.config("opencode")
    said = machine.environ.get("OPENCODE_CONFIG")
    return _like_opencode(Path(said) if said else _first(folder / "opencode.jsonc", folder / "opencode.json"), target)


def _kilo(machine: Machine, target: Target) -> tuple[Change, ...]:
    folder = machine.config("kilo")
    return _like_opencode(_first(folder / "kilo.jsonc", folder / "kilo.json"), target)


def _codex(machine: Machine, target: Target) -> tuple[Change, ...]:
    provider: dict[str, Any] = {"name": "Signalbox", "base_url": target.url, "wire_api": "responses"}
    if target.variable:
        provider["env_key"] = target.variable
    elif target.key:
        provider["experimental_bearer_token"] = target.key
    puts = [Put(("model",), target.model.name), Put(("model_provider",), "signalbox")]
    if target.model.context:
        puts.append(Put(("model_context_window",), target.model.context))
    puts.append(Put(("model_providers", "signalbox"), provider))
    return (Change(machine.folder("CODEX_HOME", ".codex") / "config.toml", "toml", tuple(puts)),)


def _pi(machine: Machine, target: Target) -> tuple[Change, ...]:
    folder = machine.folder("PI_CODING_AGENT_DIR", ".pi/agent")
    models = [
        {
            "id": model.name,
            "input": ["text", "image"] if model.images else ["text"],
            "contextWindow": model.window,
            "maxTokens": model.answer,
        }
        for model in target.models
    ]
    provider = {
        "baseUrl": target.url,
        "api": "openai-completions",
        "apiKey": f"${target.variable}" if target.variable else target.said_key,
        "models": models,
    }
    return (
        Change(folder / "models.json", "json", (Put(("providers", "signalbox"), provider),)),
        Change(
            folder / "settings.json",
            "json",
            (Put(("defaultProvider",), "signalbox"), Put(("defaultModel",), target.model.name)),
        ),
    )


def _qwen(machine: Machine, target: Target) -> tuple[Change, ...]:
    variable = target.variable or "SIGNALBOX_KEY"
    puts = [] if target.variable else [Put(("env", variable), target.said_key)]
    for model in target.models:
        told = {
            "id": model.name,
            "name": f"{model.name} (Signalbox)",
            "envKey": variable,
            "baseUrl": target.url,
            "generationConfig": {"contextWindowSize": model.window, "modalities": {"image": model.images}},
        }
        puts.append(Put(("modelProviders", "openai", Entry("id", model.name)), told))
    puts += [
        Put(("security", "auth", "selectedType"), "openai"),
        Put(("model", "name"), target.model.name),
    ]
    return (Change(machine.folder("QWEN_HOME", ".qwen") / "settings.json", "json", tuple(puts)),)


def _cline(machine: Machine, target: Target) -> tuple[Change, ...]:
    base = machine.folder("CLINE_DATA_DIR", ".cline/data")
    path = Path(machine.environ.get("CLINE_PROVIDER_SETTINGS_PATH") or base / "settings" / "providers.json")
    settings = {
        "provider": "openai-compatible",
        "apiKey": target.said_key,
        "model": target.model.name,
        "baseUrl": target.url,
    }
    entry = ("providers", "openai-compatible")
    return (
        Change(
            path,
            "json",
            (
                Put(("version",), 1, "absent"),
                Put(("lastUsedProvider",), "openai-compatible"),
                Put(("modes",), {}, "absent"),
                Put((*entry, "settings"), settings),
                Put((*entry, "updatedAt"), "2026-01-01T00:00:00.000Z", "absent"),
                Put((*entry, "tokenSource"), "manual", "absent"),
            ),
        ),
    )


def _continue(machine: Machine, target: Target) -> tuple[Change, ...]:
    puts = [
        Put(("name",), "Signalbox", "absent"),
        Put(("version",), "1.0.0", "absent"),
        Put(("schema",), "v1", "absent"),
    ]
    for model in sorted(target.models, key=lambda one: one != target.model):
        told = {
            "name": f"Signalbox {model.name}",
            "provider": "openai",
            "model": model.name,
            "apiBase": target.url,
            "apiKey": f"${{{{ secrets.{target.variable} }}}}" if target.variable else target.said_key,
            "roles": ["chat", "edit", "apply"],
            "capabilities": ["tool_use", "image_input"] if model.images else ["tool_use"],
            "defaultCompletionOptions": {"contextLength": model.window, "maxTokens": model.answer},
        }
        puts.append(Put(("models", Entry("name", f"Signalbox {model.name}")), told))
    return (Change(machine.folder("CONTINUE_GLOBAL_DIR", ".continue") / "config.yaml", "yaml", tuple(puts)),)


def _aider(machine: Machine, target: Target) -> tuple[Change, ...]:
    name = f"openai/{target.model.name}"
    puts = [Put(("model",), name), Put(("weak-model",), name), Put(("openai-api-base",), target.url)]
    if not target.variable:
        puts.append(Put(("openai-api-key",), target.said_key))
    facts = {
        f"openai/{model.name}": {
            "max_input_tokens": model.window,
            "max_output_tokens": model.answer,
            "input_cost_per_token": 0,
            "output_cost_per_token": 0,
            "litellm_provider": "openai",
            "mode": "chat",
            "supports_vision": model.images,
            "supports_function_calling": True,
        }
        for model in target.models
    }
    metadata = tuple(Put((key,), value) for key, value in facts.items())
    return (
        Change(machine.home / ".aider.conf.yml", "yaml", tuple(puts)),
        Change(machine.home / ".aider.model.metadata.json", "json", metadata),
    )


def _goose(machine: Machine, target: Target) -> tuple[Change, ...]:
    folder = machine.config("goose")
    provider = {
        "name": "custom_signalbox",
        "engine": "openai",
        "display_name": "Signalbox",
        "description": "The models behind this Signalbox",
        "api_key_env": target.variable or "SIGNALBOX_KEY",
        "base_url": f"{target.url}/chat/completions",
        "models": [{"name": model.name, "context_limit": model.window} for model in target.models],
        "supports_streaming": True,
        "requires_auth": bool(target.key or target.variable),
    }
    default = {"enabled": True, "model": target.model.name, "configured": True}
    return (
        Change(folder / "custom_providers" / "custom_signalbox.json", "json", (Put((), provider),)),
        Change(
            folder / "config.yaml",
            "yaml",
            (
                Put(("active_provider",), "custom_signalbox"),
                Put(("providers", "custom_signalbox"), default),
                Put(("GOOSE_PROVIDER",), "custom_signalbox"),
                Put(("GOOSE_MODEL",), target.model.name),
            ),
        ),
    )


def _claude(machine: Machine, target: Target) -> tuple[Change, ...]:
    """Its address has no /v1."""
    names = ("MODEL", "DEFAULT_OPUS_MODEL", "DEFAULT_SONNET_MODEL", "DEFAULT_HAIKU_MODEL", "SMALL_FAST_MODEL")
    puts = [Put(("env", "ANTHROPIC_BASE_URL"), target.root)]
    if target.variable:
        puts.append(Put(("apiKeyHelper",), f"printenv {target.variable}"))
    else:
        puts.append(Put(("env", "ANTHROPIC_AUTH_TOKEN"), target.said_key))
    puts += [Put(("env", f"ANTHROPIC_{name}"), target.model.name) for name in names]
    return (Change(machine.folder("CLAUDE_CONFIG_DIR", ".claude") / "settings.json", "json", tuple(puts)),)


def _llm_folder(machine: Machine) -> Path:
    mac = "Library/Application Support/io.datasette.llm"
    if machine.environ.get("LLM_USER_PATH") or sys.platform == "darwin":
        return machine.folder("LLM_USER_PATH", mac)
    return machine.config("io.datasette.llm")


def _llm(machine: Machine, target: Target) -> tuple[Change, ...]:
    puts = []
    for model in target.models:
        name = "signalbox" if model == target.model else f"signalbox/{model.name}"
        told: dict[str, Any] = {
            "model_id": name,
            "model_name": model.name,
            "api_base": target.url,
            "vision": model.images,
            "supports_tools": True,
            "supports_schema": True,
        }
        if target.key or target.variable:
            told["api_key_name"] = "signalbox"
        puts.append(Put((Entry("model_id", name),), told))
    folder = _llm_folder(machine)
    changes = [Change(folder / "extra-openai-models.yaml", "yaml", tuple(puts))]
    if target.key and not target.variable:
        changes.append(Change(folder / "keys.json", "json", (Put(("signalbox",), target.key),)))
    return tuple(changes)


def _tabby(machine: Machine, target: Target) -> tuple[Change, ...]:
    told = {
        "kind": "openai/chat",
        "model_name": target.model.name,
        "api_endpoint": target.url,
        "api_key": target.said_key,
    }
    path = machine.folder("TABBY_ROOT", ".tabby") / "config.toml"
    return (Change(path, "toml", (Put(("model", "chat", "http"), told),)),)


RESPONSES_NAMES = ("gpt-5*", "gpt-6*", "o1*", "o3*", "o4*")
CODING = (
    Client(
        "opencode",
        "OpenCode",
        ("opencode",),
        lambda m: m.config("opencode"),
        _opencode,
        after="Start opencode anew; /models switches between those of Signalbox.",
    ),
    Client("aider", "Aider", ("aider",), lambda m: m.home / ".aider.conf.yml", _aider, after="Start aider."),
    Client(
        "cline",
        "Cline",
        ("cline",),
        lambda m: m.folder("CLINE_DIR", ".cline"),
        _cline,
        after="This is for the command line. In VS Code: Settings of Cline, API Provider `OpenAI Compatible`, Base URL "
        "$url, API Key $key, Model ID $model, and tick `Supports Images`.",
    ),
    Client(
        "codex",
        "Codex",
        ("codex",),
        lambda m: m.folder("CODEX_HOME", ".codex"),
        _codex,
        after="Codex speaks /v1/responses alone.",
        traps=RESPONSES_NAMES,
    ),
    Client(
        "continue",
        "Continue",
        ("cn",),
        lambda m: m.folder("CONTINUE_GLOBAL_DIR", ".continue"),
        _continue,
        after="Choose `Signalbox $model` among the models.",
        traps=("gpt-5*",),
    ),
    Client(
        "goose",
        "Goose",
        ("goose",),
        lambda m: m.config("goose"),
        _goose,
        after="Goose takes a key from the environment or its keyring, never from this file: export SIGNALBOX_KEY "
        "where one is needed.",
        traps=("gpt-5*",),
    ),
    Client("kilo", "Kilo", ("kilo",), lambda m: m.config("kilo"), _kilo, after="Start kilo anew."),
    Client("pi", "Pi", ("pi",), lambda m: m.folder("PI_CODING_AGENT_DIR", ".pi"), _pi, after="Start pi."),
    Client("qwen", "Qwen Code", ("qwen",), lambda m: m.folder("QWEN_HOME", ".qwen"), _qwen, after="Start qwen."),
    Client(
        "claude-code",
        "Claude Code",
        ("claude",),
        lambda m: m.folder("CLAUDE_CONFIG_DIR", ".claude"),
        _claude,
        after="ANTHROPIC_API_KEY must not be set beside it. It speaks /v1/messages.",
    ),
    Client("llm", "llm", ("llm",), _llm_folder, _llm, after='Then: llm -m signalbox "Say hello"'),
    Client(
        "tabby",
        "Tabby",
        ("tabby",),
        lambda m: m.folder("TABBY_ROOT", ".tabby"),
        _tabby,
        after="Chat alone goes here; Tabby's completion wants a model of its own.",
    ),
)
