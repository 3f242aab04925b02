"""The runs by themselves: a network, processes and mounts of their own, in which there is nothing but loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

__all__ = ["NOWHERE", "enter", "reaches"]

INSIDE = "SIGNALBOX_RUNS_ALONE"
SETUP = 'ip link set lo up && mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'
NOWHERE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9") | {
    "no_proxy": "127.0.0.1,localhost",
    "NO_PROXY": "127.0.0.1,localhost",
}
"""Where the system lets nobody have namespaces: proxies that nobody answers at, for programs that heed them."""


def enter(arguments: list[str]) -> int | None:
    """Run `tests.harnesses` again inside and give its exit code; None when this is inside, or nobody may go there."""
    if os.environ.get(INSIDE):
        return None
    names = Path("/tmp") / f"signalbox-resolv-{os.getpid()}"
    names.write_text("nameserver 127.0.0.1\n")
    own = ["unshare", *([] if os.geteuid() == 0 else ["-r"]), "-nmpf", "--mount-proc", "--kill-child"]
    begin = [*own, "sh", "-c", SETUP, "sh", str(names)]
    try:
        if subprocess.run([*begin, "true"], capture_output=True).returncode:
            return None
        command = [*begin, sys.executable, "-m", "tests.harnesses", *arguments]
        return subprocess.run(command, env={**os.environ, INSIDE: "1"}).returncode
    except FileNotFoundError:
        return None
    finally:
        names.unlink()


def reaches() -> list[str]:
    """What can be reached from here beside loopback: network interfaces, and an address of the internet. Should be
    empty."""
    there = [name for _, name in socket.if_nameindex() if name != "lo"]
    with socket.socket() as probe:
        probe.settimeout(3)
        if probe.connect_ex(("1.1.1.1", 443)) == 0:
            there.append("1.1.1.1")
    return there
