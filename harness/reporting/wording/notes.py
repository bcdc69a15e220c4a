"""The notes of a report: what a reader must know before trusting its figures, made once and told by every format."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import get_args

from harness.decisions.reasons import percent
from harness.records import (
    BaselineRecord,
    Difference,
    Estimate,
    JudgeSummary,
    Note,
    NoteKind,
    Report,
    Verdict,
    VerdictKind,
    VersionRef,
)
from harness.reporting.shared.figures import count, digits, figure, interval, plural
from harness.reporting.shared.names import display_names
from harness.reporting.shared.text import printable
from harness.reporting.wording.budget import budget_line

_ORDER = get_args(NoteKind)
_MOST = 3
"""Evaluations that are told of one by one."""
_MOST_LOST = 5
_MOST_CELLS = 80
_RECORDED = {
    "n_changed": "changed",
    "n_new": "new",
    "n_skipped": "skipped when recorded",
    "n_removed": "gone",
}


def with_notes(report: Report) -> Report:
    """The report with what follows from it, after what the gate itself has noted; the same for one that has that."""
    once = list({verdict.id: verdict for verdict in report.evaluations}.values())
    spent = budget_line(report)
    made = (
        [Note("budget", spent)] if spent else [],
        _waivers(report),
        _of_versions(report),
        _of_selection(report),
        _of_cases(once),
        _default_margins(once),
        _lost(once),
        _recordings(once),
        _unanchored(report, once),
        (Note("judge", text) for text in judge_notes(once)),
        _ranges(report),
    )
    own = [each for each in report.notes if each.kind in ("problem", "version", "draws", "suite")]
    notes = dict.fromkeys([*own, *chain.from_iterable(made)])
    return replace(report, notes=tuple(sorted(notes, key=lambda note: _ORDER.index(note.kind))))


def _of_versions(report: Report) -> Iterator[Note]:
    """Tell which were answered under another name than asked for, and what applications printed, each version once."""
    versions = [report.candidate, *filter(None, (report.baseline, report.anchor)), *report.judges]
    for version in dict.fromkeys(versions):
        if version.model and version.answered_as:
            yield Note("version", _answered_as(version))
    for version in dict.fromkeys(versions):
        if version.printed_lines:
            lines, name = plural(version.printed_lines, "line"), printable(version.name, _MOST_CELLS)
            yield Note("version", f"{name} printed {lines}: pytest --log-cli-level DEBUG shows what it prints")


def _answered_as(version: VersionRef) -> str:
    texts = (version.name, version.model or "", *version.answered_as)
    name, asked, *answered = (printable(text, _MOST_CELLS, cut="middle") for text in texts)
    return (
        f"{name}: asked for {asked}, the endpoint says that {' and '.join(answered)} answered: name that to keep the "
        "version as it is, if it is the model that you mean"
    )


def _of_selection(report: Report) -> Iterator[Note]:
    if report.best_of > 1:
        n = count(report.best_of)
        text = (
            f"the best of {n} candidates looks good by chance too: each is decided at 1 part in {n} of the error rate"
        )
        yield Note("selection", text)
    if report.n_unreached:
        more = plural(report.n_unreached, "more evaluation")
        yield Note("selection", f"pytest stopped before {more}, which so have no verdict; what they drew is stored")
    for reason, number in Counter(each.reason for each in report.skipped).items():
        yield Note("skipped", f"{plural(number, 'evaluation')} skipped: {printable(reason, 100)}")


def _of_cases(once: Sequence[Verdict]) -> Iterator[Note]:
    """Count the answers that were cut, and the cases that were left out."""
    if cut := [verdict for verdict in once if verdict.n_truncated]:
        total, truncated = sum(each.n_samples for each in cut), sum(each.n_truncated for each in cut)
        where = _name(cut[0], once) if len(cut) == 1 else f"{len(cut)} evaluations"
        one = cut[0].id if len(cut) == 1 else None
        yield Note("cut", f"{count(truncated)} of {count(total)} answers were cut at max_tokens in {where}", one)
    if skipped := [verdict for verdict in once if verdict.n_skipped]:
        both = ", for candidate and baseline alike" if any(each.baseline is not None for each in skipped) else ""
        yield Note("skipped", f"{plural(sum(each.n_skipped for each in skipped), 'case')} skipped{both}")


def _default_margins(once: Sequence[Verdict]) -> Iterator[Note]:
    plans = [each.plan for each in once if each.plan.margin_is_default and each.difference is not None]
    margins = {
        percent(plan.margin) if plan.margin_is_relative else figure(plan.margin, digits([plan.margin, 0.0]))
        for plan in plans
    }
    for margin in sorted(margins):
        yield Note("margin", f"margin {margin} is the default; set it for an evaluation or the project")


def _lost(once: Sequence[Verdict]) -> Iterator[Note]:
    """Name the cases that look worse than the baseline's, in a line for each evaluation that has some."""
    for verdict in once:
        if verdict.lost is None or not verdict.lost.cases:
            continue
        cases, claim = verdict.lost.cases, verdict.lost
        named = ", ".join(printable(case, 40, cut="middle") for case in cases[:_MOST_LOST])
        more = f" and {count(len(cases) - _MOST_LOST)} more" if len(cases) > _MOST_LOST else ""
        sure = f"; {count(claim.n_decisive)} of them surely enough to count against max_lost={claim.max_lost}"
        text = f"{plural(len(cases), 'case')} shown to be worse in {_name(verdict, once)}: {named}{more}"
        yield Note("lost", text + ("" if claim.max_lost is None else sure), verdict.id)


