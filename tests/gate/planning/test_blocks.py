"""What so many pairs of blocks find."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.gate.planning.blocks import pairs_for, pairs_of_blocks, smallest_shift
from harness.gate.planning.power import ErrorRates
from harness.statistics.intervals.signed_ranks import signed_rank_contrast
from tests.decisions.observations import replace
from tests.gate.stored import Scored, run

RED = ErrorRates.of(0.95, 1).red


@pytest.mark.parametrize("pairs", [5, 6, 8, 12, 40])
def test_a_loss_of_that_size_is_found_as_often_as_is_said(pairs: int) -> None:
    """By the rule of the gate, in pairs that are simulated."""
    size = smallest_shift(0.02, pairs, RED, 0.9)
    logs = size + 0.02 * np.random.default_rng(pairs).normal(size=(2_000, pairs))
    found = np.mean([signed_rank_contrast(-each).upper(1 - RED) < 0 for each in logs])
    assert found == pytest.approx(0.9, abs=0.02)


def test_it_is_the_noncentral_t_at_the_level_that_signed_ranks_have() -> None:
    """By scipy's, and the efficiency of signed ranks: of 12 pairs a sum of 16 or less is as rare as 0.0386."""
    of_t = smallest_shift(1.0, 12, RED, 0.9) * math.sqrt(12 / (math.pi / 3))
    level = stats.wilcoxon(
        np.r_[np.arange(1, 13) * np.where(np.isin(np.arange(1, 13), (1, 3, 12)), 1, -1)], alternative="less"
    ).pvalue
    assert stats.nct.sf(stats.t.ppf(1 - level, 11), 11, of_t) == pytest.approx(0.9, abs=1e-6)


def test_the_fewest_pairs_are_those_with_which_it_is_found() -> None:
    for log in (0.01, 0.02, 0.05):
        pairs = pairs_for(0.02, log, RED, 0.9)
        assert pairs is not None
        assert smallest_shift(0.02, pairs, RED, 0.9) <= log
        assert pairs == 5 or smallest_shift(0.02, pairs - 1, RED, 0.9) > log
    assert pairs_for(1.0, 0.001, RED, 0.9) is None


def test_no_fewer_pairs_are_named_than_can_be_red() -> None:
    assert pairs_for(0.001, 0.1, RED, 0.9) == 5
    assert pairs_for(0.001, 0.1, 0.0011, 0.9) == 10
    assert smallest_shift(0.02, 9, 0.0011, 0.9) == math.inf


def test_a_run_tells_the_spread_of_its_pairs(store) -> None:
    factors = np.exp(0.02 * np.array([1.0, -1.0] * 6) * math.sqrt(11 / 12))
    slow = {f"pair-{i}": [0.1 * factor] for i, factor in enumerate(factors)}
    base = {case: [0.1] for case in slow}
    report = run(store, "r1", Scored("a::test_ttft", slow, base, metric="ttft", rule={"unit": "s"})).report
    verdict = replace(report.evaluations[0], in_blocks=True, margin_is_relative=True)
    (found,) = pairs_of_blocks(replace(report, evaluations=(verdict,)), ["ttft"])
    assert (found.metric, found.unit, found.pairs) == ("ttft", None, 12)
    assert found.spread == pytest.approx(0.02)
    assert found.smallest(RED, 0.9) == pytest.approx(0.0196, abs=0.0003)
    assert found.pairs_for(0.05, RED, 0.9) == {"5 %": 5}
    (plain,) = pairs_of_blocks(replace(report, evaluations=(replace(verdict, margin_is_relative=False),)), ["ttft"])
    assert plain.unit == "s"
    assert plain.smallest(RED, 0.9) == pytest.approx(0.00196, abs=0.00005)
    assert list(pairs_of_blocks(report, ["ttft"])) == []
