"""Claims beside a verdict: about these cases, and about cases like these."""

from dataclasses import replace

import numpy as np

from tests.decisions.suites import INCONCLUSIVE, PASSED, suite, verdict_of


def test_the_other_claim_stands_beside_a_verdict_about_cases_like_these():
    ones = np.ones((20, 10))
    verdict = verdict_of(replace(suite(ones, ones), about="population"))
    assert (verdict.verdict, verdict.about) == (INCONCLUSIVE, "population")
    assert verdict.claims.suite.verdict is PASSED
    assert verdict.claims.population.difference == verdict.difference


def test_a_measure_with_a_range_has_two_claims_and_one_without_has_one():
    seconds = np.full((30, 4), 1.0)
    ranged = suite(seconds, seconds, unit="s", at_least=0.0, at_most=2.0, margin=0.1)
    assert verdict_of(ranged).claims.population is not None
    assert verdict_of(ranged).about == "suite"
    alone = verdict_of(suite(seconds, seconds, unit="s", margin=0.1))
    assert (alone.about, alone.claims) == ("population", None)