def _recordings(once: Sequence[Verdict]) -> Iterator[Note]:
    """Tell how many cases of what passed had no recorded scores to be weighed against."""
    passed = [each for each in once if each.verdict is VerdictKind.PASSED]
    records = [each.baseline_record for each in passed if each.baseline_record is not None]

    def total(name: str) -> int:
        return sum(getattr(each, name) for each in records)

    if others := [f"{count(total(name))} {words}" for name, words in _RECORDED.items() if total(name)]:
        paired = plural(total("n_paired"), "case")
        text = f"what passed was weighed against the recorded scores of {paired}; of others {', '.join(others)}"
        yield Note("recording", text)
    if otherwise := total("asked_otherwise"):
        yield Note("recording", f"{plural(otherwise, 'case')} of what passed were asked otherwise when recorded")
    if scored := total("scored_otherwise"):
        text = f"{plural(scored, 'test')} of what passed had other code when recorded: scores may differ by that"
        yield Note("recording", text)


def _unanchored(report: Report, once: Sequence[Verdict]) -> Iterator[Note]:
    """Count what passed without the anchor; the reason of each says why."""
    if report.anchor is None or report.baseline is None:
        return
    if number := sum(each.verdict is VerdictKind.PASSED and each.anchor is None for each in once):
        yield Note("recording", f"{plural(number, 'evaluation')} passed without being weighed against the anchor")


def record_in_words(record: BaselineRecord) -> str:
    """Say which recording the baseline's scores come from, and how many cases have some."""
    others = [f"{count(number)} {words}" for name, words in _RECORDED.items() if (number := getattr(record, name))]
    left_out = f"; of others {', '.join(others)}" if others else ""
    code = "; its test had other code then" if record.scored_otherwise else ""
    return (
        f"baseline {record.name}: scores of {plural(record.n_paired, 'case')}, recorded in run {record.run_id} of "
        f"{record.created}{left_out}{code}"
    )


def _waivers(report: Report) -> Iterator[Note]:
    """Tell of each evaluation of the report that was accepted and no longer is; one that is says so itself."""
    in_use = [report.accepted(each) for each in report.evaluations]
    for waiver in report.waivers:
        if waiver in in_use:
            continue
        kinds = {each.verdict for each in report.evaluations if each.id == waiver.evaluation_id}
        ending = "; it passed: steelyard accept --remove" if kinds == {VerdictKind.PASSED} else ""
        ending = "; an error is never accepted" if VerdictKind.ERROR in kinds else ending
        text = printable(f"{waiver.evaluation_id} {waiver}{ending}", 600)
        yield Note("waiver", text, waiver.evaluation_id)


def judge_notes(verdicts: Sequence[Verdict]) -> list[str]:
    """A sentence for each thing to know of a judge.

    Args:
        verdicts: of a run, one of each evaluation.
    """
    judged = [verdict for verdict in verdicts if verdict.judges]
    notes = list(_malformed([verdict for verdict in judged if not verdict.errors]))
    for verdict in judged[:_MOST]:
        where = f" in {_name(verdict, verdicts)}" if len(judged) > 1 else ""
        notes += [f"{text}{where}" for judge in verdict.judges for text in _of_judge(judge)]
    if more := sum(any(map(_of_judge, verdict.judges)) for verdict in judged[_MOST:]):
        notes.append(f"how the judges of {plural(more, 'further evaluation')} agree with themselves is in report.json")
    return notes


def _malformed(judged: Sequence[Verdict]) -> Iterator[str]:
    """The answers that followed no form, of each judge in all evaluations together; errors tell of theirs."""
    every = [judge for verdict in judged for judge in verdict.judges]
    for name in sorted({judge.name for judge in every}):
        given = [judge for judge in every if judge.name == name]
        if malformed := sum(judge.n_malformed for judge in given):
            total = count(sum(judge.n_answers for judge in given))
            yield f"judge {name}: {count(malformed)} of {total} answers did not follow the form or scale asked for"


def _of_judge(judge: JudgeSummary) -> list[str]:
    texts = []
    if judge.noise is not None:
        texts.append(
            f"judge {judge.name} varies by {figure(judge.noise)} on one answer (standard deviation of its repeats)"
        )
    if judge.flip is not None:
        first = "" if judge.first_wins is None else f", and the one shown first won {_shown(judge.first_wins)}"
        texts.append(
            f"judge {judge.name}: the order of the answers changed {_shown(judge.flip)} of its preferences{first}"
        )
    return texts


def _shown(estimate: Estimate) -> str:
    return f"{figure(estimate.value)} {interval(estimate.low, estimate.high)}"


def _ranges(report: Report) -> Iterator[Note]:
    """Say how the bounds of the figures are to be read, where they have any."""
    sure = f"with {100 * report.confidence_level:g}% confidence"
    known = [each for each in report.evaluations if _has_bounds(each, each.difference or each.candidate)]
    weighed = [each for each in known if each.difference is not None]
    early = ", also where sampling stopped early" if any(each.plan.design == "sequential" for each in known) else ""
    slices = ", of slices those of all of them together" if any(each.slices for each in weighed) else ""
    if weighed:
        yield Note("ranges", f"each bound in brackets holds by itself {sure}{slices}{early}")
    elif known:
        yield Note("ranges", f"{sure} the true score lies inside its range{early}")


def _has_bounds(verdict: Verdict, of: Difference | Estimate | None) -> bool:
    return of is not None and not verdict.is_certain and (math.isfinite(of.low) or math.isfinite(of.high))


def _name(verdict: Verdict, every: Sequence[Verdict]) -> str:
    return printable(display_names(each.id for each in every)[verdict.id], _MOST_CELLS, cut="middle")
