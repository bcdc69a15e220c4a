"""Runs in a store, as a gate leaves them there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from harness.decisions import Observations, decide, worst
from harness.gate.history.runs import WeighedVersion
from harness.gate.history.scores import Side
from harness.records import NewSample, Report, Request, Role, Sample, ScoreRow, ScoringRule, Usage, VersionRef
from harness.records.report_json import from_json, to_json
from harness.store import Store
from tests.decisions.observations import of_plan
from tests.store.rows import key_of

Values = Mapping[str, Sequence[float | str | None]]
"""Case → the score of each sample; "skipped", "failed", "error", or None for one that was not drawn."""
NAMES = {"candidate": "small", "baseline": "large"}


@dataclass(frozen=True)
class Scored:
    """One evaluation of a run: scores by role, and what its marker says.

    `metric` is that of scores; a failed assertion has none. `prompts` is what a case asks, by default its id.
    `judged_by` gave all scores, if a judge did. `says` has what is answered to a case, sample by sample, else `answer`.
    """

    id: str = "suites/test_capitals.py::test_capitals"
    candidate: Values = field(default_factory=dict)
    baseline: Values | None = None
    metric: str = "score"
    prompts: Mapping[str, str] = field(default_factory=dict)
    rule: Mapping[str, Any] = field(default_factory=dict)
    judged_by: ScoringRule | None = None
    says: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)

    def of(self, role: Role) -> Values | None:
        """The scores of a role; None where the body was not run for it."""
        return self.candidate if role == "candidate" else self.baseline


def run(
    store: Store,
    run_id: str,
    *evaluations: Scored,
    names: Mapping[str, str] = NAMES,
    level: float = 0.95,
    finished: bool = True,
    created: str = "2026-11-24T16:03:12Z",
    versions: Mapping[str, Mapping[str, Any]] | None = None,
    spec: Mapping[str, Any] | None = None,
) -> Side:
    """Store a run with its samples, scores and report; gives its candidate.

    `versions` has what stands in the spec of each role, in place of what `names` gives; `spec` what else does.
    """
    versions = versions or _versions(names)
    judges = [
        {"name": "judge", "fingerprint": name}
        for each in evaluations
        for name in (each.judged_by.judges if each.judged_by else ())
    ]
    described = {"confidence_level": level, **versions, **({"judges": judges} if judges else {}), **(spec or {})}
    store.begin_run(run_id, created, described)
    for evaluation in evaluations:
        for role in versions:
            _stored(store, run_id, evaluation, role, versions[role])
    if finished:
        report = replace(_report(run_id, evaluations, versions, level), created=created)
        store.finish_run(run_id, to_json(report))
    return side(store, run_id)


def _versions(names: Mapping[str, str]) -> Mapping[str, Mapping[str, Any]]:
    versions: dict[str, dict[str, Any]] = {
        role: {"name": name, "fingerprint": _fingerprint(name), "first_index": 0} for role, name in names.items()
    }
    if len(set(names.values())) < len(names):
        versions["baseline"]["first_index"] = 1_000_000
    return versions


def side(store: Store, run_id: str, role: Role = "candidate") -> Side:
    """A version of a stored run."""
    (info,) = (each for each in store.runs() if each.run_id == run_id)
    document = store.report(run_id)
    return Side(WeighedVersion(info, role), from_json(document) if document else None)  # type: ignore[arg-type]


def answer(role: str, case: str, index: int) -> str:
    """What a version answered in a sample."""
    return f"{role} on {case}, {index}"


def _fingerprint(name: str) -> str:
    return f"f-{name}" if name.isidentifier() else key_of(name).hex()


def _stored(store: Store, run_id: str, evaluation: Scored, role: Any, version: Mapping[str, Any]) -> None:
    draws, rows = [], []
    for case, values in (evaluation.of(role) or {}).items():
        prompt = evaluation.prompts.get(case, case)
        key = key_of(f"{version['fingerprint']}/{prompt}")
        request = Request(messages=({"role": "user", "content": prompt},))
        for index, value in enumerate(values):
            if value is None:
                continue
            said = evaluation.says.get((role, case))
            text = answer(role, case, index) if said is None else said[index]
            drawn = Sample(text, version["first_index"] + index)
            draws.append(NewSample(key, version["fingerprint"], 0, request, drawn))
            how = value if isinstance(value, str) else "scored"
            number = 0.0 if how == "failed" else None if isinstance(value, str) else float(value)
            metric = "score" if isinstance(value, str) else evaluation.metric
            of_set = evaluation.id, metric, role, version["fingerprint"]
            row = ScoreRow(*of_set, case, index, number, how, f"why {index}", key)  # type: ignore[arg-type]
            rows.append(replace(row, judged_by=evaluation.judged_by))
    store.add(draws)
    store.add_scores(run_id, rows)


def _report(
    run_id: str, evaluations: Sequence[Scored], versions: Mapping[str, Mapping[str, Any]], level: float
) -> Report:
    verdicts = decide([_observed(each) for each in evaluations], level)
    references = {role: VersionRef(entry["name"], entry["fingerprint"]) for role, entry in versions.items()}
    return Report(
        command=("suites",),
        run_id=run_id,
        created="2026-11-24T16:03:12Z",
        exit_code=0,
        verdict=worst(verdict.verdict for verdict in verdicts),
        confidence_level=level,
        candidate=references["candidate"],
        baseline=references.get("baseline"),
        usage=Usage(),
        evaluations=verdicts,
    )


def _observed(evaluation: Scored) -> Observations:
    cases = [
        case
        for case in evaluation.candidate
        if not any("skipped" in (values or {}).get(case, ()) for values in (evaluation.candidate, evaluation.baseline))
    ]
    fields: dict[str, Any] = {
        "id": evaluation.id,
        "metric": evaluation.metric,
        "case_ids": tuple(cases),
        "candidate": _array(evaluation.candidate, cases),
        "baseline": None if evaluation.baseline is None else _array(evaluation.baseline, cases),
        "n_skipped": len(evaluation.candidate) - len(cases),
    }
    return Observations(**of_plan({"margin_is_default": True, **fields, **evaluation.rule}))


def _array(values: Values, cases: Sequence[str]) -> Any:
    width = max((len(each) for each in values.values()), default=1)
    scores = np.full((len(cases), width), np.nan)
    for row, case in enumerate(cases):
        for column, value in enumerate(values.get(case, ())):
            if value == "failed":
                scores[row, column] = 0.0
            elif isinstance(value, int | float):
                scores[row, column] = value
    return scores
