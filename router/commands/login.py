"""`signalbox login copilot`: log in at GitHub, once; running proxies find the login within seconds."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from router.backends.copilot import Files, renew

__all__ = ["arguments", "run"]

LONGEST = 900.0
"""Seconds that GitHub's codes are good for, where it does not say."""
FORM = "urn:ietf:params:oauth:grant-type:device_code"


class _Failed(Exception):
    """It did not come to a login; the message says why."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Where to log in, or what to do with the login."""
    parser.add_argument("provider", choices=["copilot"], help="GitHub Copilot")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--status", action="store_true", help="say whether there is a login; nothing is sent")
    what.add_argument("--logout", action="store_true", help="forget the login")


def run(args: argparse.Namespace) -> int:
    """0: logged in (or out). 1: not."""
    files = Files()
    if args.status:
        return _status(files)
    try:
        if args.logout:
            print("logged out" if files.forget() else "there was no login")
            return 0
        return _login(files)
    except _Failed as failure:
        print(failure, file=sys.stderr)
    except OSError as error:
        print(f"{files.folder} cannot be used: {error}", file=sys.stderr)
    return 1


def _status(files: Files) -> int:
    if not files.logged_in:
        print(f"not logged in: there is no {files.token}")
        return 1
    left = files.key_ends - time.time()
    print(f"logged in; {files.token}")
    print(f"the key of now is good for {left / 60:.0f} min" if left > 0 else "a key is fetched with the next request")
    return 0


def _login(files: Files) -> int:
    from router.backends.litellm_library import library

    try:
        library()
        from litellm.llms.github_copilot.authenticator import Authenticator
    except ImportError as error:
        raise _Failed(f"LiteLLM cannot be used: {error}") from None
    files.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # LiteLLM would let others look into it
    authenticator = Authenticator()
    try:
        code = authenticator._get_device_code()
    except Exception as fault:  # its own kinds, of one file that is not ours
        raise _Failed(f"GitHub gave no code to log in with: {fault}") from None
    print(f"\n  Open    {code['verification_uri']}\n  enter   {code['user_code']}\n", flush=True)
    print("and confirm there that this may use Copilot for you. Waiting …", flush=True)
    files.keep(_token(authenticator, dict(code)))
    try:
        renew(files)
    except Exception as fault:
        files.forget()
        raise _Failed(
            f"GitHub knows you now, but gives no key for Copilot ({fault}): has this account a subscription?"
        ) from None
    print(f"Logged in. The login is kept in {files.token}, for you alone; a proxy that runs finds it within seconds.")
    return 0


def _token(authenticator: Any, code: dict[str, Any]) -> str:
    """Ask until the user has confirmed, as often as GitHub allows (RFC 8628, §3.4 and §3.5). LiteLLM asks for a minute
    only, and goes on asking where the user has refused."""
    import os

    import httpx
    from litellm.llms.github_copilot import authenticator as told

    url = os.environ.get("GITHUB_COPILOT_ACCESS_TOKEN_URL", told.DEFAULT_GITHUB_ACCESS_TOKEN_URL)
    client_id = os.environ.get("GITHUB_COPILOT_CLIENT_ID", told.DEFAULT_GITHUB_CLIENT_ID)
    asked = {"client_id": client_id, "device_code": code["device_code"], "grant_type": FORM}
    pause = _seconds(code.get("interval"), 5.0)
    until = time.monotonic() + _seconds(code.get("expires_in"), LONGEST)
    while time.monotonic() < until:
        time.sleep(pause)
        try:
            answer = httpx.post(url, json=asked, headers=authenticator._get_github_headers(), timeout=20).json()
        except httpx.TransportError:
            continue  # a network that was away for a moment
        except ValueError:
            raise _Failed("GitHub's answer is no JSON") from None
        if not isinstance(answer, dict):
            raise _Failed("GitHub's answer is no JSON object")
        token, error = answer.get("access_token"), answer.get("error")
        if isinstance(token, str) and token:
            return token
        if error == "slow_down":
            pause = _seconds(answer.get("interval"), pause + 5)
        elif error != "authorization_pending":
            raise _Failed(f"GitHub says: {answer.get('error_description') or error or 'nothing'}")
    raise _Failed("the code has run out before it was confirmed; run this again for a new one")


def _seconds(told: Any, otherwise: float) -> float:
    return float(told) if isinstance(told, int | float) and told > 0 else otherwise
