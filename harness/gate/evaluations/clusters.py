"""The clusters of cases of an evaluation that depend on each other, and how that is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.gate.evaluations.evaluation import Evaluation


@dataclass(frozen=True, slots=True)
class Clusters:
    """The clusters of some cases.

    Attributes:
        labels: of each case; None where each stands alone.
        copies: the same where it is copies that are clusters, and the user named none.
        known_by: a field of the cases, or their texts.
    """

    labels: tuple[object, ...] | None = None
    copies: tuple[object, ...] | None = None
    known_by: Literal["field", "texts"] | None = None


def clusters_of(evaluation: Evaluation, kept: Sequence[int]) -> Clusters:
    """The clusters of these cases, in their order: the user's, else what is a copy of what."""
    if evaluation.clusters is None:
        return Clusters()
    labels = tuple(evaluation.clusters[i] for i in kept)
    if evaluation.plan.cluster:
        return Clusters(labels, None, "field")
    return Clusters(labels, labels, "texts") if len(set(labels)) < len(labels) else Clusters()


def bet_on_together(evaluation: Evaluation) -> int:
    """The most cases that are one bet by their sum: the user's largest cluster. Copies are one by their mean."""
    given = evaluation.clusters if evaluation.plan.cluster else None
    return max(Counter(given or ()).values(), default=1)
