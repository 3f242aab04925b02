"""GitHub as far as Copilot needs it, on loopback: device codes, access tokens, keys, chat completions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.upstream import Request, Upstream, respond, upstream

__all__ = ["TOKEN", "GitHub", "github"]

TOKEN = "ghu_aTokenOfATest1234567890"
KEY = "tid=aKeyOfATest0123456789;exp=1"


@dataclass
class GitHub:
    """`answers` are what the questions for a token get, one after the other; the last for ever."""

    folder: Path
    answers: list[dict[str, Any]] = field(default_factory=lambda: [{"access_token": TOKEN}])
    subscribed: bool = True
    keys: int = 0
    slow: float = 0.0
    """Seconds before a key is given."""
    lifetime: float = 1800.0
    behind: float = 0.0
    """Seconds by which its clock is behind that of the tests."""
    tells_refresh: bool = True
    server: Upstream = field(default_factory=Upstream)

    @property
    def environ(self) -> dict[str, str]:
        root = f"http://127.0.0.1:{self.server.port}"
        return {
            "GITHUB_COPILOT_TOKEN_DIR": str(self.folder),
            "GITHUB_COPILOT_DEVICE_CODE_URL": f"{root}/device",
            "GITHUB_COPILOT_ACCESS_TOKEN_URL": f"{root}/token",
            "GITHUB_COPILOT_API_KEY_URL": f"{root}/key",
        }

    @property
    def chats(self) -> list[Request]:
        """What models were asked."""
        return [each for each in self.server.requests if each.target in ("/chat/completions", "/responses")]

    async def play(self, request: Request, writer: asyncio.StreamWriter) -> None:
        root = f"http://127.0.0.1:{self.server.port}"
        if request.target == "/device":
            code = {"device_code": "d1", "user_code": "AB-12", "verification_uri": f"{root}/login", "interval": 0.01}
            respond(writer, 200, code)
        elif request.target == "/token":
            respond(writer, 200, self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
        elif request.target == "/key" and self.subscribed and request.headers["authorization"] == f"token {TOKEN}":
            await asyncio.sleep(self.slow)
            self.keys += 1
            ends = time.time() - self.behind + self.lifetime
            key = {"token": KEY, "expires_at": ends, "endpoints": {"api": root}}
            if self.tells_refresh:
                key["refresh_in"] = self.lifetime - 300
            respond(writer, 200, key)
        elif request.target == "/key":
            respond(writer, 403, {"message": "no"})
        else:
            await self.server.answer(request, writer)


@contextmanager
def github(folder: Path) -> Iterator[GitHub]:
    """For the length of a test; its login is kept in this folder."""
    with upstream() as server:
        hub = GitHub(folder, server=server)
        server.play = hub.play
        yield hub
