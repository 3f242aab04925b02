"""LiteLLM's exceptions as ours, without its decorations and without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson

from router.backends.contract import BackendError

__all__ = ["Redactor", "backend_error"]

LONGEST = 1000
_DECORATION = re.compile(r"^(?:litellm\.)?(?:[A-Z]\w*(?:Error|Exception|Timeout))\s*(?::|-)\s*")
_HANDLE = re.compile(r"\.? ?Handle with `litellm\.\w+`\.?|\s*LiteLLM Retried: \d+ times.*$", re.DOTALL)
_SECRET = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|key|hf|r8|nvapi|gh[opu])[-_][A-Za-z0-9*_-]{6,}|\bAIza[\w-]{20,}"
    r"|(?<=Bearer )\S{6,}|(?<=[?&]key=)[^&\s]+"
)
_NO_CONNECTION = frozenset(
    {"ConnectError", "ConnectTimeout", "ClientConnectorError", "ConnectionRefusedError", "gaierror"}
)
_SILENCE = frozenset({"ReadTimeout", "SocketTimeoutError"})
_TLS = frozenset({"SSLError", "SSLCertVerificationError", "ClientConnectorCertificateError", "ClientConnectorSSLError"})


class Redactor:
    """Takes known secrets, and what looks like one, out of a text."""

    def __init__(self, secrets: Iterable[str | None]):
        self._known = sorted({secret for secret in secrets if secret and len(secret) >= 4}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for secret in self._known:
            text = text.replace(secret, "***")
        return _SECRET.sub("***", text)


def backend_error(litellm: Any, fault: Exception, redact: Redactor) -> BackendError:
    """What `fault`, raised by a call of LiteLLM's, means for the attempt."""
    status = getattr(fault, "status_code", None)
    status = status if isinstance(status, int) and 400 <= status < 600 else 502
    message = _message(fault, redact)
    causes = {type(cause).__name__ for cause in _causes(fault)}
    code = _code(fault)
    if isinstance(fault, litellm.ContextWindowExceededError) or code == "context_length_exceeded":
        return BackendError("refused", message, status=400, code="context_length_exceeded")
    if (isinstance(fault, litellm.Timeout) and "ConnectTimeout" not in causes) or causes & _SILENCE:
        return BackendError("timeout", message, status=504)
    if causes & _TLS:
        return BackendError("tls", message)
    if causes & _NO_CONNECTION:
        return BackendError("connect", message)
    if isinstance(fault, litellm.RateLimitError):
        return BackendError("status 429", message, status=429, retry_after=_retry_after(fault))
    if status in (408, 409, 425) or status >= 500:
        return BackendError("broken", message, status=status, retry_after=_retry_after(fault))
    return BackendError("refused", message, status=status, code=code)


def _causes(fault: BaseException) -> Iterable[BaseException]:
    seen: set[int] = set()
    todo: list[BaseException | None] = [fault]
    while todo:
        cause = todo.pop()
        if cause is not None and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            todo += [cause.__cause__, cause.__context__]


def _message(fault: Exception, redact: Redactor) -> str:
    text = str(getattr(fault, "message", "") or fault).partition("\nTraceback (most")[0]
    while (shorter := _DECORATION.sub("", text, count=1)) != text:
        text = shorter
    text = redact(_HANDLE.sub("", _inner(text))).strip()
    return text[:LONGEST] or type(fault).__name__


def _inner(text: str) -> str:
    """The provider's own sentence, where LiteLLM passes on its whole error body."""
    try:
        error = orjson.loads(text).get("error")
        message = error.get("message")
    except (ValueError, AttributeError):
        return text
    return message if isinstance(message, str) and message else text


def _retry_after(fault: Exception) -> float | None:
    """Seconds that the provider asks to wait."""
    response = getattr(fault, "response", None)
    for headers in (getattr(fault, "litellm_response_headers", None), getattr(response, "headers", None)):
        value = headers.get("retry-after") if headers is not None else None
        if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value)
    return None


def _code(fault: Exception) -> str | None:
    code = getattr(fault, "code", None)
    return code if isinstance(code, str) else None
