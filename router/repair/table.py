"""What is known of providers and their models before they are asked.

Only what a provider documents, or what its own errors were seen to say; where its models differ in what they take, the
errors teach it. Nothing is listed for servers that take everything.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from router.config.backend import Backend, HttpBackend, LitellmBackend
from router.repair.needs import NOTHING, Needs, dropping

__all__ = ["known_of"]

_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias")
_REASONS = Needs(tokens_field="max_completion_tokens", drop=frozenset(_SAMPLING))
# From 5.1 on they take a temperature where they do not think, which depends on each request.
_MAY_REASON = Needs(
    tokens_field="max_completion_tokens", drop=frozenset({"presence_penalty", "frequency_penalty", "logit_bias"})
)
_SYSTEM = Needs(developer=True)
_NO_PENALTIES = dropping("presence_penalty", "frequency_penalty")

Models = tuple[tuple[str, Needs], ...]
"""Patterns of names, the first that fits counts; `provider/` before a name is not looked at."""

_OPENAI: Models = (
    # OpenAI's guide to reasoning models; LiteLLM's openai/chat/o_series_transformation.py and gpt_5_transformation.py.
    ("gpt-5-chat*", Needs(tokens_field="max_completion_tokens")),
    ("gpt-5", _REASONS),
    ("gpt-5-*", _REASONS),
    ("gpt-5.*", _MAY_REASON),
    ("gpt-6*", _MAY_REASON),
    ("o[134]", _REASONS),
    ("o[134]-*", _REASONS),
)
_XAI: Models = (
    # docs.x.ai: reasoning models take no penalties; which take `reasoning_effort`: NousResearch/hermes-agent#23435.
    ("grok-4.3*", _SYSTEM | _NO_PENALTIES),
    ("grok-4.20-multi-agent*", _SYSTEM | _NO_PENALTIES),
    ("grok-4*", _SYSTEM | _NO_PENALTIES | dropping("reasoning_effort")),
    ("grok-code-fast*", _SYSTEM | _NO_PENALTIES | dropping("reasoning_effort")),
    ("grok-3-mini*", _SYSTEM | _NO_PENALTIES),
    ("*", _SYSTEM),
)
_PROVIDERS: dict[str, Models] = {
    "openai": _OPENAI,
    "azure": _OPENAI,
    "xai": _XAI,
    # messages[0].role: unknown variant `developer` (earendil-works/pi#1048).
    "deepseek": (("*", _SYSTEM),),
    # 422: Input should be 'system', 'user', 'assistant', or 'tool' (earendil-works/pi#1578).
    "deepinfra": (("*", _SYSTEM),),
    "zai": (("*", _SYSTEM),),  # as openclaw/openclaw has it
    # extra_forbidden for `reasoning_content` (charmbracelet/crush#1590) and, in user messages, `name`
    # (nomtek/mistralai_client_dart#44); docs.mistral.ai has neither `store` nor `max_completion_tokens`.
    "mistral": (
        (
            "*",
            Needs(
                developer=True,
                tokens_field="max_tokens",
                drop=frozenset({"store", "messages[].name", "messages[].reasoning_content"}),
            ),
        ),
    ),
    # console.groq.com/docs/openai; `store` and `reasoning_content`: fanenr/chatbot#21, janhq/jan#8136.
    "groq": (
        (
            "*",
            dropping(
                *("logprobs", "logit_bias", "top_logprobs", "store"),
                *("messages[].name", "messages[].reasoning_content"),
            ),
        ),
    ),
    # openclaw/openclaw#51058, Alishahryar1/free-claude-code#1136.
    "cerebras": (("*", dropping("store", "messages[].reasoning_content")),),
    # liliMozi/openhanako#394, ed-donner/agents#45.
    "gemini": (("*", dropping("store", "metadata")),),
}
_HOSTS = {
    "api.openai.com": "openai",
    "api.x.ai": "xai",
    "api.deepseek.com": "deepseek",
    "api.deepinfra.com": "deepinfra",
    "api.z.ai": "zai",
    "api.mistral.ai": "mistral",
    "api.groq.com": "groq",
    "api.cerebras.ai": "cerebras",
    "generativelanguage.googleapis.com": "gemini",
}
_AZURE = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
_TRANSLATED = frozenset({"openai", "azure", "xai"})
"""Providers for which LiteLLM is told the truth here, so that what it would leave out silently is told. The others'
requests it makes itself, and it knows what they take."""


def known_of(spec: Backend, model: str) -> Needs:
    """What is known of this model at this backend."""
    provider = _provider(spec)
    name = model.rpartition("/")[2]
    for pattern, needs in _PROVIDERS.get(provider, ()):
        if fnmatchcase(name, pattern):
            return needs
    return NOTHING


def _provider(spec: Backend) -> str:
    if isinstance(spec, LitellmBackend):
        provider, slash, _ = spec.model.partition("/")
        provider = provider if slash else "openai"
        return provider if provider in _TRANSLATED else ""
    if not isinstance(spec, HttpBackend):
        return ""
    try:
        host = urlsplit(spec.url).hostname or ""
    except ValueError:
        return ""
    return "azure" if host.endswith(_AZURE) else _HOSTS.get(host, "")
