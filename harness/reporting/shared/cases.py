"""Cases to look at: how they scored, what was asked and expected, and an answer of each version beside the other's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from harness.records import Change, Report, Verdict, VerdictKind
from harness.reporting.shared.figures import digits, figure
from harness.reporting.shared.table import unit_of, urgency
from harness.reporting.shared.text import cells, printable, symbol

MOST_CHANGES = 3
_MOST_ID_CELLS = 60
_MOST_REASON_CELLS = 240
"""A reason takes some lines: that of a content filter with an assertion's takes two or three."""
Piece = tuple[str, bool]
"""A part of an answer, and whether the other one lacks it."""
_CONTEXT_CHARACTERS = 12
_COMPARED_CHARACTERS = 20_000
_LEAST_ALIKE = 0.5
"""The share of words in common below which marks are harder to read than the answers."""
_TOKEN = re.compile(r"\s*(?:\w+|[^\w\s])|\s+$")


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """An answer that a case is shown with: "was" is the baseline's, "is" the candidate's.

    Attributes:
        pieces: its text; None for no answer.
        times: how many samples gave it.
    """

    label: str
    pieces: Sequence[Piece] | None
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
    """The worst case of each evaluation that did not pass: the most urgent evaluations first, three at most."""
    first: dict[tuple[str, str], Change] = {}
    for change in report.changes:
        first.setdefault((change.evaluation_id, change.metric), change)
    bad = [each for each in report.evaluations if each.verdict is not VerdictKind.PASSED]
    bad.sort(key=lambda verdict: urgency(report, verdict))
    worst = (first.get((verdict.id, verdict.metric)) for verdict in bad)
    once = {(change.evaluation_id, change.case_id): change for change in worst if change is not None}
    return list(once.values())[:MOST_CHANGES]


def is_typed(case_id: str) -> bool:
    """Tell whether an id can be typed into a shell as it is shown."""
    return cells(case_id) <= _MOST_ID_CELLS and printable(case_id) == case_id


def case_to_see(change: Change, verdict: Verdict | None, width: int, encoding: str = "utf-8") -> CaseToSee:
    """A case in words, with answers of at most `width` cells."""
    reason = on_one_line(change.candidate_reason, _MOST_REASON_CELLS, encoding)
    answers = _answers(change, width, encoding)
    if not answers and change.baseline_reason:  # where texts are weighed
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
    pieces: Sequence[Sequence[Piece] | None]
    if before is not None and after is not None:
        pieces = differing(*excerpts(before, after, width, encoding))
    else:
        texts = [None if text is None else printable(text, width, encoding=encoding) for text in (before, after)]
        pieces = [None if text is None else [(text, False)] for text in texts]
    if change.baseline is None:
        return (ShownAnswer("answer", pieces[1], change.candidate_same),)
    return ShownAnswer("was", pieces[0], change.baseline_same), ShownAnswer("is", pieces[1], change.candidate_same)


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


def excerpts(baseline: str, candidate: str, width: int, encoding: str) -> tuple[str, str]:
    """Both answers within `width` cells each; what they have in common at the start is shortened to fit.

    >>> excerpts("The capital of the country is Lima", "The capital of the country is Quito", 24, "utf-8")
    ('…country is Lima', '…country is Quito')
    """
    if max(len(baseline), len(candidate)) > width and (start := _shared_start(baseline, candidate)) > 0:
        start = max(start - _CONTEXT_CHARACTERS, baseline.rfind(" ", 0, start + 1) + 1)
        dots = symbol("…", encoding)
        texts = [dots + printable(text[start:], width - len(dots), encoding=encoding) for text in (baseline, candidate)]
        return texts[0], texts[1]
    return printable(baseline, width, encoding=encoding), printable(candidate, width, encoding=encoding)


def _shared_start(one: str, other: str) -> int:
    """Where both may begin: some characters before the first that differs; 0 where they differ early."""
    pairs = enumerate(zip(one[:_COMPARED_CHARACTERS], other, strict=False))
    shared = next((place for place, (left, right) in pairs if left != right), min(len(one), len(other)))
    return max(0, min(shared, _COMPARED_CHARACTERS) - _CONTEXT_CHARACTERS)


def differing(one: str, other: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces that the other has or lacks; whole where they have few words in common.

    >>> differing("is 9", "is 10")
    ([('is', False), (' ', False), ('9', True)], [('is', False), (' ', False), ('10', True)])
    >>> differing("Lima", "Quito")
    ([('Lima', False)], [('Quito', False)])
    """
    ours, theirs = _TOKEN.findall(one), _TOKEN.findall(other)
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    common = [ours[match.a : match.a + match.size] for match in matcher.get_matching_blocks()]
    if sum(map(_n_words, common)) < _LEAST_ALIKE * max(_n_words(ours), _n_words(theirs)):
        return [(one, False)], [(other, False)]
    left, right = list[Piece](), list[Piece]()
    for kind, start, end, begin, stop in matcher.get_opcodes():
        for side, tokens in ((left, ours[start:end]), (right, theirs[begin:stop])):
            text = "".join(tokens)
            bare = text.lstrip() if kind != "equal" else text
            side += [(text[: len(text) - len(bare)], False), (bare, kind != "equal")]
    return [piece for piece in left if piece[0]], [piece for piece in right if piece[0]]


def _n_words(tokens: Sequence[str]) -> int:
    return sum(token[-1:].isalnum() for token in tokens)


def quoted(answer: str | None, width: int, encoding: str) -> str:
    """One answer in quotes within `width` cells; "no answer" for none."""
    return "no answer" if answer is None else f'"{printable(answer, width - 2, encoding=encoding)}"'


def on_one_line(reason: str | None, width: int, encoding: str) -> str:
    """Write the reason of a score on one line; "" for none."""
    return printable(" ".join((reason or "").split()), width, encoding=encoding)
