"""Cases that moved: what both versions answered, and which cases broke."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Sequence

from harness.records import CaseResult, Change, Report, Verdict
from harness.reporting.figures import count, digits, figure
from harness.reporting.names import display_names
from harness.reporting.table import INDENT, NARROW
from harness.reporting.text import cells, flow, pad, printable, right_to_left, symbol

MOST_CHANGES = 3
_AMPLE_CELLS = 32
_CONTEXT_CHARACTERS = 12
_COMPARED_CHARACTERS = 20_000


def shown_changes(report: Report) -> list[Change]:
    """The three cases to look at: those of red evaluations first, otherwise in the report's order."""
    severity = {(verdict.id, verdict.metric): verdict.verdict.severity for verdict in report.evaluations}
    moved = [change for change in report.changes if change.baseline is not None]
    return heapq.nsmallest(
        MOST_CHANGES, moved, key=lambda change: -severity.get((change.evaluation_id, change.metric), 0)
    )


def change_lines(report: Report, changes: Sequence[Change], width: int, encoding: str) -> list[str]:
    """The cases with their scores before and after and both answers, on one line each where they fit."""
    verdicts = {(verdict.id, verdict.metric): verdict for verdict in report.evaluations}
    tests = _tests([*(verdict.id for verdict in report.evaluations), *(change.evaluation_id for change in changes)])
    names = [printable(f"{tests[change.evaluation_id]}/{change.case_id}", 60, encoding=encoding) for change in changes]
    moves = [
        move(change.baseline, change.candidate, change.n, verdicts.get((change.evaluation_id, change.metric)))
        for change in changes
    ]
    size, moves_size = max(map(cells, names)), max(map(cells, moves))
    wide = width >= NARROW
    left, indent = ("  most changed", INDENT) if wide else ("", 2)
    lines = [] if wide else ["most changed"]
    for position, (change, name, moved) in enumerate(zip(changes, names, moves, strict=True)):
        start = f"{left if position == 0 else '':<{indent}}"
        title = f"{start}{pad(name, size)}   {pad(moved, moves_size)}   "
        beside = _beside(change, width - cells(title), encoding)
        if beside:
            lines.append(title + beside)
        else:
            first, *rest = flow([name, moved], width - indent)
            lines += [start + first, *(" " * indent + line for line in rest)]
            lines += _below(change, " " * (indent if wide else 4), width, encoding)
    return lines


def move(baseline: float, candidate: float, n: int, verdict: Verdict | None) -> str:
    """A case's score before and after; as counts where all samples of its evaluation scored 0 or 1.

    >>> move(1.0, 0.2, 5, None)
    '1.00 -> 0.20'
    """
    if verdict is not None and counts_right(verdict) and _whole(baseline, n) and _whole(candidate, n):
        return f"{round(baseline * n)}/{n} -> {round(candidate * n)}/{n}"
    unit = verdict.unit if verdict else None
    places = digits([baseline, candidate], unit=unit)
    return f"{figure(baseline, places)} -> {figure(candidate, places)}" + (f" {printable(unit, 24)}" if unit else "")


def counts_right(verdict: Verdict) -> bool:
    """Whether every sample scored 0 or 1, so that a case's mean is a number of right ones.

    The means themselves can't tell: five scores of 0.2 have the mean of one right answer in five. The interval can, for
    Wilson's alone is given to scores of 0 and 1 only.
    """
    estimates = [estimate for estimate in (verdict.candidate, verdict.baseline) if estimate is not None]
    binary = all(estimate.method.lower().startswith("wilson") for estimate in estimates)
    return verdict.unit is None and bool(estimates) and binary


def _whole(score: float, n: int) -> bool:
    return n > 0 and abs(score * n - round(score * n)) < 1e-6


def worst_cases(verdict: Verdict, most: int) -> tuple[int, list[CaseResult]]:
    """How many cases are worse than under the baseline (without one: not always right), and the worst of them."""
    sign = 1.0 if verdict.higher_is_better else -1.0
    if verdict.baseline is not None:
        paired = [case for case in verdict.cases if case.candidate is not None and case.baseline is not None]
        worse = [(sign * (case.candidate - case.baseline), case) for case in paired]  # type: ignore[operator]
        worse = [entry for entry in worse if entry[0] < 0]
    else:
        worse = [(sign * case.candidate, case) for case in verdict.cases if case.candidate is not None]
        worse = [entry for entry in worse if verdict.unit is not None or entry[0] < 1]
    return len(worse), [case for _, case in heapq.nsmallest(most, worse, key=lambda entry: entry[0])]


