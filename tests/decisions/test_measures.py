"""Measures: bet on within a declared range, or weighed by a quantile, the median for want of both."""

import math

import numpy as np
import pytest

from harness.decisions import decide
from harness.records import VerdictKind
from tests.decisions.observations import observed
from tests.error_rates import is_at_most

RUNS = 200
ALLOWED = 0.05 + 2 * math.sqrt(0.05 * 0.95 / RUNS)
PASSED, REGRESSED, FAILED, INCONCLUSIVE = (
    VerdictKind.PASSED,
    VerdictKind.REGRESSED,
    VerdictKind.FAILED,
    VerdictKind.INCONCLUSIVE,
)
SECONDS = {"unit": "s", "higher_is_better": False}
RANGED = {**SECONDS, "at_least": 0.0, "at_most": 30.0}


def one(candidate, baseline=None, **more):
    return decide([observed(candidate, baseline, **more)], 0.95)[0]


def column(values):
    return np.asarray(values, dtype=float)[:, np.newaxis]


def figures(verdict):
    return [verdict.difference.value, verdict.difference.low, verdict.difference.high, verdict.candidate.low]


@pytest.mark.parametrize("design", ["fixed", "sequential"])
@pytest.mark.parametrize("threshold", [None, 12.0])
def test_a_measure_with_a_range_is_decided_as_the_scores_that_it_stands_for(design, threshold):
    rng = np.random.default_rng(5)
    scores = rng.beta(4, 6, (120, 3)), rng.beta(4, 6, (120, 3))
    seconds = [10 + 20 * each for each in scores]
    shape = {"design": design, "n_planned": 120, "higher_is_better": False}
    plain = one(*scores, margin=0.1, threshold=None if threshold is None else (threshold - 10) / 20, **shape)
    ranged = one(*seconds, margin=2.0, threshold=threshold, unit="s", at_least=10.0, at_most=30.0, **shape)
    assert (ranged.verdict, ranged.n_cases, ranged.plan.design) == (plain.verdict, plain.n_cases, design)
    assert ranged.difference.p_value == pytest.approx(plain.difference.p_value)
    assert ranged.candidate.value == pytest.approx(10 + 20 * plain.candidate.value)
    assert ranged.candidate.low == pytest.approx(10 + 20 * plain.candidate.low)
    for ours, theirs in zip(ranged.checks, plain.checks, strict=True):
        for name in ("value", "standard_error", "low", "high"):
            assert getattr(ours.difference, name) == pytest.approx(20 * getattr(theirs.difference, name))
    assert (ranged.at_least, ranged.at_most, ranged.unit) == (10.0, 30.0, "s")


def timeouts(rng, n, share):
    """Seconds of about 1, of which a share end at a timeout of 30."""
    return column(np.where(rng.random(n) < share, 30.0, rng.lognormal(0.0, 0.2, n)))


@pytest.mark.nightly
@pytest.mark.parametrize("n_cases", [20, 50])
@pytest.mark.parametrize("against", ["baseline", "threshold"])
def test_rare_timeouts_are_no_false_green_within_a_range(n_cases, against):
    """2 % of the candidate's values are timeouts of 30 s: its mean is higher by 0.58 s, where 0.5 s are allowed."""
    rng = np.random.default_rng([1, n_cases])
    green = 0
    for _ in range(RUNS):
        candidate, other = timeouts(rng, n_cases, 0.02), timeouts(rng, n_cases, 0.0)
        shape = {"margin": 0.5, "design": "sequential", "n_planned": n_cases, **RANGED}
        if against == "baseline":
            green += one(candidate, other, **shape).verdict is PASSED
        else:
            green += one(candidate, threshold=1.02, **shape).verdict is PASSED
    assert green / RUNS <= ALLOWED


def test_an_equal_version_within_a_range_passes_for_all_that():
    """The test above would hold of a rule that never passes anything."""
    rng = np.random.default_rng(2)
    shape = {"margin": 3.0, "design": "sequential", "n_planned": 150, **RANGED}
    green = [one(timeouts(rng, 150, 0.0), timeouts(rng, 150, 0.0), **shape).verdict is PASSED for _ in range(20)]
    assert sum(green) >= 18


@pytest.mark.nightly
def test_a_p95_that_is_higher_by_the_margin_is_a_false_green_at_most_5_times_in_100():
    rng = np.random.default_rng(3)
    green, shape = 0, {"margin": 0.5, "statistic": "p95", **SECONDS}
    for _ in range(RUNS):
        level = rng.lognormal(0.0, 0.3, (150, 1))
        candidate, baseline = (level * rng.lognormal(0.0, 0.3, (150, 1)) for _ in "ab")
        green += one(candidate + 0.5, baseline, **shape).verdict is PASSED
    assert green / RUNS <= ALLOWED


