"""What Steelyard is compared with: what each practice says of scores, and that the documentation shows the figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness.decisions import decide, first_looks
from harness.records import VerdictKind
from tests.bench import bench_practice, practices
from tests.bench.sampling import Figure

pytestmark = pytest.mark.nightly

ROOT = Path(__file__).parents[2]
N_CASES = 100


def scores(*right: int, samples: int = 5) -> practices.Scores:
    """One gate of one evaluation of 100 cases; of each sample so many of the first cases are right."""
    counts = right if len(right) > 1 else right * samples
    by_sample = [np.arange(N_CASES) < count for count in counts]
    return np.stack(by_sample, axis=1)[np.newaxis, np.newaxis]


def said(rule: practices.Practice, candidate: practices.Scores, baseline: practices.Scores) -> tuple[str, int]:
    """The colour of the only evaluation, and how many samples it took."""
    outcomes = rule(candidate, baseline)
    colour = "red" if outcomes.red[0, 0] else "green" if outcomes.green[0, 0] else "open"
    return colour, int(outcomes.samples[0, 0])


@pytest.mark.parametrize(("right", "colour"), [(90, "green"), (85, "green"), (84, "red")])
def test_a_fixed_tolerance_is_red_beyond_it(right: int, colour: str) -> None:
    assert said(practices.one_run, scores(right), scores(90)) == (colour, 100)
    assert said(practices.mean_of_all, scores(right), scores(90)) == (colour, 500)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ((90, 0, 0), ("green", 100)),
        ((0, 90, 0), ("green", 200)),
        ((0, 0, 90), ("green", 300)),
        ((0, 0, 0), ("red", 300)),
    ],
)
def test_a_retry_is_green_with_its_first_green_run(runs: tuple[int, ...], expected: tuple[str, int]) -> None:
    assert said(practices.retry, scores(*runs), scores(90)) == expected


@pytest.mark.parametrize(("runs", "colour"), [((0, 90, 90), "green"), ((0, 90, 0), "red"), ((0, 0, 0), "red")])
def test_two_of_three_runs_decide(runs: tuple[int, ...], colour: str) -> None:
    assert said(practices.two_of_three_runs, scores(*runs), scores(90)) == (colour, 300)


def test_votes_hide_cases_that_are_wrong_one_time_in_three() -> None:
    assert said(practices.two_of_three_votes, scores(90, 90, 0), scores(90)) == ("green", 300)
    assert said(practices.two_of_three_votes, scores(90, 0, 0), scores(90)) == ("red", 300)


def test_the_z_test_is_red_where_statsmodels_finds_p_below_5_in_100() -> None:
    from statsmodels.stats.proportion import proportions_ztest

    for right in range(70, 91):
        _, p = proportions_ztest([right, 90], [N_CASES, N_CASES])
        assert said(practices.z_test, scores(right), scores(90)) == ("red" if p < 0.05 else "green", 100)


def test_the_t_test_on_all_samples_takes_samples_for_cases() -> None:
    for samples, colour in ((1, "green"), (50, "red")):
        assert said(practices.pooled_t_test, scores(84, samples=samples), scores(90, samples=samples))[0] == colour


def test_the_paired_t_test_is_red_where_its_formula_finds_p_below_5_in_100() -> None:
    """Student 1908: n cases lost of 100 have a mean of n / 100, and t is beyond 1.984 from 4 on."""
    for lost, colour in ((0, "green"), (3, "green"), (4, "red")):
        assert said(practices.paired_t_test, scores(90 - lost), scores(90)) == (colour, 500)


def test_the_pooled_interval_takes_samples_for_cases() -> None:
    """Ten samples of equal answers narrow it as ten times the cases would."""
    assert said(practices.pooled, scores(86), scores(90)) == ("open", 500)
    assert said(practices.pooled, scores(86, samples=50), scores(90, samples=50)) == ("red", 5000)


@pytest.mark.parametrize("design", ["fixed", "sequential"])
def test_what_is_measured_of_steelyard_is_what_decide_says(design: str) -> None:
    rng = np.random.default_rng(1)
    kinds = set()
    for skill, drop in ((40, 0.0), (2, 0.05), (2, 0.3)):
        rates = rng.beta(skill, 0.5, (20, 4, 80))
        lower = rates.copy()
        lower[:, 0] *= 1 - drop
        candidate, baseline = (rng.random((*each.shape, 3)) < each[..., np.newaxis] for each in (lower, rates))
        outcomes = practices.steelyard(candidate, baseline, design)
        for gate in range(20):
            entries = [
                practices.observed(str(i), candidate[gate, i], baseline[gate, i], design, None) for i in range(4)
            ]
            verdicts = decide(entries, 0.95, looks=first_looks(each.id for each in entries))
            assert [each.verdict.is_red for each in verdicts] == outcomes.red[gate].tolist()
            assert [each.verdict is VerdictKind.PASSED for each in verdicts] == outcomes.green[gate].tolist()
            assert [each.n_samples for each in verdicts] == outcomes.samples[gate].tolist()
            kinds |= {each.verdict for each in verdicts}
    assert kinds == {VerdictKind.PASSED, VerdictKind.REGRESSED, VerdictKind.INCONCLUSIVE}


def measured() -> list[Figure]:
    document = json.loads((ROOT / "reports" / "benchmarks" / "practice.json").read_text(encoding="utf-8"))
    return [Figure(**entry) for entry in document["figures"]]


def explanations() -> str:
    """The pages that explain."""
    return "\n".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs" / "explanation").glob("*.md")))


def test_the_documentation_shows_what_was_measured() -> None:
    page = explanations()
    for size in bench_practice.SIZES:
        assert bench_practice.table(measured(), size) in page
    assert bench_practice.threshold_table(measured()) in page
    assert f"{bench_practice.GATES:,} gates" in page


def test_the_documentation_says_what_was_measured_of_stopping_early() -> None:
    values = {figure.name: figure.value for figure in measured()}
    passed, cases = {}, {}
    for name in ("Steelyard, fixed", "Steelyard, sequential", "Steelyard, sequential, 450 cases"):
        passed[name] = round(100 * values[bench_practice.title(name, 1, "as good", "green")])
        cases[name] = values[bench_practice.title(name, 1, "as good", "samples")] / bench_practice.SAMPLES
    whole, stopped, more = passed
    text = " ".join(explanations().split())
    assert f"takes {cases[stopped] / cases[whole]:.2f} of the samples" in text
    assert f"still draws {cases[more] / cases[whole]:.2f} of its samples" in text
    said = (
        f"300 cases let {passed[whole]} of 100 pass when drawn whole, and {passed[stopped]} when stopped on the way, "
        f"after {cases[stopped]:.0f} cases on average; with 450 cases it is {passed[more]}, after {cases[more]:.0f}"
    )
    assert said in text
