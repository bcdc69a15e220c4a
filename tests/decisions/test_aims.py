"""Aims: higher, lower or the same, and margins in per cent."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.decisions import decide
from harness.records import VerdictKind
from harness.statistics.intervals.means import paired_contrast
from tests.decisions.observations import binary, observed
from tests.error_rates import is_at_most

LAWS = {
    "normal": lambda rng, n: rng.normal(0, 1, n),
    "heavy tails": lambda rng, n: rng.standard_t(2, n),
    "ties": lambda rng, n: np.round(rng.normal(0, 1, n)),
    "mostly equal": lambda rng, n: np.where(rng.random(n) < 0.15, rng.choice([-5.0, 5.0], n), 0.0),
}

RELATIVE = {"margin_is_relative": True}


def seconds(logs, **changes):
    """Pairs whose ratios have these logarithms."""
    ours = np.exp(np.asarray(logs, dtype=float))[:, np.newaxis]
    fields = {"unit": "s", "higher_is_better": False, "margin_is_relative": True, "n_planned": len(ours), **changes}
    return observed(ours, np.ones_like(ours), **fields)


def verdict(entry):
    return decide([entry], 0.95)[0]


def test_the_same_passes_where_two_one_sided_tests_do():
    """D. J. Schuirmann (1987): exactly where both one-sided bounds of the same scores lie within the margin."""
    rng = np.random.default_rng(1)
    found = set()
    for shift, noise in ((0.0, 0.1), (0.02, 0.4), (0.12, 0.1)):
        for _ in range(8):
            theirs = rng.uniform(0.2, 0.8, 200)
            ours = np.clip(theirs + shift + rng.normal(0, noise, 200), 0, 1)
            low, high = paired_contrast(ours, theirs).lower(0.95), -paired_contrast(theirs, ours).lower(0.95)
            entry = observed(ours[:, np.newaxis], theirs[:, np.newaxis], aim="same")
            told = verdict(entry)
            assert (told.verdict is VerdictKind.PASSED) == (low > -0.05 and high < 0.05)
            if told.verdict is not VerdictKind.REGRESSED:
                difference = told.difference
                assert (difference.low, difference.high) == pytest.approx((low, high))
            found.add(told.verdict)
    assert found == {VerdictKind.PASSED, VerdictKind.INCONCLUSIVE, VerdictKind.REGRESSED}


@pytest.mark.parametrize(("sign", "word"), [(1, "higher"), (-1, "lower")])
def test_the_same_is_red_on_both_sides_and_says_which(sign, word):
    told = verdict(seconds(sign * 0.2 + 0.02 * np.array([1, -1] * 6), aim="same"))
    assert told.verdict is VerdictKind.REGRESSED
    assert told.reason.startswith(f"{word} by more than 5 %")
    assert told.plan.aim == "same"


def test_red_on_either_side_is_a_two_sided_test():
    logs = 0.02 * np.array([1.4, -0.6, 0.9, 1.2, -0.2, 0.8, 0.3, 0.7])
    told = verdict(seconds(logs, aim="same", margin=0.001))
    assert told.difference.p_value == pytest.approx(stats.binomtest(2, 8).pvalue)


def test_shown_to_differ_within_the_margin_it_passes_and_says_so():
    told = verdict(seconds(0.02 + 0.005 * np.array([1, -1] * 6), aim="same"))
    assert told.verdict is VerdictKind.PASSED
    assert told.reason.startswith("within ±5 % of the baseline; higher, within margin")


def test_what_could_lie_outside_is_inconclusive_and_says_how_far():
    told = verdict(seconds(0.04 + 0.05 * np.array([1, -1] * 4), aim="same"))
    assert told.verdict is VerdictKind.INCONCLUSIVE
    assert "could differ by up to" in told.reason
    assert told.samples_needed is not None


def test_the_same_against_a_threshold():
    scores = np.repeat([[1.0, 0.0]], 400, axis=0)
    assert verdict(observed(scores, threshold=0.5, aim="same")).reason.startswith("proven within ±0.05 of 0.50")
    assert verdict(observed(scores, threshold=0.3, aim="same")).reason.startswith("above the threshold 0.30")
    assert verdict(observed(scores, threshold=0.7, aim="same")).reason.startswith("below the threshold 0.70")


def test_a_sequential_design_stops_once_both_sides_are_shown():
    rng = np.random.default_rng(3)
    rates = np.full(600, 0.8)
    entry = observed(
        binary(rng, rates, 5), binary(rng, rates, 5), aim="same", margin=0.1, design="sequential", n_planned=600
    )
    told = verdict(entry)
    assert told.verdict is VerdictKind.PASSED
    assert told.n_cases < 600


def test_the_ratio_has_the_bounds_of_a_sign_test():
    """W. J. Conover (1999), section 3.2: of 6 pairs the outermost ratios are the bounds at 0.95."""
    told = verdict(seconds([0.011, 0.034, -0.012, 0.022, 0.041, 0.003])).difference
    assert told.value == pytest.approx(math.expm1(0.011))
    assert (told.low, told.high) == pytest.approx((math.expm1(-0.012), math.expm1(0.041)))


@pytest.mark.parametrize("higher", [True, False])
def test_within_a_range_a_margin_in_per_cent_tests_what_is_kept_of_the_mean(higher):
    """It passes where c - (1 - m) b, or (1 + m) b - c, is shown to be above 0, and is red where c - b is shown to be
    worse: the margin is a share of a mean that is not known itself.
    """
    rng, found = np.random.default_rng(6), set()
    for factor in (1.0, 0.95, 0.9, 0.8, 1.05, 1.1, 1.25):
        theirs = rng.uniform(2, 20, (80, 3))
        ours = factor * theirs * rng.uniform(0.8, 1.2, (80, 3))
        told = verdict(
            observed(
                ours, theirs, unit="s", higher_is_better=higher, at_least=0.0, at_most=30.0, margin=0.1, **RELATIVE
            )
        )
        one, other = (ours, 0.9 * theirs) if higher else (theirs, ours / 1.1)
        kept = paired_contrast(one / 30, other / 30).lower(0.95)
        assert (told.verdict is VerdictKind.PASSED) == (kept > 0)
        if told.verdict.is_red:
            one, other = (ours, theirs) if higher else (theirs, ours)
            assert paired_contrast(one / 30, other / 30).upper(0.95) < 0
        assert told.difference.value == pytest.approx(ours.mean() / theirs.mean() - 1)
        assert told.difference.low < told.difference.value < told.difference.high
        found.add(told.verdict)
    assert {VerdictKind.PASSED, VerdictKind.REGRESSED} <= found


def test_a_margin_in_per_cent_of_what_should_be_high():
    """A tenth less is exactly nine tenths: the margin is a share of the baseline, whichever way is better."""
    for figure, kind in ((0.91, VerdictKind.PASSED), (0.89, VerdictKind.REGRESSED)):
        logs = math.log(figure) + 0.0005 * np.array([1, -1] * 6)
        told = verdict(seconds(logs, margin=0.1, higher_is_better=True, unit="tokens/s"))
        assert told.verdict is kind


def test_a_quantile_is_weighed_by_its_ratio_too():
    rng = np.random.default_rng(5)
    theirs = rng.lognormal(0, 0.5, (400, 1))
    entry = observed(
        1.5 * theirs, theirs, unit="s", higher_is_better=False, margin_is_relative=True, statistic="p50", n_planned=400
    )
    told = verdict(entry)
    assert told.difference.value == pytest.approx(0.5)
    assert told.verdict is VerdictKind.REGRESSED


def test_against_a_threshold_the_margin_is_a_share_of_that():
    """The mean of 0.53 is above 0.5, and not above 0.5 and a tenth of it."""
    values = (0.53 + 0.001 * np.array([1, -1] * 10))[:, np.newaxis]
    entry = observed(values, threshold=0.5, unit="s", higher_is_better=False, margin=0.1, margin_is_relative=True)
    told = verdict(entry)
    assert told.verdict is VerdictKind.PASSED
    assert told.reason.startswith("proven below 0.55 s")


@pytest.mark.service
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("is_same", [False, True])
def test_pairs_that_do_not_differ_are_red_in_at_most_5_of_100(law, is_same):
    rng = np.random.default_rng([7, len(law), is_same])
    draw = LAWS[law]
    is_red = lambda: verdict(seconds(0.05 * draw(rng, 12), aim="same" if is_same else None)).verdict.is_red  # noqa: E731
    assert is_at_most(0.05, is_red, 600)


@pytest.mark.nightly
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("is_same", [False, True])
@pytest.mark.parametrize("pairs", [6, 12])
def test_slower_by_the_margin_they_pass_in_at_most_5_of_100(law, is_same, pairs):
    rng = np.random.default_rng([8, len(law), is_same, pairs])
    draw, limit = LAWS[law], math.log1p(0.05)

    def passes():
        return (
            verdict(seconds(limit + 0.02 * draw(rng, pairs), aim="same" if is_same else None)).verdict
            is VerdictKind.PASSED
        )

    assert is_at_most(0.05, passes, 600)


@pytest.mark.nightly
def test_a_gate_of_many_that_aim_at_the_same_keeps_its_rate():
    rng = np.random.default_rng(9)

    def is_red():
        entries = [
            observed(*(binary(rng, np.full(80, 0.7), 3) for _ in range(2)), aim="same", id=str(number))
            for number in range(5)
        ]
        return any(each.verdict.is_red for each in decide(entries, 0.95))

    assert is_at_most(0.05, is_red, 400)
