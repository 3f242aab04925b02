"""A rules file: read whole, or refused with every fault, its line and a hint."""

import pytest

from router.config.load import load, parse, rules_file
from router.config.problems import RulesError

HEAD = "version: 1\nbackends:\n  local: {url: http://localhost:8080/v1}\n"


def rules(text, environ=None):
    return parse(text.encode(), "rules.yaml", environ or {})


def faults(text, environ=None):
    with pytest.raises(RulesError) as caught:
        rules(text, environ)
    return [problem for problem in caught.value.problems if problem.severity == "error"]


def fault(text, environ=None):
    found = faults(text, environ)
    assert len(found) == 1, [str(problem) for problem in found]
    return found[0]


def test_the_example_of_the_readers_first_page_loads(tmp_path):
    file = tmp_path / "signalbox.yaml"
    file.write_text(HEAD + "routes:\n  - to: local\n")
    loaded = load(file, {})
    assert loaded.rules.routes[0].backends == ("local",)
    assert loaded.file == file
    assert not loaded.problems


def test_a_file_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.yaml", {})


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "hint"),
    [
        ("stict_models: true\n", 4, 1, "`stict_models` is no option at the top", '"strict_models"'),
        ("routes:\n  - {name: a, to: locl}\n", 5, 15, "no backend `locl`", '"local"'),
        ("routes:\n  - {name: a, too: local}\n", 5, 15, "`too` is no option in route 1", '"to"'),
        ("routes:\n  - name: a\n    fallbacks: [local]\n    to: local\n", 6, 5, "`fallbacks`", '"to"'),
        ("routes:\n  - {name: a}\n", 5, 5, "`to` is missing in route 1", None),
        ("routes:\n  - {to: []}\n", 5, 6, "`to` is an empty list", None),
        ("routes:\n", 4, 1, "`routes` is empty; it is a list", "leave the line out"),
        ("routes:\n  - {to: local, old_images: dorp}\n", 5, 17, "keep, drop, not dorp", '"drop"'),
        ("routes:\n  - {to: local, private: maybe}\n", 5, 17, "true or false, not maybe", None),
        ("aliases: {local: local}\n", 4, 11, "is an alias and a backend", "rename"),
        ("aliases: {auto: local}\n", 4, 11, "`auto` cannot be an alias", None),
        ("aliases: {gpt: lokal}\n", 4, 11, "no backend `lokal`", '"local"'),
        ("tests:\n  - {name: t, request: {}, expect: {backend: locall}}\n", 5, 37, "no backend `locall`", '"local"'),
        ("tests:\n  - {name: t, request: {}, expect: {rout: x}}\n", 5, 37, "`rout` is no option", '"route"'),
        ("tests:\n  - {name: t, request: {}, at: noon, expect: {}}\n", 5, 28, "`noon` is no time", "2026-11-21"),
    ],
)
def test_a_fault_has_its_line_column_and_a_hint(text, line, column, message, hint):
    problem = fault(HEAD + text)
    assert (problem.line, problem.column) == (line, column)
    assert message in problem.message
    assert hint is None or hint in (problem.hint or "")


@pytest.mark.parametrize(
    ("spec", "message", "hint"),
    [
        ("{url: localhost:8080}", "url begins with http://", None),
        ("{url: 'http://localhost:99999/v1'}", "url has a port that is none: they go from 1 to 65535", None),
        ("{url: 'http://localhost:0/v1'}", "url has a port that is none", None),
        ("{url: 'http://localhost:x/v1'}", "url has a port that is none", None),
        ("{url: 'http://[::1/v1'}", "url has a host that is neither a name nor an address", None),
        ("{url: 'http://:8080/v1'}", "url has a host that is neither a name nor an address", None),
        ("{url: 'http://a..b/v1'}", "url has a host that is neither a name nor an address", None),
        ("{url: 'http://" + "x" * 64 + "/v1'}", "url has a host that is neither a name nor an address", None),
        ("{base_url: http://x, url: http://x}", "`base_url` is no option in backend `b`", '"url"'),
        ("{url: http://x, n_ctx: 3}", "`n_ctx` is no option", "kind: gguf"),
        ("{url: http://x, timeouts: {conect: 3}}", "`conect` is no option in `timeouts`", '"connect"'),
        ("{url: http://x, timeouts: {idle: 1 year}}", "a duration is", None),
        ("{url: http://x, parallel: 0}", "`parallel` is at least 1", None),
        ("{url: http://x, context: much}", "`context` is a whole number", None),
        ("{url: http://x, model: 7}", "`model` is a text", "quotes"),
        ("{url: http://x, accepts: [txt]}", "entry 1 of `accepts` is one of: text, image", '"text"'),
        ("{url: http://x, verify: [1]}", "`verify` is true or false", None),
        ("{kind: litelm, model: x}", "kinds are: http, litellm, gguf", '"litellm"'),
        ("{kind: litellm}", "`model` is missing in backend `b`", None),
        ("{kind: gguf}", "`path` is missing in backend `b`", None),
        ("http://x", "`b` is a mapping", "key: value"),
        ("", "`b` is empty", None),
    ],
)
def test_a_fault_in_a_backend_is_told_in_plain_words(spec, message, hint):
    problem = fault(f"{HEAD}  b: {spec}\n")
    assert message in problem.message
    assert problem.line == 4
    assert hint is None or hint in (problem.hint or "")


