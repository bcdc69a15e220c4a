"""What the page holds: report.json's document, with the words for its figures and where the answers of cases are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from harness.gate.evaluations.slices import slices_again
from harness.records import Report, Verdict
from harness.records import kind_in_words as metric_in_words
from harness.records.report_json import plain, to_json
from harness.reporting.html.details import Details
from harness.reporting.shared.differences import Against, difference_in_words, margin_against, margin_in_words
from harness.reporting.shared.figures import chosen, plural
from harness.reporting.shared.names import kind_in_words, row_names
from harness.reporting.shared.table import TableRow, rows
from harness.reporting.terminal.report import facts, headline
from harness.reporting.wording.failure import sentence
from harness.reporting.wording.notes import judge_notes, record_in_words
from harness.reporting.wording.slices import slice_margin_in_words, slice_rows, slices_in_words
from harness.store import RunInfo

_MOST_OF_A_TEXT = 2000


def document(run: RunInfo, report: Report, details: Details) -> dict[str, Any]:
    """All that the page holds; what is not finite is None, and what report.json has stands under its keys."""
    content = to_json(replace(report, evaluations=tuple(replace(each, cases=()) for each in report.evaluations)))
    told_of = {(each.verdict.id, each.verdict.metric): each for each in rows(report)}
    for entry, name, shown in zip(
        report.evaluations, row_names(report.evaluations), content["evaluations"], strict=True
    ):
        shown |= _in_words(told_of[entry.id, entry.metric], name, report, details)
        for check, told in zip(entry.checks, shown["checks"], strict=True):
            told["figure"] = difference_in_words(check.difference, entry, check.against)
            told["margin"] = margin_in_words(entry, check.against)
            told["allowed"] = plain(margin_against(check.against, entry))
        for told, words in zip(shown["slices"], _slices(entry), strict=True):
            told |= words
    content["page"] = {
        "headline": headline(report),
        "kinds": [kind_in_words(each) for each in (report.candidate, report.baseline) if each is not None],
        "chosen": chosen(report.best_of),
        "usage": facts(report),
        "environment": plain(run.spec.get("environment", {})),
        "n_files": details.n_files,
        "n_bodies": details.n_bodies,
        "is_cut": details.is_cut,
    }
    shortened: dict[str, Any] = _short(content)
    shortened |= {name: content[name] for name in ("command", "steps")}  # which are copied
    for entry, shown in zip(report.evaluations, shortened["evaluations"], strict=True):
        shown |= _cases(entry, details)
    return shortened


def _short(value: Any) -> Any:
    """A text, or its beginning and how much is missing: the page stays small, whoever made the report."""
    if isinstance(value, str) and len(value) > _MOST_OF_A_TEXT:
        return f"{value[:_MOST_OF_A_TEXT]}…(+{len(value) - _MOST_OF_A_TEXT:,})"
    if isinstance(value, dict):
        return {name: _short(each) for name, each in value.items()}
    return [_short(each) for each in value] if isinstance(value, list) else value


def _in_words(shown: TableRow, name: str, report: Report, details: Details) -> dict[str, Any]:
    entry = shown.verdict
    broken = details.broken if entry.plan.in_blocks else {}
    return {
        "name": name,
        "figures": shown.figures,
        "sentence": sentence(shown, report.losses),
        "ranges": {"candidate": shown.candidate, "baseline": shown.baseline},
        "facts": _facts(entry),
        "sliced": slices_in_words(entry) if entry.slices else "",
        "untrusted": {case: why for (of, case), why in broken.items() if of == entry.id},
    }


def _facts(entry: Verdict) -> list[str]:
    """Facts of an evaluation beside its figures."""
    told, review = judge_notes([entry]), entry.review
    if review is not None:
        text = f"{plural(review.n_labels, 'label')} of people, {review.n_errors:,} of them against the judge"
        out = f", {plural(review.n_excluded, 'item')} excluded and counted the worst way" if review.n_excluded else ""
        told.append(f"decided by labels and judge: {text}{out}; batch {review.batch}")
    if entry.weighed_by == "median" and not entry.plan.in_blocks:
        told.append(f"measured {metric_in_words(entry)}, without a range: weighed by the median")
    elif entry.at_most is not None or entry.statistic is not None:
        told.append(f"measured {metric_in_words(entry)}")
    return [*told, *([record_in_words(entry.baseline_record)] if entry.baseline_record is not None else [])]


def _slices(entry: Verdict) -> Iterator[dict[str, Any]]:
    """The words of each slice, and of its difference, as those of a comparison."""
    against: Against = "threshold" if entry.baseline is None else "baseline"
    own = replace(entry, plan=replace(entry.plan, margin=entry.plan.slice_margin or entry.plan.margin))
    margin = {"margin": slice_margin_in_words(entry), "allowed": plain(margin_against(against, own))}
    for each in slice_rows(entry):
        words = {"name": each.name, "candidate": each.candidate, "baseline": each.baseline}
        yield {"words": words, "against": against, "figure": each.difference, **margin}


def _cases(entry: Verdict, details: Details) -> dict[str, Any]:
    """The cases that it was decided by, and the others that have answers: each with the file that has its details, the
    slices that it is in, and whether people said something of it.
    """
    members = {(each.field, each.value): each.case_ids for each in slices_again(entry, [c.id for c in entry.cases])}
    slices = [members[each.field, each.value] for each in entry.slices]
    cases = []
    for case in entry.cases:
        shown: dict[str, Any] = {"id": case.id, "n": case.n, "candidate": _mean(case.candidate), "state": case.state}
        shown |= {"baseline": _mean(case.baseline)} if entry.baseline is not None else {}
        shown |= {"slices": own} if (own := [number for number, ids in enumerate(slices) if case.id in ids]) else {}
        cases.append(plain(shown) | details.of(entry.id, case.id))
    known = {case.id for case in entry.cases}
    others = [case for of, case in details.places if of == entry.id and case not in known]
    return {"cases": cases, "others": [{"id": case, **details.of(entry.id, case)} for case in others]}


def _mean(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")
