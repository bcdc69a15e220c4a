"""The benchmark of labels on a few seeded gates: what it compares is what it says."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.bench import bench_labels
from tests.bench.label_gates import GOOD, POOR, Judge, People, uniform_alone

pytestmark = pytest.mark.nightly


@pytest.mark.parametrize("judge", [POOR, GOOD])
@pytest.mark.parametrize("kind", ["graded", "binary"])
def test_a_simulated_judge_has_the_sensitivity_and_specificity_it_says(judge, kind):
    truth = np.repeat([1.0, 0.0], 40_000)
    scores = Judge(judge.sensitivity, judge.specificity, kind).scores(truth, np.random.default_rng(1))
    assert (scores[truth == 1] > 0.5).mean() == pytest.approx(judge.sensitivity, abs=0.006)
    assert (scores[truth == 0] <= 0.5).mean() == pytest.approx(judge.specificity, abs=0.009)


def test_simulated_people_have_the_rates_they_say():
    truth, same = People(0.8, 0.05, 0.1, 0.5, paired=True).answers(100_000, np.random.default_rng(2))
    assert truth.mean(axis=0).tolist() == pytest.approx([0.8, 0.85], abs=0.005)
    assert same.mean() == pytest.approx(0.5, abs=0.005)
    assert np.all(truth[same, 0] == truth[same, 1])


def test_labels_alone_take_as_many_as_the_likelihood_ratio_lets_expect():
    """Wald: log(20) over the divergence of 0.8 from 0.75 is 428 labels; stakes that are learnt take about as many."""
    outcomes = [uniform_alone(People(), bench_labels.RATE, [9, seed]) for seed in range(200)]
    assert np.mean([each.labels for each in outcomes]) == pytest.approx(428, rel=0.12)


def test_with_a_good_judge_a_gate_takes_less_than_half_the_labels():
    with ThreadPoolExecutor(1) as workers:
        figures = {figure.name: figure for figure in bench_labels.graded_costs(workers, 12)}
        held = list(bench_labels.coverage(workers, 20))
    assert figures["labels to decide a gate, good judge, graded"].value < 0.55
    assert figures["labels to decide a gate, poor judge, graded"].value < 0.85
    assert all(figure.value >= 0.85 for figure in held if figure.name.startswith("coverage"))


@pytest.mark.parametrize(
    ("judge", "bound"),
    [(Judge(kind="binary"), 0.78), (Judge(0.95, 0.9, "binary"), 0.27), (POOR, 0.66), (GOOD, 0.12)],
    ids=["poor, 0 or 1", "good, 0 or 1", "poor, graded", "good, graded"],
)
def test_no_drawing_can_do_better_than_neymans_with_cases_without_end(judge, bound):
    """The labels that are left, as a share: (E sd(label | score))² / variance, by a large sample in 200 classes."""
    rng = np.random.default_rng(3)
    truth = (rng.random(400_000) < 0.8).astype(float)
    scores = judge.scores(truth, rng)
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, 201)))
    classes = np.searchsorted(edges, scores)
    counts = np.bincount(classes)
    rates = np.bincount(classes, weights=truth)[counts > 0] / counts[counts > 0]
    spread = np.sqrt(rates * (1 - rates))
    assert np.average(spread, weights=counts[counts > 0]) ** 2 / 0.16 == pytest.approx(bound, abs=0.012)
