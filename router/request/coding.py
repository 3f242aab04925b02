"""Signs that a turn is work on code: in what is offered to the model, in what the text holds, in how it is worded."""

from __future__ import annotations

import re
from enum import IntEnum

from router.request.language import FENCE, canonical, files_in, is_language_named, languages_in_context, shape_of
from router.request.vocabulary import EVERYDAY, PROGRAMMING, SHARED
from router.request.wording import Phrases, Wording, any_of, words

__all__ = ["Evidence", "evidence_in", "is_coding_prompt", "offers_coding_tools"]

_TOOLS = words("""
    bash shell local_shell exec exec_command run_shell_command run_command run_commands run_terminal_cmd terminal
    run_in_terminal execute_command execute_bash edit multiedit edit_file write write_file write_to_file create_file
    create_new_file apply_patch editor file_editor text_editor replace_in_file str_replace_editor search_and_replace
    str_replace_based_edit_tool insert_content edit_existing_file insert_edit_into_file
    """)

_AGENT = re.compile(
    r"\b(?:you are|you're|act as|as) (?:an? |the |\w+, (?:an? )?)?(?:(?!for\b|of\b|to\b|who\b|that\b|with\b|about\b"
    r"|helping\b|recruit|not\b)[\w'’/-]+[ ,]+){0,6}?"
    + any_of(
        r"software (?:engineer|developer|engineering \w+)",
        r"coding (?:agent|assistant|partner|tool|expert)",
        r"programming (?:assistant|agent|expert|partner)",
        r"(?:web|full[- ]stack|back-?end|front-?end|python|java|javascript|rust|go) (?:developer|engineer|programmer"
        r"|expert)",
        r"pair[- ]programmer",
        r"programmer",
        r"code (?:editor|reviewer|assistant|generator)",
        r"cli (?:agent|tool that helps users with software)",
    )
    + r"\b|\bsearch/replace\b|software engineering tasks|provide only (?:\w+ )?(?:bash|zsh|fish|shell|powershell"
    r"|cmd\.exe) commands|provide only code as output"
)

_TRACE_HINTS = (
    "Traceback", "   at ", "\tat ", 'File "', "panicked", "error[", "npm ERR!", "undefined reference",
    "egmentation fault", "Exception in", ": error", ": warning", "fatal error", "error TS",
    "diff --git", "@@ -", "--- a/", "+++ b/",
)  # fmt: skip
_TRACE = re.compile(
    r"Traceback \(most recent call last\)|^[ \t]+at .{1,200}\(.{1,200}:\d+(?::\d+)?\)|^[ \t]*File \"[^\"\n]{1,200}\", "
    r"line \d+|thread '[^'\n]{1,80}' panicked|\bpanicked at\b|\berror\[E\d{4}\]|\bnpm ERR!|undefined reference to"
    r"|[Ss]egmentation fault|Exception in thread|^[\w./-]+:\d+:\d*:? (?:error|warning|fatal error)\b|\bfatal error: "
    r"|\berror TS\d{4}|^diff --git |^@@ -\d+(?:,\d+)? \+\d+|^--- a/|^\+\+\+ b/",
    re.MULTILINE,
)

