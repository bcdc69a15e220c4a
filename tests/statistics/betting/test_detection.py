"""A fall is detected with a mean time between false alarms: a sequence worked by hand, the promise, and the start."""

import math

import numpy as np
import pytest

from harness.statistics.betting.detection import detect_fall, evidence_of_fall
from tests.bench import bench_watch


def test_the_evidence_is_the_sum_of_bets_that_were_worked_by_hand():
    """Level 0.8, so a bet of the share f wins f · 0.8 / 0.2 on a score of 0, and loses f on a score of 1."""
    shares = [2.0**-k for k in range(1, 9)]
    by_hand = [
        # After 1, 0 and 0 with stakes of 1, 2 and 0.5: each stake times the factors from its score on.
        (1 * (1 - f) * (1 + 4 * f) ** 2) + (2 * (1 + 4 * f) ** 2) + (0.5 * (1 + 4 * f))
        for f in shares
    ]
    evidence = np.exp(evidence_of_fall([1, 0, 0], [1, 2, 0.5], 0.8))
    assert evidence[-1] == pytest.approx(sum(by_hand) / 8)
    assert evidence[0] == pytest.approx(sum(1 - f for f in shares) / 8)


def test_a_bet_of_a_likelihood_ratio_is_shiryaev_and_roberts_statistic():
    """R_n = (1 + R_{n-1}) L_n, R_0 = 0 (Roberts 1966, Technometrics 8:411-430), of each bet, with stakes of 1."""
    scores, statistic, f = [1, 0, 1, 0, 0], np.zeros(8), 2.0 ** -np.arange(1, 9)
    for score in scores:
        statistic = (1 + statistic) * (1 + f / 0.1 * (0.9 - score))
    assert evidence_of_fall(scores, np.ones(5), 0.9)[-1] == pytest.approx(math.log(statistic.mean()))


def test_the_start_is_where_the_scores_fell_and_no_fall_is_no_alarm():
    evidence, alarm, began = detect_fall([1.0] * 40 + [0.0] * 12, [0.1] * 52, 0.8, 90)
    assert (began, evidence >= 90) == (40, True)
    assert 40 < alarm < 52
    assert detect_fall([1.0] * 40, [0.1] * 40, 0.8, 90)[1:] == (None, None)
    assert detect_fall([], [], 0.8, 90) == (0.0, None, None)


def test_what_comes_later_changes_nothing_about_an_alarm():
    scores = np.random.default_rng(3).random(300) ** 2
    first = detect_fall(scores, np.full(300, 0.5), 0.6, 90)
    assert first[1] is not None
    assert detect_fall(scores[: first[1] + 1], np.full(first[1] + 1, 0.5), 0.6, 90) == first


@pytest.mark.parametrize("level", [0.0, 1.0, math.nan])
def test_a_level_that_no_mean_can_lie_below_is_refused(level):
    with pytest.raises(ValueError, match="level"):
        evidence_of_fall([0.5], [1], level)


def test_false_alarms_at_the_level_itself_are_as_far_apart_as_promised():
    times = bench_watch.steady(250, 12)
    days = np.minimum(bench_watch.many(bench_watch.in_sessions, times, 7, 100), 250)
    assert days.mean() + 2 * days.std() / 10 >= 90
    assert np.minimum(days[:50], days[50:]).mean() >= 90 / 2  # of two that are watched


@pytest.mark.nightly
def test_every_figure_of_the_benchmark_is_met_with_fewer_streams():
    assert [each.name for each in (*bench_watch.false_alarms(40), *bench_watch.delays(40)) if not each.met] == []
