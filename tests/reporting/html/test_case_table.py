"""The cases of an evaluation: those that it was decided by, then the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.store import Store
from tests.gate import stored
from tests.reporting.html import pages

pytestmark = pytest.mark.service

KINDS = {"s": "stable", "f": "flaky", "b": "broken"}


def test_cases_are_those_that_it_was_decided_by_and_then_the_others(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", pages.capitals())
    content = pages.data(pages.page_of(store, side, tmp_path))
    (verdict,) = side.report.evaluations
    decided_by = [case.id for case in verdict.cases]
    assert 0 < len(decided_by) < 60
    (of_set,), (entry,) = content["sets"], content["evaluations"]
    assert of_set["cases"][: len(decided_by)] == decided_by
    assert sorted(of_set["cases"]) == [f"case-{number:02}" for number in range(60)]
    assert of_set["files"] == [1] * 60
    assert entry["cases"]["n"] == 2
    told = zip(entry["cases"]["candidate"], entry["cases"]["baseline"], entry["cases"]["state"], strict=True)
    assert [(ours, theirs, KINDS[state]) for ours, theirs, state in told] == [
        (case.candidate, case.baseline, case.state) for case in verdict.cases
    ]
