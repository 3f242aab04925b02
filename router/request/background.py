"""Signs of a client's background calls: titles and the like, and summaries that carry a conversation on."""

from __future__ import annotations

import re
from collections.abc import Callable

from router.request.wording import Phrases, Wording, any_of

__all__ = ["asks_for_a_summary", "asks_for_a_title", "background_call", "background_prompt"]

_TITLE_PROMPT = re.compile(
    any_of(
        r"\byou are (?:an? )?(?:[\w-]+ ){0,4}(?:title|headline|tag|commit message) (?:generator|writer|maker"
        r"|assistant)\b",
        r"(?:^|[.\n:]\s*|\bthat |\byou |\byour (?:task|job|role|only task) is to |\bplease )(?:only )?(?:generates?"
        r"|creates?|writes?|produces?|suggests?|come up with) (?:[\w*-]+[ ,]+){0,8}?(?:(?:conversation|chat|thread"
        r"|session|task)s? (?:titles?|names?)|titles?(?= (?:for|of|that)\b| \(|\.|\n|$)|commit messages?|tags\b"
        r"|follow-?ups?\b)",
        r"\banaly[sz]e if this message indicates a new conversation topic",
        r"\bsummarize this coding conversation in under \d+ characters",
        r"\bextract any file paths that this command|\byour task is to process bash commands",
    )
)
_SUMMARY_PROMPT = re.compile(
    any_of(
        r"\bcontext summari[sz]ation (?:agent|assistant)|\*briefly\* summarize this partial conversation",
        r"\bcontext-aware state summary|\bsummari[sz]es? (?:the )?internal chat history",
        r"\btasked with summari[sz]ing conversations|\bmanaged memory (?:extraction|dream)",
        r"\byou are (?:an? )?(?:[\w-]+ ){0,4}summari[sz](?:er\b|ation (?:assistant|agent|engine|bot|model))",
        r"(?:^|[.\n]\s*|\byou |\byour (?:task|job|role) is to )(?:only )?summari[sz]e (?:[\w*-]+ ){0,6}(?:texts?"
        r"|articles?|documents?|emails?|conversations?|messages?|transcripts?|meetings?|input|pages?|news)\b",
        r"\bconversation (?:compaction|compactor|summari[sz]er)\b",
    )
)

_TITLE_CALL = re.compile(
    any_of(
        r"\[suggestion mode",
        # Open WebUI (backend/open_webui/config.py); its `### Task:` with "respond to the user query" is a real turn.
        r"### task:\s+(?:generate (?:a concise,? (?:\d-\d word )?title|\d-\d broad tags|a detailed prompt for ai?[nm] "
        r"image)|suggest \d(?:-\d)? relevant follow-?up|predict \d|create a concise,? (?:\d-\d word )?(?:title|phrase)"
        r"|analyze the chat history to determine the necessity|you are an autocompletion system"
        r"|(?:detect the language of|enhance) the given image generation prompt)",
        r"(?:### task:\s+)?your task is to reflect the speaker",
        r"generate a title for this conversation|generate a concise, single-line task title",
        r"given the following\b[^\n]{0,200}\b(?:please )?reply with a title",
        r"(?:please )?(?:write|generate|create) an? \d+(?:[-–]\d+)?[- ]words? title",
    )
)
_SUMMARY_HINTS = ("compact", "hand", "summar", "continu", "condense")
_SUMMARY_CALL = re.compile(
    r"\b"
    + any_of(
        r"context checkpoint compaction\b|create a new anchored summary\b|update the anchored summary\b",
        r"create a (?:detailed |comprehensive |structured |concise )*(?:hand-?(?:off|over)|continuation) summary\b",
        r"create a (?:detailed|comprehensive) summary of (?:the|our) conversation so far\b",
        r"provide a detailed (?:but concise )?(?:summary of our conversation above|prompt for continuing our "
        r"conversation)\b",
        r"(?:summarize|condense|compact) the (?:conversation|chat|session)(?: history)? (?:so far"
        r"|above)?\b[\s\S]{0,200}\b(?:another|next|new) (?:agent|assistant|model|session|llm)\b",
        r"(?:write|create|prepare|draft) (?:a |an )?(?:\w+ )?hand-?(?:over|off) (?:note|document|summary|prompt"
        r"|message)s?\b[\s\S]{0,160}\b(?:agent|assistant|model|session|llm|conversation)\b",
    ),
)

