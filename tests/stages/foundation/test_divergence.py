from __future__ import annotations

import pytest

from harness.errors import EngineError
from harness.stages.foundation.divergence import PositionDivergence, TextDivergence, read_positions


def test_a_text_s_measure_says_what_it_is() -> None:
    positions = tuple(PositionDivergence(kl, kl / 2, False, -1.0, -3.0) for kl in (0.1, 0.3))
    found = TextDivergence(positions, True)
    assert (found.kl.value, found.kl.unit, found.kl.higher_is_better) == (pytest.approx(0.2), "nats/token", False)
    assert found.kl.reason == "at most 0.3 nats; another most probable token at 2 of 2 positions; a lower bound"
    assert (found.kl_reverse.value, found.same_top) == (pytest.approx(0.1), 0.0)
    assert (found.log_likelihood, found.reference_log_likelihood) == (-1.0, -3.0)
    with pytest.raises(EngineError, match="needs both distributions whole"):
        _ = found.js


def test_an_answer_of_the_process_is_read() -> None:
    found = read_positions({"positions": [[0.1, 0.2, True, -1.0, -1.0, 0.04]], "is_lower_bound": False})
    assert found == TextDivergence((PositionDivergence(0.1, 0.2, True, -1.0, -1.0, 0.04),), False)
    assert found.js.value == pytest.approx(0.04)
