"""What a run has spent, in words."""

from __future__ import annotations

from harness.records import Usage
from harness.reporting.wording.operations import flops_in_words


def test_versions_that_spent_nothing_or_nobody_knows_how_much_are_left_out():
    usage = Usage(flops={"a": 2.5e12, "b": None, "c": 0.0})
    assert flops_in_words(usage) == ["2.5 TFLOP by a"]
