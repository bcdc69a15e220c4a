"""The plan that says what of a run is to be reviewed."""

from __future__ import annotations

from dataclasses import dataclass

from harness.records import Role
from harness.records.review import Form


@dataclass(frozen=True, slots=True)
class ReviewPlan:
    """The part of a run that is to be reviewed.

    Attributes:
        metric: of the evaluation.
        roles: of which versions single answers are drawn; of two, a draw is an answer of each to one case. A pair
            always is the candidate's and the baseline's.
        draws: how many draws are made at most.
        overlap: how many reviewers label each item.
        seed: of the drawing.
        show_system: whether reviewers see system messages. These belong to a version and tell it from another.
        keep_equal: whether a pair of equal answers is one, too: a gate knows what people would say of it.
    """

    evaluation_id: str
    metric: str
    form: Form
    roles: tuple[Role, ...] = ("candidate",)
    draws: int = 100
    overlap: int = 1
    seed: int = 0
    show_system: bool = False
    keep_equal: bool = False