def test_version_is_asked_for_and_must_be_the_number():
    assert "`version` is missing" in fault(HEAD.replace("version: 1\n", "")).message
    assert "without quotes" in (fault(HEAD.replace("1\n", "'1'\n", 1)).hint or "")
    assert "`version` is 1, not 2" in fault(HEAD.replace("1\n", "2\n", 1)).message


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "text\n"])
def test_a_file_that_holds_no_mapping_is_refused(text):
    assert "the file is" in fault(text).message


def test_all_faults_are_told_at_once_and_in_order_of_the_file():
    backends = "version: 1\nbackends:\n  a: {ur: http://x}\n  b: {url: http://b, x: 1}\n"
    text = backends + "routes:\n  - {to: c}\n  - {if: {}, to: a}\n"
    lines = [problem.line for problem in faults(text)]
    assert lines == [3, 4, 6, 7]


def test_a_fault_in_a_backend_does_not_make_its_name_unknown():
    problem = fault("version: 1\nbackends:\n  a: {ur: http://x, url: http://x}\nroutes:\n  - {to: a}\n")
    assert "`ur`" in problem.message


def test_routes_without_a_name_get_one_and_a_name_given_twice_is_an_error():
    loaded = rules(HEAD + "routes:\n  - {name: a, when: {image: true}, to: local}\n  - {to: local}\n")
    assert [route.name for route in loaded.rules.routes] == ["a", "route 2"]
    problem = fault(HEAD + "routes:\n  - {name: a, to: local}\n  - {name: a, to: local}\n")
    assert problem.line == 6


def test_a_private_route_refuses_a_backend_that_is_not_private():
    text = HEAD + "  far: {url: https://example.com/v1}\nroutes:\n  - {name: p, private: true, to: [local, far]}\n"
    problem = fault(text)
    assert "route `p` is private, but backend `far` is not" in problem.message
    assert rules(text.replace("/v1}\nroutes", "/v1, private: true}\nroutes"))


def test_an_unknown_route_in_a_test_is_an_error_and_a_direct_one_is_not():
    text = HEAD + "routes:\n  - {name: rest, to: local}\ntests:\n  - {name: t, request: {}, expect: {route: ROUTE}}\n"
    assert '"rest"' in (fault(text.replace("ROUTE", "rst")).hint or "")
    assert rules(text.replace("ROUTE", "direct"))


def test_no_backends_is_an_error_and_no_routes_a_warning():
    assert "no backends" in fault("version: 1\n").message
    assert "no routes" in rules(HEAD).problems[0].message


def test_top_level_keys_that_begin_with_x_are_places_for_anchors():
    loaded = rules("version: 1\nx-b: &b {url: http://h/v1, model: '${NONE}'}\nbackends:\n  a: {<<: *b, model: m}\n")
    assert loaded.rules.backends["a"].model == "m"


def test_numbers_and_booleans_may_come_from_the_environment():
    text = "version: 1\nbackends:\n  a: {url: http://h, parallel: '${N}', context: '${C}', tools: '${T:-false}'}\n"
    spec = rules(text, {"N": "3", "C": "32k"}).rules.backends["a"]
    assert (spec.parallel, spec.context, spec.tools) == (3, 32_000, False)


CLOUD = "version: 1\nbackends:\n  a: {url: http://localhost}\n  cloud:\n    url: https://c/v1\n    api_key: ${KEY}\n"


