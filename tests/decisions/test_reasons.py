"""Figures in reasons, and what a red one is told beside them."""

import pytest

from harness.decisions import decide
from harness.decisions.reasons import figure
from tests.decisions.observations import observed


def test_what_is_proven_does_not_read_like_what_is_required() -> None:
    exact = {"threshold": 1.0, "margin": 0.001, "about": "suite", "is_exact": True, "n_planned": 3}
    (verdict,) = decide([observed([[1.0]] * 3, **exact)], 0.95)
    assert verdict.reason == "required 1.00, proven above 0.999"


def test_a_figure_never_reads_like_the_one_it_differs_from():
    assert figure(-0.0504, apart_from=-0.05) == "-0.0504"
    assert figure(0.1504, apart_from=0.05) == "0.15"
    assert figure(0.0004) == "0.0004"
    assert figure(0.0) == "0.00"
    assert figure(1234.5, "ms") == "1,234.50 ms"


@pytest.mark.parametrize(("score", "n_cut", "said"), [(0, 20, True), (0, 19, False), (1, 40, False)])
def test_a_red_verdict_says_where_a_limit_cut_half_of_its_answers(score: int, n_cut: int, said: bool) -> None:
    (verdict,) = decide([observed([[score]] * 40, threshold=0.9, margin=0.05, n_truncated=n_cut)], 0.95)
    assert said == (f"; {n_cut} of 40 answers were cut at max_tokens" in verdict.reason)
