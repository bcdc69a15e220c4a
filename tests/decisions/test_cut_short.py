"""Gates whose sampling a budget ended: no verdict but one that all of the scores would have given as well."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.decisions import decide, worst
from harness.records import VerdictKind
from tests.decisions.observations import binary, observed, replace
from tests.error_rates import is_at_most

INCONCLUSIVE, PASSED = VerdictKind.INCONCLUSIVE, VerdictKind.PASSED
LIMIT = "max_tokens 10,000"


def whole(rng, drop, n_cases=120, n_samples=3, **changes):
    """An evaluation of a candidate that is lower by `drop`, with every case that it has."""
    rates = rng.beta(0.9, 0.1, n_cases)
    scores = binary(rng, rates * (1 - drop / 0.9), n_samples), binary(rng, rates, n_samples)
    return observed(*scores, n_planned=n_cases, **changes)


def cut(entry, n):
    """The same when nothing more was drawn after `n` cases."""
    return replace(entry.first(n), stopped_at=LIMIT) if n < entry.n_planned else entry


def gate(seed, n_evaluations=4):
    """Evaluations of all kinds, some of them truly lower."""
    rng = np.random.default_rng(seed)
    entries = []
    for number in range(n_evaluations):
        drop = float(rng.choice([0.0, 0.0, 0.05, 0.2, 0.4]))
        design = str(rng.choice(["sequential", "sequential", "fixed"]))
        more = {"threshold": 0.9} if rng.random() < 0.4 else {}
        entries.append(whole(rng, drop, int(rng.integers(20, 160)), id=str(number), design=design, **more))
    return entries


@pytest.mark.nightly
@given(st.integers(0, 100_000), st.data())
def test_a_budget_only_ever_takes_verdicts_away(seed, data):
    """So the error rates hold however the cut depends on the scores, and however often somebody goes on from it."""
    entries = gate(seed)
    ends = [data.draw(st.integers(0, entry.n_planned)) for entry in entries]
    parts = [cut(*each) for each in zip(entries, ends, strict=True)]
    for before, after in zip(decide(entries, 0.95), decide(parts, 0.95), strict=True):
        assert after.verdict is not PASSED or before.verdict is PASSED
        assert not after.verdict.is_red or before.verdict.is_red
        for one, other in zip(before.checks, after.checks, strict=True):
            assert other.verdict in (one.verdict, INCONCLUSIVE)


@pytest.mark.nightly
@given(st.integers(0, 100_000), st.integers(0, 159), st.integers(0, 159))
def test_more_budget_never_takes_back_a_verdict_of_a_sequential_design(seed, one, other):
    entry = whole(np.random.default_rng(seed), 0.15, 160, design="sequential")
    (early,), (late,) = (decide([cut(entry, n)], 0.95) for n in sorted((one, other)))
    assert late.verdict is early.verdict or early.verdict is INCONCLUSIVE


def test_an_open_sequential_design_says_where_it_was_stopped_and_what_would_decide_it():
    entry = cut(whole(np.random.default_rng(1), 0.0, 168, design="sequential"), 30)
    (verdict,) = decide([entry], 0.95)
    assert verdict.verdict is INCONCLUSIVE
    assert verdict.reason.startswith(f"stopped at {LIMIT} after 30 of 168 cases; could be lower by up to ")
    assert verdict.reason.endswith("more cases would decide it")
    assert verdict.stopped_at == LIMIT
    assert verdict.samples_needed > 0


def test_a_sequential_design_that_was_decided_before_keeps_its_verdict():
    ones = np.ones((100, 2))
    (verdict,) = decide([cut(observed(ones, ones, design="sequential", n_planned=168), 90)], 0.95)
    assert (verdict.verdict, verdict.stopped_at) == (PASSED, None)
    assert verdict.reason.endswith("decided after 70 of 168 cases, on their 280 samples")


def test_a_part_of_a_fixed_design_decides_nothing_and_says_what_does():
    ones = np.ones((168, 2))
    entry = observed(ones * 0.1, ones, n_planned=168)
    (verdict,) = decide([cut(entry, 160)], 0.95)
    assert (verdict.verdict, verdict.plan.design) == (INCONCLUSIVE, "fixed")
    assert verdict.reason == (
        f"stopped at {LIMIT} after 160 of 168 cases; a fixed design is decided by all of them: 8 more cases"
    )
    assert verdict.samples_needed == 8 * 2


def test_a_part_of_a_fixed_design_is_shown_with_bounds_that_hold_whenever_one_stops():
    entry = cut(whole(np.random.default_rng(2), 0.0, 168), 80)
    (verdict,) = decide([entry], 0.95)
    assert "valid whenever one stops" in verdict.difference.method
    assert "valid whenever one stops" in verdict.candidate.method
    assert verdict.difference.low < verdict.difference.value < verdict.difference.high


def test_a_measure_that_was_cut_short_has_a_figure_and_no_bounds():
    ours, theirs = np.random.default_rng(3).normal([[[10]], [[15]]], 0.1, (2, 80, 2))
    entry = observed(ours, theirs, unit="s", higher_is_better=False, margin=1.0, design="sequential", n_planned=80)
    (verdict,) = decide([cut(entry, 40)], 0.95)
    assert verdict.verdict is INCONCLUSIVE
    assert verdict.candidate.value == pytest.approx(10, abs=0.1)
    assert (verdict.candidate.low, verdict.candidate.high) == (-math.inf, math.inf)
    assert verdict.difference.value == pytest.approx(-5, abs=0.1)
    assert (verdict.difference.low, verdict.difference.high) == (-math.inf, math.inf)
    assert decide([entry], 0.95)[0].verdict is PASSED


@pytest.mark.parametrize("design", ["sequential", "fixed"])
def test_an_evaluation_that_had_not_begun_is_inconclusive_with_no_cases(design):
    (verdict,) = decide([cut(whole(np.random.default_rng(4), 0.0, design=design), 0)], 0.95)
    assert (verdict.verdict, verdict.n_cases, verdict.n_planned) == (INCONCLUSIVE, 0, 120)
    assert verdict.reason == f"not begun: stopped at {LIMIT} before a case was complete"
    assert verdict.stopped_at == LIMIT


def test_where_nothing_is_required_a_part_is_no_pass():
    entry = observed(np.ones((40, 2)), n_planned=40)
    (verdict,) = decide([cut(entry, 10)], 0.95)
    assert verdict.verdict is INCONCLUSIVE
    assert verdict.reason == f"stopped at {LIMIT} after 10 of 40 cases; nothing required, and measured in part"


def test_skipped_cases_count_to_those_that_it_came_to():
    entry = replace(cut(whole(np.random.default_rng(6), 0.0, 168, design="sequential"), 20), n_skipped=5)
    assert "after 25 of 168 cases" in decide([entry], 0.95)[0].reason


def test_a_single_case_is_counted_in_samples():
    entry = observed([[1, 0, 1, 1]], threshold=0.9, margin=0.1, per="case", design="sequential", n_planned=199)
    (verdict,) = decide([replace(entry, stopped_at=LIMIT)], 0.95)
    assert "after 4 of 199 samples" in verdict.reason


RUNS = 300
N_CASES = 120


def lengths_of(scores, rng):
    """Tokens of each case's answers: wrong ones go on for long, as those do that don't know when to stop."""
    return (20 + 180 * (1 - scores)).sum(axis=1) + rng.integers(0, 20, len(scores))


def continued(entry, tokens, budget):
    """How many cases there are after each of the runs that spend the budget anew, until there are all."""
    ends, end = [], 0
    while end < len(tokens):
        end = min(len(tokens), end + max(1, int(np.searchsorted(tokens[end:].cumsum(), budget))))
        ends.append(end)
    return ends


def ever(rng, design, drop, kinds, rule=cut):
    """Whether any of the runs that go on from each other, a budget each, gives one of these verdicts."""
    entry = whole(rng, drop, N_CASES, design=design)
    tokens = lengths_of(entry.candidate, rng) + lengths_of(entry.baseline, rng)
    return any(decide([rule(entry, n)], 0.95)[0].verdict in kinds for n in continued(entry, tokens, tokens.sum() / 8))


@pytest.mark.nightly
@pytest.mark.parametrize("design", ["sequential", "fixed"])
@pytest.mark.parametrize(("drop", "kinds"), [(0.05, {PASSED}), (0.0, {VerdictKind.REGRESSED})], ids=["green", "red"])
def test_going_on_from_one_budget_to_the_next_is_wrong_at_most_5_times_in_100(design, drop, kinds):
    """Budgets end where answers are long, answers are long where they are wrong, and one stops at the first verdict."""
    rng = np.random.default_rng([7, len(design)])
    assert is_at_most(0.05, lambda: ever(rng, design, drop, kinds), RUNS)


@pytest.mark.nightly
def test_bounds_of_a_whole_fixed_design_would_be_wrong_more_often_on_its_parts():
    """Why a part of a fixed design decides nothing."""
    rng = np.random.default_rng([8, 1])

    def taken_for_whole(entry, n):
        return replace(entry.first(n), n_planned=n)

    assert not is_at_most(0.05, lambda: ever(rng, "fixed", 0.0, {VerdictKind.REGRESSED}, taken_for_whole), RUNS)


@pytest.mark.nightly
def test_a_gate_of_six_cut_where_its_answers_grow_long_is_red_in_at_most_5_of_100():
    rng = np.random.default_rng(9)

    def is_red():
        entries = [whole(rng, 0.0, N_CASES, id=str(i), design=("sequential", "fixed")[i % 2]) for i in range(6)]
        tokens = np.sum([lengths_of(each.candidate, rng) + lengths_of(each.baseline, rng) for each in entries], axis=0)
        end = int(np.searchsorted(tokens.cumsum(), tokens.sum() * rng.uniform(0.1, 1)))
        return worst(each.verdict for each in decide([cut(each, end) for each in entries], 0.95)).is_red

    assert is_at_most(0.05, is_red, RUNS)
