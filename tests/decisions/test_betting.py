"""Sequential designs: stopped at the first cases that decide, wrong at most 5 times in 100 all the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.decisions import decide, decided_after, worst
from harness.decisions.betting import drawn_units
from harness.records import VerdictKind
from tests.decisions.observations import binary, observed, replace
from tests.error_rates import is_at_most

PASSED, REGRESSED, FAILED, INCONCLUSIVE = (
    VerdictKind.PASSED,
    VerdictKind.REGRESSED,
    VerdictKind.FAILED,
    VerdictKind.INCONCLUSIVE,
)
RUNS = 200


def sequential(candidate, baseline=None, **changes):
    n = len(np.atleast_2d(candidate))
    return observed(candidate, baseline, design="sequential", n_planned=n, **changes)


def pair(rng, drop, n_cases, n_samples, share=0.3):
    """Scores of two versions of which `share` of the cases differ, the mean being lower by `drop`."""
    rates = rng.beta(2, 0.5, n_cases)
    new = rng.beta(2, 0.5, n_cases) * (1 - drop / (share * 0.8))
    changed = np.where(rng.random(n_cases) < share, new, rates)
    return binary(rng, changed, n_samples), binary(rng, rates, n_samples)


def test_equal_versions_pass_after_69_cases():
    ones = np.ones((200, 3))
    (verdict,) = decide([sequential(ones, ones)], 0.95)
    assert (verdict.verdict, verdict.n_cases, verdict.n_samples) == (PASSED, 69, 207)
    assert verdict.plan.design == "sequential"
    assert verdict.n_planned == 200
    assert "valid whenever one stops" in verdict.difference.method


def test_a_clear_drop_is_red_long_before_the_last_case():
    rng = np.random.default_rng(1)
    candidate, baseline = binary(rng, np.full(300, 0.5), 5), binary(rng, np.full(300, 0.95), 5)
    (verdict,) = decide([sequential(candidate, baseline)], 0.95)
    assert verdict.verdict is REGRESSED
    assert verdict.n_cases < 20
    assert verdict.difference.high < 0


def test_what_was_drawn_beyond_the_decision_changes_nothing():
    rng = np.random.default_rng(2)
    candidate, baseline = pair(rng, 0.0, 600, 5)
    entry = sequential(candidate, baseline)
    (whole,) = decide([entry], 0.95)
    n = decided_after([entry], 1 - 0.95, (1 - 0.95) / 1)
    (cut,) = decide([entry.first(n + 7)], 0.95)
    assert whole.n_cases == n < 600
    assert cut == whole


@pytest.mark.nightly
@given(st.integers(0, 10_000))
def test_the_end_found_step_by_step_is_the_one_found_at_once(seed):
    rng = np.random.default_rng(seed)
    entry = sequential(*pair(rng, float(rng.choice([0.0, 0.05, 0.2])), 120, 4))
    whole = decided_after([entry], 0.05, 0.01)
    steps = (decided_after([entry.first(n)], 0.05, 0.01) for n in range(1, 121))
    assert next((end for end in steps if end is not None), None) == whole


@pytest.mark.nightly
@pytest.mark.parametrize("n_evaluations", [1, 4])
def test_a_version_against_itself_is_red_in_at_most_5_of_100_gates(n_evaluations):
    rng = np.random.default_rng([3, n_evaluations])

    def is_red():
        entries = [sequential(*pair(rng, 0.0, 250, 5), id=str(i)) for i in range(n_evaluations)]
        return worst(each.verdict for each in decide(entries, 0.95)).is_red

    assert is_at_most(0.05, is_red, RUNS)


@pytest.mark.service
def test_a_drop_of_the_whole_margin_is_green_in_at_most_5_of_100_gates():
    rng = np.random.default_rng(4)

    def is_green():
        (verdict,) = decide([sequential(*pair(rng, 0.05, 250, 5))], 0.95)
        return verdict.verdict is PASSED

    assert is_at_most(0.05, is_green, 2 * RUNS)


@pytest.mark.nightly
def test_whole_cases_that_flip_do_not_pass_small_suites():
    """All or nothing, 1 case in 20 lost: where a fixed design of 20 cases is wrong 9 times in 100."""
    rng = np.random.default_rng(5)
    for n_cases in (20, 50, 100):
        green = 0
        for _ in range(RUNS):
            lost = np.repeat((rng.random(n_cases) >= 0.05)[:, np.newaxis], 3, axis=1).astype(float)
            (verdict,) = decide([sequential(lost, np.ones((n_cases, 3)))], 0.95)
            green += verdict.verdict is PASSED
        assert green / RUNS <= 0.05


@pytest.mark.service
def test_dependent_evaluations_keep_the_rate():
    rng = np.random.default_rng(6)

    def is_red():
        candidate, baseline = pair(rng, 0.0, 150, 4)
        entries = [sequential(candidate, baseline, id=str(i)) for i in range(3)]
        return worst(each.verdict for each in decide(entries, 0.95)).is_red

    assert is_at_most(0.05, is_red, RUNS)


@pytest.mark.nightly
@pytest.mark.parametrize(("drop", "most"), [(0.05, 250), (0.07, 150), (0.1, 90)])
def test_a_drop_beyond_the_margin_takes_half_of_the_cases_of_a_fixed_design_and_one_at_it_fewer_than_all(drop, most):
    """A fixed design takes 300 at the margin. There the mean so far is as often above it as below, and red waits."""
    rng = np.random.default_rng(7)
    ends = []
    for _ in range(300):
        (verdict,) = decide([sequential(*pair(rng, drop, 600, 5))], 0.95)
        ends.append(verdict.n_cases)
    assert np.mean(ends) <= most


def test_a_threshold_is_decided_by_cases():
    rng = np.random.default_rng(8)
    good = sequential(binary(rng, np.full(300, 0.97), 5), threshold=0.9)
    bad = sequential(binary(rng, np.full(300, 0.7), 5), threshold=0.9, id="bad")
    first, second = decide([good, bad], 0.95)
    assert (first.verdict, second.verdict) == (PASSED, FAILED)
    assert max(first.n_cases, second.n_cases) < 60


def test_threshold_and_baseline_must_both_be_decided():
    rng = np.random.default_rng(9)
    scores = binary(rng, np.full(300, 0.99), 5)
    (alone,) = decide([sequential(scores, threshold=0.9)], 0.95)
    (both,) = decide([sequential(scores, scores, threshold=0.9)], 0.95)
    assert alone.n_cases < both.n_cases < 100
    assert both.verdict is PASSED


def test_a_single_case_is_decided_by_its_samples():
    rng = np.random.default_rng(10)
    scores = (rng.random((1, 200)) < 0.99).astype(float)
    (verdict,) = decide([observed(scores, threshold=0.9, margin=0.1, per="case", design="sequential")], 0.95)
    assert verdict.verdict is PASSED
    assert verdict.n_samples < 40
    assert "likelihood ratio" in verdict.difference.method


def test_a_measure_is_never_stopped():
    times = np.random.default_rng(11).normal(10, 1, (80, 2))
    later = times + 0.1 + np.random.default_rng(16).normal(0, 0.1, times.shape)
    entry = sequential(times, later, unit="s", higher_is_better=False, margin=1.0)
    assert decided_after([entry], 0.05, 0.05) is None
    (verdict,) = decide([entry], 0.95)
    assert (verdict.verdict, verdict.n_cases, verdict.plan.design) == (PASSED, 80, "fixed")


def test_all_metrics_must_be_decided():
    rng = np.random.default_rng(12)
    sure = np.ones((300, 2))
    open_candidate, open_baseline = pair(rng, 0.0, 300, 2)
    both = [sequential(sure, sure, metric="a"), sequential(open_candidate, open_baseline, metric="b")]
    ends = [decided_after([each], 0.05, 0.05) for each in both]
    together = decided_after(both, 0.05, 0.05)
    assert together is None or together >= max(end for end in ends if end is not None)
    assert len({verdict.n_cases for verdict in decide(both, 0.95)}) == 1


def test_cases_of_a_cluster_count_together_and_a_late_one_not_at_all():
    ones = np.ones((300, 1))
    pairs = [f"p{i // 2}" for i in range(300)]
    (clustered,) = decide([sequential(ones, ones, clusters=tuple(pairs), largest_cluster=2)], 0.95)
    assert clustered.n_cases == 2 * 74
    scattered = tuple(f"p{i % 150}" for i in range(300))
    (late,) = decide([sequential(ones, ones, clusters=scattered)], 0.95)
    assert late.n_cases == 74


@pytest.mark.service
def test_inconclusive_says_about_how_many_more_cases_it_takes():
    """Of the runs that go on from there half end between a third and twice of what was said."""
    rng = np.random.default_rng(13)
    ratios = []
    for _ in range(150):
        entry = sequential(*pair(rng, 0.0, 1200, 5))
        (verdict,) = decide([entry.first(80)], 0.95)
        if verdict.verdict is not INCONCLUSIVE or verdict.samples_needed is None:
            continue
        end = decided_after([entry], 0.05, 0.05) or 1200
        ratios.append((end - 80) / (verdict.samples_needed / 5))
    assert len(ratios) > 50
    assert 1 / 3 <= np.median(ratios) <= 2


def test_a_figure_lies_within_the_bounds_beside_it():
    """A mean that was high at first and fell leaves bounds that never move back: 30 right samples, then wrong ones."""
    scores = np.array([[1.0] * 14 + [0.0] * 3 + [1.0, 0.0] * 20])
    entry = observed(scores, threshold=0.9, margin=0.3, per="case", design="sequential")
    (verdict,) = decide([entry], 0.95)
    assert verdict.difference.low <= verdict.difference.value <= verdict.difference.high
    assert verdict.candidate.low <= verdict.candidate.value <= verdict.candidate.high


def test_a_suite_that_is_too_small_asks_for_cases_and_not_for_samples():
    """20 cases can't pass at a margin of 0.1, whatever the number of samples of each."""
    rng = np.random.default_rng(15)
    rates = np.full(20, 0.8)
    (verdict,) = decide([sequential(binary(rng, rates, 5), binary(rng, rates, 5), margin=0.1)], 0.95)
    assert verdict.verdict is INCONCLUSIVE
    assert "more cases would decide it" in verdict.reason


