"""What of a client's body LiteLLM gets to see."""

from __future__ import annotations

from typing import Any

import pytest

from router.backends.contract import BackendError
from router.backends.litellm_request import arguments, refuse_unsendable


@pytest.mark.parametrize(
    "data",
    [
        {"messages": [None]},
        {"messages": ["x", {"role": "user"}]},
        {"messages": [{"role": "user", "content": "\ud83d"}]},
    ],
)
def test_a_body_on_which_litellm_fails_is_refused_as_the_clients_fault(data: dict[str, Any]) -> None:
    with pytest.raises(BackendError) as caught:
        refuse_unsendable(data)
    assert (caught.value.reason, caught.value.status) == ("refused", 400)


def test_a_client_cannot_choose_where_our_key_is_sent() -> None:
    data = {"messages": [], "api_base": "http://evil.example", "api_key": "x", "mock_response": "y", "temperature": 1}
    assert arguments("/v1/chat/completions", data, openai=False) == {"messages": [], "temperature": 1}
    sent = arguments("/v1/chat/completions", data, openai=True)
    assert set(sent) == {"messages", "temperature", "extra_body"}
