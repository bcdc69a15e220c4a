"""`steelyard corpus ablation`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.corpora.questions import cloze, held_out
from tests.stages.data.ablation.conftest import articles, worsened
from tests.stages.data.projects import write_lines

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("loaded_torch")]

SETTINGS = """
[corpora.good]
documents = "good.jsonl"
[corpora.bad]
documents = "bad.jsonl"
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def project(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("STEELYARD_CACHE", str(cache))
    (folder / "steelyard.toml").write_text(SETTINGS, encoding="utf-8")
    for name, texts in (("good", articles(100)), ("bad", worsened(articles(100)))):
        write_lines(folder / f"{name}.jsonl", ({"id": identity, "text": text} for identity, text in texts))
    write_lines(folder / "evals" / "data" / "ablation" / "held_out.jsonl", held_out("tests", 4))
    write_lines(folder / "evals" / "data" / "ablation" / "cloze.jsonl", cloze("tests", 10))


@pytest.mark.nightly
def test_power_is_told_first_and_then_what_was_found(run: Run) -> None:
    result = run("corpus", "ablation", "good", "bad", "--seeds", "3", "--tokens", "10240")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("3 pairs of seeds: all pointing one way have p = 0.125 by signs")
    assert "good against bad: 3 seeds, 10,240 tokens of each" in lines
    assert "(better; paired t over 3 seeds" in " ".join(lines)


@pytest.mark.nightly
def test_json_is_for_scripts_and_nothing_is_trained_again(run: Run) -> None:
    asked = ("corpus", "ablation", "good", "bad", "--seeds", "2", "--tokens", "10240", "--json")
    first, again = (json.loads(run(*asked).stdout) for _ in range(2))
    assert first == again, "with its seconds"
    assert [pair["first"]["seed"] for pair in first["pairs"]] == [1, 2]
    assert first["loss"]["value"] < 0
    assert first["cloze"] is not None


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--seeds", "1"), "--seeds 1 can show nothing"),
        (("--tokens", "10"), "tokens = 10 is less than one step"),
        (("--tokens", "9999999"), "more than most_epochs = 4"),
        (("--epochs", "0"), "most_epochs = 0.0 is less than 1"),
        (("--held-out", "none.jsonl"), "none.jsonl can't be read"),
    ],
)
def test_what_can_t_be_done_is_a_usage_error(run: Run, options: tuple[str, ...], told: str) -> None:
    result = run("corpus", "ablation", "good", "bad", *options)
    assert result.exit_code == 4
    assert told in result.stderr


def test_the_texts_are_those_of_the_project_and_are_looked_for_before_anything_is_built(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    below = folder / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    (folder / "evals" / "data" / "ablation" / "cloze.jsonl").write_text("{}", encoding="utf-8")
    for options, told in (((), "cloze.jsonl, line 1"), (("--held-out", "none.jsonl"), "none.jsonl can't be read")):
        assert told in run("corpus", "ablation", "good", "bad", *options).stderr
    assert not (tmp_path / "cache" / "corpora").exists()
