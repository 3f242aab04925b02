"""Checks of the machine and of what the proxy needs beside its backends."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
import tempfile
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

from router.accounts.key_table import KeyTable
from router.accounts.ledger import FILE, data_dir
from router.checkup.result import Result, failure, fine, skipped, warning
from router.config.known import is_loopback_host
from router.config.schema import Rules
from router.settings import Settings

__all__ = ["clock", "disk", "files", "keys", "ledger", "python"]

NEWEST = (3, 14)
"""Python that this version has been run with."""
FEW_FILES = 4096
"""Each connection is one, and the usual soft limit is raised to the hard one at the start."""
LITTLE, TOO_LITTLE = 5 * 10**9, 2 * 10**8
"""Bytes on a disk: less than the ledger's limit and some logs fails, less than a small model warns."""
SKEW = 120.0
"""Seconds of difference to a backend's clock: signed requests and `expires` of keys begin to fail at minutes."""


def python() -> Result:
    """Its version."""
    version, system = platform.python_version(), f"{platform.system()} {platform.machine()}"
    if sys.version_info[:2] > NEWEST:
        return warning("python", f"{version} is newer than what was tried", "nothing, unless something fails")
    return fine("python", f"{version} on {system}")


def keys(settings: Settings, rules: Rules | None) -> Result:
    """Client keys and the admin key, for the address that is listened on."""
    count = len(settings.keys) + (len(rules.keys) if rules is not None else 0)
    try:
        count += sum(row.revoked is None for row in KeyTable(data_dir(settings.data_dir)).rows())
    except (OSError, ValueError, sqlite3.Error) as error:
        return failure("keys", f"those of the ledger cannot be read: {error}", "SIGNALBOX_DATA_DIR names a folder")
    admin = "an admin key" if settings.admin_key is not None else "no admin key"
    told = f"{count} client {'key' if count == 1 else 'keys'}, {admin}"
    if is_loopback_host(settings.host.strip("[]")):
        return fine("keys", f"{told}; {settings.host} is reached from this machine only")
    if not count:
        return failure("keys", f"{told}, and {settings.host} is reached by others", "signalbox keys new me")
    if settings.admin_key is None:
        fix = 'export SIGNALBOX_ADMIN_KEY="$(openssl rand -hex 24)"'
        return warning("keys", f"{told}: /metrics and /docs are closed on {settings.host}", fix)
    return fine("keys", f"{told}, for {settings.host}")


def clock(dates: list[str], now: float | None = None) -> Result:
    """This machine's against what backends write in `date`, as RFC 9110 has it."""
    now = time.time() if now is None else now
    skews = []
    for date in dates:
        try:
            skews.append(now - parsedate_to_datetime(date).timestamp())
        except (ValueError, TypeError, OverflowError):
            continue
    if now < time.mktime((2025, 1, 1, 0, 0, 0, 0, 0, 0)):
        return failure(
            "clock", f"it is {time.strftime('%Y-%m-%d', time.localtime(now))} here", "timedatectl set-ntp true"
        )
    if not skews:
        return skipped("clock", f"{time.strftime('%Y-%m-%d %H:%M %Z', time.localtime(now))}; no backend tells the time")
    skew = sorted(skews, key=abs)[0]  # of several, one that agrees is enough: the others are wrong
    if abs(skew) > SKEW:
        told = f"{abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'} the clocks of backends"
        return warning("clock", told, "timedatectl set-ntp true, there or here")
    return fine("clock", f"within {max(1, round(abs(skew))):g} s of the backends'")


def disk(settings: Settings, models: list[Path]) -> Result:
    """Room where the ledger and the models lie."""
    places = {place for path in (data_dir(settings.data_dir), *models) if (place := _nearest(path)) is not None}
    rooms = sorted((shutil.disk_usage(place).free, str(place)) for place in places)
    if not rooms:
        return skipped("disk", "no folder of it can be looked into")
    free, fullest = rooms[0]
    told = f"{free / 1e9:,.1f} GB free at {fullest}"
    if free < TOO_LITTLE:
        return failure("disk", told, f"make room: du -xh {fullest} | sort -h | tail")
    if free < LITTLE:
        return warning("disk", told, "a model needs more: `ollama rm NAME` takes one away")
    return fine("disk", told)


def _nearest(path: Path) -> Path | None:
    """The folder, or the one in which it would be made."""
    for place in (path, *path.absolute().parents):
        try:
            if place.is_dir():
                return place
        except OSError:
            continue
    return None


def ledger(settings: Settings) -> Result:
    """Whether requests can be written down. Makes nothing that stays."""
    folder = data_dir(settings.data_dir)
    place = _nearest(folder)
    fix = f"SIGNALBOX_DATA_DIR names another folder; or: chown -R $USER {place}"
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
        file = folder / FILE
        if not file.is_file():
            return fine("ledger", f"begins with the first request, at {file}")
        with sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=2) as database:
            (count,) = database.execute("SELECT count(*) FROM requests").fetchone()
        database.close()
    except (OSError, sqlite3.Error, TypeError) as error:
        return failure("ledger", f"{folder} cannot be written to: {error}", fix)
    return fine("ledger", f"{count:,} requests, {file.stat().st_size / 1e6:,.1f} MB at {file}")


def files() -> Result:
    """How many may be open at once."""
    if sys.platform == "win32" or os.name != "posix":
        return skipped("open files", "this system does not tell")
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < FEW_FILES:
        return warning(
            "open files", f"{most:,} at most: each connection is one", "ulimit -Hn 65536, or LimitNOFILE=65536"
        )
    return fine("open files", "no limit" if most == resource.RLIM_INFINITY else f"{most:,} at most")
