"""Client keys: who is let in, and what is never shown."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable

import pytest

from router.accounts.keys import (
    PREFIX,
    ClientKey,
    Keys,
    digest_of,
    from_environment,
    is_whole,
    new_key,
    parse_keys,
)
from router.config.grant import Grant, grant
from router.refusal import Refusal
from router.settings import Settings

KEYS = Keys(from_environment({"me": "sk-one", "team": "sk-two", "far": "sk-öne"}))
Headers = list[tuple[bytes, bytes]]
MADE = "sk-sb-miWOlj3Sppr28lMXIV193sjAskitFgwn2M3Xyi"
"""A key that somebody has made, and nobody here knows."""


@pytest.mark.parametrize(
    ("headers", "alias"),
    [
        ([(b"authorization", b"Bearer sk-one")], "me"),
        ([(b"authorization", b"bearer  sk-two ")], "team"),
        ([(b"authorization", b"BEARER\tsk-two")], None),
        ([(b"x-api-key", b"sk-two")], "team"),
        ([(b"x-api-key", b"  sk-two\t")], "team"),
        ([(b"api-key", b"sk-two")], "team"),
        ([(b"x-goog-api-key", b"sk-two")], None),
        ([(b"authorization", b"Bearer wrong"), (b"x-api-key", b"sk-one")], "me"),
        ([(b"x-api-key", b"wrong"), (b"authorization", b"Bearer sk-one")], "me"),
        ([(b"authorization", b"Bearer wrong"), (b"authorization", b"Bearer sk-one")], "me"),
        ([(b"x-api-key", b"sk-two"), (b"authorization", b"Bearer sk-one")], "team"),
        ([(b"authorization", b"Basic sk-one")], None),
        ([(b"authorization", b"sk-one")], None),
        ([(b"authorization", b"Bearer ")], None),
        ([(b"authorization", b"Bearer sk-on")], None),
        ([(b"authorization", b"Bearer SK-ONE")], None),
        ([(b"x-api-key", "sk-öne".encode())], "far"),
        ([(b"x-api-key", "sk-öne".encode("latin-1"))], None),
        ([(b"x-api-key", b"sk-one" * 200)], None),
        ([(b"x-api-key", b"\x00\xff")], None),
        ([(b"cookie", b"sk-one")], None),
        ([], None),
    ],
)
def test_a_key_is_found_in_its_headers_and_nothing_else_is(headers: Headers, alias: str | None) -> None:
    if alias is not None:
        assert KEYS.admit(headers).alias == alias
        return
    with pytest.raises(Refusal) as refused:
        KEYS.admit(headers)
    assert refused.value.status == 401
    assert "sk-" not in refused.value.message


def test_an_expired_key_opens_nothing_and_is_told_so_to_whoever_holds_it() -> None:
    past, future = time.time() - 1, time.time() + 60
    keys = Keys(
        [
            ClientKey("old", digest_of("k-old"), "rules", None, past),
            ClientKey("new", digest_of("k-new"), "rules", None, future),
        ]
    )
    assert keys.admit([(b"x-api-key", b"k-new")]).alias == "new"
    with pytest.raises(Refusal, match='"old" has expired'):
        keys.admit([(b"x-api-key", b"k-old")])


def test_of_two_entries_for_one_key_the_first_counts() -> None:
    limited = ClientKey("same", digest_of("k"), "rules", grant("same", ["a"], None))
    assert Keys([limited, *from_environment({"free": "k"})]).admit([(b"x-api-key", b"k")]) is limited


def test_keys_of_ten_thousand_are_all_found_and_looking_does_not_grow_with_them() -> None:
    many = Keys(from_environment({f"a{n}": f"key-{n}" for n in range(10_000)}))
    assert all(many.admit([(b"x-api-key", f"key-{n}".encode())]).alias == f"a{n}" for n in range(0, 10_000, 97))
    assert max(map(len, many._table.values())) < 3


def test_a_digest_that_only_begins_alike_is_another_key() -> None:
    digest = hashlib.sha256(b"right").digest()
    keys = Keys([ClientKey("liar", digest[:8] + bytes(24), "ledger"), ClientKey("right", digest, "ledger")])
    assert keys.admit([(b"x-api-key", b"right")]).alias == "right"


def test_without_any_key_none_is_needed_unless_the_door_is_closed() -> None:
    assert not Keys([])
    assert Keys([], closed=True)
    with pytest.raises(Refusal):
        Keys([], closed=True).admit([(b"x-api-key", b"k")])


def test_new_keys_are_long_random_and_tell_when_a_piece_is_missing() -> None:
    made = {new_key() for _ in range(200)}
    assert len(made) == 200
    for key in made:
        assert key.startswith(PREFIX) and len(key) == len(PREFIX) + 38 and key.isascii()
        assert is_whole(key.encode())
        assert not is_whole(key[:-1].encode())
        assert not is_whole((key[:10] + ("x" if key[10] != "x" else "y") + key[11:]).encode())
    with pytest.raises(Refusal, match="not whole"):
        KEYS.admit([(b"x-api-key", made.pop()[:-3].encode())])
    with pytest.raises(Refusal, match=r"not known here$"):
        KEYS.admit([(b"x-api-key", new_key().encode())])


def test_a_key_may_be_told_by_its_digest() -> None:
    hashed = "sha256:" + hashlib.sha256(b"k").hexdigest()
    assert digest_of(hashed) == digest_of("k") == hashlib.sha256(b"k").digest()
    told = Keys(from_environment({"a": hashed}))
    assert told.admit([(b"x-api-key", b"k")]).alias == "a"
    with pytest.raises(Refusal):
        told.admit([(b"x-api-key", hashed.encode())])


def test_of_a_clients_credentials_ours_are_not_passed_on_unless_they_may_be() -> None:
    sent = [
        (b"authorization", b"Bearer sk-provider"),
        (b"x-api-key", b"sk-one"),
        (b"cookie", b"a=b"),
        (b"x-goog-api-key", b"google"),
    ]
    assert KEYS.passed(sent, None) == [sent[0], sent[3]]
    assert KEYS.passed([(b"authorization", b"bearer  sk-one")], Grant("me", private=True)) == []
    both = Grant("both", pass_key=True)
    keys = Keys([ClientKey("both", digest_of("sk-one"), "rules", both), *from_environment({"team": "sk-two"})])
    assert keys.passed(sent, both) == [sent[0], sent[1], sent[3]]
    assert keys.passed([(b"api-key", b"sk-two"), sent[1]], both) == [sent[1]], "each key for itself"


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "api-key", "x-goog-api-key"])
@pytest.mark.parametrize("key", ["sk-one", "of the admin, 16", "sk-revoked", MADE, "sk two words"])
@pytest.mark.parametrize(
    "write",
    [
        str,
        "Bearer {}".format,
        "Bearer\t{}".format,
        "bearer  {} ".format,
        "Token {}".format,
        lambda key: basic(f"user:{key}"),
        lambda key: basic(f"{key}:"),
        lambda key: basic(key),
    ],
)
def test_a_key_of_this_proxy_is_not_passed_on_however_it_is_written_and_whatever_has_become_of_it(
    write: Callable[[str], str], key: str, name: str
) -> None:
    opening = from_environment({"me": "sk-one", "words": "sk two words"})
    keys = Keys(opening, kept_here=[digest_of("of the admin, 16"), digest_of("sk-revoked")])
    sent = [(name.encode(), write(key).encode())]
    assert keys.passed(sent, None) == []
    other = [(name.encode(), write("sk-of-a-provider").encode())]
    assert keys.passed(other, None) == other


@pytest.mark.parametrize("value", [b"", b"Bearer", b"Basic ", b"Basic \xff", b"Basic sk-one-", b"\t", b"sk-sb-short"])
def test_credentials_that_say_nothing_are_passed_on_as_they_are(value: bytes) -> None:
    assert KEYS.passed([(b"authorization", value)], None) == [(b"authorization", value)]


def test_a_key_of_another_signalbox_is_passed_on_where_keys_of_ours_may_be() -> None:
    theirs = [(b"authorization", b"Bearer " + new_key().encode())]
    assert KEYS.passed(theirs, None) == []
    assert KEYS.passed(theirs, Grant("me", pass_key=True)) == theirs


def test_a_key_may_hold_colons_and_spaces_around_it_do_not_count() -> None:
    assert parse_keys(" a : x:y , b:z ,") == {"a": "x:y", "b": "z"}


@pytest.mark.parametrize("text", ["secret-without-alias", "a:", ":secret", "a:one,a:secret"])
def test_a_faulty_list_of_keys_is_refused_without_showing_a_key(text: str) -> None:
    with pytest.raises(ValueError, match=r"alias|stands twice") as caught:
        parse_keys(text)
    assert "secret" not in str(caught.value)


def test_settings_print_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_KEYS", "me:sk-very-secret")
    monkeypatch.setenv("SIGNALBOX_ADMIN_KEY", "very-secret-as-well")
    told = Settings()
    assert {alias: key.get_secret_value() for alias, key in told.keys.items()} == {"me": "sk-very-secret"}
    assert told.admin_key is not None and told.admin_key.get_secret_value() == "very-secret-as-well"
    assert "very-secret" not in repr(told)
    assert "very-secret" not in repr(from_environment({"me": "sk-very-secret"}))
