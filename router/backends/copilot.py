"""GitHub Copilot, as LiteLLM reaches it: the login that must be there, and what Copilot wants to know of a request.

LiteLLM keeps two files: GitHub's access token, good until it is revoked, and the key of Copilot that it buys every half
hour. It would begin a device login or fetch that key in the middle of a request, with calls that block: here neither
happens. A login is made by `signalbox login copilot`, and the key is fetched in a thread before it is needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from router.backends.contract import BackendError
from router.config.facts import Facts
from router.request.initiator import Initiator

__all__ = ["NOT_LOGGED_IN", "PROVIDER", "Copilot", "Files", "headers", "is_copilot"]

PROVIDER = "github_copilot"
NOT_LOGGED_IN = "no login of GitHub Copilot is kept here: run `signalbox login copilot`"
TOO_LATE = "the key that GitHub gives for Copilot has ended before it came: is the clock of this machine right?"
LOOK = 2.0
"""Seconds between two looks for the login."""
EARLY = 60.0
"""Seconds before its end that a key is renewed."""
PATIENCE = 20.0
"""Seconds that this may take."""


def is_copilot(model: str) -> bool:
    """Is this a model of Copilot's, as LiteLLM names them?"""
    return model.startswith(PROVIDER + "/")


class Files:
    """Where LiteLLM keeps the login; the variables are its own (`GITHUB_COPILOT_*`)."""

    def __init__(self, environ: Mapping[str, str] = os.environ):
        folder = environ.get("GITHUB_COPILOT_TOKEN_DIR") or "~/.config/litellm/github_copilot"
        self.folder = Path(folder).expanduser()
        self.token = self.folder / environ.get("GITHUB_COPILOT_ACCESS_TOKEN_FILE", "access-token")
        """Of GitHub."""
        self.key = self.folder / environ.get("GITHUB_COPILOT_API_KEY_FILE", "api-key.json")
        """Of Copilot, with its end."""

    @property
    def logged_in(self) -> bool:
        """A token is there."""
        try:
            return bool(self.token.read_text().strip())
        except (OSError, UnicodeDecodeError):
            return False

    @property
    def key_ends(self) -> float:
        """Seconds of the epoch; 0 without a key."""
        try:
            told = json.loads(self.key.read_text())
            return float(told["expires_at"]) if told.get("token") else 0.0
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return 0.0

    def keep(self, token: str) -> None:
        """A new login; the old key is forgotten. Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.forget()
        with open(os.open(self.token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(token)

    def forget(self) -> bool:
        """True where there was a login. Raises OSError."""
        there = self.token.exists()
        for path in (self.token, self.key):
            path.unlink(missing_ok=True)
        return there

    def seal(self) -> None:
        """LiteLLM writes the key as the umask says: nobody else may read it. Its end becomes one by the clock of this
        machine: GitHub says in how many seconds it wants to be asked again, and when by its own clock."""
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            self.key.chmod(0o600)
            told = json.loads(self.key.read_text())
            if isinstance(soon := told["refresh_in"], int | float) and soon > 0:
                self._write_key({**told, "expires_at": int(time.time() + EARLY + soon)})

    def _write_key(self, told: dict[str, Any]) -> None:
        """At once: others may be reading. Raises OSError."""
        descriptor, path = tempfile.mkstemp(dir=self.folder)  # mode 600
        with open(descriptor, "w") as file:
            json.dump(told, file)
        os.replace(path, self.key)


class Copilot:
    """The login of one backend, watched."""

    def __init__(self, facts: Facts):
        self._facts = facts
        self._files = Files()
        self._renewing = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look for the login from now on."""
        self._look()
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    def stop(self) -> None:
        """No more."""
        if self._watching is not None:
            self._watching.cancel()

    def check(self) -> None:
        """There is a login. Raises BackendError."""
        if not self._look():
            raise BackendError("down", NOT_LOGGED_IN, status=503)

    async def ready(self) -> None:
        """There is a key that holds for this request. Raises BackendError."""
        if self._files.key_ends > time.time() + EARLY:
            return
        async with self._renewing:
            if self._files.key_ends > time.time() + EARLY:
                return
            try:
                async with asyncio.timeout(PATIENCE):
                    await asyncio.to_thread(renew, self._files)
            except TimeoutError:
                raise BackendError("timeout", "GitHub gave no key for Copilot in time", status=504) from None
            except Exception as fault:  # of LiteLLM's, or of the network
                why = (
                    f"GitHub gives no key for Copilot ({type(fault).__name__}); `signalbox login copilot` logs in anew"
                )
                raise BackendError("down", why) from None
            if self._files.key_ends <= time.time():  # LiteLLM would fetch another in the loop, for each request
                raise BackendError("down", TOO_LATE, status=503)

    def _look(self) -> bool:
        there = self._files.logged_in
        if there and self._facts.fault == NOT_LOGGED_IN:
            self._facts.up, self._facts.fault = True, None
        elif not there and self._facts.fault in (None, NOT_LOGGED_IN):
            self._facts.up, self._facts.fault = False, NOT_LOGGED_IN
        return there

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            self._look()


def renew(files: Files) -> None:
    """Have LiteLLM buy a key of Copilot's. Blocks; raises its errors."""
    from litellm.llms.github_copilot.authenticator import Authenticator

    if files.key_ends <= time.time() + EARLY:
        files.key.unlink(missing_ok=True)  # one that ends in a moment counts for LiteLLM
    try:
        Authenticator().get_api_key()
    finally:
        files.seal()


def headers(model: str, said: Initiator, data: Mapping[str, Any]) -> dict[str, str]:
    """What goes with a chat completion: who began it, whether it shows pictures, and the editor that LiteLLM claims to
    be.

    LiteLLM 1.106 says on its own who began it for no chat completion, and forgets the editor, without which Copilot
    answers nothing, as soon as it is given any header. For models of the Responses API it adds it.
    """
    from litellm.llms.github_copilot.common_utils import get_copilot_default_headers
    from litellm.llms.github_copilot.responses.transformation import github_copilot_supports_responses_api

    told: dict[str, str] = {}
    if not github_copilot_supports_responses_api(model=model.removeprefix(PROVIDER + "/")):
        told |= get_copilot_default_headers("")
        del told["Authorization"], told["content-type"]
        told["User-Agent"] = told.pop("user-agent")  # as the OpenAI client spells it, or both would go out
    told["X-Initiator"] = said
    if _shows_images(data.get("messages")):
        told["Copilot-Vision-Request"] = "true"
    return told


def _shows_images(messages: Any) -> bool:
    return any(
        isinstance(part, dict) and part.get("type") == "image_url"
        for message in (messages if isinstance(messages, list) else ())
        if isinstance(message, dict) and isinstance(message.get("content"), list)
        for part in message["content"]
    )
