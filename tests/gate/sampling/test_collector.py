"""Scores by case and sample, whatever order they arrive in."""

from __future__ import annotations

import random
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from harness.config import Settings
from harness.decisions import Look, decide
from harness.errors import EngineError
from harness.gate.evaluations.evaluation import Evaluation, read_plan
from harness.gate.sampling.bodies import BodyResult
from harness.gate.sampling.collector import Collector
from harness.gate.sampling.ledger import Entry
from harness.gate.sampling.order import order_of
from harness.records import Case, Sample, ScoreRow, VerdictKind
from harness.requests import Trace
from harness.scoring.results import Reading
from harness.stages.inference.blocks.measured import Load
from harness.stages.inference.serving import Server

N_CASES, N_SAMPLES = 6, 4


def collector(rows: list[ScoreRow] | None = None, may_be_cut: bool = False, **marker: object) -> Collector:
    """A collector of six cases with four samples of two versions."""
    plan = read_plan({"samples": N_SAMPLES, "design": "fixed", **marker}, Settings(root=Path()), where="test")
    cases = tuple(Case({"id": f"c{i}", "page": i // 2}) for i in range(N_CASES))
    evaluation = Evaluation("test", plan, cases, lambda: None, lambda error: "error")
    kept = [] if rows is None else rows
    order = order_of(evaluation, 2, 0, may_be_cut=may_be_cut)
    return Collector(evaluation, order, {"candidate": "f" * 64, "baseline": "b" * 64}, kept.append, Entry(Look()))


def outcomes() -> list[tuple]:
    """How each body ended: right, wrong by assertion, or with another value."""
    found = []
    for role in ("candidate", "baseline"):
        for case in range(N_CASES):
            for sample in range(N_SAMPLES):
                trace = Trace()
                trace.key, trace.sample = bytes([case] * 16), Sample(f"{role} {case} {sample}", sample)
                value = (case * 7 + sample * 3 + len(role)) % 5 / 4
                outcome = BodyResult(failed=True) if value == 0 else BodyResult(readings={"score": Reading(value)})
                found.append((role, case, sample, outcome, trace))
    return found


def test_unanswered_requests_of_its_blocks_go_with_the_scores() -> None:
    gathered = collector()
    for entry in outcomes():
        gathered.add(*entry)
    blocks = {"candidate": {"requests": 4, "completed": 3}, "baseline": {"requests": 4, "completed": 4}}
    gathered.loads = {(role, "c0"): Load(load, cast("Server", None)) for role, load in blocks.items()}
    assert [each.unanswered for each in gathered.observed()] == [{"c0": 0.25}]


def test_order_of_arrival_changes_nothing() -> None:
    results = []
    for seed in range(5):
        shuffled = outcomes()
        random.Random(seed).shuffle(shuffled)
        gathered = collector()
        for entry in shuffled:
            gathered.add(*entry)
        (observed,) = gathered.observed()
        results.append((observed, gathered.changes(observed)))
    first, changes = results[0]
    for observed, others in results[1:]:
        np.testing.assert_array_equal(first.candidate, observed.candidate)
        np.testing.assert_array_equal(first.baseline, observed.baseline)
        assert changes == others


def test_every_score_is_handed_on() -> None:
    rows: list[ScoreRow] = []
    gathered = collector(rows)
    for entry in outcomes():
        gathered.add(*entry)
    assert len(rows) == gathered.done == gathered.total == 2 * N_CASES * N_SAMPLES
    assert {(row.role, row.case_id, row.sample_index) for row in rows} == {
        (role, f"c{case}", sample)
        for role in ("candidate", "baseline")
        for case in range(N_CASES)
        for sample in range(N_SAMPLES)
    }


@pytest.mark.parametrize(
    ("own", "others", "is_repeatable", "is_exact"),
    [
        ({"drawn"}, set(), False, False),
        ({"greedy"}, set(), True, False),
        ({"greedy"}, {"drawn"}, True, False),  # a judge's chance is not the version's
        ({"drawn", "greedy"}, {"greedy"}, False, False),
        ({"weighed"}, set(), False, True),
        ({"weighed"}, {"drawn"}, False, False),
        ({"weighed"}, {"greedy"}, True, False),
        (set(), {"greedy"}, True, False),
        (set(), set(), False, False),
    ],
)
def test_how_answers_came_about_tells_what_is_one_draw_and_what_is_computed(own, others, is_repeatable, is_exact):
    gathered = collector()
    for role, case, sample, outcome, trace in outcomes():
        trace.own, trace.others = own, others
        gathered.add(role, case, sample, outcome, trace)
    (observed,) = gathered.observed()
    assert (observed.is_repeatable, observed.plan.is_exact) == (is_repeatable, is_exact)


def test_an_answer_that_never_came_is_none_of_the_store() -> None:
    gathered = collector()
    stored, failed = Trace(), Trace()
    for trace in (stored, failed):
        trace.own.add("drawn")
    failed.error = EngineError("timed out")
    gathered.add("candidate", 0, 0, BodyResult(readings={"score": Reading(1.0)}), stored)
    gathered.add("candidate", 1, 0, BodyResult(error=failed.error), failed)
    assert gathered.n_stored == 1


def test_case_skipped_once_is_left_out_for_both_versions() -> None:
    gathered = collector()
    for role, case, sample, outcome, trace in outcomes():
        skipped = (role, case, sample) == ("baseline", 2, 3)
        gathered.add(role, case, sample, BodyResult(skipped=True) if skipped else outcome, trace)
    (observed,) = gathered.observed()
    assert observed.case_ids == ("c0", "c1", "c3", "c4", "c5")
    assert observed.candidate.shape == observed.baseline.shape == (5, N_SAMPLES)
    assert observed.n_skipped == 1


def test_a_case_that_not_every_body_skipped_is_told_with_how_many_did() -> None:
    gathered = collector()
    for role, case, sample, outcome, trace in outcomes():
        skipped = case == 1 or (role, case) == ("candidate", 3)
        gathered.add(role, case, sample, BodyResult(skipped=True) if skipped else outcome, trace)
    (observed,) = gathered.observed()
    assert (observed.case_ids, observed.n_skipped) == (("c0", "c2", "c4", "c5"), 2)
    (told,) = observed.asides
    skipped = f"candidate {N_SAMPLES} of {N_SAMPLES}, baseline 0 of {N_SAMPLES}"
    assert told.startswith(f"1 case left out though not every body skipped ({skipped}): ")
    whole = collector()
    for role, case, sample, outcome, trace in outcomes():
        whole.add(role, case, sample, BodyResult(skipped=True) if case == 1 else outcome, trace)
    assert whole.observed()[0].asides == ()


def test_skipped_cases_after_the_last_that_decides_count_as_drawn() -> None:
    gathered = collector(design="sequential")
    drawn = gathered.order.cases
    for role, case, sample, outcome, trace in outcomes():
        skipped = case in (drawn[1], drawn[-2], drawn[-1])
        gathered.add(role, case, sample, BodyResult(skipped=True) if skipped else outcome, trace)
    gathered.stop_after(1)
    assert gathered.observed()[0].n_skipped == 1
    gathered.stop_after(3)
    (observed,) = gathered.observed()
    assert observed.n_skipped == 3
    assert len(observed.case_ids) + observed.n_skipped == N_CASES


def test_clusters_are_those_of_the_marker() -> None:
    gathered = collector(cluster="page")
    for entry in outcomes():
        gathered.add(*entry)
    assert gathered.observed()[0].clusters == ("0", "0", "1", "1", "2", "2")


def test_changes_are_ranked_worst_first() -> None:
    gathered = collector()
    for entry in outcomes():
        gathered.add(*entry)
    (observed,) = gathered.observed()
    changes = gathered.changes(observed)
    drops = [change.candidate - change.baseline for change in changes]
    assert drops == sorted(drops)
    assert all(drop != 0 for drop in drops)


def test_metric_of_two_units_is_an_error() -> None:
    gathered = collector()
    gathered.add("candidate", 0, 0, BodyResult(readings={"time": Reading(1.0, unit="s")}), Trace())
    gathered.add("candidate", 1, 0, BodyResult(readings={"time": Reading(1.0, unit="ms")}), Trace())
    assert "sometimes in s, sometimes in ms" in gathered.observed()[0].errors[0]


def test_a_metric_must_declare_one_range_and_one_statistic() -> None:
    for other in (Reading(1.0, unit="s"), Reading(1.0, unit="s", at_least=0.0, at_most=9.0, statistic="p95")):
        gathered = collector()
        ranged = Reading(1.0, unit="s", at_least=0.0, at_most=9.0)
        gathered.add("candidate", 0, 0, BodyResult(readings={"time": ranged}), Trace())
        gathered.add("candidate", 1, 0, BodyResult(readings={"time": other}), Trace())
        (observed,) = gathered.observed()
        assert "metric 'time' is sometimes in s from 0 to 9, sometimes in s" in observed.errors[0]


def test_a_failed_assertion_beside_a_range_that_has_no_0_is_an_error_with_figures() -> None:
    gathered = collector()
    ranged = Reading(6.0, unit="s", at_least=5.0, at_most=9.0)
    gathered.add("candidate", 0, 0, BodyResult(readings={"time": ranged}), Trace())
    gathered.add("candidate", 1, 0, BodyResult(failed=True), Trace())
    (verdict,) = decide(gathered.observed(), 0.95)
    assert verdict.verdict is VerdictKind.ERROR
    assert (verdict.at_least, verdict.at_most) == (5.0, 9.0)


def test_failed_assertion_of_a_body_that_measures_is_an_error() -> None:
    gathered = collector()
    gathered.add("candidate", 0, 0, BodyResult(readings={"time": Reading(1.0, unit="s")}), Trace())
    gathered.add("candidate", 1, 0, BodyResult(failed=True), Trace())
    assert any("failed an assertion, which gives no measure" in text for text in gathered.observed()[0].errors)


def test_what_was_cut_short_is_the_complete_beginning_of_its_order() -> None:
    gathered = collector(may_be_cut=True)
    third = gathered.order.cases[2]
    for role, case, sample, outcome, trace in outcomes():
        if (role, case, sample) == ("baseline", third, 1):
            gathered.cut("max_tokens 5")
        else:
            gathered.add(role, case, sample, outcome, trace)
    (observed,) = gathered.observed()
    assert observed.case_ids == tuple(f"c{case}" for case in gathered.order.cases[:2])
    assert (observed.stopped_at, observed.plan.design, observed.n_planned) == ("max_tokens 5", "fixed", 6)
    assert gathered.total == gathered.done == 2 * N_CASES * N_SAMPLES - 1


def test_a_cluster_that_is_not_complete_is_left_out_of_what_was_cut_short() -> None:
    gathered = collector(may_be_cut=True, cluster="page")
    fourth = gathered.order.cases[3]
    for role, case, sample, outcome, trace in outcomes():
        if case != fourth:
            gathered.add(role, case, sample, outcome, trace)
    gathered.cut("max_tokens 5")
    (observed,) = gathered.observed()
    assert len(observed.case_ids) == 2
    assert len(set(observed.clusters)) == 1


def test_cut_before_its_first_case_it_has_no_case() -> None:
    gathered = collector(may_be_cut=True)
    gathered.cut("--deadline 20m")
    (observed,) = gathered.observed()
    assert (observed.case_ids, observed.stopped_at) == ((), "--deadline 20m")
    assert gathered.changes(observed) == []
    assert gathered.judges(0.95) == ()


def test_a_whole_fixed_design_reads_the_same_whether_it_might_have_been_cut_or_not() -> None:
    both = [collector(may_be_cut=may_be_cut) for may_be_cut in (False, True)]
    for gathered in both:
        for entry in outcomes():
            gathered.add(*entry)
    (plain,), (budgeted,) = (gathered.observed() for gathered in both)
    assert plain.case_ids == budgeted.case_ids
    np.testing.assert_array_equal(plain.candidate, budgeted.candidate)
    assert budgeted.stopped_at == ""