_CONVERSATION = (
    r"(?:conversations?|chats?|threads?|sessions?|discussion|dialogue?|exchange|unterhaltung|gespräch\w*|chatverlauf"
    r"|conversación|message history|chat history|messages)"
)
_TITLE_WORDS = Phrases(
    "title titles headline name subject label titel überschrift titre título tags topic schlagwörter étiquettes "
    "etiquetas",
    r"\b"
    + any_of(
        r"generate|create|write|suggest|produce|give|find|come up with|reply with|respond with|provide",
        r"(?:erstell|generier|schreib|formulier)\w*|gib|finde|(?:génère|donne|propose|trouve)\w*|écris",
        r"genera|crea|escribe|dame|sugiere|propón",
    )
    + r"\b[^.\n]{0,60}\b(?:titles?|headline|name|subject line|label|titel|überschrift|titre|título|tags|topic"
    r"|schlagwörter|étiquettes|etiquetas)\b[^.\n]{0,40}\b(?:for|of|summari[sz]ing|describing|für|zu|pour|de|para"
    r"|based on|à)\b[^.\n]{0,20}?\b(?:this|the|our|following|above|diese[ns]?|das|die|dieser|unsere|cette|la|notre"
    r"|esta|nuestra|a|el|este) (?:\w+ )?"
    + _CONVERSATION
    + rf"|\b(?:give|find) (?:this|our|the) {_CONVERSATION} an?(?: \w+){{0,2}} (?:title|name)\b|\A\s*(?:please "
    rf")?(?:name|title) (?:this|our) {_CONVERSATION}(?=[.:!]|\s*\Z)",
)
_COMMIT = Phrases(
    "commit commitnachricht pr pull branch",
    r"\b"
    + any_of(
        r"generate|write|create|draft|suggest|give me|propose|need|produce|reply with",
        r"(?:schreib|erstell|formulier|generier|rédige|génère|propose)\w*|(?:écri|escrib)\w+|genera|redacta|sugiere",
    )
    + r"\b[^.\n]{0,50}\b(?:commit[- ]?(?:message|msg|subject|nachricht)|message de commit|mensaje (?:de|para el) "
    r"commit|(?:pr|pull request) title|branch name)\b(?! (?:hook|lint\w*|parser|validator|template|generator|format"
    r"|convention|guidelines?|style|checker))",
)
_TOPIC = Phrases(
    "topic follow followup next",
    any_of(
        r"\b(?:indicates?|starts?|begins?|is) (?:this )?a new (?:conversation )?topic\b|\bnew topic or (?:a )?continu",
        r"\b(?:suggest|generate|predict|propose)\b[^.\n]{0,40}\b(?:follow-?up|next) (?:questions?|prompts?|messages?"
        r"|replies)\b[^.\n]{0,60}\b(?:user|conversation|chat|history|above|discussion)\b",
    ),
)
_QUESTION = re.compile(
    r"\s*(?:how|why|what|when|where|who|should|is|are|does|do|can you explain|wie|warum|was|comment|pourquoi|cómo"
    r"|qué)\b"
)

