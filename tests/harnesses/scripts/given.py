"""What each script is given, in its environment, and the tool that its tasks need."""

import base64
import os
from pathlib import Path

TASK = os.environ["TASK"]
PROMPT = os.environ["PROMPT"]
URL = os.environ["SIGNALBOX_URL"]
KEY = "any"
MODEL = "auto"
PICTURE = Path("picture.png")


def data_url() -> str:
    """The picture as requests carry it."""
    return "data:image/png;base64," + base64.b64encode(PICTURE.read_bytes()).decode()


def read_note(path: str) -> str:
    """Read a file.

    Args:
        path: Where it is.
    """
    return Path(path).read_text()


PARAMETERS = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
