"""Whose model a backend is, in the words of OpenTelemetry's conventions (`gen_ai.provider.name`)."""

from __future__ import annotations

from urllib.parse import urlsplit

from router.config.backend import Backend, GgufBackend, HttpBackend, LitellmBackend

__all__ = ["provider_of", "server_of"]

_LITELLM = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""LiteLLM's names that the conventions spell otherwise; the others are the same."""
_HOSTS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "api.moonshot.ai": "moonshot_ai",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x_ai",
    "api.cohere.ai": "cohere",
    "generativelanguage.googleapis.com": "gcp.gemini",
}


def provider_of(spec: Backend) -> str:
    """A name of the conventions where they have one, else one of ours: `openai_compatible`, `llama.cpp`, `world`."""
    if isinstance(spec, LitellmBackend):
        name, slash, _ = spec.model.partition("/")
        return _LITELLM.get(name, name) if slash else "openai"
    if isinstance(spec, HttpBackend):
        return _HOSTS.get(server_of(spec)[0], "openai_compatible")
    return "llama.cpp" if isinstance(spec, GgufBackend) else "world"


def server_of(spec: Backend) -> tuple[str, int]:
    """Host and port; ("", 0) in process, and where LiteLLM knows them alone."""
    url = spec.url if isinstance(spec, HttpBackend) else spec.api_base if isinstance(spec, LitellmBackend) else None
    if not url:
        return "", 0
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "", 0
