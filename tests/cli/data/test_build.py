"""`steelyard corpus build`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

pytestmark = pytest.mark.service


def test_a_corpus_is_built_once_and_it_is_said_where_it_lies(corpora: Path, cache: Path, run: Run) -> None:
    first = run("corpus", "build", "clean")
    assert first.exit_code == 0
    assert first.stdout.startswith("clean: 15 of 20 documents kept (75 %), fingerprint ")
    folder = Path(first.stdout.strip().rpartition(" in ")[2])
    assert folder.parent == cache / "corpora"
    written = (folder / "stats.json").stat().st_mtime_ns
    assert run("corpus", "build", "clean").stdout == first.stdout
    assert (folder / "stats.json").stat().st_mtime_ns == written


def test_workers_change_nothing(corpora: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(corpora / "own"))
    alone = json.loads(run("corpus", "build", "clean", "--workers", "1", "--json").stdout)
    monkeypatch.setenv("STEELYARD_CACHE", str(corpora / "other"))
    two = json.loads(run("corpus", "build", "clean", "--workers", "2", "--executor", "local", "--json").stdout)
    assert (alone["fingerprint"], alone["documents_out"]) == (two["fingerprint"], two["documents_out"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cleen"], "No corpus named 'cleen'. Corpora: clean, raw. Did you mean 'clean'?"),
        (["small"], "'small' is a model, and a corpus is needed. Corpora: clean, raw."),
        (
            ["clean", "--executor", "rya"],
            "'rya' is not one of 'local', 'ray', 'slurm'.",
        ),
        (["clean", "--workers", "0"], "Invalid value for '--workers': 0 is not in the range x>=1."),
    ],
)
def test_what_can_not_be_built_is_a_usage_error(corpora: Path, run: Run, arguments: list[str], said: str) -> None:
    result = run("corpus", "build", *arguments)
    assert result.exit_code == 4
    assert said in result.stderr


def test_an_executor_of_the_settings_is_laid_over_key_by_key(corpora: Path) -> None:
    from harness.cli.corpus import chosen_executor
    from harness.config.settings import load_settings

    text = (corpora / "steelyard.toml").read_text(encoding="utf-8")
    own = 'executor = { name = "slurm", partition = "cpu" }\n'
    (corpora / "steelyard.toml").write_text(text + own, encoding="utf-8")
    settings = load_settings(corpora)
    assert chosen_executor(settings, "clean", None, None) is None
    assert chosen_executor(settings, "clean", None, 9) == {"name": "slurm", "partition": "cpu", "workers": 9}
    assert chosen_executor(settings, "clean", "ray", 2) == {"name": "ray", "workers": 2}
