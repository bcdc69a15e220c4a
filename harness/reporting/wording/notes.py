"""Notes on the figures of evaluations that a reader needs before trusting them: who judged, what was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.records import BaselineRecord, Estimate, JudgeSummary, Report, Verdict, VerdictKind
from harness.reporting.shared.figures import count, figure, interval, plural
from harness.reporting.shared.names import display_names
from harness.reporting.shared.text import printable

_MOST = 3
"""Evaluations that are told of one by one."""
_WORDS = {
    "n_changed": "changed",
    "n_new": "new",
    "n_skipped": "skipped when recorded",
    "n_gone": "gone",
}


def recorded_notes(verdicts: Sequence[Verdict]) -> list[str]:
    """Note how many cases of evaluations that passed had no recorded scores to be weighed against; [] where all had.

    Args:
        verdicts: one of each evaluation.
    """
    passed = [each for each in verdicts if each.verdict is VerdictKind.PASSED]
    records = [each.baseline_record for each in passed if each.baseline_record is not None]
    told = [f"{count(total)} {words}" for name, words in _WORDS.items() if (total := _sum(records, name))]
    notes = []
    if told:
        paired = plural(_sum(records, "n_paired"), "case")
        notes.append(f"what passed was weighed against the recorded scores of {paired}; of others {', '.join(told)}")
    otherwise = _sum(records, "asked_otherwise")
    if otherwise:
        notes.append(f"{plural(otherwise, 'case')} of what passed were asked otherwise when recorded")
    scored = sum(record.scored_otherwise for record in records)
    if scored:
        notes.append(f"{plural(scored, 'test')} of what passed had other code when recorded: scores may differ by that")
    return notes


def record_in_words(record: BaselineRecord) -> str:
    """Say which recording the baseline's scores come from, and how many cases have some."""
    others = [f"{count(number)} {words}" for name, words in _WORDS.items() if (number := getattr(record, name))]
    left_out = f"; of others {', '.join(others)}" if others else ""
    code = "; its test had other code then" if record.scored_otherwise else ""
    return (
        f"baseline {record.name}: scores of {plural(record.n_paired, 'case')}, recorded in run {record.run_id} of "
        f"{record.created}{left_out}{code}"
    )


def _sum(records: Sequence[BaselineRecord], name: str) -> int:
    return sum(getattr(each, name) for each in records)


def waiver_notes(report: Report, encoding: str) -> list[str]:
    """A sentence for each evaluation of the report that is accepted, or was."""
    told = []
    for waiver in report.waivers:
        kinds = {each.verdict for each in report.evaluations if each.id == waiver.evaluation_id}
        ending = "; it passed: steelyard accept --remove" if kinds == {VerdictKind.PASSED} else ""
        ending = "; an error is never accepted" if VerdictKind.ERROR in kinds else ending
        told.append(printable(f"{waiver.evaluation_id} {waiver}{ending}", 600, encoding=encoding))
    return told


def judge_notes(verdicts: Sequence[Verdict], encoding: str) -> list[str]:
    """A sentence for each thing to know of a judge.

    Args:
        verdicts: of a run, one of each evaluation.
    """
    judged = [verdict for verdict in verdicts if verdict.judges]
    names = display_names(verdict.id for verdict in verdicts)
    notes = list(_malformed([verdict for verdict in judged if not verdict.errors]))
    for verdict in judged[:_MOST]:
        told = [text for judge in verdict.judges for text in _told(judge)]
        where = f" in {printable(names[verdict.id], 60, cut='middle', encoding=encoding)}" if len(judged) > 1 else ""
        notes += [f"{text}{where}" for text in told]
    more = sum(any(_is_told(judge) for judge in verdict.judges) for verdict in judged[_MOST:])
    if more:
        notes.append(f"how the judges of {plural(more, 'further evaluation')} agree with themselves is in report.json")
    return notes


def _malformed(judged: Sequence[Verdict]) -> Iterator[str]:
    """The answers that followed no form, of each judge in all evaluations together; errors tell of theirs."""
    for name in sorted({judge.name for verdict in judged for judge in verdict.judges}):
        given = [judge for verdict in judged for judge in verdict.judges if judge.name == name]
        malformed = sum(judge.n_malformed for judge in given)
        if malformed:
            total = count(sum(judge.n_answers for judge in given))
            yield f"judge {name}: {count(malformed)} of {total} answers did not follow the form or scale asked for"


def _is_told(judge: JudgeSummary) -> bool:
    return judge.noise is not None or judge.flip is not None


def _told(judge: JudgeSummary) -> Iterator[str]:
    if judge.noise is not None:
        yield f"judge {judge.name} varies by {figure(judge.noise)} on one answer (standard deviation of its repeats)"
    if judge.flip is not None:
        first = "" if judge.first_wins is None else f", and the one shown first won {_shown(judge.first_wins)}"
        yield f"judge {judge.name}: the order of the answers changed {_shown(judge.flip)} of its preferences{first}"


def _shown(estimate: Estimate) -> str:
    return f"{figure(estimate.value)} {interval(estimate.low, estimate.high)}"
