"""Evaluations that a run was stopped in the middle of: no fault to mend, and nothing that went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records import Report, Verdict, VerdictKind
from harness.reporting.shared.figures import count

GO_ON = "run again to go on from there (without --fresh)"


def is_interrupted(verdict: Verdict) -> bool:
    """Tell whether nothing but an interruption kept an evaluation from its verdict."""
    return verdict.interruption is not None and len(verdict.errors) <= 1


def interrupted(report: Report) -> list[Verdict]:
    """The evaluations that an interruption left undecided; none where another error is to be mended first."""
    errors = [verdict for verdict in report.evaluations if verdict.verdict is VerdictKind.ERROR]
    return errors if all(map(is_interrupted, errors)) else []


def progress(verdicts: Sequence[Verdict]) -> str:
    """Say how far interrupted evaluations came: "400 of 600 samples"."""
    once = {verdict.id: verdict.interruption for verdict in verdicts if verdict.interruption is not None}.values()
    return f"{count(sum(each.done for each in once))} of {count(sum(each.total for each in once))} samples"
