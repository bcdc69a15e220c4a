"""Shares the gate's error rate out among the looks at a candidate, so that no number of looks spends more than all."""

from __future__ import annotations

from collections.abc import Iterable

from harness.records import Look

FIRST_SHARE = 0.9
"""Share of the error rate for the first look; the rest is kept for all later ones."""
ADDED_LATER = "added after others were weighed"
"""Reason why the first look of an evaluation has less for red than those that were there before it."""
CLOSED = 0
"""The batch of evaluations that nobody looks at again: one that has no scores leaves its share to the others."""
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")


def share_of(number: int) -> float:
    """The share of the error rate that a look of this number gets, counted from 1.

    The union bound needs nothing of the looks: whoever takes them may have seen everything (a spending function, as
    K. K. G. Lan and D. L. DeMets, 1983, Biometrika 70:659-663, call it). A look may rest on any of the sets of draws
    that were begun before it, at most one for each earlier look: the shares times their number sum to 1.

    >>> [round(share_of(number), 4) for number in (1, 2, 3)]
    [0.9, 0.05, 0.0125]
    """
    if number < 1:
        raise ValueError(f"number = {number!r} is below 1: looks are counted from 1.")
    return FIRST_SHARE if number == 1 else (1 - FIRST_SHARE) * 0.5 ** (number - 1) / (number - 1)


def look_at(number: int, batch: int, batch_size: int, *, best_of: int = 1, because: str = "") -> Look:
    """The look of an evaluation that the ledger has in a batch of this number and size.

    Args:
        best_of: among how many candidates this one is chosen: they share the error rate.

    >>> look = look_at(1, 1, 20)
    >>> round(look.share, 3), round(look.red_share, 4)
    (0.9, 0.0405)
    """
    share = share_of(number) / best_of
    because = because or ADDED_LATER * (number == 1 < batch)
    return Look(number, share, share_of(batch) / batch_size * share, 1 / batch_size, batch, because)


def single_looks(names: Iterable[str]) -> dict[str, Look]:
    """The looks of evaluations that are weighed once and never again: all of the error rate is theirs."""
    known = dict.fromkeys(names)
    return {name: Look(red_share=1 / len(known), weight=1 / len(known), batch=CLOSED) for name in known}


def first_looks(names: Iterable[str]) -> dict[str, Look]:
    """The looks of evaluations that a gate weighs for the first time, all together."""
    known = dict.fromkeys(names)
    return dict.fromkeys(known, look_at(1, 1, max(1, len(known))))


def next_share(look: Look) -> float:
    """Give the part of this look's level that the next one would have; all of it where no looks are counted.

    >>> round(next_share(Look(1)), 4), next_share(Look(batch=CLOSED))
    (0.0556, 1.0)
    """
    return 1.0 if look.batch == CLOSED else share_of(look.number + 1) / share_of(look.number)


def ordinal(number: int) -> str:
    """The number of a look in words.

    >>> ordinal(2), ordinal(21)
    ('second', '21st')
    """
    if number <= len(_ORDINALS):
        return _ORDINALS[number - 1]
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
