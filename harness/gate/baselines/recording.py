"""A finished run's candidate as a baseline for later runs: its scores by case, and what they are scores of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from harness.errors import SettingsError, without_traceback
from harness.gate.evaluations.evaluation import samples_for_recording
from harness.gate.evaluations.score_table import ScoreTable
from harness.gate.history.runs import WeighedVersion
from harness.gate.history.scores import Scores, Side
from harness.records import CaseResult, Estimate, Report, Role, Verdict, VerdictKind, VersionRef
from harness.scoring.results import METRIC
from harness.store import ScoreSet, Store

_NAMED = 3


@dataclass(frozen=True, slots=True)
class RecordedMetric:
    """One metric of a recorded evaluation.

    Attributes:
        unit: of a measure; None means scores in [0, 1].
        at_least, at_most: the declared range of a measure; None where it has none.
        statistic: the quantile that a measure is weighed by in place of its mean, such as "p95".
        estimate: the mean with its interval, as the run reported it.
        judged_by: judges and rubrics that gave scores, as the store writes them; empty where none did.
    """

    unit: str | None
    higher_is_better: bool
    estimate: Estimate | None
    judged_by: tuple[str, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    statistic: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedCase:
    """One case: digests of its fields and of what was asked, None where not known, and its scores by metric."""

    content: str | None
    asked: str | None
    scores: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class RecordedEvaluation:
    """One evaluation.

    Attributes:
        design: by which it was decided.
        n_planned: how many cases (samples, for a single case) it had at most; 0 where not known.
        n_drawn: how many of them it was decided by, those that were skipped included.
        metrics: by name.
        cases: by id; those that it was decided by.
        skipped: ids of the cases that its body skipped.
        code: a digest of the code that scored it; None where not known.
        drawn: ids of `cases` in the order in which they were drawn, where it stopped early; empty elsewhere, and where
            that is not known.
        draws: first index, generation and when that began, of each that its samples are of; empty where not known.
    """

    design: Literal["fixed", "sequential"]
    n_planned: int
    n_drawn: int
    metrics: Mapping[str, RecordedMetric]
    cases: Mapping[str, RecordedCase]
    skipped: tuple[str, ...] = ()
    code: str | None = None
    drawn: tuple[str, ...] = ()
    draws: tuple[str, ...] = ()

    @cached_property
    def table(self) -> ScoreTable:
        """Its scores."""
        return ScoreTable.of_rows(
            (metric, identity, values)
            for identity, case in self.cases.items()
            for metric, values in case.scores.items()
        )

    @property
    def only_failed(self) -> bool:
        """True where each of its bodies failed an assertion, so that its scores are of any metric."""
        return not self.table.metrics and [*self.metrics] == [METRIC] and self.metrics[METRIC].unit is None

    @property
    def stopped_early(self) -> bool:
        """True where its scores ended because they showed enough: their mean is then biased, and their order counts."""
        return self.design == "sequential" and self.n_drawn < self.n_planned


@dataclass(frozen=True, slots=True)
class Recording:
    """The candidate of a run.

    Attributes:
        name: of the file, or of the version where a stored run stands for one.
        version: that was weighed.
        run_id, created: of the run.
        first_index: the index of the stored sample that its sample 0 is.
        seed: that settled the order of cases; None where not known.
        environment: engine and packages that answered, as far as the run knew them.
        evaluations: by id.
    """

    name: str
    version: VersionRef
    run_id: str
    created: str
    first_index: int = 0
    seed: int | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    evaluations: Mapping[str, RecordedEvaluation] = field(default_factory=dict)

    @property
    def date(self) -> str:
        """The day of the run."""
        return self.created[:10]

    @property
    def in_words(self) -> str:
        """The recording in a sentence."""
        return f"the baseline {self.name!r} recorded {self.date}"

    @property
    def reference(self) -> VersionRef:
        """The baseline as a report names it: never like a version that was asked."""
        return VersionRef(f"{self.name} (recorded {self.date})", self.version.fingerprint)


def too_few_samples(recorded: RecordedEvaluation, n_samples: int) -> str:
    """Advise to record more samples, where a case has at most so many; "" where none does."""
    counts = [len(values) for case in recorded.cases.values() for values in case.scores.values() if values]
    if (fewest := min(counts, default=n_samples + 1)) > n_samples:
        return ""
    return (
        f"recorded with {fewest:,} {'sample' if fewest == 1 else 'samples'} of a case, whose luck is in every gate "
        f"against it; draw it with pytest --for-baseline, which takes {samples_for_recording(n_samples):,}"
    )


def recording_of(store: Store, weighed: WeighedVersion, report: Report, name: str | None = None) -> Recording:
    """The recording of a stored run's candidate.

    Evaluations whose bodies compare with their run's own baseline are left out: their scores are of both versions.

    Args:
        name: what it is called, by default as the version.

    Raises:
        SettingsError: an evaluation ended in an error, was interrupted, cut short or not reached, or nothing is left.
    """
    _check_complete(report)
    sets: dict[str, list[ScoreSet]] = {}
    roles: dict[str, set[str]] = {}
    for each in store.score_sets(weighed.run.run_id):
        roles.setdefault(each.evaluation_id, set()).add(each.role)
        if each.role == weighed.role:
            sets.setdefault(each.evaluation_id, []).append(each)
    has_baseline = weighed.run.spec.get("baseline") is not None
    code = weighed.run.spec.get("code") or {}
    begun = store.begun(weighed.version.fingerprint)

    def evaluation(identity: str, own: list[ScoreSet]) -> RecordedEvaluation:
        found = _evaluation(store, Scores(store, Side(weighed, report), own))
        return replace(found, code=code.get(identity), draws=_draws(weighed, identity, begun))

    found = {
        identity: evaluation(identity, own)
        for identity, own in sets.items()
        if any(entry.id == identity for entry in report.evaluations)
        and not (has_baseline and "baseline" not in roles[identity])
    }
    if not found:
        raise SettingsError(
            f"Run {weighed.run.run_id} has no scores of {weighed.version.name} alone to record: its bodies compare "
            "with their own baseline, or nothing was scored."
        )
    spec = weighed.run.spec
    return Recording(
        name=name or weighed.version.name,
        version=weighed.version,
        run_id=weighed.run.run_id,
        created=weighed.run.created,
        first_index=weighed.first_index,
        seed=spec.get("seed"),
        environment=_environment(spec, weighed.role),
        evaluations=found,
    )


def _draws(weighed: WeighedVersion, evaluation_id: str, begun: Mapping[int, float]) -> tuple[str, ...]:
    """The draws that a run's scores of an evaluation are of."""
    noted = weighed.run.spec[weighed.role]
    numbers = noted.get("draws", {}).get(evaluation_id) or [noted.get("generation"), *noted.get("older", ())]
    return tuple(f"{weighed.first_index}:{each}:{begun[each]:.0f}" for each in sorted(begun.keys() & {*numbers}))


