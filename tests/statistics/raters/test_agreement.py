"""Kappas and alpha: the authors' own examples, statsmodels, honest intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats import inter_rater

from harness.statistics import cohen_kappa, fleiss_kappa, krippendorff_alpha
from tests.statistics.raters.known import KRIPPENDORFF, NAN

#: J. L. Fleiss (1971), table 1: 30 patients, 6 psychiatrists, 5 diagnoses.
FLEISS = [
    [0, 0, 0, 6, 0], [0, 3, 0, 0, 3], [0, 1, 4, 0, 1], [0, 0, 0, 0, 6], [0, 3, 0, 3, 0], [2, 0, 4, 0, 0],
    [0, 0, 4, 0, 2], [2, 0, 3, 1, 0], [2, 0, 0, 4, 0], [0, 0, 0, 0, 6], [1, 0, 0, 5, 0], [1, 1, 0, 4, 0],
    [0, 3, 3, 0, 0], [1, 0, 0, 5, 0], [0, 2, 0, 3, 1], [0, 0, 5, 0, 1], [3, 0, 0, 1, 2], [5, 1, 0, 0, 0],
    [0, 2, 0, 4, 0], [1, 0, 2, 0, 3], [0, 0, 0, 0, 6], [0, 1, 0, 5, 0], [0, 2, 0, 1, 3], [2, 0, 0, 4, 0],
    [1, 0, 0, 4, 1], [0, 5, 0, 1, 0], [4, 0, 0, 0, 2], [0, 2, 0, 4, 0], [1, 0, 5, 0, 0], [0, 0, 0, 0, 6],
]  # fmt: skip


@pytest.mark.parametrize(
    ("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_alpha_is_krippendorffs_example(level, published):
    result = krippendorff_alpha(KRIPPENDORFF, level)
    assert round(result.value, 3) == published
    assert result.n_units == 11
    assert result.low < result.value < result.high


def test_fleiss_kappa_is_fleiss_example():
    assert round(fleiss_kappa(FLEISS).value, 3) == 0.430


def test_cohens_kappa_is_that_of_fleiss_cohen_and_everitt():
    """J. L. Fleiss, J. Cohen, B. S. Everitt (1969), Psychological Bulletin 72:323-327: 200 units, kappa 0.429."""
    table = np.array([[106, 10, 4], [22, 28, 10], [2, 12, 6]])
    first, second = (np.repeat(index.ravel(), table.ravel()) for index in np.indices(table.shape))
    oracle = inter_rater.cohens_kappa(table)
    result = cohen_kappa(first, second)
    assert round(result.value, 3) == 0.429
    assert result.value == pytest.approx(oracle.kappa)
    assert result.standard_error == pytest.approx(oracle.std_kappa, rel=0.05)


@pytest.mark.service
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=5, max_size=40))
def test_weighted_kappas_agree_with_statsmodels(pairs):
    first, second = zip(*pairs, strict=True)
    used = sorted(set(first) | set(second))
    if len(used) < 2:
        return
    table = np.zeros((len(used), len(used)))
    for a, b in pairs:
        table[used.index(a), used.index(b)] += 1
    for weights in (None, "linear", "quadratic"):
        oracle = inter_rater.cohens_kappa(table, wt=weights, return_results=False)
        assert cohen_kappa(first, second, weights=weights).value == pytest.approx(oracle)


@given(st.lists(st.integers(0, 4), min_size=4, max_size=30))
def test_fleiss_kappa_agrees_with_statsmodels(yes):
    counts = np.array([[y, 4 - y] for y in yes])
    if (counts.sum(axis=0) > 0).all():
        assert fleiss_kappa(counts).value == pytest.approx(inter_rater.fleiss_kappa(counts))


RATINGS = st.lists(st.lists(st.integers(1, 4), min_size=3, max_size=3), min_size=4, max_size=20)


@pytest.mark.service
@given(RATINGS, st.sampled_from(["nominal", "ordinal", "interval", "ratio"]), st.randoms())
def test_alpha_does_not_depend_on_the_order_of_raters_or_units(rows, level, random):
    if len({x for row in rows for x in row}) < 2:
        return
    table = np.array(rows, dtype=float).T
    shuffled = table[random.sample(range(3), 3)][:, random.sample(range(len(rows)), len(rows))]
    one, other = (krippendorff_alpha(ratings, level, resamples=100) for ratings in (table, shuffled))
    assert one.value == pytest.approx(other.value)
    assert one.low <= one.value <= one.high


def test_two_raters_of_many_units_have_nearly_cohens_fleiss_and_krippendorffs_value_alike():
    rng = np.random.default_rng(1)
    first = rng.integers(0, 2, 3000)
    second = np.where(rng.random(3000) < 0.85, first, 1 - first)
    counts = np.stack([(first == 0) * 1 + (second == 0), (first == 1) * 1 + (second == 1)], axis=1)
    values = [
        cohen_kappa(first, second).value,
        fleiss_kappa(counts).value,
        krippendorff_alpha([first, second], resamples=100).value,
    ]
    assert np.ptp(values) < 0.002
    assert values[0] == pytest.approx(0.7, abs=0.04)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cohen_kappa([1, 2], [1]), "Ratings of shapes"),
        (lambda: cohen_kappa([1.0, NAN], [1.0, 2.0]), "missing"),
        (lambda: cohen_kappa([1, 1], [1, 1]), "All ratings are the same"),
        (lambda: cohen_kappa([1], [2]), "at least 2"),
        (lambda: cohen_kappa([1, 2], [1, 2], weights="cubic"), "'linear', 'quadratic'"),
        (lambda: fleiss_kappa([[2, 0], [1, 0]]), "All ratings"),
        (lambda: fleiss_kappa([[2, 0], [1, 2]]), "2 to 3 raters"),
        (lambda: fleiss_kappa([[1.5, 0.5], [1, 1]]), "not a count"),
        (lambda: fleiss_kappa([1, 2]), "1 dimensions"),
        (lambda: krippendorff_alpha([[1, 2], [1, NAN]]), "1 units"),
        (lambda: krippendorff_alpha([[1, 1], [1, 1]]), "All ratings"),
        (lambda: krippendorff_alpha([[1, -2], [1, 2]], "ratio"), "negative"),
        (lambda: krippendorff_alpha([[1, 2], [1, 2]], "rank"), "'nominal', 'ordinal'"),
        (lambda: krippendorff_alpha([1, 2]), "1 dimensions"),
        (lambda: krippendorff_alpha([[1, 2], [1, 2]], resamples=10), "100 or more"),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_rater_who_gives_one_value_does_not_agree_and_leaves_kappa_open():
    """Kappa is 0 whatever the other says, and the jackknife has no spread: the interval is the posterior's."""
    found = cohen_kappa([3] * 10, [3] * 6 + [1] * 4, weights="linear")
    assert (found.value, found.method) == (0.0, "Cohen's kappa, posterior (the jackknife has no spread)")
    both_1, one_1, other_1, neither_1 = np.random.default_rng(5).dirichlet([0.25, 0.25, 4.25, 6.25], 20_000).T
    crossed = (both_1 + one_1) * (one_1 + neither_1) + (both_1 + other_1) * (other_1 + neither_1)
    posterior = 2 * (both_1 * neither_1 - one_1 * other_1) / crossed
    np.testing.assert_allclose([found.low, found.high], np.quantile(posterior, [0.025, 0.975]), atol=0.02)
    assert found.low < 0 < found.high
    more = cohen_kappa([3] * 100, [3] * 60 + [1] * 40)
    assert more.high - more.low < (found.high - found.low) / 3


def test_raters_who_always_differ_alike_are_not_said_to_agree():
    found = fleiss_kappa([[1, 1]] * 10)
    assert (found.value, found.low, found.method) == (-1.0, -1.0, "Fleiss' kappa, 10 units that all differ alike")
    assert found.high < 0
    assert cohen_kappa([1, 2, 1, 2], [1, 2, 1, 2]).method == "Cohen's kappa, 4 units that all agree"
