from __future__ import annotations

import numpy as np
import pytest

from harness.errors import SettingsError
from harness.gate.history.preferences import stored_preferences
from harness.records import ScoringRule
from harness.statistics import bradley_terry_rows
from harness.store import Store
from tests.gate.stored import Scored, run

PREFERRED = "suites/test_preferred.py::test_preferred"


def preferred(rate: float, **more: object) -> Scored:
    """A pairwise evaluation in which the candidate wins in so many of 20 cases."""
    wins = round(20 * rate)
    return Scored(PREFERRED, {f"case {n:02}": [float(n < wins), 0.5] for n in range(20)}, **more)


def versions(candidate: str, baseline: str) -> dict[str, str]:
    return {"candidate": candidate, "baseline": baseline}


def test_versions_get_a_rank_from_the_preferences_of_several_runs(store: Store) -> None:
    run(store, "r1", preferred(0.9), names=versions("b", "a"))
    run(store, "r2", preferred(0.8), names=versions("c", "b"))
    run(store, "r3", preferred(0.05), names=versions("a", "c"))
    found = stored_preferences(store, PREFERRED)
    assert found.names == ("b", "a", "c")
    assert (len(found.outcomes), len(found.clusters), len(set(found.clusters))) == (120, 120, 20)
    ranked = bradley_terry_rows(found.first, found.second, found.outcomes, found.clusters)
    by_name = dict(zip(found.names, ranked.strengths.tolist(), strict=True))
    assert by_name["a"] < by_name["b"] < by_name["c"]


def test_rows_have_the_candidate_first_and_come_in_the_order_of_cases(store: Store) -> None:
    run(store, "r1", Scored(PREFERRED, {"chad": [0.0, None, 0.5], "a": [1.0]}), names=versions("new", "old"))
    found = stored_preferences(store, PREFERRED)
    assert found.names == ("new", "old")
    np.testing.assert_array_equal(found.first, [0, 0, 0])
    np.testing.assert_array_equal(found.second, [1, 1, 1])
    np.testing.assert_array_equal(found.outcomes, [1.0, 0.0, 0.5])
    assert found.clusters == ("a", "chad", "chad")


def test_of_runs_of_the_same_versions_the_newest_counts(store: Store) -> None:
    run(store, "r1", preferred(0.9), names=versions("b", "a"))
    run(store, "r2", preferred(0.2), names=versions("a", "b"))
    run(store, "r3", preferred(0.5), names=versions("a", "b"), finished=False)
    assert stored_preferences(store, PREFERRED).names == ("a", "b")
    assert stored_preferences(store, PREFERRED).outcomes.mean() == pytest.approx((0.2 + 0.5) / 2)
    assert stored_preferences(store, PREFERRED, runs=["r1"]).names == ("b", "a")


def test_scores_that_are_no_preferences_are_left_aside(store: Store) -> None:
    """Of a version against itself, of a run without a baseline, and of an evaluation that is run for both."""
    run(store, "r1", preferred(0.5), names=versions("a", "a"))
    run(store, "r2", preferred(0.5), names={"candidate": "a"})
    run(store, "r3", preferred(0.5, baseline={"case 00": [1.0]}), names=versions("a", "b"))
    with pytest.raises(SettingsError, match=r"No finished run has preferences of .*test_preferred' \(score\): it must"):
        stored_preferences(store, PREFERRED)
    run(store, "r4", preferred(0.5, metric="wins"), names=versions("a", "b"))
    assert len(stored_preferences(store, PREFERRED, metric="wins").outcomes) == 40


def test_preferences_of_different_judges_are_not_put_together(store: Store) -> None:
    strict, mild = ScoringRule(("j1",), "r"), ScoringRule(("j2",), "r")
    run(store, "r1", preferred(0.9, judged_by=strict), names=versions("b", "a"))
    run(store, "r2", preferred(0.8, judged_by=mild), names=versions("c", "b"))
    with pytest.raises(SettingsError, match="come from different judges or rubrics, as those of the runs r2, r1: name"):
        stored_preferences(store, PREFERRED)
    assert stored_preferences(store, PREFERRED, runs=["r2"]).names == ("c", "b")
