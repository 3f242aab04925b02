"""The marks by which models were taught to fill in, by family. A server that knows nothing of a suffix is sent these.

Those of Qwen2.5-Coder, StarCoder and Stable Code, Code Llama, DeepSeek-Coder and CodeGemma are as Continue writes them
(core/autocomplete/templating/AutocompleteTemplate.ts of continuedev/continue), Codestral's as Mistral does
(concept-deep-dive/tokenization/chat_templates.md of mistralai/cookbook, with a space behind `[PREFIX]`). That Granite
3.3 and 4 can fill in is IBM's word; that their marks have the form of Qwen's, and those of Granite Code the form of
StarCoder's, was not found in IBM's writing. llama.cpp's server and the process's own llama.cpp need none of this: a
GGUF file names its tokens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["FAMILIES", "Family", "family_of"]


@dataclass(frozen=True, slots=True)
class Family:
    """How a prompt with a gap is written."""

    name: str
    names: str
    """A regular expression on the lower-case name of a model."""
    form: str
    """With `{prefix}` and `{suffix}`."""
    stops: tuple[str, ...]
    """Marks that end an answer, where the server does not know them for that."""
    file: str | None = None
    """How another file stands before it, with `{name}` and `{text}`; None: there is no way."""

    def prompt(self, prefix: str, suffix: str, files: Sequence[tuple[str, str]] = ()) -> str:
        """The whole prompt. What stands in the texts themselves is not looked at."""
        if self.file is None:
            before = ""
        else:
            file = self.file
            before = "".join(file.replace("{name}", name, 1).replace("{text}", text, 1) for name, text in files)
        head, tail = (prefix, suffix) if self.form.index("{prefix}") < self.form.index("{suffix}") else (suffix, prefix)
        one, two, three = re.split(r"\{(?:prefix|suffix)\}", self.form)
        return f"{before}{one}{head}{two}{tail}{three}"


_PIPED = "<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>"
_PLAIN = "<fim_prefix>{prefix}<fim_suffix>{suffix}<fim_middle>"

FAMILIES = {
    family.name: family
    for family in (
        Family(
            "qwen",
            r"qwen.*coder",
            _PIPED,
            ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>", "<|file_sep|>", "<|endoftext|>"),
            "<|file_sep|>{name}\n{text}\n",
        ),
        Family(
            "starcoder",
            r"star-?coder|starchat|stable-?code|refact|codeqwen|granite.*code",
            _PLAIN,
            ("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<file_sep>", "<|endoftext|>"),
        ),
        Family("granite", r"granite-?(?:3\.[3-9]|4)", _PIPED, ("<|fim_prefix|>", "<|fim_middle|>", "<|end_of_text|>")),
        Family("codellama", r"code-?llama", "<PRE> {prefix} <SUF>{suffix} <MID>", ("<EOT>", "<PRE>", "<SUF>", "<MID>")),
        Family(
            "deepseek",
            r"deepseek-?coder",
            "<｜fim▁begin｜>{prefix}<｜fim▁hole｜>{suffix}<｜fim▁end｜>",
            ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>", "<｜end▁of▁sentence｜>"),
        ),
        Family(
            "codestral",
            r"codestral",
            "[SUFFIX]{suffix}[PREFIX]{prefix}",
            ("[PREFIX]", "[SUFFIX]"),
        ),
        Family(
            "codegemma",
            r"codegemma",
            _PIPED,
            ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_separator|>"),
        ),
    )
}
"""By the name that `fill_in` may say."""


def family_of(model: str) -> Family | None:
    """That of a model by its name; None where it tells none."""
    name = model.lower()
    return next((family for family in FAMILIES.values() if re.search(family.names, name)), None)
