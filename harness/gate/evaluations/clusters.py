"""The clusters of cases of an evaluation that depend on each other, and how that is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.gate.evaluations.evaluation import Evaluation


@dataclass(frozen=True, slots=True)
class Clusters:
    """The clusters of some cases.

    Attributes:
        labels: of each case; None where each stands alone.
        copies: of each case, what it was found to be a copy of before the run; None where none was, or the user's
            clusters count.
        known_by: a field of the cases, their texts, or what they asked.
    """

    labels: tuple[object, ...] | None = None
    copies: tuple[object, ...] | None = None
    known_by: Literal["field", "texts", "requests"] | None = None


def clusters_of(evaluation: Evaluation, kept: Sequence[int], asked: Mapping[int, bytes]) -> Clusters:
    """The clusters of these cases: the user's; else copies, and what asked its version the very same things.

    Cases that asked the same share their samples, whatever else there is in them. That is known once they have run, so
    each case is compared with those before it alone: the clusters of the first cases of an order never change by what
    comes later.

    Args:
        kept: numbers of the cases, in their order.
        asked: a digest of all that the first sample of a case asked, by its number.
    """
    given = evaluation.clusters
    if given is not None and evaluation.plan.cluster:
        return Clusters(tuple(given[i] for i in kept), None, "field")
    groups = given or tuple(case.id for case in evaluation.cases)
    by_group: dict[object, object] = {}
    by_asked: dict[bytes, object] = {}
    for i in kept:
        group, all_asked = groups[i], asked.get(i)
        label = by_group.setdefault(group, group if all_asked is None else by_asked.get(all_asked, group))
        if all_asked is not None:
            by_asked.setdefault(all_asked, label)
    labels = tuple(by_group[groups[i]] for i in kept)
    if len(set(labels)) == len(labels):
        return Clusters()
    are_copies = len(by_group) < len(kept)
    return Clusters(labels, tuple(groups[i] for i in kept) if given else None, "texts" if are_copies else "requests")


def bet_on_together(evaluation: Evaluation) -> int:
    """The most cases that are one bet by their sum: those of the user's largest cluster. Copies are one by their mean,
    and of cases that asked the same the first alone.
    """
    given = evaluation.clusters if evaluation.plan.cluster else None
    return max(Counter(given or ()).values(), default=1)
