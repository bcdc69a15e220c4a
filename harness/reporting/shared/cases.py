"""Cases to look at: how they scored, and an answer of each version with the reason of its score."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from harness.records import CaseResult, Change, Report, Verdict, VerdictKind
from harness.reporting.shared.answers import excerpts, quoted, shown_reason
from harness.reporting.shared.figures import count, digits, figure
from harness.reporting.shared.names import display_names
from harness.reporting.shared.table import INDENT, NARROW
from harness.reporting.shared.text import cells, flow, hang, printable, wrap

MOST_CHANGES = 3
_MOST_ID_CELLS = 60
_LABEL_CELLS = len("candidate  ")
_MOST_REASON_CELLS = 240
"""A reason takes some lines: that of a content filter with an assertion's takes two or three."""


def shown_changes(report: Report) -> list[Change]:
    """The three cases to look at of what did not pass: those of red evaluations first, otherwise in the report's order,
    each once.
    """
    severity = {(verdict.id, verdict.metric): verdict.verdict.severity for verdict in report.evaluations}
    ranked = [(severity.get((change.evaluation_id, change.metric), 0), change) for change in report.changes]
    once: dict[tuple[str, str], Change] = {}
    for rank, change in sorted(ranked, key=lambda entry: -entry[0]):
        if rank > VerdictKind.PASSED.severity:
            once.setdefault((change.evaluation_id, change.case_id), change)
    return list(once.values())[:MOST_CHANGES]


def is_typed(case_id: str) -> bool:
    """Tell whether an id can be typed into a shell as it is shown."""
    return cells(case_id) <= _MOST_ID_CELLS and printable(case_id) == case_id


def change_lines(report: Report, changes: Sequence[Change], width: int, encoding: str) -> list[str]:
    """The cases with their scores, and below each the answers and the reasons."""
    verdicts = {(verdict.id, verdict.metric): verdict for verdict in report.evaluations}
    wide = width >= NARROW
    title = changes_title(changes)
    left, indent = (f"  {title}", INDENT) if wide else ("", 2)
    room = width - indent - 2 - _LABEL_CELLS
    lines = [] if wide else [title]
    for change, name in zip(changes, change_names(report, changes, encoding), strict=True):
        score = score_in_words(change, verdicts.get((change.evaluation_id, change.metric)))
        lines += hang(f"{left:<{indent}}", flow([name, score], width - indent), indent)
        left = ""
        for label, text in (*_answers(change, room, encoding), ("reason", _reason(change, room, encoding))):
            start = f"{' ' * (indent + 2)}{label:<{_LABEL_CELLS}}"
            lines += hang(start, wrap(text, room) if cells(text) > room else [text]) if text else []
    return lines


def answer_facts(change: Change, width: int) -> list[tuple[str, str]]:
    """The answers of a case and the reasons of their scores, each with its label, for a failure's text.

    An answer takes one line of this width, a reason may take more.
    """
    facts = _answers(change, width, "utf-8")
    labels = ("reason", "reason") if facts or change.baseline is None else ("baseline", "candidate")
    if change.baseline is not None:
        facts.insert(1, (labels[0], shown_reason(change.baseline_reason, _MOST_REASON_CELLS, "utf-8")))
    facts.append((labels[1], shown_reason(change.candidate_reason, _MOST_REASON_CELLS, "utf-8")))
    return [(label, text) for label, text in facts if text]


def _reason(change: Change, width: int, encoding: str) -> str:
    """Say why the candidate's answer has its score, on a line or a few of this width.

    Of versions that gave no answer, as where texts are weighed, both reasons are told where they fit.
    """
    ours = shown_reason(change.candidate_reason, _MOST_REASON_CELLS, encoding)
    if change.candidate_answer is not None or change.baseline_answer is not None or not change.baseline_reason:
        return ours
    theirs = shown_reason(change.baseline_reason, width, encoding)
    both = f"{theirs} -> {ours}"
    return both if cells(both) <= width else ours


def score_in_words(case: Change | CaseResult, verdict: Verdict | None) -> str:
    """A case's score, after the baseline's where there is one: "5/5 -> 1/5" where all scores are 0 or 1."""
    n = case.n
    other_n = case.baseline_n or 0 if isinstance(case, Change) else n
    candidate, baseline, unit = case.candidate, case.baseline, verdict.unit if verdict else None
    if candidate is None:
        return ""
    counts = _is_count(candidate, n) and (baseline is None or _is_count(baseline, other_n))
    if verdict is not None and verdict.is_binary and counts:
        ours = f"{round(candidate * n)}/{n}"
        return ours if baseline is None else f"{round(baseline * other_n)}/{other_n} -> {ours}"
    places = digits([baseline, candidate], unit=unit)
    before = "" if baseline is None else f"{figure(baseline, places)} -> "
    return f"{before}{figure(candidate, places)}" + (f" {printable(unit, 24)}" if unit else "")


