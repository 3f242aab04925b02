"""Words that programmers use: their own, and those that they share with everybody else."""

from __future__ import annotations

__all__ = ["EVERYDAY", "PROGRAMMING", "SHARED"]


def _with_plurals(words: str) -> frozenset[str]:
    return frozenset(word + ending for word in words.split() for ending in ("", "s"))


PROGRAMMING = _with_plurals("""
    api json yaml toml xml csv html css scss svg npm pnpm pip pypi conda venv virtualenv webpack eslint pytest junit
    mypy ruff gradle cmake gcc clang llvm jvm jdk jre jit wasm webassembly jwt oauth cors csrf xss localstorage
    sessionstorage websocket webhook grpc graphql http https tcp udp ssh ssl tls sudo chmod grep awk jq wget regex
    regexp sql sqlite postgres postgresql mysql mongodb redis kafka rabbitmq elasticsearch docker dockerfile
    kubernetes k8s kubectl terraform ansible nginx systemd cron crontab zsh powershell neovim emacs vscode git
    github gitlab monorepo codebase refactor refactoring linter typescript javascript django fastapi laravel nextjs
    nodejs numpy pytorch tensorflow sklearn jupyter dataframe tuple boolean integer mutex deadlock async asyncio
    coroutine goroutine callback iterator enum struct lambda recursion recursive recursively memoize memoise
    memoization hashmap hashset monad functor polymorphism subclass constructor destructor nullable nullptr segfault
    malloc stdin stdout stderr localhost endpoint backend frontend middleware microservice orm dependabot unittest
    haskell kotlin golang swiftui xcode vba matlab cobol fortran perl erlang clojure ocaml unicode utf8 base64
    bytecode compiler debugger breakpoint stacktrace traceback changelog cli sdk lexer tokenizer parser serializer
    serialize deserialize opengl vulkan shader cuda div flexbox tailwind jquery svelte redux usestate useeffect
    rerender linting makefile namespace typedef readonly getter preprocessor stylesheet php sqlalchemy pydantic
    nestjs vuejs reactjs pyspark bigquery snowflakedb dbt mqtt gpio arduino esp32 verilog vhdl cpp csharp dotnet
    nuget wpf winforms blazor unity3d fizzbuzz brainfuck sdl ffmpeg regexes leetcode codieren kompilieren kompiliert
    kompiliere debuggen programmieren programmiersprache compilateur bucle compilador programar
""")
"""Hardly ever said of anything else. Some are languages, tools and libraries whose name is no other word."""

SHARED = _with_plurals("""
    function variable loop array debug bug database query schema repo repository deploy deployment server library
    module package script algorithm thread pointer inheritance button component container exception error generic
    parse sort sorting leak join index migration command port fetch heap stack commit install
    import syntax path folder file build pipeline cache promise closure decorator interface parameter input output
    equal node render template macro memory timeout dependency configuration console shell override attribute
    dictionary login form submit submitting password hash expose endpoint patch injection bucket limiting implement
    renders fusionner branche segmento procedural react angular flask linux ubuntu android flutter pandas matplotlib
    kernel driver funktion fehler variablen sortiere sortieren fonction erreur función errores arreglo clase queries
    libraries repositories properties dictionaries dependencies classes boucle compile compiled compiling schleife
    bash curl
""")
"""Programmers mean something of their own by these; one alone says nothing, several in a short text do."""

EVERYDAY = _with_plurals("""
    request response string branch framework structure class method list tool element table queue tree graph log
    project test client
    property argument return print type key value hook state cell row column token session cookie header process
    performance version update upgrade plugin extension config environment terminal program code app website page
    browser instance object member abstract static private public host user put rate programa archivo conflit excel
    liste datei klasse tableau fichier classe lista
""")
"""As SHARED, but so common that they count only beside a word of PROGRAMMING or a language."""
