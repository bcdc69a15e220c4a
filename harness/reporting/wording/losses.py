"""Says of a red evaluation what is worse, where, by how much, and what the cases that it lost have in common."""

from __future__ import annotations

from harness.records import Difference, Report, Verdict
from harness.reporting.shared.figures import count, digits, figure, plural
from harness.reporting.shared.text import printable
from harness.reporting.wording.slices import slice_rows

_MOST_CELLS = 160


def worse_in_words(report: Report, verdict: Verdict, encoding: str = "utf-8") -> str:
    """One sentence: "topic orders 1.00 -> 0.61 (-0.47 to -0.27); all 5 lost cases no longer call look_up"; "" where it
    would say no more than the figures of the evaluation.
    """
    red = next((row for row in slice_rows(verdict, encoding) if row.result.verdict.is_red), None)
    shared = shared_in_words(report, verdict, encoding)
    if red is not None:
        where = f"{red.name} {red.scores}{_between(red.result.difference)}"
        return f"{where}; {shared}" if shared else where
    scores = [each.value for each in (verdict.baseline, verdict.candidate) if each is not None]
    if not shared or not scores:
        return ""
    where = " -> ".join(figure(value, digits(scores, unit=verdict.unit)) for value in scores)
    return f"{where}{_between(verdict.difference) if verdict.baseline else ''}; {shared}"


def _between(difference: Difference | None) -> str:
    if difference is None:
        return ""
    places = digits([difference.low, 0.0], [difference.high, 0.0])
    return f" ({figure(difference.low, places, signed=True)} to {figure(difference.high, places, signed=True)})"


def shared_in_words(report: Report, verdict: Verdict, encoding: str = "utf-8") -> str:
    """Say what the lost cases have in common; "" where nothing is more than chance."""
    loss = next(
        (each for each in report.losses if (each.evaluation_id, each.metric) == (verdict.id, verdict.metric)), None
    )
    if loss is None or not loss.shared:
        return ""
    of = plural(loss.n_seen, "lost case")
    some = f"all {of}" if loss.n_with == loss.n_seen else f"{count(loss.n_with)} of {of}"
    others = (
        f" ({count(loss.n_others_with) if loss.n_others_with else 'none'} of {plural(loss.n_others_seen, 'other')})"
    )
    shared = printable(loss.shared, _MOST_CELLS, encoding=encoding)
    return f"{some} {shared}{others if loss.n_others_seen else ''}"
