"""What clients put around a user's words is taken off, and the words stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.request.wrappers import is_tool_result, unwrap


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", "hello"),
        ("  hello\n", "hello"),
        ("<system-reminder>x</system-reminder>\nhello <system-reminder>y</system-reminder>", "hello"),
        ("hello\n\n<environment_details>\nTime: now\n</environment_details>", "hello"),
        ("<environment_context>\n<cwd>/a</cwd></environment_context>", ""),
        ("what does <system-reminder> mean?", "what does <system-reminder> mean?"),
        ("a </b> <system-reminder> not closed", "a </b> <system-reminder> not closed"),
        ('"Fix the bug in calc.py"', "Fix the bug in calc.py"),
        ('say "a" or "b"', 'say "a" or "b"'),
        ('"a" or "b"', '"a" or "b"'),
        ("<task>\nbuild it\n</task>", "build it"),
        ("<user_query>why?</user_query>", "why?"),
        ("<image name=[Image #1]>", ""),
        ("</image>", ""),
        ("Called the Read tool with the following input: {}", ""),
        ("Change the greeting to be more casual", ""),
        ("change the greeting to be more casual please", "change the greeting to be more casual please"),
        ("say hi\n\nTo suggest changes to a file you MUST return the entire content", "say hi"),
        ("I have *added these files to the chat* so you can go ahead", ""),
        (
            "Please solve this issue: it crashes\n\nYou can execute bash commands and edit files to implement it",
            "it crashes",
        ),
        ("\nCurrent Task: plan a trip\n\nThis is the expected criteria for your final answer: a plan", "plan a trip"),
        ("New task:\n6*7?", "6*7?"),
        ("Observation:\n42", ""),
        ("[read_file for 'a.py'] Result:\nx = 1", ""),
        (
            "Error:\nbad\nNow let's retry: again\n\nPlease, please provide an answer to the following user task:\n6*7?",
            "6*7?",
        ),
        (
            "### Task:\nRespond to the user query using the provided context.\n<context>\nx\n</context>\nhow tall?",
            "how tall?",
        ),
        ("", ""),
    ],
)
def test_the_users_own_words_are_left(text: str, expected: str) -> None:
    assert unwrap(text) == expected


def test_results_written_as_user_messages_are_known() -> None:
    assert is_tool_result("Observation: 42")
    assert is_tool_result("[execute_command for 'ls'] Result:\na b")
    assert not is_tool_result("[1] is a citation. Result: none")
    assert not is_tool_result("I made an observation")


@given(st.lists(st.sampled_from(["<system-reminder>", "</system-reminder>", "<task>", "</task>", '"', "a ", "\n\n"])))
def test_any_mix_of_marks_is_unwrapped_to_a_part_of_it(pieces: list[str]) -> None:
    assert len(unwrap("".join(pieces))) <= len("".join(pieces))


@given(st.text(alphabet="abc é漢", min_size=1).map(str.strip).filter(bool))
def test_words_without_marks_stay(text: str) -> None:
    assert unwrap(text) == text