def _is_count(mean: float, n: int) -> bool:
    return n > 0 and abs(mean * n - round(mean * n)) < 1e-6


def worst_cases(verdict: Verdict, most: int) -> tuple[int, list[CaseResult]]:
    """Count the cases that are worse than under the baseline, and give the worst of them.

    With aim="same" each that differs is worse. Without a baseline those count that are not always right, and all of a
    measure.
    """
    sign = 1.0 if verdict.higher_is_better else -1.0
    if verdict.baseline is not None:
        paired = [case for case in verdict.cases if case.candidate is not None and case.baseline is not None]
        gains = [(sign * (case.candidate - case.baseline), case) for case in paired]  # type: ignore[operator]
        worse = [(-abs(gain), case) if verdict.plan.aim == "same" else (gain, case) for gain, case in gains]
        worse = [entry for entry in worse if entry[0] < 0]
    else:
        worse = [(sign * case.candidate, case) for case in verdict.cases if case.candidate is not None]
        worse = [entry for entry in worse if verdict.unit is not None or entry[0] < 1]
    return len(worse), [case for _, case in heapq.nsmallest(most, worse, key=lambda entry: entry[0])]


def case_list(verdict: Verdict, most: int, shown: Collection[str] = ()) -> list[str]:
    """The worst cases in words, for a failure's text: how many, and those that are not shown elsewhere; [] for none."""
    number, worst = worst_cases(verdict, most + len(shown))
    if not worst:
        return []
    kind = "were not always right"
    if verdict.baseline is not None:
        kind = "differ" if verdict.plan.aim == "same" else "got worse"
    elif not verdict.is_binary:
        kind = "scored below 1" if verdict.unit is None else "were measured, the worst"
    told = [f"{printable(case.id, 40)} {_mean_in_words(case, verdict)}" for case in worst if case.id not in shown][
        :most
    ]
    more = ["…"] if number > len(told) + len(shown) and told else []
    after = "; after those below:" if told and shown else ":" if told or shown else ""
    return [f"{count(number)} of {count(len(verdict.cases))} {kind}{after}", *told, *more]


def _mean_in_words(case: CaseResult, verdict: Verdict) -> str:
    """A case's score; where samples are missing, no count can be told from the mean."""
    is_whole = verdict.verdict is not VerdictKind.ERROR
    return score_in_words(case, verdict if is_whole else replace(verdict, is_binary=False))


def change_names(report: Report, changes: Sequence[Change], encoding: str) -> list[str]:
    """The id of each case, as `--case` takes it, with its evaluation and metric where there are several."""
    ids = [verdict.id for verdict in report.evaluations]
    tests, times = _tests([*ids, *(change.evaluation_id for change in changes)]), Counter(ids)
    told = []
    for change in changes:
        parts = [tests[change.evaluation_id]] if len(tests) > 1 else []
        parts += [change.metric] if times[change.evaluation_id] > 1 else []
        beside = printable(" ".join(parts), 40, cut="middle", encoding=encoding)
        told.append(printable(change.case_id, _MOST_ID_CELLS, encoding=encoding) + (f" ({beside})" if beside else ""))
    return told


def _tests(ids: Sequence[str]) -> dict[str, str]:
    """The last part of each name, without `test_`; the whole name where two would be the same."""
    names = display_names(ids)
    short = {identity: name.rsplit("/", 1)[-1].removeprefix("test_") for identity, name in names.items()}
    times = Counter(short.values())
    return {identity: name if times[name] == 1 else names[identity] for identity, name in short.items()}


def changes_title(changes: Sequence[Change]) -> str:
    """Name the cases to look at: those that changed most, or the worst ones."""
    moved = (change.baseline is not None and change.baseline != change.candidate for change in changes)
    return "most changed" if all(moved) else "worst cases"


def _answers(change: Change, width: int, encoding: str) -> list[tuple[str, str]]:
    """The answers within `width` cells each, with whose they are; nothing where no version answered."""
    before, after = change.baseline_answer, change.candidate_answer
    if after is None and (change.baseline is None or before is None):
        return []
    if change.baseline is None:
        return [("answer", quoted(after, width, encoding))]
    if before is None or after is None:
        texts = quoted(before, width, encoding), quoted(after, width, encoding)
    else:
        texts = excerpts(before, after, width, encoding)
    return list(zip(("baseline", "candidate"), texts, strict=True))
