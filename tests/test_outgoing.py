"""Which headers of a client are sent to a backend."""

from __future__ import annotations

import pytest

from router.outgoing import passed_on
from router.request.envelope import Envelope, Headers

Raw = list[tuple[bytes, bytes]]
KEY: Raw = [(b"authorization", b"Bearer the-key")]


def kept(*headers: tuple[bytes, bytes], key: str | None = "me") -> Raw:
    return passed_on(Envelope("/v1/chat/completions", headers=Headers(headers), key=key))


@pytest.mark.parametrize("shown", [KEY[0], (b"x-api-key", b"the-key "), (b"api-key", b"the-key")])
@pytest.mark.parametrize("value", [b"the-key", b"Bearer the-key", b"Token\tthe-key "])
def test_a_header_that_repeats_the_key_is_not_among_them(value: bytes, shown: tuple[bytes, bytes]) -> None:
    others = [(b"accept", b"*/*"), (b"x-session-id", b"s1"), (b"x-odd", b"the-key-and-more"), (b"x-empty", b"")]
    assert kept(shown, *others, (b"x-litellm-api-key", value)) == others


def test_where_no_key_is_in_use_nothing_is_a_key() -> None:
    repeated = (b"x-litellm-api-key", b"the-key")
    assert kept(*KEY, repeated, key=None) == [repeated]


def test_an_empty_credential_is_repeated_nowhere() -> None:
    assert kept((b"authorization", b""), (b"x-empty", b"")) == [(b"x-empty", b"")]
