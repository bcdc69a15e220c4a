"""The clusters of cases of an evaluation that depend on each other, and how that is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from harness.gate.evaluations.evaluation import Evaluation


@dataclass(frozen=True, slots=True)
class Clusters:
    """The clusters of some cases.

    Attributes:
        labels: of each case; None where each stands alone.
        copies: of each case, what it was found to be a copy of before the run; None where none was, or the user's
            clusters count.
        known_by: a field of the cases, their texts, what they asked, or answers that they share.
    """

    labels: tuple[object, ...] | None = None
    copies: tuple[object, ...] | None = None
    known_by: Literal["field", "texts", "requests", "answers"] | None = None


def clusters_of(
    evaluation: Evaluation,
    kept: Sequence[int],
    asked: Mapping[int, bytes],
    shared: Mapping[int, Iterable[bytes]] = MappingProxyType({}),
    *,
    may_join: bool = False,
) -> Clusters:
    """The clusters of these cases: the user's; else copies, what asked the very same things, and what shares an answer.

    Cases that asked the same share their samples, whatever else there is in them; those that began with the same
    question share that answer, and a single lucky one counts in each of them. That is known once they have run, so
    each case is compared with those before it alone: the clusters of the first cases of an order never change by what
    comes later.

    Args:
        kept: numbers of the cases, in their order.
        asked: a digest of all that the first sample of a case asked, by its number.
        shared: keys of drawn answers that another case may share, by the case's number;
            the user's clusters come before them.
        may_join: whether clusters may become one by a case that comes after both: not where bets were made on each.
    """
    given = evaluation.clusters
    if given is not None and evaluation.plan.cluster:
        return Clusters(tuple(given[i] for i in kept), None, "field")
    groups = given or tuple(case.id for case in evaluation.cases)
    by_group: dict[object, object] = {}
    by_key: dict[bytes, object] = {}
    joined: dict[object, object] = {}
    for i in kept:
        all_asked = asked.get(i)
        keys = [*([] if all_asked is None else [all_asked]), *sorted(shared.get(i, ()))]
        known = [by_key[key] for key in keys if key in by_key]
        label = by_group.setdefault(groups[i], known[0] if known else groups[i])
        for key in keys:
            by_key.setdefault(key, label)
        for other in known if may_join else ():
            if (one := _root(joined, other)) != (root := _root(joined, label)):
                joined[one] = root
    labels = tuple(_root(joined, by_group[groups[i]]) for i in kept)
    if len(set(labels)) == len(labels):
        return Clusters()
    copies = tuple(groups[i] for i in kept) if given else None
    if len(by_group) < len(kept):
        return Clusters(labels, copies, "texts")
    share_all = {asked.get(i, i): label for i, label in zip(kept, labels, strict=True)}
    return Clusters(labels, copies, "requests" if len(share_all) == len(set(labels)) else "answers")


def _root(joined: Mapping[object, object], label: object) -> object:
    """The label of a cluster once others were joined to it."""
    while label in joined:
        label = joined[label]
    return label


def bet_on_together(evaluation: Evaluation) -> int:
    """The most cases that are one bet by their sum: those of the user's largest cluster. Copies are one by their mean,
    and of cases that asked the same the first alone.
    """
    given = evaluation.clusters if evaluation.plan.cluster else None
    return max(Counter(given or ()).values(), default=1)
