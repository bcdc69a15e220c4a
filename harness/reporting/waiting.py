"""What waits for people: the queue of a gate that labels decide."""

from __future__ import annotations

from harness.records import Report
from harness.reporting.figures import plural


def review_step(report: Report, options: str = "") -> list[str]:
    """The command that serves what waits for labels, with how long it takes one reviewer; [] where nothing waits.

    Args:
        options: more of the command line, such as the store's place.
    """
    waiting = [verdict.review for verdict in report.evaluations if verdict.review and verdict.review.n_waiting]
    items, seconds = sum(each.n_waiting for each in waiting), sum(each.wait_s for each in waiting)
    if not items:
        return []
    time = f"about {plural(round(seconds / 60), 'minute')}" if seconds >= 90 else "about a minute"
    return [f"steelyard review serve{options}   ({plural(items, 'item')} {'waits' if items == 1 else 'wait'}, {time})"]
