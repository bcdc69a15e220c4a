"""Says what waits for people: the queue of a gate that labels decide."""

from __future__ import annotations

from harness.gate.people.verdicts import n_events_since
from harness.records import Report
from harness.records.review import SUPERSEDED
from harness.reporting.shared.figures import plural
from harness.store import Store


def review_step(report: Report, options: str = "") -> list[str]:
    """Say where the items that wait are and how long one reviewer takes, and the command that opens what is closed.

    Without an address in the settings that is the command that serves the queue, which says at which address.

    Args:
        options: more of the command line, such as the store's place.
    """
    reviews = [verdict.review for verdict in report.evaluations if verdict.review]
    items, stuck = sum(each.n_waiting for each in reviews), sum(each.n_stuck for each in reviews)
    seconds = sum(each.wait_s for each in reviews)
    steps = []
    url = next((each.url for each in reviews if each.url), None)
    how = f"steelyard review serve{options}" if url is None else url
    if items:
        time = f"about {plural(round(seconds / 60), 'minute')}" if seconds >= 90 else "about a minute"
        told = [f"{plural(items, 'item')} {'waits' if items == 1 else 'wait'}, {time}"]
        told += [f"adjudicate {stuck:,}"] if stuck else []
        steps.append(f"{how}   ({'; '.join(told)})")
    elif stuck:
        steps.append(f"{how}   (adjudicate {plural(stuck, 'item')})")
    for each in reviews:
        if each.closed is not None:
            undo = f": steelyard review close{options} {each.batch} --undo"
            way = "" if each.closed.startswith(SUPERSEDED) else undo
            steps.append(f"batch {each.batch} is closed ({each.closed}){way}")
    return steps


def resume_step(store: Store, report: Report, options: str = "") -> list[str]:
    """The command that decides a stored run with the labels that came after its report; nothing where none did.

    Args:
        options: more of the command line, such as the store's place.
    """
    n_events = n_events_since(store, report)
    if not n_events:
        return []
    came = f"{plural(n_events, 'label')} came or went since, and {'counts' if n_events == 1 else 'count'} there"
    return [f"steelyard gate --resume {report.run_id}{options}   ({came})"]
