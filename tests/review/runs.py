"""A finished run with judged answers of two versions, to fill the queue from."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace

from harness.records import NewSample, Request, Role, Sample, ScoreRow, ScoringRule, Shown
from harness.records.review import Batch, Form
from harness.review.batches.draws import AHEAD, further_items, read_ledger, subject_of
from harness.review.batches.population import ReviewPlan
from harness.statistics.labels.draws import LabelQuestion
from harness.store import RunInfo, Store
from tests.store.rows import key_for

EVALUATION = "suites/evaluation/test_summaries.py::test_summaries"
RUBRIC = """# Faithful summary

## Criteria

A faithful summary says nothing that the passage does not say.

## Steps

1. Read it.

## Scale

- 1: wrong
- 2: half right
- 3: right

## Guidelines

Read the passage first.
"""
FIRST_INDEX = 1_000_000


def add_run(
    store: Store,
    run_id: str = "20261124-161500-0a1b2c",
    *,
    n_cases: int = 30,
    rubric: str = "d1",
    compares: bool = False,
    in_turns: bool = False,
    shown: Callable[[int, str], Shown | None] = lambda *_: None,
) -> RunInfo:
    """Case i has one sample of each version. The candidate's scores go 0, 0.5, 1 from case to case, the baseline's are
    1; the answers to every tenth case are the same. A run that `compares` has the candidate's scores alone, of a judge
    that was shown both. Where they are given `in_turns`, each version has answered a greeting before. `shown` gives
    what the judge was shown beside an answer, by the case's number and the role."""
    spec = {
        "candidate": {"name": "small", "fingerprint": "f0"},
        "baseline": {"name": "large", "fingerprint": "f1", "first_index": FIRST_INDEX},
    }
    store.begin_run(run_id, "2026-11-24", spec)

    def answered(number: int, role: str) -> str:
        return f"same {number}" if number % 10 == 9 else f"{role} says {number}"

    def asked_in(number: int, role: str) -> tuple[dict[str, str], ...]:
        system = {"role": "system", "content": f"You are {spec[role]['name']}."}
        greeted = ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": f"{role} here."})
        return (system, *(greeted if in_turns else ()), {"role": "user", "content": f"Summarise passage {number}."})

    def compared(number: int) -> tuple[str | tuple[dict[str, str], ...], ...]:
        roles = ("candidate", "baseline")
        if not in_turns:
            return tuple(answered(number, role) for role in roles)
        said = ({"role": "assistant", "content": answered(number, role)} for role in roles)
        return tuple((*asked_in(number, role), last) for role, last in zip(roles, said, strict=True))

    for role, fingerprint, first in (("candidate", "f0", 0), ("baseline", "f1", FIRST_INDEX)):
        draws, rows = [], []
        for number in range(n_cases):
            # Sampled so that each run has samples of its own.
            asked = Request(messages=asked_in(number, role), sampling={"run": run_id})
            key = key_for(asked, fingerprint, f"case-{number}")
            draws.append(NewSample(key, fingerprint, 0, asked, Sample(answered(number, role), first)))
            value = (number % 3) / 2 if role == "candidate" else 1.0
            of_set = (EVALUATION, "score", role, fingerprint)
            judged_by = ScoringRule(("j0",), rubric)
            beside = shown(number, role)
            if compares:
                beside = replace(beside or Shown(), compared=compared(number))
            rows.append(ScoreRow(*of_set, f"case-{number}", 0, value, "scored", "why", key, judged_by, beside))
        store.add(draws)
        if role == "candidate" or not compares:
            store.add_scores(run_id, rows)
    entry = {"id": EVALUATION, "metric": "score", "threshold": 0.7, "margin": 0.08}
    report = {"verdict": "inconclusive", "exit_code": 8, "confidence_level": 0.95, "evaluations": [entry]}
    store.finish_run(run_id, report)
    return next(run for run in store.runs() if run.run_id == run_id)


def add_batch(
    store: Store,
    run: RunInfo,
    form: Form,
    *,
    of: str = EVALUATION,
    roles: tuple[Role, ...] = ("candidate",),
    n_items: int = 20,
    wanted: int = 1,
) -> Batch:
    """So many items of a run as a gate draws them, in a batch that no gate decides."""
    subject = subject_of(store, run, ReviewPlan(of, "score", form, roles), "uncertain")
    source = {"roles": list(roles)}
    batch = Batch(secrets.token_hex(4), time.time(), of, form, run_id=run.run_id, source=source)
    store.review.add_batch(batch, [])
    empty = replace(read_ledger(store, batch, len(subject.items.scores)), n_held=n_items, n_open=AHEAD)
    items = further_items(subject, empty, [LabelQuestion("rate", 0.7, 0.08)], batch.id)
    store.review.extend(batch.id, [replace(item, wanted=wanted) for item in items])
    return batch
