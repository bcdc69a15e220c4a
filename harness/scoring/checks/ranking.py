"""Checks of a ranking: how much of what is relevant was found, and how far up.

They are trec_eval's measures, where a document is relevant if its grade is above 0. A ranking is taken as it stands:
what has equal scores keeps the order in which it was given. All take their arguments, and refuse them, as `recall_at`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from harness.errors import CheckError
from harness.records import Score
from harness.scoring.checks.given import listed, shown

Relevant = Collection[str] | Mapping[str, float]
"""The ids of what is relevant; or the grade of each, where 0 is not relevant."""


def recall_at(ranking: Sequence[str], relevant: Relevant, k: int) -> Score:
    """The share of what is relevant that is among the first `k`.

    Args:
        ranking: ids, the best first.
        relevant: a set of ids, or grades by id.
        k: how many of the ranking count, from 1.

    Raises:
        CheckError: nothing is relevant, an id stands twice in the ranking, or is a number in one of both and a text in
            the other, a `k` below 1.

    >>> recall_at(["a", "b", "c"], {"a", "c", "d", "e"}, 3)
    Score(value=0.5, reason="2 of 4 relevant among the first 3; not 'd' and 'e'", judged_by=None)
    """
    grades = _grades(relevant)
    n_hits = len(_hits(ranking, grades, k))
    return Score(
        n_hits / len(grades), f"{n_hits} of {len(grades)} relevant among the first {k}{_lacking(ranking, grades, k)}"
    )


def precision_at(ranking: Sequence[str], relevant: Relevant, k: int) -> Score:
    """The share of the first `k` places that hold something relevant; a place that is left empty holds nothing.

    >>> precision_at(["a", "b"], {"a"}, 4).value
    0.25
    """
    n_hits = len(_hits(ranking, _grades(relevant), k))
    return Score(n_hits / k, f"{n_hits} of the first {k} relevant")


def reciprocal_rank(ranking: Sequence[str], relevant: Relevant) -> Score:
    """One over the place of the first that is relevant; 0 where none is.

    >>> reciprocal_rank(["a", "b", "c"], {"b", "c"}).value
    0.5
    """
    hits = _hits(ranking, _grades(relevant), None)
    if not hits:
        return Score(0.0, f"none of {len(ranking)} relevant")
    return Score(1 / hits[0], f"the first relevant at place {hits[0]}")


def average_precision(ranking: Sequence[str], relevant: Relevant) -> Score:
    """The mean, over all that is relevant, of the precision at its place; 0 for what is not in the ranking.

    >>> average_precision(["a", "b", "c"], {"a", "c"}).value  # (1/1 + 2/3) / 2
    0.8333333333333333
    """
    grades = _grades(relevant)
    hits = _hits(ranking, grades, None)
    precision = math.fsum(number / place for number, place in enumerate(hits, 1)) / len(grades)
    return Score(precision, f"{len(hits)} of {len(grades)} relevant found{_lacking(ranking, grades, None)}")


def ndcg_at(ranking: Sequence[str], relevant: Relevant, k: int | None = None) -> Score:
    """The discounted gain of the first `k`, as a share of what the best ranking would gain.

    Each place gains its grade, discounted by log2(place + 1) (Järvelin and Kekäläinen 2002), as in trec_eval. Figures
    with the exponential gain of Burges and others (2005), 2^grade - 1, are those of grades that are given so.

    Args:
        ranking, relevant: as for `recall_at`; each id of a set has grade 1.
        k: how many of the ranking count, from 1; None for all.

    >>> round(ndcg_at(["b", "a"], {"a": 3, "b": 1}, 2).value, 4)
    0.7967
    """
    grades = _grades(relevant)
    gained = [grades.get(each, 0.0) for each in _first(ranking, grades, k)]
    best = sorted(grades.values(), reverse=True)[:k]
    share = min(1.0, _discounted(gained) / _discounted(best))
    return Score(share, f"grades {', '.join(f'{each:g}' for each in gained[:10])}{_lacking(ranking, grades, k)}")


def _discounted(grades: Sequence[float]) -> float:
    return math.fsum(each / math.log2(place + 1) for place, each in enumerate(grades, 1))


def _lacking(ranking: Sequence[str], grades: Mapping[str, float], k: int | None) -> str:
    """Name the relevant ids that are not among the first `k`, to end a reason with."""
    lacking = tuple(sorted(set(grades) - set(ranking[:k]), key=str))
    return f"; not {listed(lacking, 'and')}" if lacking else ""


def _hits(ranking: Sequence[str], grades: Mapping[str, float], k: int | None) -> list[int]:
    """The places of what is relevant among the first `k`, from 1."""
    return [place for place, each in enumerate(_first(ranking, grades, k), 1) if each in grades]


def _first(ranking: Sequence[str], grades: Mapping[str, float], k: int | None) -> Sequence[str]:
    if k is not None and (isinstance(k, bool) or not isinstance(k, int) or k < 1):
        raise CheckError(f"k = {k!r} is not a number of places; give 1 or more.")
    if isinstance(ranking, str):
        raise CheckError(f"ranking = {ranking!r} is a text; give a list of ids, the best first.")
    named = {str(each): each for each in grades}
    seen: set[str] = set()
    for each in ranking:
        if isinstance(each, Mapping) or hasattr(each, "id"):
            raise CheckError(
                f"The ranking holds {shown(each)}, which is no id; give ids, such as [find.id for find in "
                "retriever.search(question)]."
            )
        if each in seen:
            raise CheckError(f"The ranking holds {each!r} twice, so that it would be found twice; give each id once.")
        seen.add(each)
        if each not in grades and str(each) in named:
            raise CheckError(
                f"The ranking holds {each!r}, and relevant is {named[str(each)]!r}, which is another id. The ids of "
                "passages are texts: write them so in both."
            )
    return ranking[:k]


def _grades(relevant: Relevant) -> dict[str, float]:
    """The grade of all that is relevant."""
    if isinstance(relevant, str):
        raise CheckError(f"relevant = {relevant!r} is a text; give a set of ids, or grades by id.")
    grades = dict(relevant) if isinstance(relevant, Mapping) else dict.fromkeys(relevant, 1.0)
    for name, grade in grades.items():
        if isinstance(grade, bool) or not isinstance(grade, int | float) or not 0 <= grade < math.inf:
            raise CheckError(f"The grade of {name!r} is {grade!r}; give a number from 0, where 0 is not relevant.")
    graded = {name: float(grade) for name, grade in grades.items() if grade > 0}
    if not graded:
        raise CheckError("Nothing is relevant to this query, so no ranking can be good or bad; leave the case out.")
    return graded
