from __future__ import annotations

import pytest

from harness.statistics.quantiles.support import values_needed

pytestmark = pytest.mark.service


def test_how_many_values_a_percentile_needs() -> None:
    """The largest of n values is below the p-quantile with probability pⁿ."""
    for percentile in (50, 90, 95, 99, 99.9):
        needed = values_needed(percentile)
        assert (percentile / 100) ** needed <= 0.05 < (percentile / 100) ** (needed - 1)
    assert [values_needed(each) for each in (99, 99.9)] == [299, 2995]
    assert values_needed(90, 0.99) == 44
