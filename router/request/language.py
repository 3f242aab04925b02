"""The programming language that a text is about: named by a fence, a file name, the shape of the code, or in words."""

from __future__ import annotations

import re

from router.request.wording import Phrases, Wording, words

__all__ = [
    "FENCE",
    "SURE_NAMES",
    "canonical",
    "files_in",
    "is_language_named",
    "language_of",
    "languages_in_context",
    "shape_of",
]

_ALIASES = {
    alias: name
    for name, aliases in {
        "python": "py pyi python3 ipython ipynb",
        "javascript": "js jsx mjs cjs node",
        "typescript": "ts tsx",
        "rust": "rs",
        "go": "golang",
        "cpp": "c++ cc cxx hpp",
        "c": "h",
        "csharp": "c# cs",
        "fsharp": "f# fs",
        "kotlin": "kt kts",
        "ruby": "rb",
        "bash": "sh shell zsh console",
        "powershell": "ps1",
        "perl": "pl",
        "haskell": "hs",
        "elixir": "ex exs",
        "erlang": "erl",
        "clojure": "clj",
        "julia": "jl",
        "ocaml": "ml",
        "yaml": "yml",
        "dockerfile": "docker",
        "makefile": "make",
        "hcl": "tf terraform",
        "sql": "postgres postgresql mysql sqlite psql",
        "html": "htm",
        "scss": "sass",
        "objective-c": "objc",
        "solidity": "sol",
        "groovy": "gradle",
    }.items()
    for alias in aliases.split()
}
_KNOWN = frozenset(_ALIASES.values()) | words(
    """
    java php swift scala lua r dart zig nim css vue svelte toml graphql assembly matlab verilog vhdl fortran cobol proto
    cmake nix
    """
)
_ENDINGS = words(
    "py pyi js mjs cjs jsx ts tsx rs go java kt kts c h cc cpp cxx hpp cs rb php swift scala sh bash zsh ps1 pl lua "
    "jl hs ex exs erl clj ml dart zig nim sql html css scss vue svelte tf proto gradle sol ipynb"
)


FENCE = re.compile(r"^[ \t]{0,3}(?:```|~~~)[ \t]*\{?\.?([\w+#.-]*)", re.MULTILINE)
"""An opening (or closing) code fence; group 1 is what it says of the language."""

_ENDING = re.compile(
    r"\.(" + "|".join(sorted(_ENDINGS, key=lambda ending: (-len(ending), ending))) + r")\b(?![./(]\w)", re.ASCII
)
_LIBRARIES = ("node", "vue", "next", "nuxt", "three", "d3", "express", "react", "moment", "alpine", "chart")