def left_out(report: Report, recording: Recording) -> tuple[str, ...]:
    """The evaluations of a run that its recording does not have."""
    return tuple(dict.fromkeys(entry.id for entry in report.evaluations if entry.id not in recording.evaluations))


def _check_complete(report: Report) -> None:
    broken = {entry.id: entry for entry in report.evaluations if entry.verdict is VerdictKind.ERROR}
    if broken:
        shown = [f"{identity} ({without_traceback(entry.reason)})" for identity, entry in broken.items()][:_NAMED]
        more = f" and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
        stopped = any(entry.interruption is not None for entry in broken.values())
        what = "was interrupted" if stopped else "ended in errors"
        raise SettingsError(
            f"Run {report.run_id} {what}, and a baseline must be whole: {'; '.join(shown)}{more}. Mend that and run it "
            "again: answers of what stays as it is are stored and not drawn again."
        )
    if report.n_unreached:
        raise SettingsError(
            f"Run {report.run_id} stopped before {report.n_unreached} of its evaluations, as -x does, and a baseline "
            "must be whole. Run it without -x."
        )
    cut = next((entry for entry in report.evaluations if entry.stopped_at is not None), None)
    if cut is not None:
        raise SettingsError(
            f"Run {report.run_id} stopped at {cut.stopped_at} before {cut.id} was decided, and a baseline must be "
            "whole. Run it again to go on from there: what it drew is stored and costs nothing."
        )


def _evaluation(store: Store, scores: Scores) -> RecordedEvaluation:
    entries = scores.entries
    first = next(iter(entries.values()))
    listed = max((entry.cases for entry in entries.values()), key=len)
    ids = [case.id for case in listed]
    tables = {metric: scores.table.of(metric, ids) for metric in entries}
    cases = {}
    for row, case in enumerate(listed):
        own = {metric: _values(table[row], case) for metric, table in tables.items()}
        if any(own.values()):
            cases[case.id] = RecordedCase(case.content, case.asked, own)
    found = RecordedEvaluation(
        design=first.plan.drawn,
        n_planned=first.n_planned,
        n_drawn=_drawn(first, listed),
        metrics={metric: _metric(store, scores, metric) for metric in sorted(entries)},
        cases=cases,
        skipped=tuple(sorted(scores.skipped.difference(cases))),
    )
    return replace(found, drawn=tuple(cases)) if found.stopped_early else found


def _values(row: Any, case: CaseResult) -> tuple[float, ...]:
    """The scores that counted: the first ones, where a single case was drawn beyond its decision."""
    return tuple(value for value in row.tolist() if not math.isnan(value))[: case.n]


def _drawn(entry: Verdict, listed: Sequence[CaseResult]) -> int:
    """Count the cases, or a single case's samples, that an evaluation was decided by; skipped ones included."""
    drawn = len(listed) + entry.n_skipped
    return entry.n_samples if drawn == 1 < entry.n_planned else drawn


def _metric(store: Store, scores: Scores, metric: str) -> RecordedMetric:
    entry = scores.entries[metric]
    own = [scores.sets[metric]] if metric in scores.sets else []
    return RecordedMetric(
        unit=entry.unit,
        higher_is_better=entry.higher_is_better,
        estimate=entry.candidate,
        judged_by=tuple(sorted(map(str, store.judged_by(own)))) if own else (),
        at_least=entry.at_least,
        at_most=entry.at_most,
        statistic=entry.statistic,
    )


def _environment(spec: Mapping[str, Any], role: Role) -> dict[str, Any]:
    """The engine and packages that answered, as far as the run noted them."""
    engine, noted = spec[role].get("engine"), spec.get("environment") or {}
    return {} if engine is None else {"engine": engine, "packages": dict(noted.get("packages", {}))}
