"""What every result is: a frozen dataclass of plain numbers, which a report can write down."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from harness import statistics

RNG = np.random.default_rng(1)
SCORES = (RNG.random((12, 3)) < 0.7).astype(float)
OTHERS = (RNG.random((12, 3)) < 0.7).astype(float)

RESULTS = {
    "wilson_interval": statistics.wilson_interval(np.int64(3), np.int64(7)),
    "clopper_pearson_interval": statistics.clopper_pearson_interval(np.int64(3), np.int64(7)),
    "newcombe_interval": statistics.newcombe_interval(np.int64(3), 7, 2, 5),
    "tango_interval": statistics.tango_interval(1, 2, 9),
    "newcombe_paired_interval": statistics.newcombe_paired_interval(3, 1, 2, 4),
    "clustered_mean": statistics.clustered_mean(SCORES),
    "clustered_mean, thin": statistics.clustered_mean([0.5] * 9 + [1]),
    "paired_difference": statistics.paired_difference(SCORES, OTHERS),
    "paired_difference, thin": statistics.paired_difference([1.0] * 9 + [0], [1.0] * 10),
    "independent_difference": statistics.independent_difference(SCORES[0], OTHERS[0]),
    "sign_flip_test": statistics.sign_flip_test(SCORES, OTHERS),
    "mean_ratio": statistics.mean_ratio(SCORES, OTHERS),
    "non_inferiority": statistics.non_inferiority(SCORES, OTHERS, 0.1),
    "equivalence": statistics.equivalence(SCORES, OTHERS, 0.1),
    "pass_at_k": statistics.pass_at_k([5, 6, 7], [1, 2, 7], 2),
    "optimal_samples": statistics.optimal_samples(0.1, 0.3, 100, case_cost=3),
    "ppi_mean": statistics.ppi_mean(SCORES[:, 0], OTHERS[:, 0], OTHERS[:, 1]),
    "ppi_mean, weighted": statistics.ppi_mean(
        SCORES[:, 0], OTHERS[:, 0], OTHERS[:, 1], inclusion_probabilities=[0.5] * 12
    ),
    "cohen_kappa": statistics.cohen_kappa(SCORES[:, 0], OTHERS[:, 0]),
    "fleiss_kappa": statistics.fleiss_kappa([[2, 1], [1, 2], [3, 0]]),
    "krippendorff_alpha": statistics.krippendorff_alpha(SCORES.T),
}


@pytest.mark.parametrize("name", RESULTS)
def test_results_are_frozen_and_hold_plain_numbers(name):
    result = RESULTS[name]
    for field in dataclasses.fields(result):
        assert type(getattr(result, field.name)) in (float, int, bool, str), field.name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(result, dataclasses.fields(result)[0].name, 0.0)


def test_single_numbers_are_plain():
    assert type(statistics.mcnemar_test(1, 7)) is float
    assert type(statistics.log_e_value(3, 2, 0.5, 0.4)) is float
    assert type(statistics.pass_at_k(5, 2, 2)) is float
    assert type(statistics.rogan_gladen(0.6, sensitivity=0.9, specificity=0.9)) is float
    assert type(statistics.required_cases(0.1, 0.1, 0.3, 2)) is int
    assert type(statistics.minimum_detectable_difference(50, 0.1, 0.3, 2)) is float


def test_every_public_function_is_documented_with_its_parameters():
    for name in statistics.__all__:
        thing = getattr(statistics, name)
        assert thing.__doc__, name
        if not isinstance(thing, type):
            assert "Parameters" in thing.__doc__, name
            assert ">>>" in thing.__doc__, name


@pytest.mark.service
def test_the_gates_path_never_imports_scipy_stats():
    """It would cost more than a second of every run."""
    script = "import harness.decisions, sys; sys.exit(any(name.startswith('scipy.stats') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
