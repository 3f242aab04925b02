"""What an HTTP server is sent: the call as it came, or in the form that this server understands."""

from __future__ import annotations

from router.backends.contract import Call
from router.config.backend import HttpBackend as Spec
from router.config.facts import Facts
from router.endpoints.filling import in_its_form
from router.endpoints.speech import to_piper
from router.endpoints.transcripts import to_whisper
from router.endpoints.translation import Translation

__all__ = ["toward"]


def toward(call: Call, spec: Spec, facts: Facts) -> Translation | None:
    """None: as it came. Raises BackendError ("refused", 400) for what cannot be said there."""
    if spec.serves == "whisper.cpp":
        return to_whisper(call)
    if spec.serves == "piper":
        return to_piper(call)
    return in_its_form(call, spec, facts)