_SHAPES: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (name, hints, re.compile(pattern, re.MULTILINE))
    for name, hints, pattern in (
        (
            "python",
            ("def ", "import ", "class ", "elif ", "for ", "Traceback ("),
            r"^Traceback \(most recent call last\)|^from [\w.]+ import \w|^[ \t]*(?:async )?def "
            r"\w{1,60}\([^\n]{0,200}\)[^\n)]{0,80}:[ \t]*(?:#.*)?$|^[ \t]*class \w+(?:\([\w., ]*\))?:[ \t]*$|^[ "
            r"\t]*elif .*:[ \t]*$|\bdef \w+\([\w, =*:]*\):|^[ \t]*for \w[\w, ]{0,20} in [^\n]{1,80}:[ \t]*\n[ \t]+\S",
        ),
        (
            "rust",
            ("fn ", "let mut ", "impl", "error[E"),
            r"\bfn \w+(?:<[^>\n]{0,40}>)?\([^)\n]{0,120}\)[^;\n]{0,60}\{|\blet mut \w|\bimpl(?:<\w+>)? \w+ for \w"
            r"|error\[E\d{4}\]",
        ),
        (
            "go",
            ("func ", "package ", " := ", "fmt.Print"),
            r"^package \w+$|\bfunc (?:\(\w+ \*?\w+\) )?\w+\([^)\n]{0,120}\)[^;\n]{0,60}\{|\w := |\bfmt\.Print",
        ),
        (
            "cpp",
            ("std::", "#include <", "cout <<", "template"),
            r"\bstd::\w|#include <(?:iostream|vector|string|map|memory|algorithm)>|\bcout <<|\btemplate ?<",
        ),
        (
            "c",
            ("#include ", "int main(", "malloc(", "printf("),
            r"#include [<\"]\w+\.h[>\"]|\bint main\(|\bmalloc\(|\bprintf\(",
        ),
        (
            "csharp",
            ("using System", "Console.Write", "public "),
            r"\busing System\b|\bConsole\.Write|\bpublic (?:async )?(?:Task|IActionResult|IEnumerable)\b",
        ),
        (
            "java",
            ("public ", "System.out.", ".java:"),
            r"\bpublic (?:static |final |abstract )*(?:class|void|int|String|boolean)\b|\bSystem\.out\.|^[ \t]+at "
            r"[\w.$]+\(\w+\.java:\d+\)",
        ),
        ("kotlin", ("fun ", "data class "), r"\bfun \w+\([^)\n]{0,120}\)[^;\n]{0,40}[{=]|\bdata class \w+\("),
        (
            "typescript",
            ("interface ", "const ", "let ", "): ", "error TS"),
            r"\binterface \w+ \{|\b(?:const|let) \w+: \w+|\): (?:void|string|number|boolean|Promise<)|error TS\d+",
        ),
        (
            "javascript",
            ("console.log(", "const ", "let ", "var ", "function", "=> ", "require(", "module.exports"),
            r"\bconsole\.log\(|\b(?:const|let|var) [\w{}\[\], ]+ = |\bfunction\*? ?\w*\([^)\n]{0,120}\) ?\{|\) => "
            r"[{(\w]|\brequire\(['\"]|\bmodule\.exports",
        ),
        ("php", ("<?php", "$this->"), r"<\?php|\$this->"),
        (
            "sql",
            ("select ", "SELECT ", "Select ", "INSERT INTO ", "CREATE TABLE ", "ALTER TABLE "),
            r"(?i:\bselect\s+(?:\*|[\w.,()* ]{1,100}?)\s+from\s+\w+(?:\s+\w+)?\s*(?:;|where\s+[\w.]+\s*(?:=|<|>|in\b"
            r"|like\b)|group by\b))|\bSELECT\b.{1,120}\bFROM\b|\bINSERT INTO \w|\bCREATE TABLE \w|\bALTER TABLE \w",
        ),
        (
            "html",
            ("<!DOCTYPE html", "<div", "<span", "<body", "<script", "<head", "<html"),
            r"<!DOCTYPE html|<(?:div|span|body|script|head|html)\b[^>\n]{0,120}>",
        ),
        ("css", ("{",), r"^[.#]?[\w-]+ ?\{\s*[\w-]+: ?[^;\n]{1,60};"),
        (
            "bash",
            ("#!/", "$ ", "sudo ", "pip install ", "npm install ", "apt install ", "apt-get install "),
            r"^#!/(?:usr/)?bin/(?:env )?(?:ba|z)?sh|^\$ [a-z]|^[ \t]*(?:sudo |pip install |npm install |apt(?:-get)? "
            r"install )",
        ),
        ("ruby", ("def ", "puts ", ".each do |"), r"^[ \t]*def \w+(?:\([^)\n]{0,80}\))?\s*$|\bputs ['\"]|\.each do \|"),
    )
)

SURE_NAMES = Phrases(
    "javascript typescript golang kotlin c php powershell bash sql postgresql mysql haskell elixir html css perl "
    "matlab ocaml clojure cobol fortran solidity graphql dockerfile makefile terraform",
    r"(?<![\w.])(?:javascript|typescript|golang|kotlin|c\+\+|c#|php|powershell|bash|sql|postgresql|mysql|haskell"
    r"|elixir|html|css|perl|matlab|ocaml|clojure|cobol|fortran|solidity|graphql|dockerfile|makefile"
    r"|terraform)(?![\w+#])",
)
"""Names that mean a language wherever they stand."""