def test_a_missing_variable_is_an_error_with_its_place_and_a_way_out():
    problem = fault(CLOUD)
    assert (problem.line, problem.column) == (6, 5)
    assert "KEY is not set" in problem.message
    assert "optional: true" in (problem.hint or "")


def test_an_optional_backend_without_its_variable_is_left_out_everywhere_and_remarked():
    text = CLOUD + (
        "    optional: true\naliases: {c: cloud}\nroutes:\n  - {name: only, when: {image: true}, to: cloud}\n"
        "  - {name: both, to: [cloud, a]}\ntests:\n  - {name: t1, request: {}, expect: {route: only}}\n"
        "  - {name: t2, request: {model: cloud}, expect: {}}\n  - {name: t3, request: {}, expect: {backend: a}}\n"
    )
    loaded = rules(text)
    assert list(loaded.rules.backends) == ["a"]
    assert loaded.rules.aliases == {}
    assert [(route.name, route.backends) for route in loaded.rules.routes] == [("both", ("a",))]
    assert loaded.left_out == {"cloud": ("KEY",)}
    assert loaded.tests_left_out == ("t1", "t2")
    assert [problem.line for problem in loaded.problems] == [4, 10]
    with_key = rules(text, {"KEY": "k"})
    assert list(with_key.rules.backends) == ["a", "cloud"]
    assert not with_key.problems


def test_a_typo_in_a_backend_that_is_left_out_is_still_found():
    assert "`modle`" in fault(CLOUD + "    optional: true\n    modle: x\n").message


def test_only_optional_backends_and_no_variables_is_an_error():
    text = "version: 1\nbackends:\n  c: {url: '${URL}', optional: true}\nroutes:\n  - {to: c}\n"
    assert "no backend is left" in fault(text).message


def test_a_problem_of_the_compiled_rules_finds_its_line_after_routes_were_left_out():
    from router.config.problems import Problem

    text = CLOUD + "    optional: true\nroutes:\n  - {name: x, to: cloud}\n  - {name: y, when: {image: true}, to: a}\n"
    loaded = rules(text)
    placed = loaded.placed(Problem("wrong", ("routes", 0, "when", "image")))
    assert (placed.file, placed.line, placed.column) == ("rules.yaml", 10, 22)


SECRET = "sk-SECRET-7d1f"


@pytest.mark.parametrize(
    "spec",
    [
        "{url: '${K}'}",
        "{url: http://x, parallel: '${K}'}",
        "{url: http://x, optional: '${K}'}",
        "{url: http://x, accepts: ['${K}']}",
        "{kind: '${K}', url: http://x}",
        f"{{url: http://x, api_key: [{SECRET}]}}",
        f"{{url: http://x, headers: {{authorization: {{{SECRET}: 1}}}}}}",
        f"{{url: http://x, headers: {SECRET}}}",
        f"{{url: 'user:{SECRET}@x'}}",
    ],
)
def test_a_secret_never_shows_in_an_error(spec):
    with pytest.raises(RulesError) as caught:
        rules(f"{HEAD}  b: {spec}\nroutes: [{{to: '${{K}}', old_images: '${{K}}'}}]\n", {"K": SECRET})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "routes: [{to: '${K}'}]",
        "aliases: {a: '${K}'}",
        "routes: [{to: local}]\ntests: [{name: t, request: {}, at: 'x ${K}', expect: {}}]",
        "routes: [{to: local, when: {task: '${K}'}}]",
        "routes: [{to: local, when: {text: '(${K}'}}]",
    ],
)
def test_what_the_environment_gives_never_shows_in_an_error(text):
    from router.routing.rulebook import read_rules

    with pytest.raises(RulesError) as caught:
        read_rules(f"{HEAD}{text}\n".encode(), "rules.yaml", {"K": SECRET})
    assert SECRET not in str(caught.value)
    assert "…" in str(caught.value)


def test_equal_contents_have_equal_digests():
    assert rules(HEAD).digest == rules(HEAD).digest != rules(HEAD + "#\n").digest


def test_the_users_file_is_that_of_the_environment_or_of_the_directory(tmp_path):
    assert rules_file({}, tmp_path) is None
    (tmp_path / "signalbox.yaml").write_text(HEAD)
    assert rules_file({}, tmp_path) == tmp_path / "signalbox.yaml"
    assert str(rules_file({"SIGNALBOX_RULES": "other.yaml"}, tmp_path)) == "other.yaml"
