"""Who may come in without a key: programs of this machine, its pages, and pages that are allowed."""

from __future__ import annotations

import pytest

from router.api.cors import MOST_HOSTS, Cors

HERE = "127.0.0.1:4000"
ALLOWED = ["https://app.example", "http://box.lan:4000"]


def stranger(allowed: list[str] = ALLOWED, navigates: bool = False, **headers: str) -> str | None:
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Cors(allowed).stranger(raw, navigates)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.0.0.1:4000", "127.8.9.1:1", "[::1]", "[::1]:4000", "0.0.0.0:4000"),
        *("localhost", "localhost:4000", "LocalHost:80", "signalbox.localhost:4000"),
        *("app.example", "app.example:4000", "box.lan:4000"),
    ],
)
def test_a_name_of_this_machine_or_of_an_allowed_page_is_answered(host: str) -> None:
    assert stranger(host=host) is None


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:4000", "127.0.0.1.evil.example", "localhost.evil.example", "evil-localhost"),
        *("box.lan.evil.example", "192.168.1.7:4000", "[2001:db8::1]:4000", "host.docker.internal:4000"),
        *("", "[::1", "signalbox:4000", "\xe9.example", "a b"),
    ],
)
def test_any_other_name_is_refused_with_what_to_do(host: str) -> None:
    why = stranger(host=host)
    assert why is not None and "signalbox keys new" in why and f"http://{host} to SIGNALBOX_CORS_ORIGINS" in why
    assert stranger(["*"], host=host) is None or not host.strip("[: 1") or " " in host


def test_a_request_without_a_name_is_no_browsers() -> None:
    assert stranger() is None


def test_names_seen_are_remembered_and_not_without_end() -> None:
    cors = Cors([])
    for number in range(2 * MOST_HOSTS):
        assert cors.stranger([(b"host", b"localhost:%d" % number)]) is None
        assert cors.stranger([(b"host", b"evil.example:%d" % number)]) is not None
    assert len(cors._hosts) == MOST_HOSTS


@pytest.mark.parametrize(
    ("origin", "let_in"),
    [
        *(("https://app.example", True), ("http://localhost:3000", True), ("http://[::1]:3000", True)),
        *(("chrome-extension://abc", True), ("app://obsidian.md", True), ("null", False), ("http://[broken", False)),
        *(("https://evil.example", False), ("http://app.example", False), ("http://localhost.evil.example", False)),
    ],
)
@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin"])
@pytest.mark.parametrize("navigates", [True, False])
def test_the_origin_says_which_page_calls(navigates: bool, site: str, origin: str, let_in: bool) -> None:
    why = stranger(host=HERE, origin=origin, sec_fetch_site=site, sec_fetch_mode="cors", navigates=navigates)
    assert (why is None) is let_in
    assert stranger(["*"], host=HERE, origin=origin, sec_fetch_site=site) is None
    assert stranger([origin], host=HERE, origin=origin, sec_fetch_site=site) is None


@pytest.mark.parametrize(
    ("site", "mode", "navigates", "let_in"),
    [
        *(("cross-site", "no-cors", False, False), ("cross-site", "no-cors", True, False)),
        *(("cross-site", "navigate", False, False), ("cross-site", "navigate", True, True)),
        *(
            ("none", "navigate", False, True),
            ("same-origin", "cors", False, True),
            ("same-site", "no-cors", True, True),
        ),
    ],
)
def test_a_page_that_sends_no_origin_is_told_by_its_site(site: str, mode: str, navigates: bool, let_in: bool) -> None:
    why = stranger(host=HERE, sec_fetch_site=site, sec_fetch_mode=mode, navigates=navigates)
    assert (why is None) is let_in
    assert stranger(["*"], host=HERE, sec_fetch_site=site, sec_fetch_mode=mode) is None
