"""Prediction-powered means: special cases, coverage, no bias from the drawing; Rogan and Gladen."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.statistics import ppi_mean, rogan_gladen


def judged(rng, n, rate=0.8, sensitivity=0.9, specificity=0.8):
    """What people would say of n items, and what the judge says."""
    truth = rng.random(n) < rate
    judge = np.where(truth, rng.random(n) < sensitivity, rng.random(n) >= specificity)
    return truth.astype(float), judge.astype(float)


@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
def test_weight_0_is_the_t_interval_of_the_labels(alternative):
    labels = np.random.default_rng(1).random(15)
    result = ppi_mean(labels, labels, np.zeros(50), weight=0, alternative=alternative)
    oracle = stats.ttest_1samp(labels, 0, alternative=alternative).confidence_interval(0.95)
    assert (result.low, result.high) == (pytest.approx(oracle.low), pytest.approx(oracle.high))


def test_weight_1_is_the_first_ppi_estimator():
    """Angelopoulos et al. (2023), Prediction-powered inference, Science 382:669-674: mean(f) + mean(y - f), variances
    added."""
    rng = np.random.default_rng(2)
    labels, judge = judged(rng, 300)
    result = ppi_mean(labels[:50], judge[:50], judge[50:], weight=1)
    assert result.value == pytest.approx(judge[50:].mean() + (labels - judge)[:50].mean())
    variance = judge[50:].var(ddof=1) / 250 + (labels - judge)[:50].var(ddof=1) / 50
    assert result.standard_error == pytest.approx(math.sqrt(variance))


def test_the_optimal_weight_has_the_smallest_standard_error():
    labels, judge = judged(np.random.default_rng(3), 500)
    best = ppi_mean(labels[:80], judge[:80], judge[80:])
    assert 0 < best.weight < 1
    for weight in np.linspace(0, 1, 11):
        other = ppi_mean(labels[:80], judge[:80], judge[80:], weight=float(weight))
        assert best.standard_error <= other.standard_error * 1.01


def test_a_judge_that_knows_nothing_is_not_trusted():
    rng = np.random.default_rng(4)
    labels = (rng.random(200) < 0.8).astype(float)
    alone, with_noise = (ppi_mean(labels, judge, rng.random(2000)) for judge in (np.zeros(200), rng.random(200)))
    assert with_noise.weight < 0.2
    assert with_noise.standard_error <= alone.standard_error * 1.001


@pytest.mark.service
@pytest.mark.parametrize("probabilities", [False, True])
@pytest.mark.parametrize("specificity", [0.6, 0.9])
def test_intervals_cover_the_human_mean_without_bias(specificity, probabilities):
    rng = np.random.default_rng(5)
    values, hits, runs = [], 0, 1500
    for _ in range(runs):
        labels, judge = judged(rng, 1000, specificity=specificity)
        chances = np.where(judge == 0, 0.3, 0.08) if probabilities else np.full(1000, 0.12)
        drawn = rng.random(1000) < chances
        result = ppi_mean(
            labels[drawn],
            judge[drawn],
            judge[~drawn],
            inclusion_probabilities=chances[drawn] if probabilities else None,
        )
        values.append(result.value)
        hits += result.low <= 0.8 <= result.high
    assert np.mean(values) == pytest.approx(0.8, abs=4 * np.std(values) / math.sqrt(runs))
    assert hits / runs >= 0.94 - 2 * math.sqrt(0.05 * 0.95 / runs)


def test_labels_drawn_by_the_judges_score_are_biased_once_their_probabilities_are_forgotten():
    """That is why they are stored with each item."""
    rng = np.random.default_rng(6)
    errors = []
    for _ in range(200):
        labels, judge = judged(rng, 1000)
        drawn = rng.random(1000) < np.where(judge == 0, 0.5, 0.05)
        errors.append(ppi_mean(labels[drawn], judge[drawn], judge[~drawn], weight=0).value - 0.8)
    assert np.mean(errors) < -0.2


def test_labels_of_one_kind_still_give_an_interval_with_width():
    for rest in ([], [1.0] * 100):
        result = ppi_mean([1.0] * 10, [1.0] * 10, rest)
        assert result.low < 0.9
        assert result.method.startswith("labels alone")
    assert ppi_mean([1.0] * 10, [1.0] * 10, [], alternative="greater").high == math.inf


def test_no_unlabelled_item_leaves_the_labels_alone():
    labels, judge = judged(np.random.default_rng(7), 40)
    assert ppi_mean(labels, judge, []).value == labels.mean()


@given(st.floats(0, 1), st.floats(0.55, 1), st.floats(0.55, 1))
def test_rogan_gladen_undoes_the_judge(truth, sensitivity, specificity):
    rate = truth * sensitivity + (1 - truth) * (1 - specificity)
    assert rogan_gladen(rate, sensitivity=sensitivity, specificity=specificity) == pytest.approx(truth, abs=1e-9)


def test_a_corrected_rate_stays_a_rate():
    assert rogan_gladen(0.99, sensitivity=0.8, specificity=0.9) == 1
    assert rogan_gladen(0.05, sensitivity=0.8, specificity=0.9) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ppi_mean([1, 0], [1], []), "2 labels for 1 judged"),
        (lambda: ppi_mean([1], [1], [0]), "at least 2"),
        (lambda: ppi_mean([1, math.nan], [1, 0], []), "labels holds NaN"),
        (lambda: ppi_mean([[1, 0]], [1, 0], []), "2 dimensions"),
        (lambda: ppi_mean([1, 0], [1, 0], [1], weight="best"), "neither 'optimal'"),
        (lambda: ppi_mean([1, 0], [1, 0], [1], weight=math.inf), "not a finite"),
        (lambda: ppi_mean([1, 0], [1, 0], [1], inclusion_probabilities=[0.5]), "1 inclusion probabilities"),
        (lambda: ppi_mean([1, 0], [1, 0], [1], inclusion_probabilities=[0.5, 0]), r"outside \(0, 1\]"),
        (lambda: ppi_mean([1, 0], [1, 0], [1], alternative="up"), "alternative = 'up'"),
        (lambda: rogan_gladen(1.2, sensitivity=0.9, specificity=0.9), "rate = 1.2"),
        (lambda: rogan_gladen(0.5, sensitivity=0.5, specificity=0.5), "no better than chance"),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_mean_of_rates_and_its_bounds_stay_between_0_and_1():
    result = ppi_mean([1, 0, 1, 1, 1], [1, 0, 1, 1, 0], [1] * 20)
    assert 0 <= result.low < result.value <= result.high == 1
    assert ppi_mean([5.0, 1.0, 9.0], [4.0, 2.0, 8.0], [5.0, 6.0]).high > 9


def test_an_interval_beyond_the_scale_gives_way_to_the_labels_alone():
    """A judge that likes the rest far better than what was labelled, trusted three times over."""
    result = ppi_mean([1.0, 1.0, 0.99], [0.4, 0.4, 0.39], [1.0, 0.99], weight=3.0)
    assert (result.weight, result.method[:13]) == (0.0, "labels alone:")
    assert result.low < result.high <= 1
