"""The smallest slow-down that a machine can show."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.errors import InvalidBlockError
from harness.stages.inference.blocks.plan import BlockPlan
from harness.stages.inference.blocks.resolution import (
    EFFICIENCY,
    RED_LEVEL,
    calibrate,
    pairs_for,
    resolution,
    smallest_log,
)
from harness.stages.inference.load.plan import LoadPlan
from harness.statistics.intervals.signed_ranks import signed_rank_contrast
from tests.stages.inference.blocks.conftest import Serve

pytestmark = pytest.mark.service


@pytest.mark.parametrize("pairs", [5, 6, 8, 12, 40])
def test_a_slow_down_of_that_size_is_found_9_times_in_10(pairs: int) -> None:
    """By the rule of the gate, in pairs that are simulated."""
    size = smallest_log(0.02, pairs, RED_LEVEL, 0.9)
    rng = np.random.default_rng(pairs)
    logs = size + 0.02 * rng.normal(size=(4_000, pairs))
    found = np.mean([signed_rank_contrast(-each).upper(1 - RED_LEVEL) < 0 for each in logs])
    assert found == pytest.approx(0.9, abs=0.015)


def test_it_is_the_noncentral_t_at_the_level_that_signed_ranks_have() -> None:
    """By scipy's, and the efficiency of signed ranks: of 12 pairs a sum of 16 or less is as rare as 0.0386."""
    of_t = smallest_log(1.0, 12, RED_LEVEL, 0.9) * math.sqrt(12 / EFFICIENCY)
    level = stats.wilcoxon(
        np.r_[np.arange(1, 13) * np.where(np.isin(np.arange(1, 13), (1, 3, 12)), 1, -1)], alternative="less"
    ).pvalue
    assert stats.nct.sf(stats.t.ppf(1 - level, 11), 11, of_t) == pytest.approx(0.9, abs=1e-6)


def test_no_fewer_pairs_are_named_than_can_be_red() -> None:
    assert pairs_for(0.001, 0.1) == 5
    assert pairs_for(0.001, 0.1, level=0.0011) == 10
    assert smallest_log(0.02, 9, 0.0011, 0.9) == math.inf


def test_the_fewest_pairs_are_those_with_which_it_is_found() -> None:
    for log in (0.01, 0.02, 0.05):
        pairs = pairs_for(0.02, log)
        assert pairs is not None
        assert smallest_log(0.02, pairs, RED_LEVEL, 0.9) <= log
        assert pairs == 5 or smallest_log(0.02, pairs - 1, RED_LEVEL, 0.9) > log
    assert pairs_for(1.0, 0.001) is None


def test_so_many_pairs_of_such_a_spread_show_two_per_cent() -> None:
    """A spread of 0.02 in 12 pairs shows 2 %."""
    logs = 0.02 * np.array([1, -1] * 6) * math.sqrt(11 / 12)
    assert resolution("itl", list(logs)).smallest == pytest.approx(0.0196, abs=0.0003)


@pytest.mark.nightly
def test_a_version_is_measured_against_itself(serve: Serve) -> None:
    plan = BlockPlan(
        blocks=5,
        load=LoadPlan(rate=20.0, seconds=0.4, warm_up=1, prompt_tokens=8, accept=frozenset({"schedule", "steal"})),
    )
    found = calibrate(serve(itl_s=0.004), plan)
    assert [each.figure for each in found] == ["ttft", "itl", "throughput"]
    assert all(each.smallest > 0 and each.spread_high >= each.spread for each in found)


def test_blocks_of_which_requests_were_not_answered_calibrate_nothing(serve: Serve) -> None:
    load = LoadPlan(
        rate=40.0, seconds=0.5, warm_up=0, prompt_tokens=8, timeout_s=0.2, accept=frozenset({"schedule", "steal"})
    )
    with pytest.raises(InvalidBlockError, match=r"requests of block \d were not answered \(timeout \d+\)"):
        calibrate(serve(median_s=0.15, sigma=0.5), BlockPlan(blocks=5, load=load))
