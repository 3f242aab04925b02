"""Opening the files of a world model, and what is said when that cannot be done."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import BinaryIO

__all__ = ["WorldError", "opened"]


class WorldError(ValueError):
    """A world model cannot be used. The message is a whole sentence that names the file and its fault."""


def opened(path: str | Path) -> BinaryIO:
    """The file, open for reading. Raises WorldError when it is missing, cannot be read, or is a folder or a pipe."""
    try:
        place = Path(path).expanduser()
        mode = place.stat().st_mode
        if stat.S_ISDIR(mode):
            raise WorldError(f"{path} is a folder, and a file is needed.")
        if not stat.S_ISREG(mode):
            raise WorldError(f"{path} is no regular file.")
        return place.open("rb")
    except FileNotFoundError:
        raise WorldError(f"{path} does not exist.") from None
    except OSError as error:
        raise WorldError(f"{path} cannot be read: {error.strerror or error}.") from None
    except WorldError:
        raise
    except (ValueError, RuntimeError) as error:  # a NUL in the path; ~ of a user who is not there
        raise WorldError(f"{str(path)!r} is no path: {error}.") from None
