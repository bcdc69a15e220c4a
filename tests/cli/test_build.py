"""`steelyard build`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.data.conftest import cache, corpora

__all__ = ["cache", "corpora"]


def test_a_version_is_built_once(corpora: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(corpora / "own"))
    first, again = (json.loads(run("build", "clean", "--json").stdout) for _ in range(2))
    assert (first["version"], first["built"], again["built"]) == ("clean", True, False)
    assert first["fingerprint"] == again["fingerprint"]
    assert run("build", "clean").stdout == f"clean: was built before, fingerprint {first['fingerprint'][:12]}\n"
    assert run("models", "clean", "--json").stdout.count(first["fingerprint"]) == 1


def test_a_model_has_nothing_to_build(corpora: Path, run: Run) -> None:
    assert run("build", "small").stdout.startswith("small: nothing of it is built, fingerprint ")


def test_a_version_that_there_is_not_is_a_usage_error(corpora: Path, run: Run) -> None:
    result = run("build", "cleen")
    assert result.exit_code == 4
    assert "No version named 'cleen'. Versions: clean, raw, small. Did you mean 'clean'?" in result.stderr
