"""A client's files on disk: what would change, the writing of it, and the way back.

Of each file we change there are two copies in the data folder: as it was before, and as we wrote it. While it
is still as we wrote it, undoing puts the former back, byte for byte; else only our part is taken out.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from router.clients.contract import Change
from router.clients.formats import Unreadable, edited, read
from router.clients.merge import GONE, Unmergeable, merged, without

__all__ = ["Refused", "Step", "Store", "planned"]

BOM = "\ufeff"


class Refused(Exception):
    """A file is left as it is; the message says which, where and why."""


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to one file. `before` and `after` are None where there is no file."""

    path: Path
    form: Literal["json", "toml", "yaml"]
    before: str | None
    after: str | None
    secret: bool = False
    """A key stands in it: only its owner may read it."""


def planned(change: Change, home: Path, key: str | None) -> Step:
    """What a change makes of its file. Raises Refused."""
    path = _inside(change.path, home)
    before = _content(path)
    try:
        data = _parsed(change.form, before)
        new = merged(data, change.puts)
        after = before if new is GONE else _edited(change.form, before or "", new)
    except (Unreadable, Unmergeable) as error:
        raise _refusal(path, error) from None
    return Step(path, change.form, before, after, key is not None and after is not None and key in after)


def _refusal(path: Path, error: Exception) -> Refused:
    return Refused(f"{path}:{error}\nNothing was changed. Mend it and try again, or put the lines in by hand.")


def _inside(path: Path, home: Path) -> Path:
    """The file itself, behind links. Raises Refused where it lies outside of the home folder."""
    try:
        real = path.resolve()
    except (OSError, RuntimeError) as error:
        raise Refused(f"{path}: {error}") from None
    if not real.is_relative_to(home.resolve()):
        raise Refused(f"{path} lies outside of your home folder ({real}): nothing is written there.")
    return real


def _content(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Refused(f"{path} is not UTF-8: it is left as it is.") from None


def _parsed(form: str, text: str | None) -> Any:
    return read(form, (text or "").removeprefix(BOM))


def _edited(form: str, text: str, new: Any) -> str:
    """Keeps a byte order mark, and Windows' line ends where all are."""
    mark = BOM if text.startswith(BOM) else ""
    body = text.removeprefix(BOM)
    windows = "\n" in body and body.count("\r\n") == body.count("\n")
    result = edited(form, body.replace("\r\n", "\n") if windows else body, new)
    return mark + (result.replace("\n", "\r\n") if windows else result)


class Store:
    """What was written for one client."""

    def __init__(self, data: Path, client: str):
        self._folder = data / "clients" / client
        self._index = self._folder / "files.json"

    def write(self, steps: list[Step]) -> None:
        """Do them; the copies first. Raises Refused, OSError."""
        for step in steps:
            if step.after is None or step.after == step.before:
                continue
            known = self._records().get(str(step.path))
            before = step.before
            if known is not None:
                undone = self._undone(step.path, known)
                before = undone.after
            self._keep(step, before)
            _replace(step.path, step.after, step.secret)

    def undo(self, force: bool) -> list[Step]:
        """The way back for each file that was written. Raises Refused."""
        return [self._undone(Path(path), record, force) for path, record in self._records().items()]

    def revert(self, steps: list[Step]) -> None:
        """Go it, and forget."""
        records = self._records()
        for step in steps:
            if step.after is None:
                step.path.unlink(missing_ok=True)
            elif step.after != step.before:
                _replace(step.path, step.after, False)
                step.path.chmod(records[str(step.path)]["mode"])
        for file in self._folder.iterdir():
            file.unlink()
        self._folder.rmdir()

    def _undone(self, path: Path, record: dict[str, Any], force: bool = False) -> Step:
        form = record["form"]
        before = self._copy(path, "before") if record["existed"] else None
        written, now = self._copy(path, "written"), _content(path)
        if now == written or force:
            return Step(path, form, now, before)
        if now is None:
            return Step(path, form, None, None)
        try:
            left = without(_parsed(form, now), _parsed(form, written), _parsed(form, before))
            after = None if left is GONE and before is None else _edited(form, now, {} if left is GONE else left)
        except Unreadable as error:
            raise Refused(f"{path}:{error}\nMend it, or put back what was there before with --undo --force.") from None
        return Step(path, form, now, after)

    def _records(self) -> dict[str, dict[str, Any]]:
        try:
            found: dict[str, dict[str, Any]] = json.loads(self._index.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise Refused(f"{self._index} cannot be read: {error}") from None
        return found

    def _copy(self, path: Path, what: str) -> str:
        try:
            return self._file(path, what).read_bytes().decode()
        except OSError as error:
            raise Refused(f"the backup {self._file(path, what)} cannot be read: {error.strerror}") from None

    def _file(self, path: Path, what: str) -> Path:
        return self._folder / f"{hashlib.sha256(str(path).encode()).hexdigest()[:12]}.{what}"

    def _keep(self, step: Step, before: str | None) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if before is not None:
            _replace(self._file(step.path, "before"), before, True)
        _replace(self._file(step.path, "written"), step.after or "", True)
        records = self._records()
        known = records.get(str(step.path))
        mode = known["mode"] if known else step.path.stat().st_mode & 0o777 if step.path.exists() else 0o644
        records[str(step.path)] = {"form": step.form, "existed": before is not None, "mode": mode}
        _replace(self._index, json.dumps(records, indent=2), True)


def _replace(path: Path, text: str, secret: bool) -> None:
    """At once or not at all; the permissions stay, but for a file that now holds a key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o7777 if path.exists() else 0o644
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:50]}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            os.fchmod(file.fileno(), mode & 0o700 if secret else mode)
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