_MAKE = any_of(
    r"write|implement|create|build|make|generate|develop|give me|show me|code|(?:i )?(?:need|want)",
    r"schreib\w*|erstell\w*|implementier\w*|programmier\w*|baue?|zeig\w*|brauche|bräuchte",
    r"écri\w+|crée\w*|créer|génère\w*|implémente\w*|développe\w*|donne-moi|il me faut",
    r"escrib\w+|crea|crear|genera\w*|implementa\w*|programa|desarrolla|dame|necesito",
)
_NO_CODE_BEFORE = (
    r"(?!movie|film|video|play\b|podcast|radio|tv\b|comedy|drama|youtube|speech|sketch|wedding|stage|theat|call\b|zip"
    r"|postal|area|country|qr\b|gift|access|door|cheat|diall?ing|training|workout|study|concert|television|exercise"
    r"|fitness|dress|discount|promo|morse|body|liver)"
)
_REQUEST = Phrases(
    "function funktion fonction función script skript regex regexp regular regulären expression expresión sql mysql "
    "postgres graphql mongodb requête consulta unit integration bash shell git curl linux sed awk dockerfile docker "
    "makefile cron crontab rest api endpoint web webscraper scraper crawler parser linked binary hash hashmap react "
    "vue svelte angular html css github python java javascript typescript rust kotlin swift ruby php go c code "
    "codesnippet decorator webserver discord telegram slack chrome program klasse class classe clase bashskript "
    "shellskript pythonskript sqlabfrage",
    rf"\b{_MAKE} (?:{_NO_CODE_BEFORE}[\w'’#+.-]+[ ,]+){{0,7}}?"
    + any_of(
        r"functions?(?! room| hall|s? of (?:the|a) )|funktion|fonction|función",
        r"(?:shell|bash|python|powershell|batch|sql|build|deploy\w*)[ -]?s[ck]ripts?",
        r"scripts?(?= (?:that|to|which|in|using|with|für|das|die|in|pour|qui|en|que|para)\b)|skript",
        r"regex\w*|regexp|regular expression|regulären ausdruck|expression régulière|expresión regular",
        r"(?:sql|mysql|postgres\w*|graphql|mongodb)[- ]?(?:quer(?:y|ies)|statement|abfrage|befehl|view|migration)",
        r"requête sql|consulta sql",
        r"unit[- ]?tests?|integration tests?|(?:bash|shell|git|curl|linux|sed|awk) commands?",
        r"dockerfile|docker[- ]compose|makefile|cron ?job|crontab",
        r"rest[- ]?api|api (?:endpoint|client|wrapper|server)|endpoint|web ?scraper|crawler|parser",
        r"linked list|binary (?:search|tree)|hash ?(?:map|table)",
        r"(?:react|vue|svelte|angular) \w+|html|css|github actions?",
        r"(?:python|java|javascript|typescript|rust|kotlin|swift|ruby|php|go|c\+\+|c#|bash|sql) (?:code|class|program"
        r"|programm|module|app|package|library|snippet)",
        r"code(?! of\b| word| name|name|d\b)(?: snippet)?|decorator",
        r"web ?server|(?:discord|telegram|slack) bot|chrome extension",
        r"(?:programm?e?|programa|class|klasse|classe|clase)(?= (?:in|en|auf|that (?:reads|prints|takes|parses|sorts"
        r"|computes|calculates|counts)) ?)",
    )
    + r"\b",
)
_ON_CODE = Phrases(
    "code function script bug compiler unit stack stacktrace regex query codebase source fonction funktion función "
    "código fehler pull python java c rust",
    r"\b"
    + any_of(
        r"fix|debug|review|explain|understand|run|compile|optimi[sz]e|rewrite|clean up|improve|test|speed up|document",
        r"comment|port|convert|translate|migrate|korrigier\w*|erklär\w*|prüf\w*|optimier\w*|corrige\w*|explique\w*",
        r"optimise\w*|explica\w*|optimiza\w*|revisa\w*|arregla\w*",
    )
    + r"(?: me| mir| -?moi| us)? (?:"
    + any_of(
        r"this|the|my|our|that|following|some|piece|of|a|diesen|den|meinen|folgenden|ce|le|mon|este|el|mi",
        r"python|java|c\+\+|rust",
    )
    + r"[ ,]+){0,4}"
    + any_of(
        r"code|function|script|bug|compiler|unit tests?|stack ?trace|regex|query|codebase|source code",
        r"fonction|funktion|función|código|fehler im code|pull request",
    )
    + r"\b(?! of (?:conduct|ethics|hammurabi|honou?r|silence|the|a)\b)(?! word| name| spray)",
)
_TERMS = Phrases(
    "refactor refaktor stack stacktrace segfault null nullpointer merge git pull npm pip pip3 docker kubectl unit "
    "unittest compile compilerfehler syntax syntaxfehler erreur error type typehints docstring regex useeffect "
    "usestate usememo usecallback async foreign sql code codebase pytest eslint webpack cargo cmake off borrow "
    "goroutine cors static source quellcode código repo segmentation page tail makefile dockerfile x86 arm repo "
    "commit handling complexity notation regulären ausdruck expression expresión overflow condition leak prompt "
    "command awk tests pruebas abstract garbage",
    r"\b"
    + any_of(
        r"(?:refactor|refaktorier|refactoris|refactoriza)\w*",
        r"stack ?traces?|segfaults?|(?:segmentation|page) fault|null ?pointer|merge conflicts?|off-by-one|tail "
        r"recursion",
        r"git (?:rebase|commit|push|pull|merge|checkout|stash|bisect|blame|log|cherry-pick|reset|clone|diff|add|branch"
        r"|revert|submodules?)\b",
        r"pull requests?|code (?:reviews?|snippet|smell|coverage)|codebase|source code|quellcode|code source|código "
        r"fuente",
        r"npm (?:install|run|start|test|ci|i)\b|pip3? install|docker (?:run|build|compose|exec|logs)|kubectl",
        r"cargo (?:build|test|run|check)|cmake|pytest|eslint|webpack|makefile|dockerfile",
        r"unit[- ]?tests?|tests unitaires|pruebas unitarias|abstract class(?:es)?|garbage collect\w*|type ?hints?"
        r"|docstrings?|regex(?:es|p)?\b|use(?:effect|state|memo|callback)\b|async/await",
        r"compil(?:er|ation|ing|e) (?:error|warning)s?|compilerfehler|syntax ?(?:error|fehler)",
        r"erreur de (?:syntaxe|compilation)|error de (?:sintaxis|compilación)",
        r"foreign keys?|sql[- ](?:quer(?:y|ies)|injection|abfrage|joins?)",
        r"borrow checker|goroutines?|cors (?:error|issue|header|policy)|static method|(?:x86|arm) assembly",
        r"in my (?:code|repo|codebase)\b|(?:last|previous|latest|wrong) commit\b|error handling\b|(?:time|space) "
        r"complexity\b",
        r"big[- ]o (?:of|notation)|regulär\w+ ausdr\w+|regular expressions?|expressions? régulières?|expresi(?:ón"
        r"|ones) regular",
        r"stack overflow\b|awk\b|race conditions?\b|memory leaks?\b|(?:command|shell) prompt\b|command[- ]line (?:tool"
        r"|option|arg)",
    ),
)
_ERROR_NAME = re.compile(r"\b[A-Z][A-Za-z]+(?:Error|Exception)\b")
_CJK = re.compile(
    "関数|函数|代码|程式碼|编程|正则|スクリプト|プログラミング|コードを|파이썬|코드를|함수|[Pp]ython[でのをで]"
)
_SHORT = 300
_ENOUGH, _ENOUGH_OF_MUCH = 3, 5
_URL = re.compile(r"(?:https?://|www\.)\S+")


