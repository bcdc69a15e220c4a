"""One evaluation as the page shows it: figures and words as the other reports have them, numbers for its plots."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.gate.evaluations.slices import slices_again
from harness.records import Check, Estimate, Verdict, kind_in_words
from harness.records.report_json import plain
from harness.reporting.html.case_table import CaseTable
from harness.reporting.html.details import DetailFiles
from harness.reporting.html.requirements import kind_and_text
from harness.reporting.shared.differences import Against, difference_in_words, margin_against, margin_in_words
from harness.reporting.shared.figures import digits, figure, interval, plural
from harness.reporting.shared.table import row
from harness.reporting.wording.notes import judge_notes, record_in_words
from harness.reporting.wording.slices import SliceRow, slice_margin_in_words, slice_rows, slices_in_words

Key = tuple[str, str]
"""An evaluation's id and a metric."""
_MOST_OF_A_TEXT = 2000
_ABOUT = {"suite": "these cases", "population": "cases like these"}
"""What a verdict may be about."""


def evaluation(entry: Verdict, name: str, cases: CaseTable, details: DetailFiles) -> dict[str, Any]:
    """One evaluation and metric under the name that a reader knows it by."""
    shown = row(entry, name, "utf-8")
    _, requirement = kind_and_text(entry.plan.requirement)
    return {
        "id": entry.id,
        "name": name,
        "metric": entry.metric,
        "set": cases.number(entry.id),
        "requirement": requirement,
        "verdict": entry.verdict,
        "reason": short(entry.reason),
        "figures": {
            "candidate": shown.candidate,
            "baseline": shown.baseline,
            "required": shown.required,
        },
        "threshold": plain(entry.plan.threshold),
        "margin": plain(entry.plan.margin),
        "margin_is_default": entry.plan.margin_is_default,
        "margin_is_relative": entry.plan.margin_is_relative,
        "aim": entry.plan.aim,
        "unit": entry.unit,
        "higher_is_better": entry.higher_is_better,
        "is_binary": entry.is_binary,
        "design": entry.plan.design,
        "means": _means(entry),
        "measured": _measured(entry),
        "candidate": _estimate(entry.candidate),
        "baseline": _estimate(entry.baseline),
        "checks": [_check(check, entry) for check in sorted(entry.checks, key=_decided_first)],
        "about": _ABOUT[entry.plan.about],
        "slices": _slices(entry, cases),
        "errors": list(map(short, entry.errors)),
        "traceback": list(map(short, entry.traceback)),
        "facts": _facts(entry),
        "cases": cases.columns(entry),
        "in_blocks": entry.plan.in_blocks,
        "untrusted": _untrusted(entry, details),
    }


def _measured(entry: Verdict) -> str:
    """The cases and samples that the figures rest on, in words."""
    parts = [plural(entry.n_cases, "case"), plural(entry.n_samples, "sample") + " of the candidate"]
    if entry.plan.in_blocks:
        parts = [f"{plural(entry.n_cases, 'pair')} of blocks" if entry.baseline else plural(entry.n_cases, "block")]
    if entry.n_skipped:
        parts.append(f"{plural(entry.n_skipped, 'case')} skipped")
    if entry.n_truncated:
        parts.append(f"{plural(entry.n_truncated, 'answer')} cut at max_tokens")
    return ", ".join(parts)


def _means(entry: Verdict) -> str:
    """Both means with their intervals, which no verdict rests on; "" where nothing is left to chance."""
    known = {"candidate": entry.candidate, "baseline": entry.baseline}
    found = {name: each for name, each in known.items() if each is not None}
    if entry.is_certain or len(found) < 2:
        return ""
    places = digits(*([each.value, each.low, each.high] for each in found.values()), unit=entry.unit)
    unit = f" {entry.unit}" if entry.unit else ""
    told = [f"{name} {figure(m.value, places)} {interval(m.low, m.high, places)}{unit}" for name, m in found.items()]
    return f"{entry.weighed_by} of the {', of the '.join(told)}"


