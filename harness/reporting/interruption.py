"""Evaluations that a run was stopped in the middle of: no fault to mend, and nothing that went wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.records import Report, Verdict, VerdictKind
from harness.reporting.figures import count

GO_ON = "run again to go on from there (without --fresh)"

_PROGRESS = re.compile(r"interrupted after ([\d,]+) of ([\d,]+) samples")


def is_interrupted(verdict: Verdict) -> bool:
    """Whether nothing but an interruption kept an evaluation from its verdict."""
    messages = verdict.errors or (verdict.reason,)
    return verdict.verdict is VerdictKind.ERROR and all(_PROGRESS.match(message) for message in messages)


def interrupted(report: Report) -> list[Verdict]:
    """The evaluations that an interruption left undecided; none where another error is to be mended first."""
    errors = [verdict for verdict in report.evaluations if verdict.verdict is VerdictKind.ERROR]
    return errors if all(map(is_interrupted, errors)) else []


def progress(verdicts: Sequence[Verdict]) -> str:
    """How far interrupted evaluations came: "400 of 600 samples"."""
    once = {verdict.id: verdict for verdict in verdicts}.values()
    found = [match for verdict in once if (match := _PROGRESS.match((verdict.errors or (verdict.reason,))[0]))]
    done, total = (sum(int(match[group].replace(",", "")) for match in found) for group in (1, 2))
    return f"{count(done)} of {count(total)} samples"
