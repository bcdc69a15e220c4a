"""What the page holds: report.json's document, with the words for its figures and where the answers of cases are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from harness.gate.evaluations.slices import slices_again
from harness.records import Report, Verdict
from harness.records import kind_in_words as metric_in_words
from harness.records.budget import amount
from harness.records.report_json import plain, to_json
from harness.reporting.html.details import Details
from harness.reporting.shared.differences import Against, difference_in_words, margin_against, margin_in_words
from harness.reporting.shared.figures import chosen, count, digits, duration, figure, interval, plural
from harness.reporting.shared.names import kind_in_words, row_names
from harness.reporting.shared.table import row
from harness.reporting.terminal.report import headline
from harness.reporting.wording.budget import flops_in_words
from harness.reporting.wording.failure import sentence
from harness.reporting.wording.notes import judge_notes, record_in_words
from harness.reporting.wording.slices import slice_margin_in_words, slice_rows, slices_in_words
from harness.store import RunInfo

_MOST_OF_A_TEXT = 2000
_ABOUT = {"suite": "these cases", "population": "cases like these"}
Facts = list[tuple[str, str]]


def document(run: RunInfo, report: Report, details: Details) -> dict[str, Any]:
    """All that the page holds; what is not finite is None, and what report.json has stands under its keys."""
    bare = replace(report, evaluations=tuple(replace(each, cases=()) for each in report.evaluations))
    content = to_json(bare)
    names = row_names(report.evaluations)
    for entry, name, shown in zip(report.evaluations, names, content["evaluations"], strict=True):
        shown |= _in_words(entry, name, report, details)
        for check, told in zip(entry.checks, shown["checks"], strict=True):
            told |= {
                "figure": difference_in_words(check.difference, entry, check.against),
                "margin": margin_in_words(entry, check.against),
                "allowed": plain(margin_against(check.against, entry)),
            }
        for told, words in zip(shown["slices"], _slices(entry), strict=True):
            told |= words
    page = {
        "headline": headline(report),
        "kinds": [kind_in_words(each) for each in (report.candidate, report.baseline) if each is not None],
        "chosen": chosen(report.best_of),
        "about": _about(run, report),
        "n_files": details.n_files,
        "n_bodies": details.n_bodies,
        "is_cut": details.is_cut,
    }
    shortened: dict[str, Any] = _short(content | {"page": page})
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


def _in_words(entry: Verdict, name: str, report: Report, details: Details) -> dict[str, Any]:
    shown = row(entry, name)
    return {
        "name": name,
        "figures": shown.figures,
        "sentence": sentence(shown, report.losses),
        "measured": _measured(entry),
        "means": _means(entry),
        "claim": _ABOUT[entry.plan.about],
        "facts": _facts(entry),
        "sliced": slices_in_words(entry) if entry.slices else "",
        "untrusted": {
            case: why for (of, case), why in details.broken.items() if entry.plan.in_blocks and of == entry.id
        },
    }


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
        cases.append(shown | details.of(entry.id, case.id))
    known = {case.id for case in entry.cases}
    others = [case for of, case in details.places if of == entry.id and case not in known]
    return {"cases": plain(cases), "others": [{"id": case, **details.of(entry.id, case)} for case in others]}


def _mean(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def _measured(entry: Verdict) -> str:
    """The cases and samples that the figures rest on, in words."""
    parts = [plural(entry.n_cases, "case"), plural(entry.n_samples, "sample") + " of the candidate"]
    if entry.plan.in_blocks:
        parts = [f"{plural(entry.n_cases, 'pair')} of blocks" if entry.baseline else plural(entry.n_cases, "block")]
    parts += [f"{plural(entry.n_skipped, 'case')} skipped"] if entry.n_skipped else []
    parts += [f"{plural(entry.n_truncated, 'answer')} cut at max_tokens"] if entry.n_truncated else []
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


def _facts(entry: Verdict) -> list[str]:
    """Facts of an evaluation beside its figures."""
    facts = judge_notes([entry])
    if entry.review is not None:
        told = (
            f"{plural(entry.review.n_labels, 'label')} of people, {entry.review.n_errors:,} of them against the judge"
        )
        if entry.review.n_excluded:
            told += f", {plural(entry.review.n_excluded, 'item')} excluded and counted the worst way"
        facts.append(f"decided by labels and judge: {told}; batch {entry.review.batch}")
    if entry.weighed_by == "median" and not entry.plan.in_blocks:
        facts.append(f"measured {metric_in_words(entry)}, without a range: weighed by the median")
    elif entry.at_most is not None or entry.statistic is not None:
        facts.append(f"measured {metric_in_words(entry)}")
    return [*facts, *([record_in_words(entry.baseline_record)] if entry.baseline_record is not None else [])]


def _slices(entry: Verdict) -> Iterator[dict[str, Any]]:
    """The words of each slice, and of its difference, as those of a comparison."""
    against: Against = "threshold" if entry.baseline is None else "baseline"
    own = replace(entry, plan=replace(entry.plan, margin=entry.plan.slice_margin or entry.plan.margin))
    margin = {"margin": slice_margin_in_words(entry), "allowed": plain(margin_against(against, own))}
    for each in slice_rows(entry) if entry.slices else ():
        words = {"name": each.name, "candidate": each.candidate, "baseline": each.baseline}
        yield {"words": words, "against": against, "figure": each.difference, **margin}


def _about(run: RunInfo, report: Report) -> list[dict[str, Any]]:
    """Groups of facts, each with a title; a fact is a label and a text."""
    groups = {
        "Versions": _versions(run, report),
        "Environment": list(_recorded(run.spec.get("environment", {}))),
        "Usage": _usage(report),
    }
    return [{"title": title, "facts": plain(facts)} for title, facts in groups.items()]


def _versions(run: RunInfo, report: Report) -> Facts:
    references = [("candidate", report.candidate), ("baseline", report.baseline)]
    references += [("judge", judge) for judge in report.judges]
    facts = [(role, f"{each.name}{kind_in_words(each)}  {each.fingerprint}") for role, each in references if each]
    baseline = run.spec.get("baseline")
    if recorded := baseline.get("recorded") if isinstance(baseline, Mapping) else None:
        facts.append(("baseline recorded", f"{recorded['name']}, run {recorded['run_id']} of {recorded['created']}"))
    facts += [("run", report.run_id), ("made", report.created), ("confidence level", f"{report.confidence_level:g}")]
    return [*facts, ("exit code", str(report.exit_code))]


def _recorded(recorded: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Python", str(recorded.get("python", ""))
    yield "machine", str(recorded.get("machine", ""))
    if gpus := recorded.get("gpus"):
        yield "GPUs", ", ".join(map(str, gpus))
    yield from ((str(name), str(version)) for name, version in (recorded.get("packages") or {}).items())


def _samples_and_blocks(number: int, blocks: int) -> str:
    """Tell how many samples there were, and how many blocks of time where there were any."""
    told = [plural(number - blocks, "sample")] if number > blocks or not blocks else []
    return " and ".join([*told, *([plural(blocks, "block")] if blocks else [])])


def _usage(report: Report) -> Facts:
    usage = report.usage
    facts = [
        ("drawn from a model now", _samples_and_blocks(usage.model_calls, usage.measured_blocks)),
        ("from the store", _samples_and_blocks(usage.stored_samples, usage.stored_blocks)),
        ("shared by equal questions", f"{count(usage.shared_samples)} samples"),
        ("requests over a wire", count(usage.http_requests)),
        ("tokens of prompts", count(usage.prompt_tokens)),
        ("tokens of answers", count(usage.completion_tokens)),
    ]
    facts += [("cost", amount(usage.cost))] if usage.cost is not None else []
    return [*facts, *(("operations", text) for text in flops_in_words(usage)), ("time", duration(usage.wall_s))]
