"""A program that a model wrote, run apart: a process without a network, with little time, memory and room.

It is a fence against accidents. An interpreter with an audit hook that refuses what a small function has no need of
(files of others, programs, sockets) does not hold somebody who wants to get out, so that nothing is run unless the user
says so (`--run-code`). What starts programs without telling the hook is not imported, and the cases with their results
are not where a program looks first; who walks the frames of the interpreter still finds them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

__all__ = ["Ran", "run_apart"]

SECONDS, PATIENCE = 5, 10.0
"""Of computing, and on the clock."""
MEMORY = 512 * 2**20
LONGEST_CODE = 100_000

_CHILD = r"""
import ctypes, json, os, resource, sys
asked = json.loads(sys.stdin.buffer.read())
out = os.dup(1)
null = os.open(os.devnull, os.O_RDWR)
for at in (0, 1, 2):
    os.dup2(null, at)
cut = False
if sys.platform == "linux":
    libc = ctypes.CDLL(None, use_errno=True)
    cut = libc.unshare(0x40000000) == 0 or libc.unshare(0x10000000 | 0x40000000) == 0
for limit, value in (
    (resource.RLIMIT_CPU, asked["seconds"]), (resource.RLIMIT_FSIZE, 1 << 20), (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_NOFILE, 64), *([(resource.RLIMIT_AS, asked["memory"])] if sys.platform == "linux" else []),
):
    resource.setrlimit(limit, (value, value))
import collections, copy, datetime, functools, itertools, math, re, string, textwrap, typing
roots = tuple({os.path.realpath(path) + os.sep for path in (sys.prefix, sys.base_prefix, os.path.dirname(os.__file__))})
plain = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
apart = ("socket.", "subprocess.", "shutil.", "ctypes.", "os.", "pty.", "signal.", "ftplib.", "urllib.", "http.")
harmless = ("os.listdir", "os.scandir", "os.walk", "os.fwalk", "os.putenv", "os.unsetenv")
unheard = ("_posixsubprocess", "_ctypes", "ctypes")
for name in unheard:
    sys.modules.pop(name, None)
sys.modules["__main__"] = type(sys)("__main__")
def watch(event, args):
    if event == "import" and args[0] in unheard:
        raise PermissionError(args[0] + " is not allowed here")
    if event == "open":
        path, mode, flags = args
        inside = isinstance(path, (str, bytes)) and os.path.realpath(os.fsdecode(path)).startswith(roots)
        if not inside or (isinstance(flags, int) and flags & plain):
            raise PermissionError("no files here")
    elif event.startswith(apart) and event not in harmless:
        raise PermissionError(event + " is not allowed here")
sys.addaudithook(watch)
def same(got, want):
    if isinstance(want, list):
        return isinstance(got, (list, tuple)) and len(got) == len(want) and all(map(same, got, want))
    if isinstance(want, dict):
        return isinstance(got, dict) and dict(got) == want
    return type(got) is type(want) and got == want
def judge():
    space = {"__name__": "answer"}
    try:
        exec(compile(asked["code"], "answer", "exec"), space)
    except BaseException as error:
        return "it does not run: " + type(error).__name__
    if not callable(space.get(asked["name"])):
        return "it defines no " + asked["name"]
    for given, want in asked["cases"]:
        before = copy.deepcopy(given)
        try:
            got = space[asked["name"]](*given)
        except BaseException as error:
            return "it raises " + type(error).__name__
        if not same(got, want):
            return "a wrong result"
        if given != before:
            return "it changes what it is given"
    return ""
why = judge()
os.write(out, json.dumps([asked["mark"], why[:200], cut]).encode())
os._exit(0)
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of it."""

    fault: str | None
    """Why it is wrong; None where it is right."""
    cut_off: bool
    """It had no network to reach, by the kernel and not only by the audit hook."""


async def run_apart(code: str, name: str, cases: Any) -> Ran:
    """Run a program and call its function with each case. Raises OSError where no process can be started."""
    if len(code) > LONGEST_CODE:
        return Ran("it is too long", True)
    mark = secrets.token_hex(16)
    asked = {"code": code, "name": name, "cases": cases, "mark": mark, "seconds": SECONDS, "memory": MEMORY}
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-") as folder:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-c", _CHILD),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=folder,
            env={"HOME": folder, "TMPDIR": folder, "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                told, _ = await child.communicate(json.dumps(asked).encode())
        except TimeoutError:
            return Ran("it does not end", True)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
    return _read(told, mark)


def _read(told: bytes, mark: str) -> Ran:
    try:
        said, why, cut = json.loads(told)
    except ValueError:
        return Ran("it ended the interpreter, or used too much time or memory", True)
    if said != mark:
        return Ran("it wrote where the verdict stands", True)
    return Ran(why or None, bool(cut))
