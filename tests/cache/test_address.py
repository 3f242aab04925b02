"""What a Redis URL may say, and what is told when it says something else."""

from __future__ import annotations

from typing import Any

import pytest

from router.cache.address import Address, parse_address


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://h", {"hosts": (("h", 6379),)}),
        ("redis://h:1/2", {"hosts": (("h", 1),), "database": 2}),
        ("redis://:pw@h", {"password": "pw"}),
        ("redis://me:p%40w@h", {"username": "me", "password": "p@w"}),
        ("rediss://h:1", {"tls": True}),
        ("redis://[::1]:7/0", {"hosts": (("::1", 7),)}),
        ("rediss://h?ssl_ca_certs=/ca.pem", {"options": {"ssl_ca_certs": "/ca.pem"}}),
        (
            "redis+sentinel://me:pw@a:1,b/mymaster/3",
            {
                "kind": "sentinel",
                "hosts": (("a", 1), ("b", 26379)),
                "service": "mymaster",
                "database": 3,
                "username": "me",
            },
        ),
        ("redis+cluster://a:1,b:2", {"kind": "cluster", "hosts": (("a", 1), ("b", 2))}),
        ("rediss+cluster://:x@a", {"kind": "cluster", "tls": True, "password": "x"}),
    ],
)
def test_each_kind_is_understood(url: str, told: dict[str, Any]) -> None:
    address = parse_address(url)
    assert {name: getattr(address, name) for name in told} == told


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://u:secret@h", "begins with one of redis://, rediss://"),
        ("u:secret@h:6379", "begins with one of"),
        ("redis://u:secret@", "names no host"),
        ("redis://u:secret@h:port", "names no host, or one that is none"),
        ("redis://u:secret@h/two", "is the number of a database"),
        ("redis://u:secret@h/1/2", "is the number of a database"),
        ("redis+sentinel://u:secret@h", "ends in the service's name"),
        ("redis+cluster://u:secret@h/1", "database 0 only"),
        ("redis://u:secret@h?colour=secret", "colour; known are ssl_ca_certs"),
    ],
)
def test_a_faulty_url_is_told_in_a_sentence_that_shows_no_secret(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse_address(url)
    assert "secret" not in str(caught.value)


def test_an_address_printed_shows_where_it_is_and_no_secret() -> None:
    address = parse_address("redis+sentinel://me:secret@a:1,b:2/main?sentinel_password=secret")
    assert str(address) == "a:1,b:2 (Sentinel, main)"
    assert "secret" not in repr(address)
    assert isinstance(address, Address)
