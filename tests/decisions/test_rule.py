"""The rule of DESIGN: pass, red, inconclusive, and that the reported numbers are those that decided."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.decisions import decide, exit_code, worst
from tests.decisions.observations import binary, observed, share_right
from tests.decisions.weighed import ERROR, FAILED, INCONCLUSIVE, PASSED, REGRESSED, gate, one


def test_equal_versions_on_enough_cases_pass():
    rates = np.random.default_rng(1).beta(0.9, 0.1, 300)
    rng = np.random.default_rng(2)
    verdict = one(binary(rng, rates, 10), binary(rng, rates, 10))
    assert verdict.verdict is PASSED
    assert verdict.reason == "no worse by more than 0.05"
    assert verdict.difference.low > -0.05
    assert verdict.samples_needed is None


def test_a_large_drop_is_regressed():
    verdict = one(share_right(60, 100), share_right(95, 100))
    assert verdict.verdict is REGRESSED
    assert verdict.reason == "lower by more than 0.05"
    assert verdict.difference.value == pytest.approx(-0.35)
    assert verdict.difference.high < -0.05


def test_a_drop_that_may_be_within_the_margin_says_perhaps():
    verdict = one(share_right(181, 200), share_right(190, 200))
    assert verdict.verdict is REGRESSED
    assert verdict.reason == "lower than the baseline, perhaps by more than 0.05"
    assert verdict.difference.low <= -0.05 < verdict.difference.high < 0


def test_a_proven_drop_within_the_margin_passes_with_a_note():
    verdict = one(share_right(1880, 2000), share_right(1910, 2000))
    assert verdict.verdict is PASSED
    assert verdict.difference.high < 0
    assert verdict.reason == "no worse by more than 0.05; lower, within margin"


def test_too_few_cases_are_inconclusive_and_say_what_would_decide():
    verdict = one(share_right(19, 20), share_right(19, 20))
    assert verdict.verdict is INCONCLUSIVE
    assert verdict.reason.startswith("could be lower by up to 0.14; about ")
    assert verdict.reason.endswith(" more cases would decide it")
    assert verdict.samples_needed > 0


def test_with_threshold_and_baseline_the_worse_verdict_counts_and_both_are_kept():
    verdict = one(share_right(60, 100), share_right(95, 100), threshold=0.9)
    assert verdict.verdict is FAILED
    assert {check.against: check.verdict for check in verdict.checks} == {"threshold": FAILED, "baseline": REGRESSED}
    assert verdict.reason == "below the threshold 0.90"
    assert [check.reason for check in verdict.checks] == ["below the threshold 0.90", "lower by more than 0.05"]
    assert verdict.difference.value == pytest.approx(-0.35)


def test_two_passes_give_both_reasons():
    verdict = one(share_right(99, 100), share_right(99, 100), threshold=0.9)
    assert verdict.reason == "proven above 0.85; no worse by more than 0.05"


def test_with_neither_the_evaluation_is_measured():
    verdict = one(share_right(3, 4))
    assert (verdict.verdict, verdict.reason, verdict.difference) == (PASSED, "nothing required", None)
    assert verdict.candidate.value == 0.75


def test_any_error_makes_the_verdict_error_and_keeps_what_was_scored():
    verdict = one(share_right(60, 100), share_right(95, 100), errors=("ValueError: boom", "TimeoutError"))
    assert (verdict.verdict, verdict.reason) == (ERROR, "ValueError: boom (and 1 more message)")
    assert verdict.candidate.value == 0.6
    assert verdict.difference is None


@pytest.mark.parametrize("about", ["suite", "population"])
@pytest.mark.parametrize("design", ["fixed", "sequential"])
def test_an_error_has_no_bounds(design, about):
    """The cases that failed are no random part of all: nothing is known of the true score."""
    rule = {"design": design, "about": about, "suite_size": 100, "n_planned": 100, "threshold": 0.9}
    verdict = one(share_right(60, 100), share_right(95, 100), errors=("ValueError: boom",), **rule)
    for shown in (verdict.candidate, verdict.baseline):
        assert (shown.low, shown.high) == (-math.inf, math.inf)
    assert (verdict.checks, verdict.lost, verdict.slices) == ((), None, ())


def test_an_evaluation_in_error_does_not_weaken_the_others():
    evaluation = observed(share_right(85, 100), share_right(90, 100))
    broken = [observed(share_right(60, 100), share_right(95, 100), id=f"e{i}", errors=("x",)) for i in range(20)]
    assert decide([evaluation, *broken], 0.95)[0].difference == decide([evaluation], 0.95)[0].difference


@pytest.mark.parametrize("n_cases", [0, 3])
def test_skipped_cases_only_are_inconclusive(n_cases):
    empty = np.full((n_cases, 2), np.nan)
    verdict = one(empty, empty, threshold=0.9, case_ids=tuple(map(str, range(n_cases))), n_skipped=3)
    assert (verdict.verdict, verdict.reason) == (INCONCLUSIVE, "every case was skipped")
    assert (verdict.n_cases, verdict.candidate, verdict.cases) == (0, None, ())


def test_no_common_case_is_inconclusive():
    verdict = one([[1.0], [np.nan]], [[np.nan], [1.0]])
    assert (verdict.verdict, verdict.reason) == (INCONCLUSIVE, "no case has a score of both versions")


def test_a_measure_that_must_be_low_is_decided_the_other_way_round():
    rng = np.random.default_rng(3)
    baseline = rng.normal(10, 1, (60, 3))
    slower, equal = baseline + 3 + rng.normal(0, 0.3, (60, 3)), baseline + rng.normal(0, 0.3, (60, 3))
    seconds = {"unit": "s", "higher_is_better": False, "margin": 0.5}
    worse, same = one(slower, baseline, **seconds), one(equal, baseline, threshold=12.0, **seconds)
    assert (worse.verdict, worse.reason) == (REGRESSED, "higher by more than 0.50 s, weighed by the median")
    assert 0 < worse.difference.low < worse.difference.value < worse.difference.high
    assert worse.difference.value == pytest.approx(3, abs=0.2)
    assert same.reason == "proven below 12.50 s; no worse by more than 0.50 s, weighed by the median"
    assert same.difference.high < 0.5
    assert one(slower, threshold=12.0, **seconds).reason == "above the threshold 12.00 s, weighed by the median"


def test_lower_is_better_mirrors_higher_is_better():
    rng = np.random.default_rng(4)
    candidate, baseline = rng.normal(10, 1, (20, 2)), rng.normal(10, 1, (20, 2))
    up = one(candidate, baseline, unit="tokens/s", margin=0.3)
    down = one(-candidate, -baseline, unit="tokens/s", margin=0.3, higher_is_better=False)
    assert up.verdict is down.verdict
    assert (down.difference.low, down.difference.high) == (-up.difference.high, -up.difference.low)


def test_a_single_case_is_decided_on_its_samples():
    alone = one([[1.0] * 30 + [0.0] * 30], [[1.0] * 55 + [0.0] * 5], threshold=0.9)
    assert [check.verdict for check in alone.checks] == [FAILED, REGRESSED]
    assert "60 and 60 samples" in alone.difference.method
    by_case = one([[1.0] * 30 + [0.0] * 30], [[1.0] * 55 + [0.0] * 5], threshold=0.9, per="case")
    assert by_case.checks == alone.checks


def test_clusters_of_dependent_cases_widen_the_bounds():
    rng = np.random.default_rng(5)
    candidate, baseline = (np.repeat(binary(rng, rng.uniform(0, 1, 25), 4), 4, axis=0) for _ in "ab")
    free = one(candidate, baseline)
    clustered = one(candidate, baseline, clusters=tuple(np.repeat(np.arange(25), 4).tolist()))
    assert clustered.difference.low < free.difference.low
    assert clustered.difference.high > free.difference.high


@pytest.mark.service
def test_red_is_what_holm_rejects_with_the_same_weight_for_each_evaluation():
    for seed in range(10):
        verdicts = decide(gate(np.random.default_rng(seed), 12), 0.95)
        n_checks = {verdict.id: len(verdict.checks) for verdict in verdicts}
        checks = [(1 / 12 / n_checks[each.id], check.difference) for each in verdicts for check in each.checks]
        left = 1.0
        for weight, difference in sorted(checks, key=lambda check: check[1].p_value / check[0]):
            rejecting = difference.p_value < 0.05 * weight / left
            assert (difference.high < 0) == rejecting
            left = left - weight if rejecting else 1e9


def test_more_evaluations_never_make_one_red():
    evaluations = gate(np.random.default_rng(1), 8)
    alone = [decide([evaluation], 0.95)[0] for evaluation in evaluations]
    together = decide(evaluations, 0.95)
    for single, corrected in zip(alone, together, strict=True):
        assert single.difference.low == corrected.difference.low
        assert single.difference.high <= corrected.difference.high
        assert single.verdict.is_red or not corrected.verdict.is_red


@pytest.mark.service
@settings(max_examples=30)
@given(st.randoms(), st.integers(0, 5))
def test_order_of_evaluations_and_cases_does_not_matter(random, seed):
    evaluations = gate(np.random.default_rng(seed), 6)
    order = random.sample(range(60), 60)
    shuffled = [
        observed(e.candidate[order], e.baseline[order], threshold=e.plan.threshold, id=e.id)
        for e in random.sample(evaluations, len(evaluations))
    ]
    expected = {verdict.id: verdict for verdict in decide(evaluations, 0.95)}
    for verdict in decide(shuffled, 0.95):
        assert verdict.verdict is expected[verdict.id].verdict
        assert verdict.difference.low == pytest.approx(expected[verdict.id].difference.low)
        assert verdict.difference.high == pytest.approx(expected[verdict.id].difference.high)


@pytest.mark.parametrize("confidence_level", [1.5, 95])
def test_impossible_levels_are_refused(confidence_level):
    with pytest.raises(ValueError):
        decide([], confidence_level)


def test_the_worst_verdict_counts():
    assert worst([PASSED, INCONCLUSIVE, REGRESSED, FAILED, ERROR]) is ERROR
    assert worst([PASSED, REGRESSED, FAILED]) is FAILED
    assert worst([PASSED, INCONCLUSIVE, REGRESSED]) is REGRESSED
    assert worst([]) is PASSED


@pytest.mark.parametrize(
    ("kinds", "fail", "warn"),
    [
        ([], 0, 0),
        ([PASSED], 0, 0),
        ([PASSED, INCONCLUSIVE], 8, 0),
        ([INCONCLUSIVE, REGRESSED], 1, 1),
        ([FAILED], 1, 1),
        ([ERROR, PASSED], 1, 1),
    ],
)
def test_exit_codes(kinds, fail, warn):
    assert (fail, warn) == (exit_code(kinds, "fail"), exit_code(kinds, "warn"))


@pytest.mark.parametrize("n_cases", [1, 3])
@pytest.mark.parametrize(("value", "verdict"), [(0.9, PASSED), (0.8, FAILED)])
def test_a_body_that_comes_to_the_same_each_time_leaves_nothing_to_chance(n_cases, value, verdict):
    """One sample of each case tells all about these cases."""
    scores = np.full((n_cases, 1), value)
    exact = {"threshold": 0.9, "margin": 0.01, "about": "suite", "n_planned": n_cases, "is_exact": True}
    found = one(scores, **exact)
    assert found.verdict is verdict
    assert (found.candidate.low, found.candidate.high) == pytest.approx((value, value))
    assert one(scores, **{**exact, "is_exact": False}).verdict is not PASSED


def test_a_baseline_that_is_left_out_is_told_with_the_reason():
    alone = "smollm2 has no retriever: nothing to compare it with"
    assert one(share_right(95, 100), asides=(alone,)).reason == f"nothing required; {alone}"
