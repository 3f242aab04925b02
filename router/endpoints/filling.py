"""Which form of a gap a server understands, and the request in that form."""

from __future__ import annotations

from urllib.parse import urlsplit

from router.backends.contract import Call
from router.config.backend import HttpBackend as Spec
from router.config.facts import Facts
from router.endpoints.families import FAMILIES, Family, family_of
from router.endpoints.filled import Filled, Writer
from router.endpoints.gap import COMPLETION, COMPLETIONS, FIM, INFILL, Form, Gap
from router.endpoints.translation import Translation, as_json

__all__ = ["PATHS", "in_its_form", "in_process"]

PATHS = frozenset({COMPLETION, COMPLETIONS, FIM, INFILL})

_BY_SERVER: dict[str, Form] = {"llama.cpp": "infill", "ollama": "suffix"}
"""llama.cpp's `/v1/completions` refuses a `suffix`; Ollama's takes it for models whose template can insert."""
_BY_HOST: dict[str, Form] = {"mistral.ai": "fim", "deepseek.com": "suffix"}
_UNAWARE = ("vllm", "lm-studio")
"""vLLM refuses a suffix (vllm/renderers/online_renderer.py); LM Studio's documentation names none."""


def in_its_form(call: Call, spec: Spec, facts: Facts) -> Translation | None:
    """The call for an HTTP server, where it holds a gap and has to be told otherwise; None where it goes as it came.
    Raises BackendError ("refused", 400)."""
    if call.path not in PATHS or call.method != "POST":
        return None
    form = _form(call, spec, facts)
    if call.path == COMPLETION:
        return _marked_already(call, form)
    if form is None:
        return None
    gap = Gap.of(call.path, call.data)
    if gap is None or form == gap.form:
        # The path of llama.cpp's is not under /v1.
        return _onward(call, "/infill") if gap is not None and form == "infill" else None
    path, data = gap.marked(form) if isinstance(form, Family) else gap.told(form)
    return _translation(call, gap, path, data)


def in_process(call: Call) -> Translation | None:
    """The call for a backend that knows gaps at `/v1/completions` alone. Raises BackendError ("refused", 400)."""
    if call.path not in (COMPLETION, FIM, INFILL) or (gap := Gap.of(call.path, call.data)) is None:
        return None
    return _translation(call, gap, *gap.told("suffix"))


def _translation(call: Call, gap: Gap, path: str, data: dict[str, object]) -> Translation:
    model = call.data.get("model")
    writer = Writer(gap.form, model if isinstance(model, str) else "", gap.usage)
    return Translation(as_json(call, path, data), lambda answer: Filled(answer, writer, gap.stream))


def _onward(call: Call, path: str) -> Translation:
    return Translation(as_json(call, path, call.data), lambda answer: answer)


def _marked_already(call: Call, form: Form | Family | None) -> Translation | None:
    """llama.cpp's `/completion`: a plain completion to all others, with the answer in llama.cpp's words."""
    if form == "infill":
        return _onward(call, "/completion")
    gap = Gap.of(COMPLETION, call.data)
    return None if gap is None else _translation(call, gap, *gap.told("fim" if form == "fim" else "suffix"))


def _form(call: Call, spec: Spec, facts: Facts) -> Form | Family | None:
    if spec.fill_in in FAMILIES:
        return FAMILIES[spec.fill_in]
    if spec.fill_in in ("infill", "suffix", "fim"):
        return spec.fill_in
    if facts.server in _BY_SERVER:
        return _BY_SERVER[facts.server]
    host = urlsplit(spec.url).hostname or ""
    for known, form in _BY_HOST.items():
        if host == known or host.endswith(f".{known}"):
            return form
    model = call.data.get("model")
    return family_of(model) if facts.server in _UNAWARE and isinstance(model, str) else None
