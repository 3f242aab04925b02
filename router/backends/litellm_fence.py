"""LiteLLM kept to the places that the rules name: it follows no redirect and fetches nothing that a request points to.

Several providers take pictures as data only, and for these LiteLLM downloads the address that a client wrote, from
wherever the proxy stands; and its clients follow a provider's redirect with the prompt and, in headers that httpx does
not know as secret (`x-api-key`), with the key.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

__all__ = ["fence"]

NOT_FETCHED = "this proxy does not fetch what a request points to: send pictures and files as data (data:…;base64,…)"


def fence(litellm: Any) -> None:
    """From now on, for the whole process. LiteLLM is its only user of httpx."""
    import httpx
    from litellm.litellm_core_utils import url_utils
    from litellm.llms.gigachat import file_handler

    def refuse(url: str, *_: Any, **__: Any) -> NoReturn:
        raise litellm.ImageFetchError(NOT_FETCHED)  # of all kinds the one that is not tried again

    async def refuse_later(url: str, *_: Any, **__: Any) -> NoReturn:
        refuse(url)

    # All that LiteLLM fetches for a client goes through this check, whose verdict on addresses of its own network is
    # too mild: a public one is one that a request has chosen, too.
    litellm.user_url_validation = True
    url_utils.validate_url = refuse
    file_handler._download_image_sync, file_handler._download_image_async = refuse, refuse_later  # does without it
    for kind in (httpx.Client, httpx.AsyncClient):
        if not hasattr(kind.send, "__wrapped__"):
            setattr(kind, "send", _without_redirects(kind.send))  # noqa: B010  # mypy sees a method


def _without_redirects(send: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(send)
    def sent(self: Any, request: Any, **told: Any) -> Any:
        return send(self, request, **{**told, "follow_redirects": False})

    return sent
