"""Figures in reasons."""

from harness.decisions.reasons import figure


def test_a_figure_never_reads_like_the_one_it_differs_from():
    assert figure(-0.0504, apart_from=-0.05) == "-0.0504"
    assert figure(0.1504, apart_from=0.05) == "0.15"
    assert figure(0.0004) == "0.0004"
    assert figure(0.0) == "0.00"
    assert figure(1234.5, "ms") == "1,234.50 ms"
