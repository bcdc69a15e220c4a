"""What is kept of a block."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.errors import StoreError
from harness.stages.inference.blocks.block import LoadBlock, block_from, rate_held
from harness.stages.inference.load.plan import LoadPlan
from harness.stages.inference.load.run import run_load
from tests.stages.inference.blocks.conftest import Serve

pytestmark = pytest.mark.service


def test_it_comes_back_as_it_was_stored() -> None:
    block = LoadBlock({"valid": True, "invalid_reasons": []}, rate_held=3.5, memory_bytes=10)
    assert block_from(block.as_text()) == block
    for text in ("", "[]", "{}", '{"load": 1}'):
        with pytest.raises(StoreError, match="Measure anew"):
            block_from(text)


def test_the_rate_that_is_held_lies_in_the_ramp_where_the_objective_is_kept(serve: Serve) -> None:
    """The law does not mind the rate: what it keeps, it keeps to the end of the ramp; what not, from the start."""
    plan = LoadPlan(rate=5.0, ramp=40.0, seconds=1.0, warm_up=1, prompt_tokens=8, objective={"ttft": 0.5})
    result = run_load(plan, serve().target)
    held = rate_held(result, plan.objective)
    assert held is not None
    assert held > 20.0
    assert rate_held(result, {"ttft": 0.0001}) == 0.0
    assert rate_held(result, {}) is None
    uncounted = tuple(replace(each, completion_tokens=None) for each in result.records)
    assert rate_held(replace(result, records=uncounted), {"tpot": 1.0}) is None
