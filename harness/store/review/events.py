"""What the events of reviewers come to.

An event is in force until an undo names it. Of several labels of a reviewer the newest by its time counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from harness.records.review import Event, Standing

SETTLING = frozenset({"adjudicate", "exclude"})
"""The kinds of events of which the last settles an item, whatever its labels say."""


def in_force(happened: Iterable[Event]) -> list[Event]:
    """The events that nobody took back, by their times, without the undos themselves."""
    known = sorted(happened, key=lambda event: (event.time, event.number))
    undone = {event.undoes for event in known if event.kind == "undo"}
    return [event for event in known if event.kind != "undo" and event.number not in undone]


def counting(happened: Iterable[Event]) -> list[Event]:
    """The events in force that no later word replaces: the last label of each reviewer, and the last that settles.

    >>> said = [Event(n, "label", "i", who, float(n), f"k{n}", value=n) for n, who in enumerate(("ann", "bob", "ann"))]
    >>> [event.value for event in counting(said)]
    [1, 2]
    """
    known = in_force(happened)
    last = {_place(event): event.number for event in known}
    return [event for event in known if last[_place(event)] == event.number]


def _place(event: Event) -> tuple[Any, ...]:
    """Give what events share of which the last counts alone."""
    if event.kind in SETTLING:
        return event.item_id, "settled"
    return (event.item_id, "label", event.reviewer) if event.kind == "label" else (event.item_id, event.number)


def labels_in_force(happened: Iterable[Event]) -> list[Event]:
    """The label of each reviewer that counts, adjudications left out."""
    return [event for event in counting(happened) if event.kind == "label"]


def fold(happened: Sequence[Event], wanted: int) -> Standing:
    """Work out how an item stands after its events.

    The last adjudication or exclusion settles it. Otherwise one flag takes it out of the queue, and labels that differ
    are a dispute; not those that count for the same, as that both answers of a pair are good, or bad.

    >>> four, two = (Event(n, "label", "i", f"r{n}", 0.0, f"k{n}", value=n) for n in (4, 2))
    >>> fold([four], 2).state, fold([four, two], 2).state
    ('open', 'disputed')
    """
    standing = counting(happened)
    labels = [event for event in standing if event.kind == "label"]
    settling = next((event for event in standing if event.kind in SETTLING), None)
    if settling is not None and settling.kind == "exclude":
        return Standing("excluded", len(labels))
    if settling is not None:
        return Standing("done", len(labels), settling.value, settling.score)
    if any(event.kind == "flag" for event in standing):
        return Standing("flagged", len(labels))
    if len(labels) < wanted:
        return Standing("open", len(labels))
    if len({event.value if event.score is None else event.score for event in labels}) > 1:
        return Standing("disputed", len(labels))
    return Standing("done", len(labels), labels[0].value, labels[0].score)
