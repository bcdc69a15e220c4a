"""What holds for all evaluations of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.gate.runs.run_settings import RunSettings

pytestmark = pytest.mark.service


def test_a_run_without_more_stands_alone_and_finds_that_nothing_changed() -> None:
    settings = RunSettings("run", 0.95, n_evaluations=2, concurrency=1)
    assert (settings.best_of, dict(settings.ledger), list(settings.changed())) == (1, {}, [])
    assert settings.root == Path()
