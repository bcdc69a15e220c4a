"""Levels for a sequence of candidates, each chosen by whoever has seen what became of all before it."""

from __future__ import annotations

import math

#: The sum of n^-1.5 over all n, Riemann's zeta function at 1.5.
_SUM = 2.612375348685488
BASELINE_SHARE = 0.1
"""Share of the error rate that bounds of baselines have to themselves, where candidates share one."""


def decaying_share(number: int) -> float:
    """The share of all that the thing of this number gets, counted from 1: they sum to 1, however many there are.

    >>> [round(decaying_share(number), 4) for number in (1, 2, 10, 100)]
    [0.3828, 0.1353, 0.0121, 0.0004]
    """
    if number < 1:
        raise ValueError(f"number = {number!r} is below 1: they are counted from 1.")
    return 1 / (_SUM * number * math.sqrt(number))


def candidate_level(number: int, greens: int, level: float) -> float:
    """The level at which the candidate of this number may be green, of a sequence that is wrong with `level`.

    With R candidates green and n not green before it, it is level * (1 - level) * (R + 1) * share(n + 1), at most
    `level`. However candidates are chosen, and whenever one stops, (a) the expected share of those green that are worse
    by their margin is at most `level`, and (b) so is the chance that any of them is, while nothing else was green.

    What it takes is that each test is valid given all before it: worse by the margin, a candidate is green with a
    chance of at most its level a. Then a (1 - a)-th of its chance not to be green is at least its chance to be, so that
    only those that are not green have to be paid for (alpha investing: D. P. Foster, R. A. Stine, 2008, J. R.
    Statistical Society B 70:429-444). A false green adds at most 1 / (R + 1) to the share, R known before it (LOND:
    A. Javanmard, A. Montanari, 2015, arXiv:1502.06197), and so the sum of a / ((1 - a) (R + 1)) over those
    that are not green bounds (a). It is at most `level`, for they get the shares 1, 2, 3, … of it, once each. Before
    the first green R is 0, and the same sum bounds (b).

    Parameters
    ----------
    number : of the candidate, counted from 1.
    greens : how many before it are known to be green. One that is not known yet is not green.
    level : in (0, 1).

    Examples
    --------
    >>> [round(candidate_level(number, number - 1, 0.05), 4) for number in (1, 2, 3)]
    [0.0182, 0.0364, 0.05]
    >>> [round(candidate_level(number, 0, 0.05), 4) for number in (1, 2, 3)]
    [0.0182, 0.0064, 0.0035]
    """
    if not 0 <= greens < number:
        raise ValueError(f"greens = {greens!r} of those before the candidate {number!r}: it is one of 0 to number - 1.")
    return min(level, level * (1 - level) * (greens + 1) * decaying_share(number - greens))


def any_by_luck(number: int, level: float) -> float:
    """The chance, at most, that any of so many candidates is green that are alike, worse by the margin, and each green
    with a chance of at most `level`.

    That they share a baseline makes it smaller: given the baseline they are independent, and 1 - (1 - p)^n is concave
    in p (J. L. Jensen, 1906). It says nothing of candidates that are chosen by what became of others.

    >>> round(any_by_luck(14, 0.045), 2)
    0.48
    """
    return -math.expm1(number * math.log1p(-level))
