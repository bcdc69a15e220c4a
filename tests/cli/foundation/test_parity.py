"""`steelyard parity`."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("loaded_torch")]

SETTINGS = """
[models.tiny]
engine = "transformers"
weights = "{weights}"
dtype = "bfloat16"
[models.bent]
engine = "transformers"
weights = "bent"
[models.table]
engine = "scripted"
answers = {{ Hi = "Hello" }}
"""


@pytest.fixture(autouse=True)
def project(folder: Path, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "80")
    (folder / "steelyard.toml").write_text(SETTINGS.format(weights=tiny_llama), encoding="utf-8")
    bent = Path(shutil.copytree(tiny_llama, folder / "bent"))
    config = json.loads((bent / "config.json").read_text())
    (bent / "config.json").write_text(json.dumps({**config, "rope_theta": 100.0}))
    (folder / "texts.txt").write_text("abc bca, one and two.\n\nAnother text of cab.\n", encoding="utf-8")
    return folder


@pytest.mark.nightly
def test_an_engine_in_16_bits_is_near_its_weights(run: Run) -> None:
    result = run("parity", "tiny", "--texts", "texts.txt", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["version"], found["reference"], found["texts"]) == ("tiny", "tiny", 2)
    assert found["is_lower_bound"]
    assert 0 < found["kl"]["mean"] < 0.005
    assert found["kl"]["low"] <= found["kl"]["mean"] <= found["kl"]["high"]
    assert found["perplexity_ratio"] == pytest.approx(1, abs=0.05)
    assert found["kl"]["p99.9"] is None
    assert "p99.9 (2,995)" in found["notes"][0]


def test_a_token_that_the_tokenizer_puts_before_a_text_is_no_position(run: Run, folder: Path) -> None:
    """It was one, and all else came after two of them: an engine's positions and perplexity were not `--weights`'."""
    file = folder / "bent" / "tokenizer.json"
    begin, text = ({kind: {"id": name, "type_id": 0}} for kind, name in (("SpecialToken", "<s>"), ("Sequence", "A")))
    known = {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}
    around = {"type": "TemplateProcessing", "single": [begin, text], "pair": [text, text], "special_tokens": known}
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "post_processor": around}), encoding="utf-8")
    asked = ("--texts", "texts.txt", "--json")
    served, whole = (json.loads(run("parity", "bent", *each, *asked).stdout) for each in ((), ("bent", "--weights")))
    assert served["positions"] == whole["positions"]
    assert served["perplexity"] == pytest.approx(whole["perplexity"], rel=1e-4)


def test_whole_distributions_of_two_models_are_compared_and_shown_at_80_columns(run: Run) -> None:
    result = run("parity", "bent", "tiny", "--texts", "texts.txt", "--weights")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "bent beside the weights of tiny in 32 bits"
    assert lines[1].startswith("2 texts, ")
    assert "lower bound" not in result.stdout
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in lines if line.startswith("KL(")]
    assert [row[-2] for row in rows] == ["-", "-"], "so few positions support no p99.9"
    assert all(len(one.partition(".")[2]) == len(two.partition(".")[2]) for one, two in zip(*rows, strict=True))
    assert "p99.9 (2,995)" in result.stdout
    mean = float(next(line for line in lines if line.startswith("mean KL")).split()[2])
    assert mean > 0.01, "another base of rotation is another model"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["table"], "Version 'table' has no weights"),
        (["tiny", "table"], "Version 'table' has no weights"),
        (["table", "tiny", "--weights"], "Version 'table' has no weights"),
        (
            ["tiny"],
            "documents.jsonl can't be read: No such file or directory. Name others with --texts FILE",
        ),
        (["tiny", "--texts", "none.txt"], "none.txt can't be read: No such file or directory. Beside it: texts.txt"),
        (["tinny", "--texts", "texts.txt"], "Did you mean 'tiny'?"),
        (["tiny", "--texts", "texts.txt", "--top", "0"], "0 is not in the range"),
        (["tiny", "--texts", "texts.txt", "--weights", "--top", "9"], "with --weights none is asked; leave one"),
    ],
)
def test_what_can_t_be_compared_is_said_with_the_way_out(run: Run, arguments: list[str], message: str) -> None:
    result = run("parity", *arguments)
    assert result.exit_code != 0
    assert message in " ".join(result.output.split())


@pytest.mark.parametrize("arguments", [["short"], ["short", "tiny"], ["tiny", "--weights"]])
def test_a_text_that_is_too_long_is_refused_before_anything_is_asked(
    run: Run, project: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was refused once the engine had answered all."""
    with (project / "steelyard.toml").open("a") as settings:
        settings.write('[models.short]\nbase = "tiny"\nmax_model_len = 64\n')
    size = 65 if "short" in arguments else 513
    (project / "long.txt").write_text(f"abc\n\n{'x' * size}\n", encoding="utf-8")
    monkeypatch.setattr(sys, "executable", "/nothing/is/started")
    result = run("parity", *arguments, "--texts", "long.txt")
    assert result.exit_code == 4, result.output
    said = f"Text 2 has {size} tokens, and {size - 1} are read at once"
    assert said in " ".join(result.output.split())