def excerpts(baseline: str, candidate: str, width: int, encoding: str) -> tuple[str, str]:
    """Both answers in quotes within `width` cells each; what they have in common at the start is shortened to fit.

    >>> excerpts("The capital of the country is Lima", "The capital of the country is Quito", 26, "utf-8")
    ('"…country is Lima"', '"…country is Quito"')
    """
    shared = _shared_start(baseline, candidate)
    room = width - 2
    if max(len(baseline), len(candidate)) > room and shared > _CONTEXT_CHARACTERS:
        start = shared - _CONTEXT_CHARACTERS
        start = max(start - _CONTEXT_CHARACTERS, baseline.rfind(" ", 0, start + 1) + 1)
        dots = symbol("…", encoding)
        texts = [dots + printable(text[start:], room - len(dots), encoding=encoding) for text in (baseline, candidate)]
    else:
        texts = [printable(text, room, encoding=encoding) for text in (baseline, candidate)]
    return f'"{texts[0]}"', f'"{texts[1]}"'


def _shared_start(one: str, other: str) -> int:
    for position, (left, right) in enumerate(zip(one[:_COMPARED_CHARACTERS], other, strict=False)):
        if left != right:
            return position
    return min(len(one), len(other), _COMPARED_CHARACTERS)


def _tests(ids: Sequence[str]) -> dict[str, str]:
    """The last part of each name, without `test_`; the whole name where two would be the same."""
    names = display_names(ids)
    short = {identity: name.rsplit("/", 1)[-1].removeprefix("test_") for identity, name in names.items()}
    times = Counter(short.values())
    return {identity: name if times[name] == 1 else names[identity] for identity, name in short.items()}


def _beside(change: Change, width: int, encoding: str) -> str | None:
    """Both answers on one line, or None where they need more room or may be swapped by the terminal."""
    if any(right_to_left(answer[:_COMPARED_CHARACTERS]) for answer in _answers(change) if answer):
        return None
    if (width - 4) // 2 >= _AMPLE_CELLS:
        return " -> ".join(_both(change, (width - 4) // 2, encoding))
    if sum(len(answer or "") for answer in _answers(change)) > width:
        return None
    whole = " -> ".join(_both(change, width, encoding))
    return whole if cells(whole) <= width else None


def _below(change: Change, indent: str, width: int, encoding: str) -> list[str]:
    """Each answer on a line of its own."""
    before, after = _both(change, width - len(indent) - len("candidate  "), encoding)
    return [f"{indent}baseline   {before}", f"{indent}candidate  {after}"]


def _both(change: Change, width: int, encoding: str) -> tuple[str, str]:
    before, after = _answers(change)
    if before is None or after is None:
        return _answer(before, width, encoding), _answer(after, width, encoding)
    return excerpts(before, after, width, encoding)


def _answers(change: Change) -> tuple[str | None, str | None]:
    return change.baseline_answer, change.candidate_answer


def _answer(text: str | None, width: int, encoding: str) -> str:
    return "no answer" if text is None else f'"{printable(text, width - 2, encoding=encoding)}"'


def case_list(verdict: Verdict, most: int, shown: Collection[str] = ()) -> list[str]:
    """The worst cases in words, for a failure's text: how many, and those that are not shown elsewhere; [] for none."""
    number, worst = worst_cases(verdict, most + len(shown))
    if not worst:
        return []
    kind = "got worse" if verdict.baseline is not None else "were not always right"
    if verdict.baseline is None and not counts_right(verdict):
        kind = "scored below 1" if verdict.unit is None else "were measured, the worst"
    told = [_case(case, verdict) for case in worst if case.id not in shown][:most]
    more = ["…"] if number > len(told) + len(shown) and told else []
    return [f"{count(number)} of {count(len(verdict.cases))} {kind}" + (":" if told or shown else ""), *told, *more]


def _case(case: CaseResult, verdict: Verdict) -> str:
    unit = verdict.unit
    name = printable(case.id, 40)
    if case.candidate is None:
        return name
    if case.baseline is not None:
        return f"{name} {move(case.baseline, case.candidate, case.n, verdict)}"
    if counts_right(verdict) and _whole(case.candidate, case.n):
        return f"{name} {round(case.candidate * case.n)}/{case.n}"
    return f"{name} {figure(case.candidate, digits([case.candidate], unit=unit))}" + (f" {unit}" if unit else "")