class Evidence(IntEnum):
    """How strongly a text speaks of code."""

    NONE = 0
    WORDS = 1
    """Worded like a question about programming."""
    REQUEST = 2
    """Asks for code, or names a thing that only programmers have."""
    STRUCTURE = 3
    """Holds code, a stack trace, a diff, or names a source file."""


def offers_coding_tools(tools: tuple[str, ...]) -> bool:
    """A shell or a file editor is among the tools (names may be prefixed, as in `mcp__dev__bash`)."""
    return any(name.rpartition("__")[2].lower() in _TOOLS for name in tools)


def is_coding_prompt(system: str) -> bool:
    """The system prompt makes the model a coding agent."""
    return _AGENT.search(system.lower()) is not None


def evidence_in(wording: Wording, head: str) -> Evidence:
    """What the text itself says: how it is worded, and whether its `head`, which may be longer, holds code."""
    if "://" in head or "www." in head:
        head = _URL.sub(" ", head)
        wording = Wording(_URL.sub(" ", wording.text))
    if _has_code(head):
        return Evidence.STRUCTURE
    if _REQUEST.search(wording) or _ON_CODE.search(wording) or _TERMS.search(wording) or _names_an_error(wording.text):
        return Evidence.REQUEST
    if not head.isascii() and _CJK.search(head):
        return Evidence.REQUEST
    wanted = _ENOUGH if len(wording.text) < 600 else _ENOUGH_OF_MUCH
    return Evidence.WORDS if _weight(wording) >= wanted else Evidence.NONE


def _weight(wording: Wording) -> int:
    """A language or a programmer's word weighs 2, a name that may be something else 1, shared words 1, or 2 beside one.

    In a short text three shared words weigh enough alone.
    """
    weight = 2 * len((wording.words & PROGRAMMING) | languages_in_context(wording))
    shared = len(wording.words & SHARED)
    if not weight and not is_language_named(wording):
        return shared if len(wording.text) < _SHORT else 0
    shared += not wording.words.isdisjoint(EVERYDAY)
    return weight + 1 + min(2, shared) if is_language_named(wording) else weight + min(1, shared)


def _names_an_error(text: str) -> bool:
    return ("Error" in text or "Exception" in text) and _ERROR_NAME.search(text) is not None


def _has_code(text: str) -> bool:
    fenced = "```" in text or "~~~" in text
    if fenced and any(canonical(fence[1]) not in ("", "yaml", "toml") for fence in FENCE.finditer(text)):
        return True
    if files_in(text) or shape_of(text):
        return True
    return any(hint in text for hint in _TRACE_HINTS) and _TRACE.search(text) is not None
