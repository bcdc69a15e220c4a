"""What the page shows, as plain data: figures and words as the other reports have them, numbers for its plots."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.gate.paths import EvidencePath
from harness.records import Change, Check, Estimate, Report, Verdict
from harness.reporting.aggregates import aggregate_notes
from harness.reporting.cases import look_up, score_in_words
from harness.reporting.figures import digits, figure, interval, plural
from harness.reporting.history import Past
from harness.reporting.html.about import about
from harness.reporting.html.details import Written
from harness.reporting.judges import judge_notes
from harness.reporting.names import row_names
from harness.reporting.report_json import plain
from harness.reporting.requirements import kind_and_text, requirements
from harness.reporting.table import row
from harness.reporting.terminal import headline, next_steps, notes
from harness.reporting.waiting import review_step
from harness.store import RunInfo

Key = tuple[str, str]
_MOST_STEPS = 400
_MOST_OF_A_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Found:
    """What the store tells beyond the report.

    Attributes:
        details: where the details of each case are.
        history: of each evaluation and metric.
        paths: of those that stopped as soon as they were decided.
    """

    details: Written = field(default_factory=Written)
    history: Mapping[Key, Sequence[Past]] = field(default_factory=dict)
    paths: Mapping[Key, Sequence[EvidencePath]] = field(default_factory=dict)


def document(run: RunInfo, report: Report, found: Found) -> dict[str, Any]:
    """All that the page holds; what is not finite is None."""
    cases = _Cases(report, found.details)
    names = row_names(report.evaluations)
    ranked = sorted(range(len(names)), key=lambda place: -report.evaluations[place].verdict.severity)
    places = {place: rank for rank, place in enumerate(ranked)}
    return {
        "run": _run(report),
        "next": [*review_step(report), *look_up(report), *next_steps(report)],
        "notes": notes(report, "utf-8"),
        "evaluations": [_evaluation(report.evaluations[place], names[place], cases, found) for place in ranked],
        "sets": cases.sets,
        "changes": _changes(report, cases),
        "requirements": [
            {**asdict(each), "evaluations": sorted(places[place] for place in each.evaluations)}
            for each in requirements(report.evaluations)
        ],
        "about": about(run, report),
        "details": {
            "files": found.details.n_files,
            "bytes": found.details.size_bytes,
            "bodies": found.details.n_bodies,
            "is_cut": found.details.is_cut,
        },
    }


def _run(report: Report) -> dict[str, Any]:
    text = headline(report)
    word, _, rest = text.partition(": ")
    return {
        "id": report.run_id,
        "created": report.created,
        "verdict": report.verdict,
        "word": word if rest else "",
        "headline": rest or text,
        "confidence_level": report.confidence_level,
        "candidate": report.candidate.name,
        "baseline": report.baseline.name if report.baseline else None,
        "judges": [judge.name for judge in report.judges],
    }


class _Cases:
    """The cases of each evaluation: those that it was decided by in their order, then the others that have answers.

    Attributes:
        sets: for each evaluation its id, its cases, and the number of the file that has their details (0: none).
    """

    def __init__(self, report: Report, details: Written) -> None:
        by_id: dict[str, dict[str, int]] = {}
        for entry in report.evaluations:
            known = by_id.setdefault(entry.id, {})
            for case in entry.cases:
                known.setdefault(case.id, len(known))
        for evaluation, case_id in details.places:
            if evaluation in by_id:
                by_id[evaluation].setdefault(case_id, len(by_id[evaluation]))
        self._numbers = {name: number for number, name in enumerate(by_id)}
        self._cases = by_id
        self.sets = [
            {
                "id": name,
                "cases": list(known),
                "files": [details.places.get((name, case), 0) for case in known],
                "ended": [[known[case], outcome] for (of, case), outcome in details.outcomes.items() if of == name],
                "labelled": sorted(known[case] for of, case in details.labelled if of == name),
            }
            for name, known in by_id.items()
        ]

    def number(self, evaluation: str) -> int:
        """Which of `sets` an evaluation's cases are."""
        return self._numbers[evaluation]

    def place(self, evaluation: str, case_id: str) -> int:
        """Where a case stands in its set."""
        return self._cases[evaluation].get(case_id, -1)

    def columns(self, entry: Verdict) -> dict[str, Any]:
        """The cases of one metric as columns: short, and quick to read."""
        columns: dict[str, Any] = {
            "candidate": [_mean(case.candidate) for case in entry.cases],
            "state": "".join(case.state[0] for case in entry.cases),
        }
        if entry.baseline is not None:
            columns["baseline"] = [_mean(case.baseline) for case in entry.cases]
        columns["n"] = _one_or_all([case.n for case in entry.cases])
        at = [self.place(entry.id, case.id) for case in entry.cases]
        if at != list(range(len(at))):
            columns["at"] = at
        if any(case.cluster is not None for case in entry.cases):
            columns["cluster"] = [case.cluster for case in entry.cases]
        return columns


