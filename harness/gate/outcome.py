"""Turns a finished run into its report."""

from __future__ import annotations

from collections.abc import Sequence

from harness.decisions import worst
from harness.gate.opening import OpenRun
from harness.records import Report, Verdict, VerdictKind


def make_report(opened: OpenRun, *, exit_code: int, wall_s: float, n_unreached: int = 0) -> Report:
    """The report of a run: verdicts in the order of the evaluations, and what they cost."""
    run = opened.run
    verdicts = run.all_verdicts
    candidate, baseline = run.references()
    return Report(
        run_id=run.settings.run_id,
        created=opened.created,
        exit_code=exit_code,
        verdict=_verdict(verdicts, exit_code),
        confidence_level=run.settings.confidence_level,
        candidate=candidate,
        baseline=baseline,
        usage=run.usage(wall_s),
        evaluations=verdicts,
        changes=run.changes,
        judges=run.judge_references(),
        n_unreached=n_unreached,
        budget=run.budget(),
    )


def _verdict(verdicts: Sequence[Verdict], exit_code: int) -> VerdictKind:
    """The worst verdict; a run that failed before it had any is an error."""
    if not verdicts and exit_code != 0:
        return VerdictKind.ERROR
    return worst(verdict.verdict for verdict in verdicts)
