"""`signalbox extras`, by which `make run` knows whether llama.cpp is wanted."""

import pytest

from router.cli import main

HTTP = "version: 1\nbackends: {{a: {{url: 'http://127.0.0.1:9'}}{more}}}\nroutes: [{{to: a}}]\n"


@pytest.mark.parametrize(
    ("more", "printed"),
    [
        ("", ""),
        (", b: {kind: gguf, path: m.gguf}", "gguf\n"),
        (", b: {kind: world}", "gguf\n"),
        (", b: {kind: world}, c: {kind: gguf, path: m.gguf}", "gguf\n"),
    ],
)
def test_gguf_files_and_world_models_need_llama_cpp(more, printed, tmp_path, capsys):
    file = tmp_path / "rules.yaml"
    file.write_text(HTTP.format(more=more))
    assert main(["extras", "--rules", str(file), "--port", "4001"]) == 0
    assert capsys.readouterr().out == printed


def test_rules_that_cannot_be_used_need_nothing(tmp_path, capsys):
    file = tmp_path / "rules.yaml"
    file.write_text("version: 2\n")
    assert main(["extras", "--rules", str(file)]) == 0
    assert capsys.readouterr().out == ""
