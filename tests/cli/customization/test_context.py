"""`steelyard context`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.store import Store
from tests.cli.conftest import Run
from tests.gate import stored
from tests.gate.stored import Scored

TEST = "suites/test_context.py::test_needles"


@pytest.fixture
def context(folder: Path, run: Run) -> Run:
    """`context("latest", "--json")` in a folder with a run of needles, `r1`, and one without, `r2`."""
    ids = [f"single-{depth}-{number}" for depth in (0, 100) for number in range(30)]
    evaluations = [
        Scored(TEST, {case: [right] for case in ids}, {case: [1] for case in ids}, metric=metric)
        for metric, right in (("64 tokens", 1), ("128 tokens", 0))
    ]
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        stored.run(store, "r1", *evaluations)
        stored.run(store, "r2", Scored(candidate={"peru": [1, 1]}), names={"candidate": "medium"})
    return lambda *arguments: run("context", *arguments)


def test_a_stored_run_tells_how_long_a_context_may_be(context: Run, folder: Path) -> None:
    shown = context("r1", "--svg", "depth.svg").stdout
    assert shown.startswith("small: effective length 64 tokens\n")
    assert "\n\nlarge: effective length 128 tokens\n" in shown
    assert (folder / "depth.svg").read_text("utf-8").startswith("<svg ")
    ours, theirs = json.loads(context("small", "--json").stdout)
    assert (ours["effective_length"], theirs["effective_length"]) == (64, 128)


def test_a_drawing_that_cannot_be_written_is_said(context: Run) -> None:
    result = context("r1", "--svg", "nowhere/depth.svg")
    assert result.exit_code == 4
    assert "--svg nowhere/depth.svg can't be written: No such file or directory" in result.output


def test_a_run_without_needles_says_what_gives_them(context: Run) -> None:
    result = context("r2")
    assert result.exit_code == 4
    assert "Run r2 has no scores of needles at two lengths" in result.output
