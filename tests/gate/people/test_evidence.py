"""The evidence after each case, made again from stored scores, ends at the verdict that was given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.gate.people.evidence import EvidencePath, evidence_paths
from harness.records import Check, VerdictKind
from harness.store import Store
from tests.gate import stored
from tests.gate.stored import Scored

TEST = "suites/test_capitals.py::test_capitals"


def _scored(seed: int, n_cases: int = 120, n_samples: int = 3, drop: float = 0.0, **rule: Any) -> Scored:
    """Scores of two versions, the candidate right less often by `drop`."""
    rng = np.random.default_rng(seed)
    rates = rng.beta(6, 1, n_cases)
    ids = [f"case-{number:03}" for number in rng.permutation(n_cases)]
    ours, theirs = (
        (rng.random((n_cases, n_samples)) < np.clip(rates - less, 0, 1)[:, np.newaxis]).astype(float)
        for less in (drop, 0.0)
    )
    return Scored(
        candidate=dict(zip(ids, ours.tolist(), strict=True)),
        baseline=dict(zip(ids, theirs.tolist(), strict=True)),
        rule={"design": "sequential", "n_planned": n_cases, "margin": 0.1, **rule},
    )


def _paths(store: Store, *evaluations: Scored, level: float = 0.95) -> list[tuple[EvidencePath, Check]]:
    """The paths of a stored run, each with the comparison that it is of."""
    side = stored.run(store, f"r{len(store.runs())}", *evaluations, level=level)
    found = evidence_paths(store, side.weighed.run, side.report)
    return [
        (path, check)
        for entry in side.report.evaluations
        for path in found.get((entry.id, entry.metric), ())
        for check in entry.checks
        if check.against == path.against
    ]


def _verdict(path: EvidencePath) -> str:
    """What a path shows at its end."""
    if max(path.no_worse) >= path.no_worse_limit:
        return "passed"
    return "red" if path.worse[-1] >= path.worse_limit else "inconclusive"


def _given(check: Check) -> str:
    return "red" if check.verdict.is_red else check.verdict.value


@pytest.mark.service
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("drop", [-0.05, 0.0, 0.12, 0.3])
def test_every_path_ends_at_the_stored_verdict(store: Store, seed: int, drop: float) -> None:
    found = _paths(store, _scored(seed, drop=drop, threshold=0.85))
    assert [path.against for path, _ in found] == ["threshold", "baseline"]
    for path, check in found:
        assert _verdict(path) == _given(check)
        assert min(1.0, np.exp(-max(path.worse))) == pytest.approx(check.difference.p_value, rel=1e-9)


def test_the_kinds_of_verdict_all_occur(store: Store) -> None:
    kinds = [(120, 0.0), (120, 0.3), (20, 0.0)]
    found = [_paths(store, _scored(1, n_cases, drop=drop)) for n_cases, drop in kinds]
    assert [_given(check) for paths in found for _, check in paths] == ["passed", "red", "inconclusive"]


@pytest.mark.service
def test_a_path_has_a_step_for_each_case_that_was_decided_by(store: Store) -> None:
    side = stored.run(store, "r1", _scored(1))
    (entry,) = side.report.evaluations
    ((path,),) = evidence_paths(store, side.weighed.run, side.report).values()
    assert entry.verdict is VerdictKind.PASSED
    assert len(entry.cases) < entry.n_planned
    assert path.drawn == tuple(range(1, len(entry.cases) + 1))
    assert len(path.no_worse) == len(entry.cases)
    assert path.no_worse[-1] >= path.no_worse_limit == pytest.approx(np.log(20))
    assert max(path.no_worse[:-1]) < path.no_worse_limit


def test_limits_follow_from_the_shares_of_a_run(store: Store) -> None:
    one = _scored(1, drop=0.3, threshold=0.85)
    other = Scored(
        "suites/t.py::t", candidate=one.candidate, baseline=one.baseline, rule={**one.rule, "threshold": None}
    )
    found = _paths(store, one, other)
    settled = {(check.against, round(float(np.exp(path.settled_limit)), 6)) for path, check in found}
    assert settled == {("threshold", 80.0), ("baseline", 80.0), ("baseline", 40.0)}
    assert all(path.worse_limit <= path.settled_limit for path, _ in found)


def test_a_single_case_is_a_path_of_samples(store: Store) -> None:
    rng = np.random.default_rng(3)
    ours, theirs = ((rng.random(200) < rate).astype(float).tolist() for rate in (0.5, 0.95))
    rule = {"design": "sequential", "n_planned": 200, "per": "case", "threshold": 0.9, "margin": 0.1}
    found = _paths(store, Scored(candidate={"peru": ours}, baseline={"peru": theirs}, rule=rule))
    assert {path.unit for path, _ in found} == {"sample"}
    assert [_verdict(path) for path, _ in found] == [_given(check) for _, check in found]
    assert "red" in [_given(check) for _, check in found]


@pytest.mark.nightly
def test_clusters_are_one_step(store: Store) -> None:
    clusters = tuple(f"book {number // 3}" for number in range(60))
    found = _paths(store, _scored(5, n_cases=60, clusters=clusters, largest_cluster=3))
    ((path, check),) = found
    assert path.drawn == tuple(range(3, path.drawn[-1] + 1, 3))
    assert _verdict(path) == _given(check)


def test_a_fixed_design_has_no_path(store: Store) -> None:
    assert _paths(store, _scored(1, design="fixed")) == []


def test_scores_that_do_not_come_to_the_stored_figures_have_no_path(store: Store) -> None:
    scored = _scored(1)
    side = stored.run(store, "r1", scored)
    other = {case: [0.0, *values[1:]] for case, values in scored.candidate.items()}
    changed = stored.run(store, "r2", Scored(candidate=other, baseline=scored.baseline, rule=scored.rule))
    assert evidence_paths(store, changed.weighed.run, side.report) == {(TEST, "score"): ()}
    assert len(evidence_paths(store, side.weighed.run, side.report)[TEST, "score"]) == 1


def test_a_run_whose_scores_are_gone_has_no_path(store: Store) -> None:
    side = stored.run(store, "r1", _scored(1))
    store.begin_run("r2", "2026-11-24T16:03:12Z", side.weighed.run.spec)
    (_, empty) = store.runs()
    assert evidence_paths(store, empty, side.report) == {}


def test_a_comparison_whose_scores_lie_elsewhere_leaves_the_others_their_paths(store: Store) -> None:
    scored = _scored(1, threshold=0.85)
    side = stored.run(store, "r1", scored)
    stored.run(store, "r2", Scored(candidate=scored.candidate, rule=scored.rule))
    (_, alone) = store.runs()
    found = evidence_paths(store, alone, side.report)[TEST, "score"]
    assert found == evidence_paths(store, side.weighed.run, side.report)[TEST, "score"][:1]
    assert [path.against for path in found] == ["threshold"]
