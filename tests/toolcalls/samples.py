"""Tool calls as models write them into their text, each after its chat template; and texts that only speak of calls."""

from __future__ import annotations

import json
from typing import Any

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "tags": {"type": "array"}},
            },
        },
    },
    {"type": "function", "function": {"name": "read", "parameters": {"type": "object", "properties": {}}}},
]
WEATHER = {"city": "Łódź", "days": 3}
_JSON = json.dumps(WEATHER, ensure_ascii=False)
_CALL = '{"name": "get_weather", "arguments": ' + _JSON + "}"
_LLAMA = '{"name": "get_weather", "parameters": ' + _JSON + "}"

CALLS: dict[str, tuple[str, str, list[dict[str, Any]]]] = {
    # what it is: (wrapper, text, arguments of each call)
    "hermes": ("tool_call", f"<tool_call>\n{_CALL}\n</tool_call>", [WEATHER]),
    "hermes, two": ("tool_call", f"<tool_call>\n{_CALL}\n</tool_call>\n" * 2, [WEATHER, WEATHER]),
    "hermes without its end": ("tool_call", f"<tool_call>{_CALL}", [WEATHER]),
    "hermes with an end mark": ("tool_call", f"<tool_call>{_CALL}</tool_call><|im_end|>", [WEATHER]),
    "hermes, name with a prefix": ("tool_call", f"<tool_call>{_CALL.replace('get', 'functions.get')}", [WEATHER]),
    "hermes, a value with the end mark": (
        "tool_call",
        '<tool_call>{"name": "get_weather", "arguments": {"city": "a</tool_call>b"}}</tool_call>',
        [{"city": "a</tool_call>b"}],
    ),
    "hermes, single quotes": ("tool_call", f"<tool_call>{_CALL}</tool_call>".replace('"', "'"), [WEATHER]),
    "qwen3-coder": (
        "tool_call",
        "<tool_call>\n<function=get_weather>\n<parameter=city>\nŁódź\n</parameter>\n<parameter=days>\n3\n</parameter>\n"
        "</function>\n</tool_call>",
        [WEATHER],
    ),
    "qwen3-coder without the first mark": (
        "function",
        "<function=get_weather>\n<parameter=city>\nŁódź\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n"
        "</tool_call>",
        [WEATHER],
    ),
    "qwen3-coder, a value of lines": (
        "function",
        "<function=get_weather><parameter=city>\n  a\n  </parameter> b\n\n</parameter></function>",
        [{"city": "  a\n  </parameter> b\n"}],
    ),
    "llama 3.1, function": ("function", f"<function=get_weather>{_JSON}</function>", [WEATHER]),
    "llama 3.1, python tag": ("python_tag", f"<|python_tag|>{_LLAMA}<|eom_id|>", [WEATHER]),
    "llama 3.1, two": ("python_tag", f"<|python_tag|>{_LLAMA}; {_LLAMA}", [WEATHER, WEATHER]),
    "llama 3, bare": ("json", _LLAMA, [WEATHER]),
    "llama 3, bare with a type": ("json", '{"type": "function", ' + _LLAMA[1:], [WEATHER]),
    "openai's own shape": ("json", '{"type": "function", "function": ' + _CALL + "}", [WEATHER]),
    "a bare list": ("json", f"[{_CALL}, {_CALL}]", [WEATHER, WEATHER]),
    "mistral, a list": ("mistral", f"[TOOL_CALLS] [{_CALL}]", [WEATHER]),
    "mistral, names": ("mistral", f"[TOOL_CALLS]get_weather[ARGS]{_JSON}[TOOL_CALLS]read[ARGS]{{}}</s>", [WEATHER, {}]),
    "mistral, with an id": ("mistral", f"[TOOL_CALLS]get_weather[CALL_ID]abcdefghi[ARGS]{_JSON}", [WEATHER]),
    "mistral, a name alone": ("mistral", f"[TOOL_CALLS]get_weather{_JSON}", [WEATHER]),
    "deepseek v3": (
        "deepseek",
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{_JSON}\n```"
        "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        [WEATHER],
    ),
    "deepseek v3.1": (
        "deepseek",
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{_JSON}<｜tool▁call▁end｜>"
        "<｜tool▁call▁begin｜>read<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        [WEATHER, {}],
    ),
    "granite": ("granite", f"<|tool_call|>[{_CALL}]", [WEATHER]),
    "granite 3.3": ("tool_call", f"<tool_call>[{_CALL}]", [WEATHER]),
    "phi-4-mini": ("phi", f"functools[{_CALL}]", [WEATHER]),
    "kimi": (
        "kimi",
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>"
        f"{_JSON}<|tool_call_end|><|tool_calls_section_end|>",
        [WEATHER],
    ),
    "glm": (
        "tool_call",
        "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Łódź</arg_value>\n<arg_key>days</arg_key>\n"
        "<arg_value>3</arg_value>\n</tool_call>",
        [WEATHER],
    ),
    "gpt-oss": (
        "harmony",
        f"<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{_JSON}<|call|>",
        [WEATHER],
    ),
    "gpt-oss, with its start": (
        "harmony",
        f"<|start|>assistant<|channel|>commentary to=functions.get_weather<|constrain|>json<|message|>{_JSON}<|call|>",
        [WEATHER],
    ),
    "gpt-oss, recipient first": (
        "harmony",
        f"<|start|>assistant to=functions.get_weather<|channel|>commentary json<|message|>{_JSON}<|call|>",
        [WEATHER],
    ),
    "a fence that is the whole answer": ("fence", f"```json\n{_CALL}\n```", [WEATHER]),
    "a fence without a language": ("fence", f"\n```\n[{_CALL}]\n```\n", [WEATHER]),
    "llama 4, pythonic": ("pythonic", "[get_weather(city='Łódź', days=3), read()]", [WEATHER, {}]),
}

NO_CALLS = {
    "prose": "The weather in Łódź is fine. Is a < b or [1, 2]?",
    "a wrapper in a fence with other text": f"It calls a tool so:\n\n```\n<tool_call>{_CALL}</tool_call>\n```\n",
    "a wrapper in a code span": f"It writes `<tool_call>{_CALL}</tool_call>` then.",
    "a code span at the end": f"It writes `<tool_call>{_CALL}",
    "a wrapper in quotes": f'It writes "<tool_call>{_CALL}</tool_call>',
    "a wrapper that prose follows": f"<tool_call>{_CALL}</tool_call> is what I would have written.",
    "a tool that is not offered": '<tool_call>{"name": "rm", "arguments": {}}</tool_call>',
    "a bare object that is none": '{"name": "Ada", "parameters": {"age": 3}}',
    "a bare object without arguments": '{"name": "get_weather"}',
    "a bare object with text before it": f"Here: {_CALL}",
    "a fence with text after it": f"```json\n{_CALL}\n```\nThat is the call.",
    "an object of another kind": '{"temperature": 3}',
    "a list of numbers": "[1, 2, 3]",
    "a link": "[read](https://example.org) more",
    "python that computes": "[get_weather(city=input())]",
    "python with a positional argument": "[get_weather('x')]",
    "a call that was cut off": '<tool_call>{"name": "get_weather", "arguments": {"city": "Łó',
    "llama's python": "<|python_tag|>print(1)",
    "a bare call of a name": "read the file",
    "an empty answer": "",
    "a mark alone": "<tool_call>",
    "marks nested": "<tool_call><tool_call><tool_call>",
}