@pytest.mark.service
@pytest.mark.parametrize(("n_cases", "n_samples"), [(80, 1)])
def test_a_p95_at_its_threshold_is_red_and_one_the_margin_above_green_at_most_5_times_in_100(n_cases, n_samples):
    rng = np.random.default_rng([4, n_samples])
    p95 = math.exp(math.hypot(0.3, 0.3) * 1.6448536269514722)
    red = green = 0
    for _ in range(RUNS):
        level = rng.lognormal(0.0, 0.3, (n_cases, 1))
        seconds = level * rng.lognormal(0.0, 0.3, (n_cases, n_samples))
        red += one(seconds, threshold=p95, margin=0.2, statistic="p95", **SECONDS).verdict.is_red
        green += one(seconds, threshold=p95 - 0.2, margin=0.2, statistic="p95", **SECONDS).verdict is PASSED
    assert red / RUNS <= ALLOWED
    assert green / RUNS <= ALLOWED


def test_a_quantile_is_decided_where_the_mean_is_ruled_by_timeouts():
    rng = np.random.default_rng(7)
    quantile = {"margin": 0.5, "statistic": "p90", **SECONDS}
    same = one(timeouts(rng, 300, 0.02), timeouts(rng, 300, 0.02), threshold=1.5, **quantile)
    slower = one(timeouts(rng, 300, 0.02) + 1.5, timeouts(rng, 300, 0.02), threshold=1.5, **quantile)
    assert same.verdict is PASSED
    assert same.reason == "proven below 2.00 s; no worse by more than 0.50 s, weighed by p90"
    assert same.candidate.value == pytest.approx(math.exp(0.2 * 1.2815515655446004), abs=0.1)
    assert same.candidate.low < same.candidate.value < same.candidate.high < 2
    assert [check.verdict for check in slower.checks] == [FAILED, REGRESSED]
    assert same.statistic == "p90"


def test_the_low_quantile_of_a_speed_is_weighed_where_more_is_better():
    rng = np.random.default_rng(8)
    speeds, baseline = rng.normal(50, 5, (301, 1)), rng.normal(50, 5, (301, 1))
    speed = {"unit": "tokens/s", "margin": 4.0, "statistic": "p10"}
    same, slower = one(speeds, baseline, threshold=42.0, **speed), one(speeds - 8, baseline, threshold=42.0, **speed)
    assert same.verdict is PASSED
    assert same.reason.startswith("proven above 38.00 tokens/s; no worse by more than 4.00")
    assert [check.verdict for check in slower.checks] == [FAILED, REGRESSED]
    assert slower.difference.high < 0


def test_too_few_cases_for_a_quantile_are_said_with_how_many_it_takes():
    verdict = one(np.ones((40, 1)), threshold=2.0, margin=0.5, statistic="p95", **SECONDS)
    assert verdict.verdict is INCONCLUSIVE
    assert verdict.reason == "too few cases to bound p95: about 19 more cases could"
    assert verdict.samples_needed == 19
    assert one(np.ones((59, 1)), threshold=2.0, margin=0.5, statistic="p95", **SECONDS).verdict is PASSED


def test_a_range_bounds_a_quantile_for_which_there_are_too_few_cases():
    verdict = one(np.ones((40, 1)), threshold=2.0, margin=0.5, statistic="p95", **RANGED)
    assert verdict.difference.high == 28.0
    assert verdict.candidate.high == 30.0


def test_clusters_are_the_units_of_a_quantile():
    rng = np.random.default_rng(9)
    values = np.repeat(rng.lognormal(0, 0.3, (60, 1)), 5, axis=0)
    free = one(values, threshold=3.0, margin=0.5, statistic="p50", **SECONDS)
    clusters = tuple(np.repeat(np.arange(60), 5).tolist())
    clustered = one(values, threshold=3.0, margin=0.5, statistic="p50", clusters=clusters, **SECONDS)
    assert clustered.difference.high > free.difference.high
    assert clustered.difference.low < free.difference.low


def test_a_single_case_is_weighed_by_the_quantile_of_its_samples():
    seconds = np.linspace(1, 2, 100)[np.newaxis]
    verdict = one(seconds, seconds[:, ::-1], threshold=3.0, margin=0.5, statistic="p50", **SECONDS)
    assert verdict.verdict is PASSED
    assert "n 100" in verdict.candidate.method


