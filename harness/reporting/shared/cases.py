"""Cases to look at: how they scored, what was asked and expected, and an answer of each version beside the other's."""

from __future__ import annotations

from dataclasses import dataclass

from harness.records import Change, Report, Verdict, VerdictKind
from harness.reporting.shared.answers import Piece, differing, excerpts, on_one_line
from harness.reporting.shared.differences import unit_of
from harness.reporting.shared.figures import digits, figure
from harness.reporting.shared.text import cells, printable

MOST_CHANGES = 3
_MOST_ID_CELLS = 60
_MOST_REASON_CELLS = 240
"""A reason takes some lines: that of a content filter with an assertion's takes two or three."""


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """An answer that a case is shown with: "was" is the baseline's, "is" the candidate's.

    Attributes:
        pieces: its text; None for no answer.
        times: how many samples gave it.
    """

    label: str
    pieces: tuple[Piece, ...] | None
    times: int


@dataclass(frozen=True, slots=True)
class CaseToSee:
    """One case in words, each text harmless and on one line; "" for what it has not."""

    id: str
    score: str
    question: str
    expected: str
    answers: tuple[ShownAnswer, ...]
    reason: str


def shown_changes(report: Report) -> list[Change]:
    """The worst case of each evaluation that did not pass: the worst evaluations first, three at most."""
    first: dict[tuple[str, str], Change] = {}
    for change in report.changes:
        first.setdefault((change.evaluation_id, change.metric), change)
    bad = [each for each in report.evaluations if each.verdict is not VerdictKind.PASSED]
    bad.sort(key=lambda verdict: -verdict.verdict.severity)
    found = (first.get((verdict.id, verdict.metric)) for verdict in bad)
    once = {(change.evaluation_id, change.case_id): change for change in found if change is not None}
    return list(once.values())[:MOST_CHANGES]


def is_typed(case_id: str) -> bool:
    """Tell whether an id can be typed into a shell as it is shown."""
    return cells(case_id) <= _MOST_ID_CELLS and printable(case_id) == case_id


def case_to_see(change: Change, verdict: Verdict | None, width: int, encoding: str = "utf-8") -> CaseToSee:
    """A case in words, with answers of at most `width` cells."""
    reason = on_one_line(change.candidate_reason, _MOST_REASON_CELLS, encoding)
    answers = _answers(change, width, encoding)
    if not answers and change.baseline_reason:  # where texts are weighed, what is told of both
        both = f"{on_one_line(change.baseline_reason, width, encoding)} -> {reason}"
        reason = both if cells(both) <= width else reason
    return CaseToSee(
        id=printable(change.case_id, _MOST_ID_CELLS, encoding=encoding),
        score=score_in_words(change, verdict),
        question="" if change.question is None else printable(change.question.strip(), width, encoding=encoding),
        expected="" if change.expected is None else printable(change.expected, width, encoding=encoding),
        answers=answers,
        reason=reason,
    )


def _answers(change: Change, width: int, encoding: str) -> tuple[ShownAnswer, ...]:
    """The answers, with whose they are and where they differ; nothing where no version answered."""
    before, after = change.baseline_answer, change.candidate_answer
    if after is None and (change.baseline is None or before is None):
        return ()
    if before is not None and after is not None:
        theirs, ours = differing(*excerpts(before, after, width, encoding))
        both: list[tuple[str, list[Piece] | None, int]] = [
            ("was", theirs, change.baseline_same),
            ("is", ours, change.candidate_same),
        ]
    else:
        known = [("was", before, change.baseline_same)] if change.baseline is not None else []
        known += [("is" if known else "answer", after, change.candidate_same)]
        both = [
            (label, None if text is None else [(printable(text, width, encoding=encoding), False)], times)
            for label, text, times in known
        ]
    return tuple(ShownAnswer(label, None if text is None else tuple(text), times) for label, text, times in both)


def score_in_words(case: Change, verdict: Verdict | None) -> str:
    """A case's score, after the baseline's where there is one: "5/5 -> 1/5" where all scores are 0 or 1."""
    n, other_n = case.n, case.baseline_n or 0
    candidate, baseline = case.candidate, case.baseline
    counts = _is_count(candidate, n) and (baseline is None or _is_count(baseline, other_n))
    if verdict is not None and verdict.is_binary and counts:
        ours = f"{round(candidate * n)}/{n}"
        return ours if baseline is None else f"{round(baseline * other_n)}/{other_n} -> {ours}"
    places = digits([baseline, candidate], unit=verdict.unit if verdict else None)
    before = "" if baseline is None else f"{figure(baseline, places)} -> "
    return f"{before}{figure(candidate, places)}{unit_of(verdict) if verdict else ''}"


def _is_count(mean: float, n: int) -> bool:
    return n > 0 and abs(mean * n - round(mean * n)) < 1e-6
