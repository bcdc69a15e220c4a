"""The plan of an evaluation: what its marker, the settings and the options say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Aim = Literal["higher", "lower", "same"]
Candidates = Literal["noted", "counted", "sealed"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is required of one evaluation, and how it is drawn. Whatever is made of it carries it whole.

    Attributes:
        requirement: the business or non-functional requirement that it stands for.
        threshold: the score that a requirement demands, in [0, 1] or the measure's unit; None for none.
        margin: the largest drop that still counts as no worse; a share of the baseline's figure (of the threshold,
            against that) where `margin_is_relative`.
        samples: of a case; `max_samples` of all of them, None for no limit.
        per: "suite" for one verdict over all cases, "case" for a single case whose samples are the units.
        design: "sequential" stops as soon as it is decided, "fixed" draws all; "auto" chooses by the size.
        about: "suite" for a verdict about these cases, "population" for one about cases like these.
        aim: which way is better; "same" where the difference must lie within the margin on both sides. None for what a
            measure says.
        cluster: the field that groups dependent cases; False where copies are cases like any other.
        slice_fields: of the cases; "topic*language" where the values of two are crossed. Each value is weighed by
            itself, too, with `slice_margin` as the largest drop that still counts as no worse.
        max_lost: how many cases may be shown to be worse than the baseline before it is red; None for any number.
        weighs: "judge" where the version under test is the judge, and its judgements are what is measured.
        review_mode: how items are drawn for people, whose labels then decide with the judge; None where it decides. All
            cases are sampled: people label a part of them, and a judge that could be wrong must not say when there are
            enough.
        in_blocks: whether its cases are pairs of blocks of time under load, in a drawn order.
        is_exact: whether a body comes to the same each time, so that one sample of a case tells all about it.
        candidates: "counted" where all candidates that are weighed on its cases share the error rate, "sealed" where
            moreover nothing but its verdict is shown; "noted" where the report says how many there were.
    """

    requirement: str | None = None
    threshold: float | None = None
    margin: float = 0.05
    margin_is_default: bool = False
    margin_is_relative: bool = False
    samples: int = 1
    max_samples: int | None = None
    per: Literal["suite", "case"] = "suite"
    design: Literal["auto", "sequential", "fixed"] = "fixed"
    about: Literal["suite", "population"] = "population"
    aim: Aim | None = None
    cluster: str | Literal[False] | None = None
    slice_fields: tuple[str, ...] = ()
    slice_margin: float | None = None
    max_lost: int | None = None
    weighs: Literal["model", "judge"] = "model"
    review_mode: Literal["uncertain", "failures", "all"] | None = None
    in_blocks: bool = False
    is_exact: bool = False
    candidates: Candidates = "noted"

    def __post_init__(self) -> None:
        """Refuse numbers that no decision can be made from."""
        if not (math.isfinite(self.margin) and self.margin >= 0):
            raise ValueError(f"margin = {self.margin!r} is not a number of 0 or more.")
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise ValueError(f"threshold = {self.threshold!r} is not a finite number.")
