"""`steelyard corpus stats`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

pytestmark = pytest.mark.service


def test_the_funnel_is_shown_and_the_corpus_built_first(corpora: Path, run: Run) -> None:
    result = run("corpus", "stats", "clean")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:2] == ["clean", lines[1]]
    assert lines[1:3] == ["  15 of 20 documents kept (75 %)", "  90 of 104 words (87 %)"]
    assert [line.split()[:4] for line in lines[5:]] == [
        ["step", "in", "out", "removed"],
        ["steps:long_enough", "20", "16", "20"],
        ["exact", "16", "15", "6.2"],
        ["steps:shouting", "15", "15", "0"],
        ["steps:long_enough", "long_enough", "4"],
        ["exact", "duplicate", "1"],
    ]


def test_a_corpus_without_steps_has_all_documents(corpora: Path, run: Run) -> None:
    assert "20 of 20 documents kept (100 %)" in run("corpus", "stats", "raw").stdout
    assert json.loads(run("corpus", "stats", "raw", "--json").stdout)["documents_out"] == 20