def test_advice_is_in_cases_that_tell_something_new():
    """Clusters are what is counted: of copies a new one takes one case, of the user's as many as those have."""
    rng = np.random.default_rng(21)
    values = np.repeat(np.clip(rng.normal(0.8, 0.1, (20, 2)), 0, 1), [1, 9] * 10, axis=0)[:, :1]
    labels = tuple(f"q{i}" for i, n in enumerate([1, 9] * 10) for _ in range(n))
    copies = sequential(values, values, clusters=labels, clusters_known_by="texts")
    (verdict,) = decide([copies], 0.95)
    alone = np.array([number for number, label in enumerate(labels) if label not in labels[:number]])
    distinct = sequential(values[alone], values[alone])
    (expected,) = decide([replace(distinct, n_planned=len(labels))], 0.95)
    assert verdict.difference == expected.difference
    assert verdict.samples_needed == expected.samples_needed
    assert f"about {expected.samples_needed} more cases that are not copies would decide it" in verdict.reason
    grouped = sequential(values, values, clusters=labels, largest_cluster=9, clusters_known_by="field")
    (verdict,) = decide([grouped], 0.95)
    assert "more cases in new clusters would decide it" in verdict.reason
    assert "; 100 cases in 20 clusters" in verdict.reason


def test_bets_are_smaller_at_first_where_cases_have_one_sample():
    """By 0.04 + 0.05 (1/k + 1/m), k and m being the samples of the cases before it."""
    ones = np.ones((4, 5))
    thinned = ones.copy()
    thinned[1:, 1:] = np.nan
    assert drawn_units(sequential(ones, ones), paired=True).expected == pytest.approx([0.06] * 4)
    assert drawn_units(sequential(thinned, ones[:, :1]), paired=True).expected == pytest.approx(
        [0.06, 0.1, 0.12, 0.04 + 0.05 * 5.2 / 3]
    )
    assert drawn_units(sequential(ones, threshold=0.9), paired=False).expected == pytest.approx(
        [0.06, 0.05, 0.05, 0.05]
    )


def test_a_cluster_is_expected_to_vary_as_the_cases_before_it_let_expect():
    ones, tens = np.ones((2, 1)), np.ones((2, 10))
    mixed = np.concatenate([np.pad(ones, ((0, 0), (0, 9)), constant_values=np.nan), tens])
    entry = sequential(mixed, mixed, clusters=("a", "a", "b", "b"), largest_cluster=2)
    assert drawn_units(entry, paired=True).expected == pytest.approx([0.06, 0.14])