def _mean(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def _one_or_all(numbers: list[int]) -> int | list[int]:
    return numbers[0] if numbers and len(set(numbers)) == 1 else numbers


def _evaluation(entry: Verdict, name: str, cases: _Cases, found: Found) -> dict[str, Any]:
    shown = row(entry, name, "utf-8")
    kind, requirement = kind_and_text(entry.requirement)
    key = entry.id, entry.metric
    return {
        "id": entry.id,
        "name": name,
        "metric": entry.metric,
        "set": cases.number(entry.id),
        "kind": kind,
        "requirement": requirement,
        "verdict": entry.verdict,
        "reason": _short(entry.reason),
        "figures": {
            "candidate": shown.candidate,
            "baseline": shown.baseline,
            "difference": shown.difference,
            "required": shown.required,
        },
        "threshold": plain(entry.threshold),
        "margin": plain(entry.margin),
        "margin_is_default": entry.margin_is_default,
        "unit": entry.unit,
        "higher_is_better": entry.higher_is_better,
        "is_binary": entry.is_binary,
        "design": entry.design,
        "measured": _measured(entry),
        "candidate": _estimate(entry.candidate),
        "baseline": _estimate(entry.baseline),
        "checks": [_check(check, entry) for check in entry.checks],
        "errors": list(map(_short, entry.errors)),
        "traceback": list(map(_short, entry.traceback)),
        "facts": [*judge_notes([entry], "utf-8"), *aggregate_notes([entry], "utf-8"), *_review(entry)],
        "cases": cases.columns(entry),
        "history": _history(found.history.get(key, ()), entry),
        "paths": [_thinned(path) for path in found.paths.get(key, ())],
    }


def _measured(entry: Verdict) -> str:
    """What the figures rest on, in words."""
    parts = [plural(entry.n_cases, "case"), plural(entry.n_samples, "sample") + " of the candidate"]
    if entry.n_skipped:
        parts.append(f"{plural(entry.n_skipped, 'case')} skipped")
    if entry.n_truncated:
        parts.append(f"{plural(entry.n_truncated, 'answer')} cut at max_tokens")
    return ", ".join(parts)


def _review(entry: Verdict) -> list[str]:
    if entry.review is None:
        return []
    told = f"{plural(entry.review.n_labels, 'label')} of people, {entry.review.n_errors:,} of them against the judge"
    return [f"decided by labels and judge: {told}; batch {entry.review.batch}"]


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {name: plain(getattr(estimate, name)) for name in ("value", "low", "high", "method")}


def _check(check: Check, entry: Verdict) -> dict[str, Any]:
    difference = check.difference
    places = digits([difference.low, entry.margin, 0.0], [difference.high, 0.0], unit=entry.unit)
    unit = f" {entry.unit}" if entry.unit else ""
    bounds = interval(difference.low, difference.high, places, signed=True)
    return {
        "against": check.against,
        "verdict": check.verdict,
        "reason": _short(check.reason),
        "figure": f"{figure(difference.value, places, signed=True)} {bounds}{unit}",
        "margin": f"{figure(entry.margin, digits([entry.margin, 0.0], unit=entry.unit))}{unit}",
        "value": plain(difference.value),
        "low": plain(difference.low),
        "high": plain(difference.high),
        "p_value": plain(difference.p_value),
        "method": difference.method,
        "samples_needed": check.samples_needed,
    }


def _history(past: Sequence[Past], entry: Verdict) -> list[dict[str, Any]]:
    places = digits([each.value for each in past], unit=entry.unit)
    unit = f" {entry.unit}" if entry.unit else ""
    return [{**asdict(each), "figure": f"{figure(each.value, places)} {_bounds(each, places)}{unit}"} for each in past]


def _bounds(past: Past, places: int) -> str:
    low = -math.inf if past.low is None else past.low
    return interval(low, math.inf if past.high is None else past.high, places)


def _thinned(path: EvidencePath) -> dict[str, Any]:
    """A path of not too many steps: of each stretch its last, of all the one where a limit is first reached."""
    n = len(path.drawn)
    every = max(1, math.ceil(n / _MOST_STEPS))
    kept = {*range(every - 1, n, every), 0, n - 1, len(path.worse) - 1}
    limits = [(path.no_worse, path.no_worse_limit), (path.worse, path.worse_limit), (path.worse, path.settled_limit)]
    for logs, limit in limits:
        kept |= set([at for at, log in enumerate(logs) if log >= limit][:1])
    steps = sorted(kept)
    return {
        "against": path.against,
        "unit": path.unit,
        "drawn": [path.drawn[step] for step in steps],
        "no_worse": [round(path.no_worse[step], 3) for step in steps],
        "worse": [round(path.worse[step], 3) for step in steps if step < len(path.worse)],
        "no_worse_limit": path.no_worse_limit,
        "settled_limit": path.settled_limit,
        "worse_limit": path.worse_limit,
    }


def _changes(report: Report, cases: _Cases) -> list[dict[str, Any]]:
    """The cases to look at: the worst of each evaluation first, those of the worst evaluations before others, and last
    those of which there is nothing to show.
    """
    verdicts = {(entry.id, entry.metric): entry for entry in report.evaluations}
    ranks: Counter[Key] = Counter()
    told = []
    for change in report.changes:
        key = change.evaluation_id, change.metric
        entry = verdicts.get(key)
        severity = entry.verdict.severity if entry else 0
        is_bare = change.candidate_answer is None and change.candidate_reason is None
        told.append(((severity == 0, is_bare, ranks[key], -severity), _change(change, entry, cases)))
        ranks[key] += 1
    return [change for _, change in sorted(told, key=lambda each: each[0])]


def _change(change: Change, entry: Verdict | None, cases: _Cases) -> dict[str, Any]:
    return {
        "set": cases.number(change.evaluation_id) if entry else -1,
        "case": cases.place(change.evaluation_id, change.case_id) if entry else -1,
        "id": change.case_id,
        "metric": change.metric,
        "verdict": entry.verdict if entry else None,
        "scores": score_in_words(change, entry),
        "candidate": _short(change.candidate_answer),
        "baseline": _short(change.baseline_answer),
        "has_baseline": change.baseline is not None,
        "candidate_reason": _short(change.candidate_reason),
        "baseline_reason": _short(change.baseline_reason),
    }


def _short(text: str | None) -> str | None:
    """A text, or its beginning and how much is missing: the page stays small, whoever made the report."""
    if text is None or len(text) <= _MOST_OF_A_TEXT:
        return text
    return f"{text[:_MOST_OF_A_TEXT]}…(+{len(text) - _MOST_OF_A_TEXT:,})"
