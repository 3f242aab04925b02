"""How long a server asks to be left alone."""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime

__all__ = ["retry_after"]

_SECONDS = re.compile(r"\d{1,9}(\.\d{1,6})?")


def retry_after(headers: list[tuple[bytes, bytes]]) -> float | None:
    """Seconds, from `retry-after-ms` (OpenAI's) or `Retry-After` (RFC 9110 §10.2.3: seconds or a date); None where
    neither is there or can be read. Names are in lower case."""
    date = None
    for name, value in headers:
        if name in (b"retry-after-ms", b"retry-after"):
            text = value.decode("latin-1").strip()
            if name == b"retry-after-ms" and _SECONDS.fullmatch(text):
                return float(text) / 1000
            if name == b"retry-after":
                date = text
    if date is None:
        return None
    if _SECONDS.fullmatch(date):
        return float(date)
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