def test_a_measure_with_neither_range_nor_quantile_is_weighed_by_the_median_of_its_differences():
    """Conover's order statistics: of 50 differences the 19th and 32nd are the bounds at 0.95 (binomial tail 0.0325)."""
    rng = np.random.default_rng(10)
    baseline = rng.lognormal(0, 1, (50, 3))
    candidate = baseline * rng.lognormal(0, 0.1, (50, 3))
    verdict = one(candidate, baseline, margin=0.5, **SECONDS)
    differences = np.sort(candidate.mean(axis=1) - baseline.mean(axis=1))
    assert (verdict.verdict, verdict.reason) == (PASSED, "no worse by more than 0.50 s, weighed by the median")
    told = verdict.difference
    assert [told.low, told.value, told.high] == pytest.approx(differences[[18, 24, 31]])
    assert verdict.candidate.value == pytest.approx(np.sort(candidate.mean(axis=1))[24])


def test_versions_give_as_many_samples_of_a_case_to_a_median():
    """The mean of more samples of a skewed law has a higher median: a version against itself would not be equal."""
    rng = np.random.default_rng(12)
    long, short = rng.lognormal(0, 2, (400, 20)), rng.lognormal(0, 2, (400, 2))
    both, few = one(long, short, margin=0.5, **SECONDS), one(long[:, :2], short, margin=0.5, **SECONDS)
    assert both.difference == few.difference
    assert both.verdict is not REGRESSED


def test_a_constant_measure_passes_without_a_range_once_chance_would_not_give_it():
    """A sign test: with 4 cases no bound, with 5 the value itself."""
    few, many, size = np.full((4, 1), 269.0), np.full((5, 1), 269.0), {"unit": "MB", "higher_is_better": False}
    assert one(few, few, threshold=300.0, **size).verdict is INCONCLUSIVE
    verdict = one(many, many, threshold=300.0, **size)
    assert verdict.verdict is PASSED
    assert verdict.reason.startswith("proven below 300.05 MB; no worse by more than 0.05 MB")


def test_a_constant_loss_without_a_range_is_red_once_chance_would_not_give_it():
    """A sign test: four equal losses have a chance of 1 in 16, five of 1 in 32."""
    many, more = {n: np.full((n, 1), 300.0) for n in (4, 5)}, {"unit": "MB", "higher_is_better": False}
    assert one(many[4], many[4] - 10, **more).verdict is INCONCLUSIVE
    assert one(many[5], many[5] - 10, **more).verdict is REGRESSED
    assert one(many[5], threshold=280.0, **more).verdict is FAILED


@pytest.mark.parametrize("design", ["fixed", "sequential"])
def test_a_constant_measure_with_a_range_is_decided_by_what_so_many_cases_can_exclude(design):
    """That 1 case in 20 lies at the far end is excluded by 60 cases or so, and not by 20: a margin of 3 of 60 s."""
    shape = {"margin": 3.0, "design": design, **SECONDS, "at_least": 0.0, "at_most": 60.0}
    few, many = np.full((20, 1), 2.0), np.full((200, 1), 2.0)
    assert one(few, few, n_planned=20, **shape).verdict is INCONCLUSIVE
    assert one(many[:90], many[:90], n_planned=90, **shape).verdict is PASSED
    assert one(many, threshold=2.0, n_planned=200, **shape).verdict is PASSED


def test_a_quantile_is_drawn_whole_and_says_so_where_it_was_cut_short():
    part = observed(
        np.ones((80, 1)),
        threshold=2.0,
        margin=0.5,
        statistic="p95",
        design="sequential",
        n_planned=100,
        stopped_at="max_tokens 10",
        **SECONDS,
    )
    assert not part.is_sequential
    (verdict,) = decide([part], 0.95)
    assert (verdict.verdict, verdict.plan.design) == (INCONCLUSIVE, "fixed")


def skewed(rng, n, samples):
    """Seconds of cases with levels of their own, of which 2 % end at a timeout of 30."""
    answers = rng.lognormal(0, 0.5, (n, 1)) * rng.lognormal(0, 0.3, (n, samples))
    return np.where(rng.random((n, samples)) < 0.02, 30.0, answers)


@pytest.mark.service
@pytest.mark.parametrize(("n_cases", "samples"), [(20, 1), (50, 1), (400, 1), (20, 5), (50, 5), (100, 5)])
def test_without_a_range_slower_by_the_margin_passes_in_at_most_5_of_100_timeouts_or_not(n_cases, samples):
    """By a t test of the mean 0.65, 0.38 and 0.10 of 20, 50 and 400 cases passed, 0.39, 0.23 and 0.13 by per cent."""
    rng = np.random.default_rng([11, n_cases, samples])

    def passes(margin, change, **more):
        ours, theirs = skewed(rng, n_cases, samples), skewed(rng, n_cases, samples)
        return one(change(ours), theirs, margin=margin, **SECONDS, **more).verdict is PASSED

    assert is_at_most(0.05, lambda: passes(0.2, lambda ours: ours + 0.2), 300)
    assert is_at_most(0.05, lambda: passes(0.1, lambda ours: 1.1 * ours, margin_is_relative=True), 300)
