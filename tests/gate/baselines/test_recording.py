"""What is recorded of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.errors import SettingsError
from harness.gate.baselines.recording import left_out, recording_of
from harness.gate.history.runs import find_version
from harness.records import ScoringRule
from harness.store import Store
from tests.gate.stored import Scored, run


def test_a_runs_candidate_is_recorded_as_it_was_decided(store: Store) -> None:
    scores = {"a": [1.0, "failed"], "b": [0.5, 1.0], "c": ["skipped", "skipped"]}
    by = ScoringRule(("j1",), "r1")
    side = run(store, "r1", Scored("one", scores, {"a": [1.0], "b": [1.0], "c": [1.0]}, judged_by=by))
    found = recording_of(store, side.weighed, side.report, "released")
    assert (found.name, found.version.name, found.run_id) == ("released", "small", "r1")
    one = found.evaluations["one"]
    assert {case: each.scores["score"] for case, each in one.cases.items()} == {"a": (1.0, 0.0), "b": (0.5, 1.0)}
    assert one.skipped == ("c",)
    assert one.metrics["score"].judged_by == ("j1/r1",)
    assert one.metrics["score"].value == side.report.evaluations[0].candidate.value


@pytest.mark.parametrize(("threshold", "is_early"), [(0.5, True), (0.999, False)])
def test_a_run_that_stopped_as_soon_as_it_was_decided_is_refused(store: Store, threshold: float, is_early) -> None:
    rule = {"threshold": threshold, "margin": 0.01, "design": "sequential", "n_planned": 60}
    side = run(store, "r1", Scored("one", {f"c{i}": [1.0] for i in range(60)}, rule=rule), names={"candidate": "small"})
    if is_early:
        with pytest.raises(SettingsError, match=r"Run r1 stopped in one as soon as it was decided.*--for-baseline"):
            recording_of(store, side.weighed, side.report, "released")
    else:
        assert len(recording_of(store, side.weighed, side.report, "released").evaluations["one"].cases) == 60


def test_bodies_that_compare_with_their_own_baseline_are_left_out(store: Store) -> None:
    alone, both = Scored("alone", {"a": [1.0]}, {"a": [1.0]}), Scored("preferred", {"a": [0.5]}, None)
    side = run(store, "r1", alone, both)
    found = recording_of(store, side.weighed, side.report, "released")
    assert list(found.evaluations) == ["alone"]
    assert left_out(side.report, found) == ("preferred",)
    only = run(store, "r2", both)
    with pytest.raises(SettingsError, match="no scores of small alone"):
        recording_of(store, only.weighed, only.report, "released")


def test_a_run_with_errors_or_evaluations_that_were_not_reached_is_refused(store: Store) -> None:
    side = run(store, "r1", Scored("one", {"a": [1.0]}, rule={"errors": (BROKE,)}), names={"candidate": "small"})
    with pytest.raises(SettingsError, match=r"Run r1 ended in errors, .*: one \(it broke: no\)\. Run it again"):
        recording_of(store, side.weighed, side.report, "released")
    side = run(store, "r2", Scored("one", {"a": [1.0]}), names={"candidate": "small"})
    with pytest.raises(SettingsError, match="stopped before 2 of its evaluations, as -x does"):
        recording_of(store, side.weighed, replace(side.report, n_unreached=2), "released")


def test_a_version_stands_for_the_newest_run_that_has_it_as_its_candidate(store: Store) -> None:
    one = Scored("one", {"a": [1.0]}, {"a": [1.0]})
    run(store, "r1", one, names={"candidate": "small"})
    run(store, "r2", one, names={"candidate": "other", "baseline": "small"})
    run(store, "r3", one, names={"candidate": "small"}, finished=False)
    assert find_version(store.runs(), "small", ["candidate"]).run.run_id == "r1"
    with pytest.raises(SettingsError, match="Run r3 did not come to its end"):
        find_version(store.runs(), "latest", ["candidate"])
    run(store, "r4", one, names={"candidate": "other", "baseline": "large"})
    with pytest.raises(SettingsError, match=r"No stored run or version is called 'large'. Versions: other, small\."):
        find_version(store.runs(), "large", ["candidate"])


BROKE = 'it broke: no\nTraceback (most recent call last):\n  File "bot.py", line 3, in answer\n    raise\nit broke: no'
