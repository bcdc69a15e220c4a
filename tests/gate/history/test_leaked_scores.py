"""Scores on leaked cases against clean ones: each case paired with the baseline's where there is one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.gate.history.leaked_scores import leaked_scores
from harness.records import CaseResult
from harness.statistics.intervals.means import independent_difference
from tests.reporting.example_reports import report, verdict


def case(number, candidate, baseline=None, cluster=None):
    return CaseResult(f"c{number}", 1, candidate, baseline, "stable", cluster, content=f"digest-{number}")


def of(cases, leaked, name="suites/test_a.py::test_a", unit=None):
    entry = replace(verdict(identity=name), cases=tuple(cases), metric="score", unit=unit)
    return leaked_scores(report(entry), {f"digest-{n}": n in leaked for n in range(len(cases))}, 0.95)


def test_without_a_baseline_scores_are_compared_as_they_are():
    (found,) = of([case(n, float(n < 12)) for n in range(40)], leaked=set(range(10)))
    assert (found.n_leaked, found.n_clean, found.gain) == (10, 30, None)
    assert found.difference == independent_difference([1.0] * 10, [1.0] * 2 + [0.0] * 28)
    assert found.telling is found.difference
    assert found.is_shown


def test_leaked_cases_that_are_easier_for_both_are_no_gain():
    rng = np.random.default_rng(1)
    cases = [
        case(n, float(rng.random() < (0.95 if n < 20 else 0.4)), float(n < 20 or rng.random() < 0.4)) for n in range(80)
    ]
    (found,) = of(cases, leaked=set(range(20)))
    assert found.difference.low > 0
    assert found.gain.low < 0 < found.gain.high
    assert not found.is_shown


def test_a_candidate_that_knows_leaked_cases_gains_on_them():
    rng = np.random.default_rng(2)
    cases = [case(n, 1.0 if n < 25 else float(rng.random() < 0.4), float(rng.random() < 0.4)) for n in range(100)]
    (found,) = of(cases, leaked=set(range(25)))
    assert found.gain.value == pytest.approx(0.6, abs=0.25)
    assert found.is_shown


def test_cases_that_depend_on_each_other_are_one():
    cases = [case(n, 1.0, cluster=f"k{n // 5}") for n in range(40)]
    (found,) = of(cases, leaked={0, 7})
    assert (found.n_leaked, found.n_clean) == (2, 6)


def test_an_evaluation_without_both_kinds_is_left_out():
    assert of([case(n, 1.0) for n in range(5)], leaked=set()) == ()
    assert of([case(n, 1.0) for n in range(5)], leaked=set(range(5))) == ()


def test_cases_that_are_not_known_are_left_out():
    entry = replace(verdict(identity="suites/test_a.py::test_a"), cases=(case(0, 1.0), case(1, 0.0), case(2, 1.0)))
    (found,) = leaked_scores(report(entry), {"digest-0": True, "digest-1": False}, 0.95)
    assert (found.n_leaked, found.n_clean) == (1, 1)
