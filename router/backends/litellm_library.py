"""LiteLLM itself: imported once, off the event loop, without a word to the network or the terminal."""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
import types
from typing import Any

from router.backends.litellm_fence import fence

__all__ = ["library"]

_ENVIRONMENT = {
    # Without these LiteLLM fetches a list of models at import, and of header names at the first Anthropic call.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    # Anything but this makes it read a `.env` file from wherever the server was started.
    "LITELLM_MODE": "PRODUCTION",
}
_QUIET = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")
_NO_URLS = ("httpx", "httpcore", "openai")
"""They log the URL of each request at level INFO, and some providers take their key in the URL."""

_lock = threading.Lock()
_library: Any = None


def library() -> Any:
    """The module `litellm`, ready for calls. Raises ImportError. Takes seconds the first time: call it in a thread."""
    global _library
    with _lock:
        if _library is None:
            _library = _import()
    return _library


def _import() -> Any:
    os.environ.update(_ENVIRONMENT)
    collecting = gc.isenabled()
    gc.disable()
    try:
        _hush()
        import litellm

        _hush()  # again: the import puts handlers of its own
        _without_gateway()
        _settle(litellm)
        fence(litellm)
        _warm(litellm)
    finally:
        # What was imported stays until the end: taken out of the collector's sight, or each full collection would
        # walk over a million objects of LiteLLM's and hold up every request meanwhile.
        gc.freeze()
        if collecting:
            gc.enable()
    return litellm


class _NoGateway:
    """Stands for LiteLLM's own gateway to tool servers, which this proxy never uses."""

    @staticmethod
    def should_use_litellm_mcp_gateway(tools: Any = None) -> bool:
        return False


def _without_gateway() -> None:
    """Models that LiteLLM reaches by the Responses API (Codex, o3-pro, …) make it import its gateway, only to see that
    it has nothing to do; and the gateway needs the package `mcp`, which LiteLLM does not require."""
    name = "litellm.responses.mcp.litellm_proxy_mcp_handler"
    gateway: Any = types.ModuleType(name)
    gateway.LiteLLM_Proxy_MCP_Handler = _NoGateway
    sys.modules[name] = gateway


def _hush() -> None:
    for name in _QUIET:
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(logging.CRITICAL)
    for name in _NO_URLS:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.getEffectiveLevel(), logging.WARNING))


def _settle(litellm: Any) -> None:
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.disable_streaming_logging = True
    litellm.disable_hf_tokenizer_download = True
    litellm.num_retries = 0
    # Else a system prompt would become something that the assistant has said.
    litellm.disable_copilot_system_to_assistant = True


def _warm(litellm: Any) -> None:
    """Much is imported at the first call only, where it would hold up the loop for a third of a second. This is a
    call that ends before it would reach the network."""
    import openai

    message = [{"role": "user", "content": "-"}]
    litellm.completion(model="openai/-", messages=message, mock_response="-")
    _ = (litellm.acompletion, litellm.atext_completion, litellm.aembedding, litellm.get_llm_provider)
    _ = openai.AsyncOpenAI(api_key="-").chat.completions
