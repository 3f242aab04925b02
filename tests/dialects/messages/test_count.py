"""The number of tokens, as Anthropic's SDK reads it."""

from __future__ import annotations

import anthropic
import httpx2

from router.dialects.messages.count import counted


def test_the_sdk_reads_the_number() -> None:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, content=counted(17)))
    client = anthropic.Anthropic(api_key="k", http_client=httpx2.Client(transport=transport))
    told = client.messages.count_tokens(model="m", messages=[{"role": "user", "content": "hi"}])
    assert told.input_tokens == 17
