"""Where clients put keys."""

from __future__ import annotations

import pytest

from router.request.credentials import sounds_secret, without_keys


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *(("Authorization", True), ("x-api-key", True), ("X-Auth-Token", True), ("cookie", True), ("x-tenant", False)),
        *(("Helicone-Auth", True), ("x_auth", True), ("x-oauth", True), ("X-Author", False), ("authority", False)),
    ],
)
def test_some_names_promise_a_secret(name: str, secret: bool) -> None:
    assert sounds_secret(name) is secret


@pytest.mark.parametrize(
    ("query", "left"),
    [
        (b"a=1&key=secret&b", b"a=1&b"),
        (b"api_key=x", b""),
        (b"%61pi_KEY=x&keys=2&monkey=3", b"keys=2&monkey=3"),
        (b"a=%26key%3Dx&&b=+", b"a=%26key%3Dx&&b=+"),
        (b"\xff=1&access_token=\xfe", b"\xff=1"),
    ],
)
def test_a_query_loses_its_keys_and_nothing_else(query: bytes, left: bytes) -> None:
    assert without_keys(query) == left