_SUMMARIZE = Phrases(
    "summarize summarise summarizing summarising sum recap condense tl tldr summary zusammenzufassen zusammenfassen "
    "zusammen zusammenfassung fass fasse résume résumer résumé résumez resume resumir resumen resúmeme riassumi key "
    "main most wichtigste points puntos",
    any_of(
        r"\bsummari[sz](?:e|ing)\b|\bsum up\b|\brecap\b|\bcondense\b|\btl;?dr\b",
        r"\b(?:write|give|provide|make|create|produce|need|want|as)\b[^.\n]{0,40}\bsummary\b(?! (?:judg|execution"
        r"|offen|statist|table|function|class|tag))",
        r"\bzusammenzufassen|\bzusammenfass\w*|\bfass\w*\b[^.\n]{0,80}?\bzusammen|\brésum(?:e|er|ez|é)\b",
        r"\bresum(?:e|ir|a|en|ame)\b|\bresúme\w*|\briassum\w+",
        r"\b(?:key|main|most important) (?:points|takeaways|ideas|facts)|\bwichtigsten? punkte",
        r"\bpoints (?:clés|principaux|essentiels)|\bpuntos (?:clave|principales)",
    ),
)
_GIVEN = re.compile(
    any_of(
        r"\b(?:this|these|following|below|above|attached|given|pasted|diese[nrms]?|folgende[nrms]?|obige[nrms]?"
        r"|angehängte\w*|ce|cet|cette|ces|suivante?s?|ci-dessous|ci-joint|este|esta|estos|siguientes?|adjunto)\b",
        r"\b(?:our|the|unser\w*|notre|nuestra) (?:\w+ )?(?:conversation|chat|discussion|gespräch|unterhaltung"
        r"|conversación)\b",
    )
)
_TALK = re.compile(
    any_of(
        r"\b(?:our|this|the|unser\w*|dieses|notre|cette|nuestra|esta) (?:whole |entire |ganzes )?(?:conversation|chat"
        r"|discussion|gespräch|unterhaltung|conversación)\b",
        r"\bwhat we (?:did|have done|discussed|talked about|covered)\b|\bso far\b|\bbisher\b|\bjusqu'ici\b|\bhasta "
        r"ahora\b",
    )
)
_COLON = re.compile(r"[:：\n][ \n]")
_COLON_SOON = re.compile(r"[^.?!]{0,30}[:\n]")
_LEAST_PAYLOAD = 25
_LONG_PAYLOAD = 400


def background_prompt(system: str) -> str:
    """`title` or `summary` when the system prompt is that of such a call, else ""."""
    head = system[:700].lower()
    if _SUMMARY_PROMPT.search(head):
        return "summary"
    return "title" if _TITLE_PROMPT.search(head) else ""


def background_call(header: Callable[[str], str], last_words: str) -> str:
    """`title` or `summary` when headers or fixed wordings of known clients say so, else "".

    `last_words` is the last user message as it came; its first 600 and last 1,500 characters are read.
    """
    turn = header("x-codex-turn-metadata")
    if turn:
        if '"thread_title"' in turn:
            return "title"
        if '"request_kind":"compaction"' in turn:
            return "summary"
    if header("x-session-id").startswith("title-"):
        return "title"
    head = last_words[:600]
    if _TITLE_CALL.match(head.lstrip()[:300].lower()):
        return "title"
    ends = (head if len(last_words) <= 600 else head + "\n" + last_words[-1500:]).lower()
    hinted = any(hint in ends for hint in _SUMMARY_HINTS)
    return "summary" if hinted and _SUMMARY_CALL.search(ends) else ""


def asks_for_a_title(wording: Wording) -> bool:
    """Worded as a request for the title of a conversation, a commit message, a topic check or follow-ups.

    Only the first 800 characters are read.
    """
    if _TOPIC.search(wording, 0, 800):
        return True
    if _QUESTION.match(wording.lower):
        return False
    return (_COMMIT.search(wording, 0, 800) or _TITLE_WORDS.search(wording, 0, 800)) is not None


def asks_for_a_summary(wording: Wording, has_file: bool, turns: int) -> bool:
    """Worded as a request to summarize, and what to summarize is given: in the text, a file, or earlier turns."""
    text = wording.lower
    asked = _SUMMARIZE.search(wording, 0, 400) or _SUMMARIZE.search(wording, max(0, len(text) - 300))
    if asked is None:
        return False
    if turns > 1 and _TALK.search(text):
        return True
    line_end = text.find("\n", asked.end(), asked.end() + 160)
    sentence = text[max(0, asked.start() - 80) : line_end if line_end >= 0 else asked.end() + 160]
    refers = _GIVEN.search(sentence) is not None
    if has_file and refers:
        return True
    payload = _payload(text, asked)
    return payload >= _LONG_PAYLOAD or (payload >= _LEAST_PAYLOAD and (refers or _is_direct(text, asked)))


def _payload(text: str, asked: re.Match[str]) -> int:
    """Characters of what is given: behind a colon or line end after the request, or ahead of a line end before it."""
    behind = _COLON.search(text, asked.end())
    after = len(text) - behind.end() if behind else 0
    return max(after, text.rfind("\n", 0, asked.start()), 0)


def _is_direct(text: str, asked: re.Match[str]) -> bool:
    """`Summarize: …`, `TL;DR of …:`: the colon follows within a few words, or the request ends the text."""
    return _COLON_SOON.match(text, asked.end()) is not None or asked.end() >= len(text) - 40
