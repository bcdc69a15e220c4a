"""What earlier runs of a store found."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.reporting.html.history import MOST_RUNS, PastResult, history
from harness.store import Store
from tests.gate import stored
from tests.gate.stored import Scored

TEST = "suites/test_capitals.py::test_capitals"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path / "store.db"))


def _values(right: int, n: int = 10) -> Scored:
    cases = {f"case-{number}": [float(number < right)] for number in range(n)}
    return Scored(candidate=cases, baseline=cases)


def test_earlier_runs_are_told_the_oldest_first(store: Store) -> None:
    for right in (5, 7):
        stored.run(store, f"r{right}", _values(right), names={"candidate": f"v{right}", "baseline": "large"})
    side = stored.run(store, "r9", _values(9))
    first, second = history(store, side.weighed.run, side.report)[TEST, "score"]
    assert (first.run_id, first.version, first.value) == ("r5", "v5", 0.5)
    assert (second.run_id, second.version, second.value) == ("r7", "v7", 0.7)
    (entry,) = stored.side(store, "r7").report.evaluations
    assert entry.candidate is not None
    assert second == PastResult(
        "r7", "2026-11-24T16:03:12Z", "v7", "large", entry.verdict, 0.7, entry.candidate.low, entry.candidate.high
    )


def test_later_unfinished_and_other_runs_are_left_out(store: Store) -> None:
    stored.run(store, "r1", _values(5), finished=False)
    stored.run(store, "r2", Scored("suites/t.py::another", candidate={"peru": [1.0]}))
    side = stored.run(store, "r3", _values(9))
    stored.run(store, "r4", _values(2))
    assert history(store, side.weighed.run, side.report) == {(TEST, "score"): ()}


@pytest.mark.parametrize("rule", [{"unit": "s", "higher_is_better": False}, {"unit": None, "statistic": "p50"}])
def test_another_unit_or_statistic_is_another_metric(store: Store, rule: dict[str, object]) -> None:
    stored.run(store, "r1", Scored(candidate={"peru": [0.2], "chad": [0.4]}, rule=rule))
    side = stored.run(store, "r2", Scored(candidate={"peru": [0.3], "chad": [0.4]}))
    assert history(store, side.weighed.run, side.report)[TEST, "score"] == ()


@pytest.mark.service
def test_only_the_newest_are_read(store: Store) -> None:
    for number in range(MOST_RUNS + 3):
        stored.run(store, f"r{number:02}", _values(5))
    side = stored.run(store, "last", _values(5))
    found = history(store, side.weighed.run, side.report)[TEST, "score"]
    assert [each.run_id for each in found] == [f"r{number:02}" for number in range(3, MOST_RUNS + 3)]
