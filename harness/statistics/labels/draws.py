"""The questions that labels decide, and the draws of items for people, with all that must be stored of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Of = Literal["rate", "difference"]
#: The kinds of question, in the order in which a draw keeps what belongs to each.
KINDS: tuple[Of, ...] = ("rate", "difference")


@dataclass(frozen=True, slots=True)
class LabelQuestion:
    """A question that labels are to decide.

    Attributes
    ----------
    of : the candidate's mean, or its difference to the baseline's
    demanded : the threshold in (0, 1); 0 for a difference
    margin : the largest drop that still counts as no worse
    level : the chance of a false pass, in (0, 1)
    red_level : the chance of a false red, in (0, 1)
    """

    of: Of
    demanded: float
    margin: float
    level: float = 0.05
    red_level: float = 0.05

    def __post_init__(self) -> None:
        """Refuse what no bet can be made on."""
        if self.of not in KINDS:
            raise ValueError(f"of = {self.of!r} is neither 'rate' nor 'difference'.")
        if not (math.isfinite(self.margin) and self.margin > 0):
            raise ValueError(
                f"margin = {self.margin!r} is not above 0: labels are drawn to exclude a drop of that size."
            )
        if self.of == "difference" and self.demanded != 0:
            raise ValueError(f"demanded = {self.demanded!r}: of a difference it is 0.")
        if not self.lowest < self.demanded - self.margin < self.demanded < 1:
            raise ValueError(f"demanded = {self.demanded!r} less margin = {self.margin!r} leaves no room for scores.")
        for name in ("level", "red_level"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)!r} is not between 0 and 1.")

    @property
    def allowed(self) -> float:
        """The mean above which it passes."""
        return self.demanded - self.margin

    @property
    def lowest(self) -> float:
        """The lowest mean possible."""
        return lowest(self.of)


def lowest(of: Of) -> float:
    """The lowest number possible: 0 for a score, -1 for a difference of two."""
    return 0.0 if of == "rate" else -1.0


@dataclass(frozen=True, slots=True)
class Draw:
    """The next item for people, and the cases whose turn passed without one. To be stored as it is.

    Everything in it was settled before the item was labelled, and the stakes before its judge's score was looked at.

    Attributes
    ----------
    case : row of the case; None where all cases had their turn and none was drawn any more
    samples : which sample of each version is shown
    probability : with which the case was drawn when its turn came, in (0, 1]
    judged : the judge's score of what is shown, for each version (candidate, then baseline)
    predicted : what a person is expected to say of it, for each version
    expected : the same, averaged over all samples of the case
    passed : `expected` of each case passed since the draw before
    told : which of these are known without a label, because both versions said the same
    floor : no case could have had a smaller probability
    ranges : between which a case's value would have been whatever its scores, for each of `KINDS`
    stakes : on its being better and on its being worse, for each of `KINDS`; 0 for what was not asked
    """

    case: int | None
    samples: tuple[int, ...]
    probability: float
    judged: tuple[float, ...]
    predicted: tuple[float, ...]
    expected: tuple[float, ...]
    passed: tuple[tuple[float, ...], ...]
    told: tuple[int, ...]
    floor: float
    ranges: tuple[tuple[float, float], ...]
    stakes: tuple[tuple[float, float], ...]

    @classmethod
    def restored(cls, stored: Mapping[str, Any]) -> Draw:
        """The draw from `dataclasses.asdict` of it, also where JSON made lists of the tuples."""
        return cls(**{name: _tuples(value) for name, value in stored.items()})


def widest(floor: float) -> tuple[tuple[float, float], ...]:
    """The ranges of `Draw` that hold whatever was drawn for, where no case's probability is below `floor`."""
    widths = [(lowest(of), 1 - lowest(of)) for of in KINDS]
    return tuple((bottom - width / floor, 1 + width / floor) for bottom, width in widths)


#: The stakes of `Draw` where nothing was asked.
NO_STAKES = ((0.0, 0.0),) * len(KINDS)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(each) for each in value) if isinstance(value, list | tuple) else value
