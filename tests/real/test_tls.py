"""A backend over TLS: trusted, not trusted, and trusted because the rules say so."""

from __future__ import annotations

import json
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.signalbox import post, signalbox
from tests.upstream import chat_chunks, upstream

RULES = """
version: 1
backends:
  secure: {{url: "{url}", model: m, verify: {verify}}}
routes:
  - {{name: all, to: secure}}
"""
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that nobody has signed but itself, with its key in the same file."""
    folder = tmp_path_factory.mktemp("tls")
    both = folder / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(folder / "key"), "-out", str(folder / "crt")]
    subprocess.run(command, check=True, capture_output=True)
    both.write_text((folder / "crt").read_text() + (folder / "key").read_text())
    return both


@pytest.fixture(scope="module")
def context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def body(stream: bool) -> bytes:
    return json.dumps({"stream": stream, "messages": [{"role": "user", "content": "hi"}]}).encode()


@pytest.mark.parametrize("named", [True, False])
def test_plain_and_streamed_answers_come_over_tls(named: bool, certificate: Path, context: ssl.SSLContext) -> None:
    with upstream(tls=context) as server:
        rules = RULES.format(url=server.url, verify=f'"{certificate}"' if named else "false")
        with signalbox(rules) as proxy:
            assert json.loads(post(proxy, CHAT, body(False))[2])["object"] == "chat.completion"
            assert post(proxy, CHAT, body(True))[2] == b"".join(chat_chunks(server.pieces))


def test_a_certificate_that_nobody_trusts_is_told_as_such(context: ssl.SSLContext) -> None:
    with (
        upstream(tls=context) as server,
        signalbox(RULES.format(url=server.url, verify="true"), ready=False) as proxy,
    ):
        status, _, answer = post(proxy, CHAT, body(False))
        message = json.loads(answer)["error"]["message"]
        assert status == 503
        assert "TLS with localhost" in message
        assert (
            "self-signed certificate" in message.lower().replace("_", " ")
            or "certificate_verify_failed" in message.lower()
        )
