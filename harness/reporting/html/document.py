"""What the page holds: report.json's document, with the words for its figures and where the answers of cases are."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from harness.gate.evaluations.slices import slices_again
from harness.records import Difference, Report, Verdict
from harness.records import kind_in_words as metric_in_words
from harness.records.report_json import plain, to_json
from harness.reporting.html.details import Details
from harness.reporting.shared.figures import plural
from harness.reporting.shared.names import kind_in_words, row_names
from harness.reporting.shared.table import (
    Against,
    TableRow,
    difference_in_words,
    margin_against,
    margin_in_words,
    rows,
    slice_rows,
    slices_in_words,
    with_slice_margin,
)
from harness.reporting.terminal.report import chosen, facts, headline
from harness.reporting.wording.failure import sentence
from harness.reporting.wording.notes import judge_notes, record_in_words
from harness.store import RunInfo

_MOST_OF_A_TEXT = 2000


def document(run: RunInfo, report: Report, details: Details) -> dict[str, Any]:
    """All that the page holds; what is not finite is None, and what report.json has stands under its keys."""
    content = to_json(replace(report, evaluations=tuple(replace(each, cases=()) for each in report.evaluations)))
    by_id = {(each.verdict.id, each.verdict.metric): each for each in rows(report)}
    names = row_names(report.evaluations)
    for entry, name, shown in zip(report.evaluations, names, content["evaluations"], strict=True):
        shown |= _in_words(by_id[entry.id, entry.metric], name, report, details)
        for check, words in zip(entry.checks, shown["checks"], strict=True):
            words |= _comparison(check.difference, entry, check.against)
        against: Against = "threshold" if entry.baseline is None else "baseline"
        for each, words in zip(slice_rows(entry), shown["slices"], strict=True):
            words["words"] = {"name": each.name, "candidate": each.candidate, "baseline": each.baseline}
            words |= {"against": against, **_comparison(each.result.difference, with_slice_margin(entry), against)}
    content["page"] = {
        "headline": headline(report),
        "kinds": [
            kind_in_words(each) for each in (report.candidate, report.baseline, report.anchor) if each is not None
        ],
        "chosen": chosen(report),
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


def _comparison(difference: Difference | None, entry: Verdict, against: Against) -> dict[str, Any]:
    """A difference in words, and the margin that is allowed, in words and as a number."""
    figure = "" if difference is None else difference_in_words(difference, entry, against)
    allowed = plain(margin_against(against, entry))
    return {"figure": figure, "margin": margin_in_words(entry, against), "allowed": allowed}


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
        "is_accepted": bool(shown.accepted),
        "ranges": {"candidate": shown.candidate, "baseline": shown.baseline, "anchor": shown.anchor},
        "facts": _facts(entry),
        "sliced": slices_in_words(entry) if entry.slices else "",
        "untrusted": {case: why for (of, case), why in broken.items() if of == entry.id},
    }


def _facts(entry: Verdict) -> list[str]:
    """Facts of an evaluation beside its figures."""
    texts, review = judge_notes([entry]), entry.review
    if review is not None:
        text = f"{plural(review.n_labels, 'label')} of people, {review.n_errors:,} of them against the judge"
        out = f", {plural(review.n_excluded, 'item')} excluded and counted the worst way" if review.n_excluded else ""
        texts.append(f"decided by labels and judge: {text}{out}; batch {review.batch}")
    if entry.weighed_by == "median" and not entry.plan.in_blocks:
        texts.append(f"measured {metric_in_words(entry)}, without a range: weighed by the median")
    elif entry.at_most is not None or entry.statistic is not None:
        texts.append(f"measured {metric_in_words(entry)}")
    return [*texts, *([record_in_words(entry.baseline_record)] if entry.baseline_record is not None else [])]


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
