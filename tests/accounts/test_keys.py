"""Client keys: who is let in, and what is never shown."""

from __future__ import annotations

import pytest

from router.accounts.keys import Keys, parse_keys
from router.settings import Settings

KEYS = Keys({"me": "sk-one", "team": "sk-two"})


@pytest.mark.parametrize(
    ("headers", "alias"),
    [
        ([(b"authorization", b"Bearer sk-one")], "me"),
        ([(b"authorization", b"bearer  sk-two ")], "team"),
        ([(b"x-api-key", b"sk-two")], "team"),
        ([(b"authorization", b"Bearer wrong"), (b"x-api-key", b"sk-one")], "me"),
        ([(b"authorization", b"Basic sk-one")], None),
        ([(b"authorization", b"Bearer ")], None),
        ([(b"authorization", b"Bearer sk-on")], None),
        ([(b"x-api-key", "sk-öne".encode())], None),
        ([], None),
    ],
)
def test_a_key_is_found_in_either_header_and_nothing_else_is(
    headers: list[tuple[bytes, bytes]], alias: str | None
) -> None:
    assert KEYS.of(headers) == alias


def test_a_key_may_hold_colons_and_spaces_around_it_do_not_count() -> None:
    assert parse_keys(" a : x:y , b:z ,") == {"a": "x:y", "b": "z"}


@pytest.mark.parametrize("text", ["secret-without-alias", "a:", ":secret", "a:one,a:secret"])
def test_a_faulty_list_of_keys_is_refused_without_showing_a_key(text: str) -> None:
    with pytest.raises(ValueError, match=r"alias|stands twice") as caught:
        parse_keys(text)
    assert "secret" not in str(caught.value)


def test_settings_print_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_KEYS", "me:sk-very-secret")
    assert {alias: key.get_secret_value() for alias, key in Settings().keys.items()} == {"me": "sk-very-secret"}
    assert "very-secret" not in repr(Settings())
