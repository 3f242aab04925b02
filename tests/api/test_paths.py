"""Every spelling of a path that clients use finds its door."""

from __future__ import annotations

import pytest

from router.api.paths import canonical


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/chat/completions", "/v1/chat/completions"),
        ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ("/v1//chat/completions/", "/v1/chat/completions"),
        ("//v1/models", "/v1/models"),
        ("/models/a%2Fb", "/v1/models/a%2Fb"),
        ("/v1/anything/else", "/v1/anything/else"),
        ("/messages", "/v1/messages"),
        ("/rerank", "/v1/rerank"),
        ("/audio/transcriptions", "/v1/audio/transcriptions"),
        ("/health", None),
        ("/", None),
        ("/v1", None),
        ("/anything/else", None),
        ("/v1/../admin", None),
        ("/v1/%2e%2e/admin", None),
        ("/v1/..%2fadmin", None),
        ("/v1/files/%2E%2E%5Cadmin", None),
        ("/v1/models/a..b%2F...", "/v1/models/a..b%2F..."),
        ("/v2/chat/completions", None),
    ],
)
def test_a_path_as_clients_write_it_is_a_door_or_it_is_none(path: str, name: str | None) -> None:
    assert canonical(path) == name
