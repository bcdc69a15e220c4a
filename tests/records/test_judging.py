"""By what rule a score was given."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.records import ScoringRule

PANEL = ScoringRule(("0a1b", "2c3d"), "4e5f")


@pytest.mark.parametrize("rule", [PANEL, replace(PANEL, judges=("0a1b",)), replace(PANEL, rubric="faithfulness/1.2")])
def test_a_rule_reads_back_as_it_was_written(rule: ScoringRule) -> None:
    assert ScoringRule.parse(str(rule)) == rule


def test_other_judges_or_another_rubric_are_another_rule() -> None:
    others = [replace(PANEL, judges=("2c3d", "0a1b")), replace(PANEL, rubric="x"), replace(PANEL, judges=("0a1b",))]
    assert len({str(each) for each in (PANEL, *others)}) == 4
