"""Evaluations that a run was stopped in the middle of."""

from __future__ import annotations

from dataclasses import replace

from harness.records import Interruption, Verdict, VerdictKind
from harness.reporting.wording.interruption import interrupted, is_interrupted, progress
from tests.reporting import example_reports as examples


def stopped(name: str, done: int, total: int, *errors: str) -> Verdict:
    verdict = examples.verdict(VerdictKind.ERROR, identity=name)
    return replace(verdict, errors=("interrupted", *errors), interruption=Interruption(done, total))


def test_an_interruption_alone_is_no_fault_to_mend() -> None:
    assert is_interrupted(stopped("a", 1, 2))
    assert not is_interrupted(stopped("a", 1, 2, "OSError: no route"))
    assert not is_interrupted(examples.verdict())


def test_where_another_error_is_to_be_mended_none_is_told() -> None:
    one, other = stopped("a", 1, 2), stopped("b", 3, 4)
    assert interrupted(examples.report(one, other, examples.verdict())) == [one, other]
    assert interrupted(examples.report(one, stopped("b", 3, 4, "OSError"))) == []


def test_how_far_they_came_is_added_up_once_for_each_evaluation() -> None:
    one = stopped("a", 1000, 2000)
    assert progress([one, replace(one, metric="f1"), stopped("b", 200, 400), examples.verdict()]) == (
        "1,200 of 2,400 samples"
    )
