"""Two runs weighed from the store come to the verdicts that a gate comes to."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import CaseError, SettingsError
from harness.gate.history.comparison import ComparisonOptions, compare
from harness.records import ScoringRule, VerdictKind
from harness.store import Store
from tests.decisions.observations import replace
from tests.gate.stored import Scored, run, side


def drawn(seed: int, rate: float, n_cases: int = 30, n_samples: int = 4, *, graded: bool = False) -> dict[str, list]:
    """Scores of cases that are not equally hard, in no order of their ids."""
    rng = np.random.default_rng(seed)
    scores = rng.random((n_cases, n_samples))
    if not graded:
        scores = (scores < rng.beta(4 * rate, 4 * (1 - rate), (n_cases, 1))).astype(float)
    return {f"case {number * 7 % n_cases}": row for number, row in enumerate(scores.tolist())}


ALONE = {"candidate": "small"}
SEVERAL = (
    Scored("binary", drawn(1, 0.6), drawn(2, 0.9), rule={"threshold": 0.5}),
    Scored("graded", drawn(3, 0.5, graded=True), drawn(4, 0.5, graded=True), "f1", rule={"margin": 0.2}),
    Scored("same", drawn(9, 0.9), drawn(15, 0.9, n_samples=7)),
    Scored("clustered", drawn(7, 0.7), drawn(8, 0.9), rule={"clusters": tuple(f"c{i // 3}" for i in range(30))}),
    Scored(
        "measured", drawn(9, 0.5, graded=True), drawn(10, 0.5, graded=True), "s",
        rule={"unit": "s", "higher_is_better": False, "margin": 0.1},
    ),
    Scored("single", {"only": [1.0, 0.0, 1.0, 1.0]}, {"only": [1.0, 1.0, 1.0, 1.0]}),
)  # fmt: skip


def test_both_sides_of_a_run_get_the_verdicts_of_its_gate_to_the_last_bit(store: Store) -> None:
    ours = run(store, "r1", *SEVERAL)
    comparison = compare(store, ours, side(store, "r1", "baseline"))
    kinds = {verdict.verdict for verdict in ours.report.evaluations}
    assert kinds >= {VerdictKind.REGRESSED, VerdictKind.INCONCLUSIVE, VerdictKind.PASSED}
    assert comparison.report.evaluations == ours.report.evaluations
    assert comparison.report.verdict is ours.report.verdict
    assert comparison.report.exit_code == 1


BURSTS = {f"pair-{i}": 0.5 if i < 2 else 0.0 for i in range(24)}


def of_blocks(unanswered: dict[str, float]) -> Scored:
    """Pairs of blocks that are equal but for the requests that were left unanswered."""
    rates = {pair: [8 + number / 100] for number, pair in enumerate(BURSTS)}
    rule = {
        "unit": "requests/s",
        "in_blocks": True,
        "margin_is_relative": True,
        "unanswered": unanswered,
        "n_planned": 24,
    }
    return Scored("blocks", rates, rates, "rate", rule=rule)


@pytest.mark.parametrize(
    ("unanswered", "kind", "turned"),
    [
        (BURSTS, VerdictKind.INCONCLUSIVE, VerdictKind.PASSED),
        ({pair: -share for pair, share in BURSTS.items()}, VerdictKind.PASSED, VerdictKind.INCONCLUSIVE),
        (dict.fromkeys(BURSTS, 0.0), VerdictKind.PASSED, VerdictKind.PASSED),
    ],
)
def test_blocks_of_a_run_get_the_verdict_of_its_gate(store: Store, unanswered, kind, turned) -> None:
    """A comparison was green where the gate was open for unanswered requests."""
    ours = run(store, "r1", of_blocks(unanswered))
    assert ours.report.verdict is kind
    baseline = side(store, "r1", "baseline")
    compared = compare(store, ours, baseline).report
    assert (compared.evaluations, compared.exit_code) == (ours.report.evaluations, kind.exit_code)
    assert compare(store, baseline, ours).report.verdict is turned


def test_blocks_of_two_runs_are_not_green(store: Store) -> None:
    quiet = of_blocks(dict.fromkeys(BURSTS, 0.0))
    (verdict,) = compare(store, run(store, "r1", quiet), run(store, "r2", quiet)).report.evaluations
    assert verdict.verdict is VerdictKind.INCONCLUSIVE
    assert "is not known: the blocks are of two runs, or the report is older" in verdict.reason


def test_blocks_of_a_report_without_unanswered_requests_are_not_green(store: Store) -> None:
    ours = run(store, "r1", of_blocks(dict.fromkeys(BURSTS, 0.0)))
    (entry,) = ours.report.evaluations
    entry = replace(entry, cases=tuple(replace(case, unanswered=None) for case in entry.cases))
    older = replace(ours, report=replace(ours.report, evaluations=(entry,)))
    other = replace(side(store, "r1", "baseline"), report=older.report)
    assert compare(store, older, other).report.verdict is VerdictKind.INCONCLUSIVE


def test_candidates_of_two_runs_are_compared_on_the_cases_of_both(store: Store) -> None:
    ours = run(store, "r1", Scored(candidate=drawn(1, 0.5)), names=ALONE)
    fewer = {case: values for case, values in drawn(2, 0.95).items() if case not in ("case 3", "case 4")}
    theirs = run(store, "r2", Scored(candidate={**fewer, "new": [1.0]}), names={"candidate": "old"})
    comparison = compare(store, ours, theirs)
    (verdict,) = comparison.report.evaluations
    assert (verdict.verdict, verdict.n_cases, len(verdict.cases)) == (VerdictKind.REGRESSED, 28, 28)
    assert (comparison.report.candidate.name, comparison.report.baseline.name) == ("small", "old")
    (compared,) = comparison.compared
    assert (compared.n_cases, compared.candidate_alone, compared.baseline_alone) == (28, 2, 1)
    assert comparison.report.usage.stored_samples == 28 * 8


def test_margin_and_confidence_are_the_candidates_unless_given(store: Store) -> None:
    same = Scored("same", drawn(9, 0.9), drawn(15, 0.9), rule={"margin": 0.3})
    sides = run(store, "r1", same, level=0.9), side(store, "r1", "baseline")
    assert compare(store, *sides).report.confidence_level == 0.9
    strict = compare(store, *sides, ComparisonOptions(margin=0.0, confidence_level=0.99)).report
    assert (strict.confidence_level, strict.evaluations[0].plan.margin) == (0.99, 0.0)
    assert compare(store, *sides).report.verdict is VerdictKind.PASSED
    assert strict.verdict is VerdictKind.INCONCLUSIVE


@pytest.mark.parametrize(("inconclusive", "exit_code"), [("fail", 8), ("warn", 0)])
def test_the_exit_code_is_a_gates(store: Store, inconclusive: str, exit_code: int) -> None:
    sides = run(store, "r1", SEVERAL[2]), side(store, "r1", "baseline")
    report = compare(store, *sides, ComparisonOptions(margin=0.0, inconclusive=inconclusive)).report
    assert (report.verdict, report.exit_code) == (VerdictKind.INCONCLUSIVE, exit_code)


def test_one_margin_for_evaluations_of_several_units_is_refused(store: Store) -> None:
    sides = run(store, "r1", *SEVERAL), side(store, "r1", "baseline")
    with pytest.raises(SettingsError, match=r"The margin 0\.1 is one number, .* measured in \[0, 1\], s\."):
        compare(store, *sides, ComparisonOptions(margin=0.1))
    assert (
        compare(store, *sides, ComparisonOptions(evaluations={"measured"}, margin=5.0))
        .report.evaluations[0]
        .plan.margin
        == 5.0
    )


def test_an_evaluation_that_ended_in_an_error_stays_one(store: Store) -> None:
    broken = Scored("broken", {"a": ["error"]}, {"a": ["error"]}, rule={"errors": ("no answer",)})
    comparison = compare(store, run(store, "r1", broken, SEVERAL[2]), side(store, "r1", "baseline"))
    first, second = comparison.report.evaluations
    assert (first.verdict, first.errors, second.verdict) == (
        VerdictKind.ERROR,
        ("no answer",),
        VerdictKind.INCONCLUSIVE,
    )
    assert comparison.report.exit_code == 1


def test_nothing_in_common_is_an_error_that_says_what_each_has(store: Store) -> None:
    ours = run(store, "r1", Scored("a", drawn(1, 0.5)), Scored("b", drawn(1, 0.5)))
    theirs = run(store, "r2", Scored("c", drawn(1, 0.5)))
    with pytest.raises(SettingsError, match=r"small, candidate of run r1, and .*: the first has a, b, the second c\."):
        compare(store, ours, theirs)
    others = run(store, "r3", Scored("a", {"new": [1.0]}))
    with pytest.raises(SettingsError, match="have nothing in common: no case"):
        compare(store, ours, others)
    with pytest.raises(CaseError, match=r"--case 'zz\*'|No case named 'zz\*'"):
        compare(store, ours, ours, ComparisonOptions(cases="zz*"))


def test_bodies_that_compare_with_another_baseline_are_no_common_ground(store: Store) -> None:
    ours = run(store, "r1", Scored("preferred", drawn(1, 0.5)))
    theirs = run(store, "r2", Scored("preferred", drawn(1, 0.5)), names={"candidate": "small", "baseline": "other"})
    with pytest.raises(SettingsError, match="the bodies of preferred compare with their own run's baseline"):
        compare(store, ours, theirs)


def test_cases_that_were_asked_in_other_words_are_counted(store: Store) -> None:
    ours = run(store, "r1", Scored(candidate=drawn(1, 0.5)), names=ALONE)
    changed = {"case 3": "case 3, please", "case 2": "?", "new": "!"}
    theirs = run(
        store, "r2", Scored(candidate={**drawn(2, 0.5), "new": [1.0]}, prompts=changed), names={"candidate": "old"}
    )
    (compared,) = compare(store, ours, theirs).compared
    assert (compared.asked_otherwise, compared.example) == (2, "case 2")
    (compared,) = compare(store, ours, theirs, ComparisonOptions(cases="case 3")).compared
    assert (compared.asked_otherwise, compared.example) == (1, "case 3")


def test_scores_of_other_judges_or_rubrics_are_told_apart(store: Store) -> None:
    def judged(by: ScoringRule | None) -> Scored:
        return Scored("judged", drawn(1, 0.5, graded=True), judged_by=by)

    small, changed = ScoringRule(("j1",), "r1"), ScoringRule(("j1",), "r2")
    runs = {
        run_id: run(store, run_id, judged(by), names=ALONE)
        for run_id, by in (("one", small), ("same", small), ("changed", changed), ("none", None))
    }
    told = {
        run_id: compare(store, runs["one"], other).compared[0].judged_otherwise
        for run_id, other in runs.items()
        if run_id != "one"
    }
    assert told == {"same": False, "changed": True, "none": True}


def test_the_other_way_round_a_run_that_stopped_is_weighed_in_the_order_drawn(store: Store) -> None:
    ours = run(store, "r1", Scored("a", drawn(1, 0.2), drawn(2, 0.9), rule={"design": "sequential"}))
    (verdict,) = compare(store, side(store, "r1", "baseline"), ours).report.evaluations
    assert (verdict.plan.design, verdict.verdict) == ("sequential", VerdictKind.PASSED)
    assert verdict.n_cases <= ours.report.evaluations[0].n_cases


def test_cases_that_moved_are_counted_over_all_evaluations(store: Store) -> None:
    sides = run(store, "r1", *SEVERAL[:3]), side(store, "r1", "baseline")
    comparison = compare(store, *sides, ComparisonOptions(n_changes=5))
    tally = comparison.tally
    assert tally.stable + tally.flaky + tally.improved + tally.worsened == 90
    assert len(comparison.report.changes) == 5 < comparison.n_moved


@pytest.mark.parametrize("design", ["fixed", "sequential"])
def test_a_run_that_its_budget_ended_is_as_open_as_it_was(store: Store, design: str) -> None:
    rule = {"design": design, "n_planned": 200, "stopped_at": "max_tokens 9", "margin": 0.05}
    ours = run(store, "r1", Scored(candidate=drawn(1, 0.9), baseline=drawn(2, 0.9), rule=rule))
    (expected,) = ours.report.evaluations
    (verdict,) = compare(store, ours, side(store, "r1", "baseline")).report.evaluations
    assert verdict.verdict is VerdictKind.INCONCLUSIVE
    assert verdict.reason.startswith("stopped at max_tokens 9 after 30 of 200 cases; ")
    assert verdict == expected


@pytest.mark.parametrize(("stated", "followed"), [(0.3, 0.02), (0.1, 0.1)])
def test_a_chosen_margin_is_that_of_slices_without_one_of_their_own(
    store: Store, stated: float, followed: float
) -> None:
    rule = {"margin": 0.3, "slice_fields": ("topic",), "slice_margin": stated}
    sides = run(store, "r1", Scored("same", drawn(9, 0.9), drawn(15, 0.9), rule=rule)), side(store, "r1", "baseline")
    plan = compare(store, *sides, ComparisonOptions(margin=0.02)).report.evaluations[0].plan
    assert (plan.margin, plan.slice_margin) == (0.02, followed)
