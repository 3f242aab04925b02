"""Files of each form, edited: what is not ours stays as it is written."""

from __future__ import annotations

import json
from typing import Any

import pytest
import tomlkit
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from router.clients.contract import Entry, Put
from router.clients.formats import Unreadable, edited, read
from router.clients.merge import GONE, Unmergeable, merged, without

JSON = """{
\t// my theme
\t"theme": "dark", /* really */
\t"provider": {
\t\t"mine": {"key": "x"} // other
\t},
\t"model": "mine/big", // default
}
"""
TOML = 'model = "big" # mine\n\n# the terminal\n[tui]\na = 1\n'
YAML = "# top\nname:   me   # odd spaces\nmodels:\n- name: a\n  roles: [chat,   edit]\n\n# end\nother: 'x'\n"

PAIRS = [
    (
        "json",
        JSON,
        (Put(("provider", "signalbox"), {"url": "u"}), Put(("model",), "signalbox/auto"), Put(("new",), 1)),
        JSON.replace(
            '\t\t"mine": {"key": "x"} // other\n',
            '\t\t"mine": {"key": "x"}, // other\n\t\t"signalbox": {\n\t\t\t"url": "u"\n\t\t}\n',
        ).replace('"mine/big", // default\n', '"signalbox/auto", // default\n\t"new": 1,\n'),
    ),
    (
        "toml",
        TOML,
        (Put(("model",), "auto"), Put(("model_provider",), "s"), Put(("model_providers", "s"), {"base_url": "u"})),
        'model = "auto" # mine\nmodel_provider = "s"\n\n# the terminal\n[tui]\na = 1\n\n'
        '[model_providers.s]\nbase_url = "u"\n',
    ),
    (
        "yaml",
        YAML,
        (Put(("models", Entry("name", "S")), {"name": "S"}), Put(("version",), "1")),
        YAML.replace("edit]\n", "edit]\n- name: S\n") + "version: '1'\n",
    ),
]


@pytest.mark.parametrize(("form", "before", "puts", "after"), PAIRS, ids=["json", "toml", "yaml"])
def test_only_our_part_changes(form: str, before: str, puts: tuple[Put, ...], after: str) -> None:
    once = edited(form, before, merged(read(form, before), puts))
    assert once == after
    assert edited(form, once, merged(read(form, once), puts)) == once


@pytest.mark.parametrize(
    ("form", "text", "line"),
    [("json", '{\n "a": 1\n "b": 2}', "3:"), ("toml", "a = 1\nb = = 2\n", "2"), ("yaml", "a: 1\nb: [1\n", "3")],
)
def test_what_cannot_be_parsed_is_refused_with_its_line(form: str, text: str, line: str) -> None:
    with pytest.raises(Unreadable, match=line):
        read(form, text)


def test_a_list_where_a_mapping_is_needed_is_refused() -> None:
    with pytest.raises(Unmergeable, match="provider is not a mapping"):
        merged({"provider": []}, [Put(("provider", "x"), 1)])


KEYS = st.text("abcdé1", min_size=1, max_size=5)
SCALARS = st.one_of(st.integers(-1000, 1000), st.booleans(), st.text("ab c#:é\"'\\/,{}[]", max_size=8))
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)
MAPPINGS = st.dictionaries(KEYS, DATA, max_size=4)
PUTS = [
    Put(("zz", "signalbox"), {"url": "u", "models": {"auto": {"images": True}}}),
    Put(("zy",), "signalbox/auto"),
    Put(("zl", Entry("id", "auto")), {"id": "auto", "n": 3}),
]


def _written(form: str, data: dict[str, Any], indent: int | None) -> str:
    if form == "json":
        return json.dumps(data, indent=indent, ensure_ascii=False)
    return tomlkit.dumps(data) if form == "toml" else yaml.safe_dump(data, allow_unicode=True, indent=indent or 2)


@pytest.mark.parametrize("form", ["json", "toml", "yaml"])
@settings(max_examples=60, deadline=None)
@given(data=MAPPINGS, theirs=MAPPINGS, indent=st.sampled_from([None, 2, 4]))
def test_nothing_foreign_is_lost_and_our_part_comes_out_again(
    form: str, data: dict[str, Any], theirs: dict[str, Any], indent: int | None
) -> None:
    text = _written(form, data, indent)
    before = read(form, text)
    new = merged(before, PUTS)
    once = edited(form, text, new)
    assert read(form, once) == new
    assert {key: new[key] for key in data} == data
    assert edited(form, once, merged(read(form, once), PUTS)) == once
    assert without(new, new, before) == before or before is GONE
    later = merged(new, [Put((f"their-{key}",), value) for key, value in theirs.items()])
    left = without(later, new, {} if before is GONE else before)
    assert left == {**data, **{f"their-{key}": value for key, value in theirs.items()}}
