"""Which client sent a request.

In this order: what the client says of itself, unless it is known to borrow the name of another; how the system prompt
opens; the set of tools it offers; last, the SDK underneath. Frameworks on a bare OpenAI SDK without a system prompt of
their own (llm, LangChain, Instructor, LlamaIndex) cannot be told apart and count as that SDK.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

__all__ = ["CODING", "HARNESSES", "name_of"]

HARNESSES = (
    "opencode", "kilo", "codex", "claude-code", "pi", "qwen-code", "cline", "continue", "aider", "openhands", "goose",
    "mini-swe-agent", "gptme", "shell-gpt", "llm", "smolagents", "langchain", "crewai", "autogen", "openai-agents",
    "pydantic-ai", "ai-sdk", "dspy", "open-webui", "openai-python", "openai-node", "anthropic-python", "litellm",
    "curl", "other",
)  # fmt: skip

CODING = frozenset(
    {"opencode", "kilo", "codex", "claude-code", "pi", "qwen-code", "cline", "continue", "aider", "openhands",
     "mini-swe-agent", "gptme"}
)  # fmt: skip
"""Harnesses whose every turn is work on code, unless it is one of their background calls."""

_ORIGINATORS = (("codex", "codex"), ("opencode", "opencode"), ("pi", "pi"))

_SURE_AGENTS = (
    ("opencode/", "opencode"),
    ("kilo-code/", "kilo"),
    ("codex_", "codex"),
    ("codex-", "codex"),
    ("codex/", "codex"),
    ("pi (", "pi"),
    ("pi/", "pi"),
    ("qwencode/", "qwen-code"),
    ("cline/", "cline"),
    ("continue/", "continue"),
    ("aider/", "aider"),
    ("openhands/", "openhands"),
    ("goose/", "goose"),
    ("gptme/", "gptme"),
    ("llm/", "llm"),
    ("langchain", "langchain"),
    ("crewai/", "crewai"),
    ("autogen", "autogen"),
    ("agents/python", "openai-agents"),
    ("agents/js", "openai-agents"),
    ("pydantic-ai/", "pydantic-ai"),
    ("lm15/", "dspy"),
    ("dspy", "dspy"),
    ("open-webui", "open-webui"),
    ("curl/", "curl"),
)
_BORROWED_AGENTS = (
    ("claude-cli/", "claude-code"),  # Qwen Code says so too when it speaks the Anthropic API
    ("asyncopenai/python", "openai-python"),
    ("openai/python", "openai-python"),
    ("asyncopenai/js", "openai-node"),
    ("openai/js", "openai-node"),
    ("anthropic/python", "anthropic-python"),
    ("asyncanthropic/python", "anthropic-python"),
    ("litellm/", "litellm"),
    ("ai-sdk", "ai-sdk"),
    ("ai/", "ai-sdk"),
)

_OPENINGS = (
    ("You are opencode,", "opencode"),
    ("You are OpenCode,", "opencode"),
    ("You are Kilo", "kilo"),
    ("You are a coding agent running in the Codex CLI", "codex"),
    ("You are Codex", "codex"),
    ("You are Claude Code,", "claude-code"),
    ("You are a Claude agent, built on Anthropic's Claude Agent SDK", "claude-code"),
    ("You are an expert coding assistant operating inside pi", "pi"),
    ("You are Qwen Code", "qwen-code"),
    ("You are Cline,", "cline"),
    ("You are an agent in the Continue CLI", "continue"),
    ("<important_rules>\n  You are in", "continue"),
    ("Act as an expert software developer", "aider"),
    ("Act as an expert code analyst", "aider"),
    ("Act as an expert architect engineer", "aider"),
    ("*Briefly* summarize this partial conversation about programming", "aider"),
    ("You are an expert software engineer that generates concise, one-line Git commit", "aider"),
    ("You are OpenHands", "openhands"),
    ("You are maintaining a context-aware state summary", "openhands"),
    ("You are a general-purpose AI agent called goose", "goose"),
    ("You are goose", "goose"),
    ("You are a helpful assistant that can interact with a computer", "mini-swe-agent"),
    ("You are gptme", "gptme"),
    ("You are ShellGPT", "shell-gpt"),
    ("You are Shell Command Generator", "shell-gpt"),
    ("You are an expert assistant who can solve any task using", "smolagents"),
    ("An agent tried to answer a user query but it got stuck and failed to do so", "smolagents"),
    ("You are a helpful AI assistant. Solve tasks using your tools. Reply with TERMINATE", "autogen"),
    ("Your input fields are:", "dspy"),
)
_ANY_OPENING = tuple(opening for opening, _ in _OPENINGS)
_WITHIN_OPENING = (
    ("\nYour personal goal is:", "crewai"),
    ("managed memory extraction subagent", "qwen-code"),
    ("managed memory dream", "qwen-code"),
    ("You are gptme", "gptme"),
    ("You are OpenHands", "openhands"),
)

_TOOL_SETS = (
    (frozenset({"read_files", "run_commands", "editor"}), "cline"),
    (frozenset({"execute_command", "replace_in_file", "attempt_completion"}), "cline"),
    (frozenset({"terminal", "file_editor", "task_tracker"}), "openhands"),
    (frozenset({"execute_bash", "str_replace_editor"}), "openhands"),
    (frozenset({"Bash", "Edit", "Read", "Write"}), "claude-code"),
    (frozenset({"exec_command", "write_stdin"}), "codex"),
    (frozenset({"background_process", "bash", "kilo_local_recall"}), "kilo"),
    (frozenset({"bash", "glob", "grep", "read", "todowrite", "webfetch"}), "opencode"),
    (frozenset({"developer__shell"}), "goose"),
    (frozenset({"developer__text_editor"}), "goose"),
)

_MINIFIED_SDK = re.compile(r"[a-z]{1,3}/js \d")
_OPEN_WEBUI_HEADERS = ("x-openwebui-user-id", "x-openwebui-user-name", "x-openwebui-chat-id", "x-openwebui-user-email")
_CLAIMS = (("kilo code", "kilo"), ("cline", "cline"), ("open webui", "open-webui"), ("aider", "aider"))


def name_of(header: Callable[[str], str], system: str, tools: tuple[str, ...]) -> str:
    """A name of HARNESSES. `header(name)` is "" for an absent one; `system` is the system prompt or its beginning."""
    originator = header("originator")
    if originator:
        for prefix, name in _ORIGINATORS:
            if originator.startswith(prefix):
                return name
    sure, borrowed = _by_agent(header("user-agent"))
    return sure or _by_prompt(system) or _by_tools(tools) or _by_other_headers(header, borrowed) or borrowed or "other"


@lru_cache(maxsize=512)
def _by_agent(user_agent: str) -> tuple[str, str]:
    """(the client, "") where the user agent can be believed, ("", what it claims) where others claim the same."""
    agent = user_agent.lower()
    for prefix, name in _SURE_AGENTS:
        if agent.startswith(prefix):
            return name, ""
    for prefix, name in _BORROWED_AGENTS:
        if agent.startswith(prefix):
            return "", name
    return "", "openai-node" if _MINIFIED_SDK.match(agent) else ""


def _by_prompt(system: str) -> str:
    head = system[:200].lstrip()
    if not head:
        return ""
    if head.startswith(_ANY_OPENING):
        return next(name for opening, name in _OPENINGS if head.startswith(opening))
    head = system[:2000]
    return next((name for mark, name in _WITHIN_OPENING if mark in head), "")


def _by_tools(tools: tuple[str, ...]) -> str:
    if not tools:
        return ""
    offered = frozenset(tools)
    return next((name for wanted, name in _TOOL_SETS if wanted <= offered), "")


def _by_other_headers(header: Callable[[str], str], borrowed: str) -> str:
    title = header("x-title").lower()
    if title:
        for claim, name in _CLAIMS:
            if title.startswith(claim):
                return name
    if borrowed:
        return ""
    return "open-webui" if any(header(name) for name in _OPEN_WEBUI_HEADERS) else ""
