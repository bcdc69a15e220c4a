"""What waits for people: the queue of a gate that labels decide."""

from __future__ import annotations

from harness.records import Report
from harness.reporting.figures import plural


def review_step(report: Report, options: str = "") -> list[str]:
    """The commands that serve what waits for people, with how long it takes one reviewer, or open what was closed.

    Args:
        options: more of the command line, such as the store's place.
    """
    reviews = [verdict.review for verdict in report.evaluations if verdict.review]
    items, stuck = sum(each.n_waiting for each in reviews), sum(each.n_stuck for each in reviews)
    seconds = sum(each.wait_s for each in reviews)
    steps = []
    if items:
        time = f"about {plural(round(seconds / 60), 'minute')}" if seconds >= 90 else "about a minute"
        told = [f"{plural(items, 'item')} {'waits' if items == 1 else 'wait'}, {time}"]
        told += [f"adjudicate {stuck:,}"] if stuck else []
        steps.append(f"steelyard review serve{options}   ({'; '.join(told)})")
    elif stuck:
        steps.append(f"steelyard review serve{options}   (adjudicate {plural(stuck, 'item')})")
    for each in reviews:
        if each.closed is not None:
            how = f"steelyard review reopen{options} {each.batch}"
            steps.append(f"batch {each.batch} is closed ({each.closed}): {how}")
    return steps
