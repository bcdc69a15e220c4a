"""The smallest number that suffices is found in few trials."""

import pytest

from harness.gate.planning.searching import smallest

pytestmark = pytest.mark.service


@pytest.mark.parametrize("truth", [0.02, 0.2, 0.71])
@pytest.mark.parametrize("start", [0.01, 0.2, 0.9])
def test_a_search_ends_close_above_the_smallest_number_that_suffices(truth, start):
    found = smallest(lambda number: truth / number, start, 1.0, 0.001, leans=1.0)
    assert truth <= found <= max(1.03 * truth, truth + 0.001)
    whole = smallest(lambda number: (1000 * truth / number) ** 0.5, 1000 * start, 2000, 1, leans=1.0)
    assert whole == int(whole)
    assert 1000 * truth <= whole <= 1.03 * 1000 * truth + 1
    assert smallest(lambda number: truth / number, start, truth / 2, 0.001, leans=1.0) is None
