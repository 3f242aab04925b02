"""The client is known by what it says of itself, by its prompt, by its tools; in that order."""

from __future__ import annotations

import pytest

from router.request.harness import CODING, HARNESSES, name_of
from tests import captures
from tests.request import labelled


def name(system: str = "", tools: tuple[str, ...] = (), **headers: str) -> str:
    return name_of(lambda wanted: headers.get(wanted.replace("-", "_"), ""), system, tools)


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("opencode/1.18.33 ai-sdk/provider-utils/4.0.23 runtime/bun/1.3.14", "opencode"),
        ("Kilo-Code/7.7.9", "kilo"),
        ("codex_exec/0.169.0 (Debian)", "codex"),
        ("codex-tui/0.169.0", "codex"),
        ("pi (linux; x64)", "pi"),
        ("QwenCode/0.24.4", "qwen-code"),
        ("claude-cli/2.1.0 (external, cli)", "claude-code"),
        ("Agents/Python 0.24.0", "openai-agents"),
        ("pydantic-ai/2.68.0", "pydantic-ai"),
        ("lm15/stdlib", "dspy"),
        ("ai/7.0.173 ai-sdk-provider-utils/5.0.81", "ai-sdk"),
        ("ai-sdk-openai-compatible/3.0.92", "ai-sdk"),
        ("OpenAI/Python 3.52.0", "openai-python"),
        ("AsyncOpenAI/Python 2.1.0", "openai-python"),
        ("OpenAI/JS 7.55.0", "openai-node"),
        ("ls/JS 5.23.2", "openai-node"),
        ("Anthropic/Python 2.11.0", "anthropic-python"),
        ("litellm/1.106.2", "litellm"),
        ("curl/8.5.0", "curl"),
        ("Mozilla/5.0", "other"),
        ("", "other"),
    ],
)
def test_the_user_agent_names_the_client(agent: str, expected: str) -> None:
    assert name(user_agent=agent) == expected


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("You are Cline, an AI coding agent.", "cline"),
        ("Act as an expert software developer.\nAlways", "aider"),
        ("You are an agent in the Continue CLI.", "continue"),
        ("You are OpenHands agent, a helpful AI assistant", "openhands"),
        ("You are Researcher. You know.\nYour personal goal is: find it", "crewai"),
        ("You are a helpful assistant that can interact with a computer.", "mini-swe-agent"),
        ("You are ShellGPT\nYou are", "shell-gpt"),
        ("be brief", "openai-python"),
        ("Please tell who Cline is. You are Cline, no?", "openai-python"),
    ],
)
def test_a_prompt_says_more_than_the_sdk_under_it(system: str, expected: str) -> None:
    assert name(system, user_agent="OpenAI/Python 2.20.0") == expected


def test_a_borrowed_name_yields_to_the_prompt() -> None:
    assert name("You are Qwen Code, an interactive CLI agent", user_agent="claude-cli/0.24.4") == "qwen-code"
    assert name("You are Cline, an AI coding agent", user_agent="ai-sdk/openai-compatible/3.0.37") == "cline"


def test_the_originator_comes_first_and_tools_last() -> None:
    assert name(originator="codex_vscode", user_agent="OpenAI/Python 1") == "codex"
    assert name("", ("terminal", "file_editor", "task_tracker"), user_agent="OpenAI/Python 2") == "openhands"
    assert name("", ("read_files", "search_codebase", "run_commands", "editor")) == "cline"
    assert name("", ("bash",), user_agent="OpenAI/Python 2") == "openai-python"


def test_open_webui_is_known_by_its_headers() -> None:
    assert name(user_agent="Python/3.11 aiohttp/3.12", x_openwebui_user_id="1") == "open-webui"
    assert name(x_title="Kilo Code") == "kilo"


def test_every_recorded_client_is_named_as_labelled() -> None:
    captures.needed()
    cases = labelled.captures() or ()
    wrong = [
        f"{case.name}: {case.harness}, found {case.signals.harness}"
        for case in cases
        if case.harness and case.signals.harness != case.harness
    ]
    assert not wrong


def test_the_lists_agree() -> None:
    assert set(HARNESSES) >= CODING
    assert len(set(HARNESSES)) == len(HARNESSES)
    assert HARNESSES[-1] == "other"
