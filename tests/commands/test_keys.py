"""`signalbox keys`, as a person uses it."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
import yaml

from router.accounts.key_table import KeyTable
from router.accounts.keys import digest_of, is_whole
from router.cli import main
from router.config.load import parse

BACKENDS = "version: 1\nbackends: {local: {url: 'http://127.0.0.1:9/v1'}}\nroutes: [{name: code, to: local}]\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIGNALBOX_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def test_new_prints_the_key_alone_on_its_output_and_keeps_only_its_digest(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "new", "me"]) == 0
    out, err = capsys.readouterr()
    key = out.strip()
    assert is_whole(key.encode()) and key.startswith("sk-sb-")
    assert "x-api-key" in err and "keys revoke me" in err and key not in err
    (row,) = KeyTable(folder).rows()
    assert (row.key.digest, row.key.grant, row.key.expires) == (digest_of(key), None, None)


def test_limits_are_kept_and_listed_and_no_key_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--route", "code", "--route", "title*", "--backend", "local", "--private", "--pass-key"]
    assert main(["keys", "new", "ci", *options, "--expires", "90d"]) == 0
    key = capsys.readouterr().out.strip()
    assert main(["keys", "list"]) == 0
    listed = capsys.readouterr().out
    assert "routes code, title*; backends local; private; pass_key" in listed
    assert time.strftime("%Y-%m-%d", time.localtime(time.time() + 90 * 86400)) in listed
    assert main(["keys", "list", "--json"]) == 0
    told = capsys.readouterr().out
    (row,) = json.loads(told)["keys"]
    assert (row["alias"], row["from"], row["backends"], row["last_used"]) == ("ci", "ledger", ["local"], None)
    for text in (listed, told):
        assert key not in text and digest_of(key).hex() not in text


def test_keys_of_all_three_places_are_listed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("signalbox.yaml").write_text(f"{BACKENDS}keys: {{ruled: {{key: '${{RULED}}', backends: local}}}}\n")
    monkeypatch.setenv("RULED", "the-key-of-the-rules")
    monkeypatch.setenv("SIGNALBOX_KEYS", "said:the-key-of-the-environment")
    assert main(["keys", "new", "made"]) == 0
    capsys.readouterr()
    assert main(["keys", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["ruled", "rules"],
        ["said", "environment"],
        ["made", "ledger"],
    ]
    assert "the-key" not in "\n".join(lines)


def test_a_revoked_key_is_shown_as_such_until_it_is_forgotten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["keys", "new", "me"])
    assert main(["keys", "new", "me"]) == 1
    assert "already" in capsys.readouterr().err
    assert main(["keys", "revoke", "me"]) == 0
    assert main(["keys", "revoke", "me"]) == 1
    capsys.readouterr()
    main(["keys", "list"])
    assert "revoked" in capsys.readouterr().out
    assert main(["keys", "revoke", "me", "--forget"]) == 0
    capsys.readouterr()
    main(["keys", "list"])
    assert "There are no client keys" in capsys.readouterr().out


def test_lines_for_a_rules_file_hold_the_digest_and_are_what_the_rules_take(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--route", "code", "--backend", "local", "--private", "--expires", "2099-12-31"]
    assert main(["keys", "new", "--yaml", "ci", *options]) == 0
    out, err = capsys.readouterr()
    (key,) = re.findall(r"sk-sb-\w+", err)
    assert "sk-sb-" not in out
    loaded = parse((BACKENDS + out).encode(), "rules.yaml", {})
    assert loaded.problems == ()
    ci = loaded.rules.keys["ci"]
    assert digest_of(ci.key.get_secret_value()) == digest_of(key)
    assert (ci.routes, ci.backends, ci.private) == (["code"], ["local"], True)
    assert ci.expires == time.mktime((2100, 1, 1, 0, 0, 0, 0, 0, -1))
    assert yaml.safe_load(out)["keys"].keys() == {"ci"}
    assert KeyTable(folder).rows() == []


@pytest.mark.parametrize(
    "words",
    [["new", "-- x"], ["new", "a b"], ["new", "a:b"], ["new", "a", "--expires", "soon"], ["new", "x" * 65]],
)
def test_what_cannot_be_is_a_sentence_and_exit_code_2(
    words: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_end = ["keys", *words] if words[1][0] != "-" else ["keys", "new", "--", words[1]]
    assert main(with_end) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not folder.exists()


def test_a_key_that_is_not_in_the_ledger_cannot_be_revoked_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIGNALBOX_KEYS", "said:the-key-of-the-environment")
    assert main(["keys", "revoke", "said"]) == 1
    err = capsys.readouterr().err
    assert "SIGNALBOX_KEYS" in err and "the-key" not in err


def test_explain_and_test_know_what_a_key_may(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        BACKENDS
        + f"keys: {{ci: {{key: 'sha256:{'ab' * 32}', backends: [other, local2]}}}}\n"
        + "tests: [{name: t, key: ci, request: {messages: []}, expect: {refused_by: key}}]\n"
    )
    request = tmp_path / "request.json"
    request.write_text('{"messages": []}')
    assert main(["test", str(rules)]) == 0
    main(["keys", "new", "made", "--backend", "nothing"])
    for alias in ("ci", "made"):
        capsys.readouterr()
        assert main(["explain", "--rules", str(rules), "--key", alias, str(request)]) == 0
        assert f'key: is not for the key "{alias}"' in capsys.readouterr().out