def _untrusted(entry: Verdict, details: DetailFiles) -> dict[str, str]:
    """The pairs of blocks that can't be trusted, each with the reason."""
    return {case: why for (of, case), why in details.broken.items() if entry.plan.in_blocks and of == entry.id}


def _facts(entry: Verdict) -> list[str]:
    """Facts of an evaluation beside its figures."""
    facts = [*judge_notes([entry]), *_review(entry)]
    if entry.weighed_by == "median" and not entry.plan.in_blocks:
        facts.append(f"measured {kind_in_words(entry)}, without a range: weighed by the median")
    elif entry.at_most is not None or entry.statistic is not None:
        facts.append(f"measured {kind_in_words(entry)}")
    if entry.baseline_record is not None:
        facts.append(record_in_words(entry.baseline_record))
    return facts


def _review(entry: Verdict) -> list[str]:
    if entry.review is None:
        return []
    told = f"{plural(entry.review.n_labels, 'label')} of people, {entry.review.n_errors:,} of them against the judge"
    if entry.review.n_excluded:
        told += f", {plural(entry.review.n_excluded, 'item')} excluded and counted the worst way"
    return [f"decided by labels and judge: {told}; batch {entry.review.batch}"]


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {name: plain(getattr(estimate, name)) for name in ("value", "low", "high", "method")}


def _check(check: Check, entry: Verdict) -> dict[str, Any]:
    difference = check.difference
    return {
        "against": check.against,
        "verdict": check.verdict,
        "reason": short(check.reason),
        "figure": difference_in_words(difference, entry, check.against),
        "margin": margin_in_words(entry, check.against),
        "allowed": plain(margin_against(check.against, entry)),
        "value": plain(difference.value),
        "low": plain(difference.low),
        "high": plain(difference.high),
        "method": difference.method,
        "samples_needed": check.samples_needed,
    }


def _slices(entry: Verdict, cases: CaseTable) -> dict[str, Any] | None:
    """The slices, the worst first, with their cases and the numbers of their forest plot; None where there are none."""
    if not entry.slices:
        return None
    against: Against = "threshold" if entry.baseline is None else "baseline"
    own = replace(entry, plan=replace(entry.plan, margin=entry.plan.slice_margin or entry.plan.margin))
    bar = {"against": against, "margin": slice_margin_in_words(entry), "allowed": plain(margin_against(against, own))}
    members = {(each.field, each.value): each.case_ids for each in slices_again(entry, [c.id for c in entry.cases])}
    shown = []
    for each in slice_rows(entry):
        result = each.result
        ids = members[result.field, result.value]
        shown.append(
            {
                "name": each.name,
                "n_cases": result.n_cases,
                "verdict": result.verdict,
                "reason": short(result.reason),
                "candidate": each.candidate,
                "baseline": each.baseline,
                "check": None if result.difference is None else {**bar, **_bar(each)},
                "cases": [cases.place(entry.id, case.id) for case in entry.cases if case.id in ids],
            }
        )
    return {"words": slices_in_words(entry), "shown": shown}


def _bar(shown: SliceRow) -> dict[str, Any]:
    """A slice as the comparisons of an evaluation are drawn."""
    difference = shown.result.difference
    bounds = {name: plain(getattr(difference, name)) for name in ("value", "low", "high", "method")}
    return {**bounds, "verdict": shown.result.verdict, "figure": shown.difference}


def _decided_first(check: Check) -> int:
    """Orders comparisons: those that decided come first, whatever the order in which they were made."""
    return -check.verdict.severity


def short(text: str | None) -> str | None:
    """A text, or its beginning and how much is missing: the page stays small, whoever made the report."""
    if text is None or len(text) <= _MOST_OF_A_TEXT:
        return text
    return f"{text[:_MOST_OF_A_TEXT]}…(+{len(text) - _MOST_OF_A_TEXT:,})"
