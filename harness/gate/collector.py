"""Gathers the scores of one evaluation, in the order of its cases and not of their arrival."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.decisions import Observed
from harness.errors import EngineError, MissingSampleError, UnreachableError
from harness.gate.evaluation import Evaluation
from harness.gate.failures import describe, raised_at
from harness.records import Change, Role, ScoreRow
from harness.sampling import Trace
from harness.scoring.results import METRIC, Reading

FloatArray = npt.NDArray[np.float64]
Place = tuple[Role, int, int]
"""Role, number of the case and number of the sample."""
_How = Literal["scored", "skipped", "error"]
ANSWER_KEPT = 400
"""Characters of an answer kept to be shown; the whole is in the store."""
_ERRORS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one body ended: with readings, failed (an assertion), skipped, or with an error."""

    readings: dict[str, Reading] | None = None
    failed: bool = False
    skipped: bool = False
    error: BaseException | None = None
    reason: str | None = None


class Collector:
    """All scores of one evaluation: arrays (n_cases, n_samples) for each metric and role, NaN where there is none.

    Args:
        evaluation: whose scores.
        fingerprints: of the versions that its body runs for, by role.
        keep: takes each score on its way to the store.
    """

    def __init__(
        self, evaluation: Evaluation, fingerprints: Mapping[Role, str], keep: Callable[[ScoreRow], None]
    ) -> None:
        self.evaluation = evaluation
        self.roles: tuple[Role, ...] = tuple(fingerprints)
        self._fingerprints = fingerprints
        self._keep = keep
        self._shape = (len(evaluation.cases), evaluation.plan.samples)
        self._scores: dict[str, dict[Role, FloatArray]] = {}
        self._kinds: dict[str, Reading] = {}
        self._failed: dict[Role, npt.NDArray[np.bool_]] = {
            role: np.zeros(self._shape, dtype=bool) for role in self.roles
        }
        self._skipped: set[int] = set()
        self._errors: Counter[str] = Counter()
        self._first_case: dict[str, int] = {}
        self._keys: dict[int, bytes] = {}
        self._answers: dict[tuple[str, int, Role], tuple[tuple[float, int], str]] = {}
        self.n_missing = 0
        self.is_broken = False
        """Whether more cases can't help: the body itself is broken, or the endpoint was given up."""
        self.n_truncated = 0
        self.done = 0

    @property
    def total(self) -> int:
        """Bodies to run in all."""
        return self._shape[0] * self._shape[1] * len(self.roles)

    def add(self, role: Role, case: int, sample: int, outcome: Outcome, trace: Trace) -> None:
        """Take in how one body ended."""
        self.done += 1
        if role == "candidate" and trace.truncated:
            self.n_truncated += 1
        if trace.first_key is not None and role == "candidate" and sample == 0:
            self._keys[case] = trace.first_key
        place = (role, case, sample)
        if outcome.error is not None:
            self._add_error(case, outcome.error)
            self._emit(METRIC, place, Reading(float("nan"), str(outcome.error)[:ANSWER_KEPT]), "error", trace)
        elif outcome.skipped:
            self._skipped.add(case)
            self._emit(METRIC, place, Reading(float("nan"), outcome.reason), "skipped", trace)
        elif outcome.failed:
            self._failed[role][case, sample] = True
            self._keep_answer(METRIC, place, 0.0, trace)
            self._emit(METRIC, place, Reading(0.0, outcome.reason), "scored", trace)
        else:
            for metric, reading in (outcome.readings or {}).items():
                self._put(metric, reading, place)
                self._keep_answer(metric, place, reading.value, trace)
                self._emit(metric, place, reading, "scored", trace)

    def _emit(self, metric: str, place: Place, reading: Reading, how: _How, trace: Trace) -> None:
        role, case, sample = place
        self._keep(
            ScoreRow(
                evaluation_id=self.evaluation.id,
                metric=metric,
                role=role,
                fingerprint=self._fingerprints[role],
                case_id=self.evaluation.cases[case].id,
                sample_index=sample,
                value=reading.value if how == "scored" else None,
                outcome=how,
                reason=reading.reason,
                sample_key=trace.key,
            )
        )

    def _put(self, metric: str, reading: Reading, place: Place) -> None:
        role, case, sample = place
        known = self._kinds.setdefault(metric, reading)
        if (known.unit, known.higher_is_better) != (reading.unit, reading.higher_is_better):
            self._errors[
                f"metric {metric!r} is sometimes in {known.unit or '[0, 1]'}, sometimes in {reading.unit or '[0, 1]'}"
            ] += 1
            return
        if metric not in self._scores:
            self._scores[metric] = {each: np.full(self._shape, np.nan) for each in self.roles}
        self._scores[metric][role][case, sample] = reading.value

    def _add_error(self, case: int, error: BaseException) -> None:
        if isinstance(error, MissingSampleError):
            self.n_missing += 1
            return
        if isinstance(error, UnreachableError) or not isinstance(error, EngineError):
            self.is_broken = True
        own = type(error).__module__.startswith("harness.")
        text = describe(error) if own else f"{type(error).__name__}: {describe(error)}{raised_at(error)}"
        text = text[:1000]
        self._errors[text] += 1
        first = self._first_case.setdefault(text, case)
        self._first_case[text] = min(first, case)

    def note(self, error: str) -> None:
        """Note an error of the evaluation as a whole."""
        self._errors[error] += 1

    def _keep_answer(self, metric: str, place: Place, value: float, trace: Trace) -> None:
        """Keep the candidate's worst answer and the baseline's best, to be shown side by side."""
        if trace.sample is None:
            return
        role, case, sample = place
        rank = (value if role == "candidate" else -value, sample)
        kept = self._answers.get((metric, case, role))
        if kept is None or rank < kept[0]:
            self._answers[metric, case, role] = (rank, trace.sample.text[:ANSWER_KEPT])

    def errors(self) -> tuple[str, ...]:
        """What went wrong, most frequent first; empty if nothing did."""
        lines = []
        if self.n_missing:
            lines.append(f"{self.n_missing:,} samples are not in the store; run without --offline to draw them")
        ranked = sorted(self._errors.items(), key=lambda item: (-item[1], item[0]))
        for text, count in ranked[:_ERRORS_SHOWN]:
            case = self._first_case.get(text)
            place = "" if case is None else f"case {self.evaluation.cases[case].id!r}: "
            lines.append(place + (text if count == 1 else f"{text} ({count:,} bodies ended so)"))
        hidden = sum(count for _, count in ranked[_ERRORS_SHOWN:])
        if hidden:
            lines.append(f"and {hidden:,} more errors")
        return tuple(lines)

    def observed(self) -> list[Observed]:
        """One entry for each metric, ready to be decided. Skipped cases are left out for all roles."""
        self._spread_failures()
        kept = [i for i in range(self._shape[0]) if i not in self._skipped]
        metrics = self._scores or {METRIC: {role: np.full(self._shape, np.nan) for role in self.roles}}
        errors = list(self.errors()) or self._inconsistencies(kept)
        return [self._observed(metric, by_role, kept, errors) for metric, by_role in metrics.items()]

    def _spread_failures(self) -> None:
        """An assertion that failed is a 0 on every metric of the evaluation."""
        if not any(failed.any() for failed in self._failed.values()):
            return
        if not self._scores:
            self._scores[METRIC] = {role: np.full(self._shape, np.nan) for role in self.roles}
        for metric, by_role in self._scores.items():
            kind = self._kinds.get(metric)
            if kind is not None and kind.unit is not None:
                self._errors[
                    f"a body that measures {metric!r} in {kind.unit} failed an assertion, which gives no measure"
                ] += 1
            for role in self.roles:
                by_role[role][self._failed[role]] = 0.0
        for role in self.roles:
            self._failed[role][:] = False

    def _inconsistencies(self, kept: list[int]) -> list[str]:
        """A body must return the same metrics each time."""
        lines = []
        for metric, by_role in self._scores.items():
            missing = sum(int(np.isnan(scores[kept]).sum()) for scores in by_role.values())
            if missing and self.done == self.total:
                lines.append(
                    f"{missing:,} bodies returned no metric {metric!r}, others did; return the same metrics each time"
                )
        return lines

    def _observed(self, metric: str, by_role: dict[Role, FloatArray], kept: list[int], errors: list[str]) -> Observed:
        plan, kind = self.evaluation.plan, self._kinds.get(metric, Reading(0.0))
        if kind.unit is None and plan.threshold is not None and plan.threshold > 1:
            errors = [*errors, f"threshold {plan.threshold:g} is outside [0, 1], and {metric!r} is a score"]
        if kind.unit is None and plan.margin >= 1:
            errors = [*errors, f"margin {plan.margin:g} lets everything pass, and {metric!r} is a score in [0, 1]"]
        return Observed(
            id=self.evaluation.id,
            metric=metric,
            requirement=plan.requirement,
            threshold=plan.threshold,
            margin=plan.margin,
            margin_is_default=plan.margin_is_default,
            case_ids=tuple(self.evaluation.cases[i].id for i in kept),
            candidate=by_role["candidate"][kept],
            baseline=by_role["baseline"][kept] if "baseline" in by_role else None,
            clusters=self._clusters(kept),
            per=plan.per,
            unit=kind.unit,
            higher_is_better=kind.higher_is_better,
            n_skipped=len(self._skipped),
            n_truncated=self.n_truncated,
            errors=tuple(errors),
        )

    def _clusters(self, kept: list[int]) -> tuple[object, ...] | None:
        """The user's clusters; else cases that asked the model the very same thing share samples, and so a cluster."""
        clusters = self.evaluation.clusters
        if clusters is not None:
            return tuple(clusters[i] for i in kept)
        keys = [self._keys.get(i) for i in kept]
        asked = [key for key in keys if key is not None]
        if len(set(asked)) == len(asked):
            return None
        return tuple(key.hex() if key is not None else f"case {i}" for i, key in zip(kept, keys, strict=True))

    def changes(self, observed: Observed) -> list[Change]:
        """Cases of a metric that moved, worst first, with an answer of each version."""
        assert observed.baseline is not None
        index = {case.id: number for number, case in enumerate(self.evaluation.cases)}
        sign = 1 if observed.higher_is_better else -1
        moved = []
        for row, case_id in enumerate(observed.case_ids):
            ours, theirs = observed.candidate[row], observed.baseline[row]
            if np.isnan(ours).all() or np.isnan(theirs).all() or np.nanmean(ours) == np.nanmean(theirs):
                continue
            moved.append(
                Change(
                    evaluation_id=self.evaluation.id,
                    case_id=case_id,
                    metric=observed.metric,
                    candidate=float(np.nanmean(ours)),
                    baseline=float(np.nanmean(theirs)),
                    n=self.evaluation.plan.samples,
                    candidate_answer=self._answer(observed.metric, index[case_id], "candidate"),
                    baseline_answer=self._answer(observed.metric, index[case_id], "baseline"),
                )
            )
        return sorted(moved, key=lambda change: (sign * (change.candidate - change.baseline), change.case_id))

    def _answer(self, metric: str, case: int, role: Role) -> str | None:
        kept = self._answers.get((metric, case, role)) or self._answers.get((METRIC, case, role))
        return None if kept is None else kept[1]
