"""The cases of evaluations that a corpus holds, and what that did to their scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from harness.reporting.shared.figures import count, figure, interval, plural
from harness.reporting.shared.names import display_names
from harness.reporting.shared.text import columns, printable
from harness.reporting.terminal.report import Layout, indented

if TYPE_CHECKING:
    from harness.gate.history.leaked_scores import LeakedScores
    from harness.stages.data.overlap.contamination import Contamination

_MOST_PLACES = 3


def contamination_document(
    name: str, fingerprint: str, found: Contamination, scores: Sequence[LeakedScores] | None
) -> dict[str, Any]:
    """All of it as JSON has it; `scores` is null where no run was named."""
    states = Counter(each.state for each in found.values())
    return {
        "name": name,
        "fingerprint": fingerprint,
        "documents": found.n_documents,
        "rule": asdict(found.rule),
        "n_cases": len(found),
        "contaminated": states["contaminated"],
        "clean": states["clean"],
        "too_short": states["too short"],
        "cases": [asdict(each) for each in found.values()],
        "scores": None if scores is None else [asdict(each) for each in scores],
    }


def contamination_lines(
    name: str, found: Contamination, scores: Sequence[LeakedScores] | None, layout: Layout
) -> list[str]:
    """All of it as lines without line ends."""
    states = Counter(each.state for each in found.values())
    facts = f"{plural(len(found), 'case')} looked for in {plural(found.n_documents, 'document')}"
    told = (
        f"{count(states['contaminated'])} contaminated, {count(states['clean'])} clean, "
        f"{count(states['too short'])} too short to tell"
    )
    lines = [*indented(f"{printable(name, 60, encoding=layout.encoding)}: {facts}", layout, 0), f"  {told}"]
    for case in found.contaminated:
        lines += ["", *indented(case.id, layout)]
        for place in case.places[:_MOST_PLACES]:
            answered = ", with its answer" if place.with_answer else ""
            lines += indented(f"{plural(place.words, 'word')} of {place}{answered}", layout, 4)
        if len(case.places) > _MOST_PLACES:
            lines.append(f"    and {count(len(case.places) - _MOST_PLACES)} more places")
    if any(each.n_boilerplate for each in found.values()):
        number = sum(bool(each.n_boilerplate) for each in found.values())
        most = found.rule.most_documents
        note = f"{plural(number, 'case')} with words in a row that more than {most} documents have, which do not count"
        lines += ["", *indented(note, layout)]
    if scores is not None:
        lines += ["", *_scores(scores, layout)]
    return lines


def _scores(scores: Sequence[LeakedScores], layout: Layout) -> list[str]:
    if not scores:
        return indented("No evaluation of the run has both contaminated and clean cases.", layout)
    names = display_names(each.evaluation_id for each in scores)
    head = ("evaluation", "cases", "clean", "difference", "interval", "")
    rows = [_row(each, names[each.evaluation_id], layout) for each in scores]
    table = columns([head, *rows])
    if max(map(len, table)) + 2 > layout.width:
        table = [line for row in rows for line in indented(" ".join(row), layout, 0)]
    what = (
        "contaminated less clean, of candidate less baseline on each case"
        if any(each.gain for each in scores)
        else "contaminated less clean; contaminated cases may be easier ones: a run with a baseline tells"
    )
    return [*(f"  {line}" for line in table), "", *indented(f"The difference is {what}.", layout)]


def _row(scores: LeakedScores, name: str, layout: Layout) -> tuple[str, ...]:
    told = scores.telling
    metric = "" if scores.metric == "score" else f" {scores.metric}"
    return (
        printable(f"{name}{metric}", 30, cut="middle", encoding=layout.encoding),
        count(scores.n_leaked),
        count(scores.n_clean),
        figure(told.value, signed=True),
        interval(told.low, told.high, signed=True),
        "shown" if scores.is_shown else "",
    )
