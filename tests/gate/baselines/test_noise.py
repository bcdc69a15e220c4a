"""A recording's own noise: what it is, what gates against it can tell, and how often an unlucky one misleads them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import t

from harness.gate.baselines.noise import false_red_given, noise_of, supports, warning
from harness.gate.baselines.recording import RecordedCase, RecordedEvaluation, RecordedMetric
from harness.gate.evaluations.evaluation import samples_for_recording


def recorded(scores: Any) -> RecordedEvaluation:
    """An evaluation with these scores, one row a case."""
    own = {f"c{i}": RecordedCase(None, None, {"score": tuple(map(float, row))}) for i, row in enumerate(scores)}
    return RecordedEvaluation("fixed", len(own), len(own), {"score": RecordedMetric(None, True, None)}, own)


def test_the_standard_error_is_that_of_the_draws_within_cases() -> None:
    """Two cases of 4 samples, half of them right: variance 1/3 each, of the mean of both 1/3 / 4 / 2."""
    noise = noise_of(recorded([[1, 0, 1, 0], [0, 1, 0, 1]]), "score")
    assert noise is not None
    assert noise.standard_error == pytest.approx(math.sqrt(1 / 24))
    assert noise.share(4) == pytest.approx(0.5)
    assert noise.share(1) == pytest.approx(0.2)
    assert (noise.n_samples, noise.is_bound) == (4, False)


def test_the_drop_told_apart_is_2_49_standard_errors() -> None:
    """z(0.95) + z(0.80) = 1.645 + 0.842, as every table of sample sizes has it."""
    noise = noise_of(recorded([[1, 0, 1, 0], [0, 1, 0, 1]]), "score")
    assert noise is not None
    assert noise.told_apart(4) == pytest.approx(2.486 * math.sqrt(2 / 24), rel=1e-3)


def test_with_one_sample_a_case_the_spread_over_cases_is_a_bound() -> None:
    noise = noise_of(recorded([[1], [0], [1], [0]]), "score")
    assert noise is not None
    assert noise.is_bound
    assert noise.standard_error == pytest.approx(math.sqrt(1 / 3 / 4))
    assert (
        "recorded with 1 sample of each case, standard error at most 0.29. A gate against it with samples = 5"
        in supports("score", noise, 5, None)
    )


def test_without_a_spread_there_is_no_noise_and_one_case_tells_nothing() -> None:
    noise = noise_of(recorded([[1, 1], [0, 0]]), "score")
    assert noise is not None
    assert (noise.standard_error, noise.share(5)) == (0, 0)
    assert warning([noise], 5) is None
    assert supports("score", noise, 5, None) == (
        "score: recorded with 2 samples of each case, which show no noise; what drop a gate can show, `steelyard plan` "
        "tells"
    )
    assert noise_of(recorded([[1, 1]]), "score") is None
    assert noise_of(recorded([[1, 1], [0, 0]]), "another") is None


def test_a_recording_with_no_more_samples_than_a_gate_is_warned_of() -> None:
    few, many = (noise_of(recorded([[1, 0] * n, [0, 1] * n]), "score") for n in (1, 10))
    assert few is not None
    assert many is not None
    said = warning([few, many], 5) or ""
    assert "--for-baseline, which takes 20 samples a case" in said
    assert "71% of that of a difference" in said
    assert warning([many], 5) is None


def test_a_recording_is_made_with_4_times_the_samples_and_20_at_least() -> None:
    assert [samples_for_recording(n) for n in (1, 5, 6)] == [20, 20, 24]


def test_half_of_the_noise_is_the_level_where_the_recording_is_neither_lucky_nor_not() -> None:
    assert false_red_given(0, 0.99) == pytest.approx(0.05)
    assert false_red_given(0.5, 0.5) == pytest.approx(1 - 0.99, abs=1e-4)  # 1.645 * sqrt(2) = 2.326, of which 1 in 100


def false_red(n_recorded: int, recordings: int = 400, gates: int = 200, n: int = 60, own: int = 5) -> np.ndarray:
    """How often a paired t test of an equal version with 5 samples a case is red, for each recording."""
    rng, critical = np.random.default_rng(4), t.ppf(0.95, n - 1)
    rates = []
    for _ in range(recordings):
        right = rng.beta(2, 1, n)
        differences = rng.binomial(own, right, (gates, n)) / own - rng.binomial(n_recorded, right) / n_recorded
        bounds = differences.mean(axis=1) + critical * differences.std(axis=1, ddof=1) / math.sqrt(n)
        rates.append(float((bounds < 0).mean()))
    return np.array(rates)


@pytest.mark.service
@pytest.mark.parametrize("n_recorded", [5, 20, 50])
def test_simulated_recordings_mislead_as_often_as_the_formula_says(n_recorded: int) -> None:
    rates, share = false_red(n_recorded), (1 / n_recorded) / (1 / n_recorded + 1 / 5)
    assert np.quantile(rates, 0.9) == pytest.approx(false_red_given(share, 0.9), abs=0.03)
    assert rates.mean() == pytest.approx(0.05, abs=2 * rates.std() / math.sqrt(len(rates)) + 0.005)
