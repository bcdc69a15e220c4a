"""What people are expected to say: against statsmodels, and before the first label."""

import numpy as np
import pytest
from statsmodels.discrete.discrete_model import Logit

from harness.statistics.labels.drawing import fitted_curve, log_odds, predicted


def test_with_many_labels_it_is_logistic_regression():
    rng = np.random.default_rng(1)
    odds, others = rng.normal(size=(2, 20_000))
    truth = (rng.random(20_000) < 1 / (1 + np.exp(-(0.3 + 1.2 * odds - 0.4 * others)))).astype(float)
    oracle = Logit(truth, np.stack([np.ones(20_000), odds, others], axis=1)).fit(disp=0).params
    assert fitted_curve(odds, others, truth).tolist() == pytest.approx(oracle.tolist(), abs=0.002)


def test_without_a_label_a_higher_score_is_expected_to_be_better():
    curve = fitted_curve(np.empty(0), np.empty(0), np.empty(0))
    said = predicted(curve, log_odds(np.array([0.0, 0.5, 1.0])), np.zeros(3))
    assert np.all(np.diff(said) > 0)


def test_a_judge_that_says_the_contrary_is_understood():
    labels = np.tile([1.0, 0.0], 60)
    curve = fitted_curve(log_odds(1 - labels), np.zeros(120), labels)
    right, wrong = predicted(curve, log_odds(np.array([0.0, 1.0])), np.zeros(2))
    assert right > 0.9 > 0.1 > wrong


def test_labels_that_are_all_alike_stay_finite():
    curve = fitted_curve(log_odds(np.ones(500)), np.zeros(500), np.ones(500))
    assert np.isfinite(curve).all()
    assert 0.98 < float(predicted(curve, log_odds(np.array(1.0)), np.array(0.0))) < 1
