"""What is left of a sealed evaluation for all who have no key: its verdict."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable
from dataclasses import replace

from harness.config import Settings
from harness.config.environment import SEAL_KEY, is_open
from harness.gate.evaluations.evaluation import Evaluation
from harness.records import Kind, Report, Verdict

SEALED = "sealed"
"""The note of a run on what it sealed."""
WITH_THE_KEY = f"sealed: what went wrong can be seen with the key ({SEAL_KEY})"


def sealed_ids(evaluations: Iterable[Evaluation]) -> list[str]:
    """The evaluations whose cases and answers are shown to nobody without the key."""
    return [each.id for each in evaluations if each.plan.candidates == "sealed"]


def closed_ids(evaluations: Iterable[Evaluation], settings: Settings) -> frozenset[str]:
    """Those of them that the key in the environment does not open.

    Raises:
        SettingsError: there is a key, and it is another.
    """
    sealed = sealed_ids(evaluations)
    return frozenset() if not sealed or is_open(settings.seal) else frozenset(sealed)


def without_sealed(verdicts: Iterable[Verdict], closed: Container[str]) -> tuple[Verdict, ...]:
    """Return what every report and every hook gets of verdicts: of sealed ones no more than what they are."""
    return tuple(_alone(each) if each.id in closed else each for each in verdicts)


def report_without_sealed(report: Report, closed: Collection[str]) -> Report:
    """Return a report that was made with the key as it is without it."""
    if not closed:
        return report
    return replace(
        report,
        evaluations=without_sealed(report.evaluations, closed),
        changes=tuple(each for each in report.changes if each.evaluation_id not in closed),
        losses=tuple(each for each in report.losses if each.evaluation_id not in closed),
        notes=tuple(each for each in report.notes if each.evaluation not in closed),
        steps=(),
    )


def _alone(verdict: Verdict) -> Verdict:
    """A verdict and its plan: no cases, scores or answers, nor what was made of them."""
    text = WITH_THE_KEY if verdict.errors else f"sealed: its figures can be seen with the key ({SEAL_KEY})"
    return Verdict(
        **verdict.fields_of(Kind),
        id=verdict.id,
        metric=verdict.metric,
        plan=verdict.plan,
        n_planned=verdict.n_planned,
        suite_size=verdict.suite_size,
        errors=(text,) if verdict.errors else (),
        verdict=verdict.verdict,
        reason=text,
        n_cases=verdict.n_cases,
        n_samples=verdict.n_samples,
        candidate=None,
        baseline=None,
        difference=None,
        samples_needed=None,
        look=verdict.look,
    )