_THINGS = (
    r"(?:scripts?|code|functions?|class(?:es)?|programs?|lists?|dict(?:ionary)?|decorators?|module|package|library"
    r"|snippet|traceback|exception|generators?|lambda|enum|struct|trait|crate|macro|interface|streams?|gem|developer"
    r"|programming|compiler|app|api|server|file|project|tests?|regex|syntax|errors?|async|backend|borrow)"
)
_IN_CONTEXT = re.compile(
    r"\b(?:[Ii]n|[Uu]sing|[Ww]ith|[Ww]ritten in|auf|mit|en|avec|con) (?:([Pp]ython|Rust|PHP|C\+\+|C#)(?!\w)|(rust|Go"
    r"|[Jj]ava|[Rr]uby|Swift|Scala|Dart|Julia|R|C|[Ll]ua|Zig|Erlang)"
    rf"(?= *(?:[.,;:?!)\n]|$| (?:{_THINGS}|\d|to|that|which|using|and|with|without|how|for|der|die|das|que|qui|pour"
    rf"|para)\b)))|\b([Pp]ython|[Rr]ust|[Jj]ava|[Rr]uby|Swift|Scala|Dart|Go|Julia|Lua|C\+\+|C#) (?:\d(?:\.\d+)? "
    rf"?)?{_THINGS}\b"
)
_LOOSE_NAME = re.compile(
    r"\b(?:[Ii]n|[Uu]sing|[Ww]ith|mit|en|avec|con) (?:Java|Ruby|Swift|Scala|Dart|Julia|Lua)\b|(?<!\A)\b(?:React"
    r"|Angular|Flask|Flutter|Rails)\b"
)
_LOOSE_STEMS = words("java ruby swif scal dart juli lua reac angu flas flut rail")
_CONTEXT_STEMS = words("pyth rust go java ruby swif scal dart juli r c lua zig erla php")


def language_of(text: str) -> str:
    """Lower-case name such as `python`, `cpp`, `csharp`, `bash`; "" when no programming language is seen.

    Looks at the first 4,000 characters. A fence that names a language wins, then the first source file named, then
    the shape of code, then words ("in Rust", "JavaScript").
    """
    text = text[:4000]
    if "```" in text or "~~~" in text:
        for fence in FENCE.finditer(text):
            name = canonical(fence[1])
            if name:
                return name
    found = canonical(files_in(text)) or shape_of(text)
    if found:
        return found
    wording = Wording(text)
    sure = SURE_NAMES.search(wording)
    if sure:
        return canonical(sure[0])
    named = languages_in_context(wording)
    return canonical(min(named)) if named else ""


def languages_in_context(wording: Wording) -> set[str]:
    """Names that mean many things, where the words around them leave one: "in Go", "a Rust macro"."""
    if not wording.has_any(_CONTEXT_STEMS):
        return set()
    return {"".join(groups).lower() for groups in _IN_CONTEXT.findall(wording.text)}


def is_language_named(wording: Wording) -> bool:
    """`in Java …`, whatever follows, or `React`: the island and the verb are not ruled out."""
    return wording.has_any(_LOOSE_STEMS) and _LOOSE_NAME.search(wording.text) is not None


def shape_of(text: str) -> str:
    """The language that the text is written in, judged by lines that prose does not have; "" when it has none."""
    for name, hints, shape in _SHAPES:
        for hint in hints:
            if hint in text:
                if shape.search(text):
                    return name
                break
    return ""


def files_in(text: str) -> str:
    """The ending of the first source file named in the text, "" when there is none. `Node.js` names no file."""
    dot = text.find(".", 1)
    while dot > 0:
        before = text[dot - 1]
        if before.isalnum() or before in "_-":
            ending = _ENDING.match(text, dot)
            if ending and not text[max(0, dot - 7) : dot].lower().endswith(_LIBRARIES):
                return ending[1]
        dot = text.find(".", dot + 1)
    return ""


def canonical(name: str) -> str:
    """The language's usual name for a fence tag, a file ending or a name; "" when it is no programming language."""
    name = name.lower()
    name = _ALIASES.get(name, name)
    return name if name in _KNOWN else ""
