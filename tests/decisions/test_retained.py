"""The share of the baseline's score that is kept stands beside a verdict and decides nothing."""

import math
from dataclasses import replace

import numpy as np
import pytest

from harness.statistics.intervals.ratios import mean_ratio
from tests.decisions.observations import observed, share_right
from tests.decisions.suites import suite, verdict_of
from tests.decisions.weighed import one

CANDIDATE = [[0.8], [0.6], [0.9], [0.7]]
BASELINE = [[0.9], [0.8], [0.9], [0.8]]


def test_the_share_has_the_interval_of_a_ratio_of_means_at_the_confidence_of_the_gate():
    for level in (0.95, 0.8):
        kept, expected = one(CANDIDATE, BASELINE, level=level).retained, mean_ratio(CANDIDATE, BASELINE, None, level)
        assert (kept.estimate, kept.low, kept.high) == (expected.value, expected.low, expected.high)
    assert kept.estimate == pytest.approx(3.0 / 3.4)


def test_cases_of_a_cluster_count_as_one():
    kept = one(np.repeat(CANDIDATE, 2, axis=0), np.repeat(BASELINE, 2, axis=0), clusters=tuple("aabbccdd")).retained
    alone = one(CANDIDATE, BASELINE).retained
    assert (kept.low, kept.high) == (pytest.approx(alone.low), pytest.approx(alone.high))


@pytest.mark.parametrize(
    ("candidate", "baseline", "share"),
    [
        (share_right(18, 20), share_right(18, 20), 1.0),
        (share_right(0, 20), share_right(18, 20), 0.0),
        (np.multiply(0.7, CANDIDATE), CANDIDATE, 0.7),
    ],
)
def test_where_each_case_keeps_the_same_share_no_interval_is_claimed(candidate, baseline, share):
    kept = one(candidate, baseline).retained
    assert kept.estimate == pytest.approx(share)
    assert math.isnan(kept.low)
    assert math.isnan(kept.high)


def test_where_nothing_is_left_to_chance_the_interval_is_the_share():
    kept = verdict_of(suite(share_right(15, 20, 1), share_right(18, 20, 1), is_exact=True)).retained
    assert kept.estimate == kept.low == kept.high == pytest.approx(15 / 18)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (observed(CANDIDATE), "there is no baseline"),
        (observed(CANDIDATE, BASELINE, unit="s"), "a measure is weighed by its difference, in its unit or as a share"),
        (observed(CANDIDATE, BASELINE, errors=("boom",)), "it ended in an error"),
        (observed([[0.8]], [[0.9]]), "fewer than two independent cases have a score of both versions"),
        (
            observed(CANDIDATE, BASELINE, clusters=("a",) * 4),
            "fewer than two independent cases have a score of both versions",
        ),
        (
            observed([[0.5], [0.5]], [[0.0], [0.0]]),
            "the baseline's mean is 0, of which nothing is a share",
        ),
        (observed([[0.5], [0.5]], [[1.0], [0.0]]), "the baseline's mean can't be told from 0"),
    ],
)
def test_where_there_is_no_share_the_reason_says_why(entry, reason):
    found = verdict_of(entry)
    assert (found.retained, found.retained_reason) == (None, reason)


def test_it_changes_no_verdict():
    entry = observed(share_right(60, 100), share_right(95, 100))
    told, untold = verdict_of(entry), verdict_of(entry, tells_claims=False)
    assert replace(told, retained=None, claims=None) == untold
    assert told.retained.high < 1
