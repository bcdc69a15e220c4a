"""The output of `steelyard context`: how long a context may be, and where in it facts are found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from harness.records import CaseResult, Report, Verdict
from harness.reporting.shared.columns import columns
from harness.reporting.shared.figures import count, figure
from harness.reporting.shared.text import printable, wrap
from harness.reporting.terminal.report import Layout
from harness.stages.customization.needles import place_of
from harness.statistics.intervals.proportions import Interval, proportion_bands
from harness.statistics.lengths import EffectiveLength, effective_length

SHARE = 0.85
_PLOT = 30


@dataclass(frozen=True, slots=True)
class DepthPoint:
    """The score of the needles at one depth of one length.

    Attributes:
        band: holds together with those of all other points of the curve.
        n: cases that it is the mean of.
    """

    tokens: int
    depth: float
    score: float
    band: Interval
    n: int


@dataclass(frozen=True, slots=True)
class ContextCurve:
    """The scores of a version's needles, by length and depth.

    Attributes:
        version: its name.
        evaluation: whose scores they are.
        length: how far the score of the shortest holds.
        points: by length, then by depth.
        tasks: how far that of each task holds, by its own cases.
    """

    version: str
    evaluation: str
    length: EffectiveLength
    points: tuple[DepthPoint, ...]
    tasks: Mapping[str, EffectiveLength]


def context_curves(report: Report) -> list[ContextCurve]:
    """The curves of a report: of each evaluation that scores needles, the candidate's and the baseline's.

    An evaluation scores needles where its cases are those of `Needles.cases`, and its metrics are named as
    `Needle.metric` names them. Lengths are told at the confidence of the report.
    """
    found = []
    for evaluation in dict.fromkeys(each.id for each in report.evaluations):
        verdicts = [each for each in report.evaluations if each.id == evaluation and each.unit is None]
        for side in (report.candidate, report.baseline):
            role = "candidate" if side is report.candidate else "baseline"
            scores = _scores(verdicts, role)
            lengths = sorted({tokens for _, tokens in scores})
            ids = [
                case for case in dict.fromkeys(case for case, _ in scores) if all((case, n) in scores for n in lengths)
            ]
            if side is not None and len(lengths) > 1 and len(ids) > 1:
                whole = {case: [scores[case, tokens] for tokens in lengths] for case in ids}
                found.append(_curve((side.name, evaluation), lengths, whole, report.confidence_level))
    return found


def _scores(verdicts: Iterable[Verdict], role: str) -> dict[tuple[str, int], tuple[str, float, float]]:
    """Task, depth and score, by the case and the length."""
    scores = {}
    for verdict in verdicts:
        for case in verdict.cases:
            place, score = place_of(case.id, verdict.metric), _score(case, role)
            if place is not None and score is not None:
                task, depth, tokens = place
                scores[case.id, tokens] = (task, depth, score)
    return scores


def _score(case: CaseResult, role: str) -> float | None:
    return case.candidate if role == "candidate" else case.baseline


def _curve(
    names: tuple[str, str],
    lengths: Sequence[int],
    whole: Mapping[str, Sequence[tuple[str, float, float]]],
    level: float,
) -> ContextCurve:
    """The curve of a version, from task, depth and score of each case at each length."""
    scores = {case: [score for *_, score in each] for case, each in whole.items()}
    depths, tasks = ({case: each[0][place] for case, each in whole.items()} for place in (1, 0))
    cells = [
        (tokens, depth, [each[place] for case, each in scores.items() if depths[case] == depth])
        for place, tokens in enumerate(lengths)
        for depth in sorted(set(depths.values()))
    ]
    bands = proportion_bands([fmean(each) for *_, each in cells], [len(each) for *_, each in cells], level)
    of_tasks = {
        task: [each for case, each in scores.items() if tasks[case] == task] for task in dict.fromkeys(tasks.values())
    }
    return ContextCurve(
        *names,
        effective_length(list(scores.values()), lengths, SHARE, level),
        tuple(
            DepthPoint(tokens, float(depth), fmean(each), band, len(each))
            for (tokens, depth, each), band in zip(cells, bands, strict=True)
        ),
        {str(task): effective_length(each, lengths, SHARE, level) for task, each in of_tasks.items() if len(each) > 1},
    )


def context_document(curves: Sequence[ContextCurve]) -> list[dict[str, Any]]:
    """All of it as JSON has it."""
    return [
        {"version": each.version, "evaluation": each.evaluation, "effective_length": each.length.length, **asdict(each)}
        for each in curves
    ]


def context_lines(curve: ContextCurve, level: float, layout: Layout) -> list[str]:
    """A curve as lines without line ends."""
    name = printable(curve.version, 60, encoding=layout.encoding)
    found = curve.length
    sure = f"{100 * level:g} %"
    lines = [f"{name}: effective length {count(found.length)} tokens" if found.length else f"{name}: no needle found"]
    told = (
        f"up to there {SHARE:.0%} of the score at {count(found.lengths[0])} tokens is shown to be kept, at each length "
        f"from short to long ({sure}; the first that is not shown ends it)"
    )
    lines += [*wrap(told, layout.width), ""]
    rows = [["tokens", "score", "share", "at least", *curve.tasks]]
    shares = [("", ""), *((figure(a), figure(b)) for a, b in zip(found.shares, found.bounds, strict=True))]
    for place, tokens in enumerate(found.lengths):
        of_tasks = [figure(each.means[place]) for each in curve.tasks.values()]
        rows.append([count(tokens), figure(found.means[place]), *shares[place], *of_tasks])
    rows.append(["effective", "", "", count(found.length), *(count(each.length) for each in curve.tasks.values())])
    lines += [f"  {line}" for line in columns(rows)]
    lines += ["", *wrap(f"by depth; all bands hold together ({sure})", layout.width)]
    rows = [["tokens", "depth", "score", "low", "high", "0" + " " * (_PLOT - 2) + "1"]]
    for point in curve.points:
        figures = [figure(each) for each in (point.score, point.band.low, point.band.high)]
        rows.append([count(point.tokens), f"{point.depth:.0%}", *figures, _drawn(point, layout.encoding)])
    return [*lines, *(f"  {line}" for line in columns(rows))]


def _drawn(point: DepthPoint, encoding: str) -> str:
    """The band on a line from 0 to 1, its mean a sign in it."""
    line, mark = ("─", "●") if encoding.lower().replace("-", "") == "utf8" else ("-", "o")
    low, high, at = (round(each * (_PLOT - 1)) for each in (point.band.low, point.band.high, point.score))
    drawn = [line if low <= place <= high else " " for place in range(_PLOT)]
    drawn[at] = mark
    return "".join(drawn)
