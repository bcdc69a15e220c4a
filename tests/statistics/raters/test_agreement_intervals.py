"""Intervals of agreement cover it, and are never without width."""

import numpy as np
import pytest

from harness.statistics import cohen_kappa, fleiss_kappa, krippendorff_alpha
from tests.statistics.raters.known import KRIPPENDORFF


@pytest.mark.service
def test_intervals_cover_the_agreement_of_the_population():
    rng = np.random.default_rng(2)
    hits = np.zeros(2)
    for _ in range(200):
        first = rng.integers(0, 2, 80)
        second = np.where(rng.random(80) < 0.85, first, 1 - first)
        results = cohen_kappa(first, second), krippendorff_alpha([first, second], resamples=200)
        hits += [result.low <= 0.7 <= result.high for result in results]
    assert np.all(hits / 200 > 0.9)


def test_perfect_agreement_still_has_an_interval_with_width():
    yes_no = [0, 1] * 10
    for result in (
        cohen_kappa(yes_no, yes_no),
        fleiss_kappa([[3, 0], [0, 3]] * 10),
        krippendorff_alpha([yes_no, yes_no]),
    ):
        assert result.value == 1
        assert 0.7 < result.low < 0.9
        assert result.high == 1


def test_resampling_is_repeatable_and_follows_the_generator():
    one, same = krippendorff_alpha(KRIPPENDORFF), krippendorff_alpha(KRIPPENDORFF)
    other = krippendorff_alpha(KRIPPENDORFF, generator=np.random.default_rng(1))
    assert one == same
    assert one.low != other.low or one.standard_error != other.standard_error
