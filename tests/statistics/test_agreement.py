"""Krippendorff's alpha: his own example, intervals that cover it and always have width, wrong input."""

import numpy as np
import pytest

from harness.statistics.agreement import krippendorff_alpha

NAN = float("nan")

#: K. Krippendorff (2011), Computing Krippendorff's alpha-reliability, part C: 4 observers, 12 units, missing data.
KRIPPENDORFF = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
    [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
]


def test_alpha_is_krippendorffs_example():
    result = krippendorff_alpha(KRIPPENDORFF)
    assert round(result.value, 3) == 0.815
    assert result.n_units == 11
    assert result.low < result.value < result.high


def test_alpha_does_not_depend_on_the_order_of_raters_or_units_or_on_what_ranks_are_called():
    table = np.array(KRIPPENDORFF)
    one, other = krippendorff_alpha(table), krippendorff_alpha(3 * table[::-1, ::-1] ** 2)
    assert (one.value, one.low) == (pytest.approx(other.value), pytest.approx(other.low))


@pytest.mark.service
def test_intervals_cover_the_agreement_of_the_population():
    """Each rater is right in 0.92 of the units, so that two agree in 0.85 and alpha is 0.71."""
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(300):
        truth = rng.integers(0, 2, 60)
        ratings = np.where(rng.random((3, 60)) < 0.92, truth, 1 - truth)
        result = krippendorff_alpha(ratings)
        hits += result.low <= 0.84**2 <= result.high
    assert hits / 300 > 0.92


def test_perfect_agreement_and_its_opposite_still_have_an_interval_with_width():
    agreed, apart = krippendorff_alpha([[0, 1] * 10] * 2), krippendorff_alpha([[0, 1] * 10, [1, 0] * 10])
    assert (agreed.value, agreed.high) == (1, 1)
    assert 0.7 < agreed.low < 0.9
    assert apart.value < 0
    assert apart.low < apart.value < apart.high < 0.2


def test_where_one_unit_alone_tells_raters_apart_the_interval_is_wide():
    assert krippendorff_alpha([[3] * 9 + [1], [3] * 10]).low == -1.0


@pytest.mark.parametrize(
    ("ratings", "message"), [([[1, 2], [1, NAN]], "1 units"), ([[1, 1], [1, 1]], "All ratings"), ([["a"]], "numbers")]
)
def test_wrong_input_is_refused(ratings, message):
    with pytest.raises(ValueError, match=message):
        krippendorff_alpha(ratings)
