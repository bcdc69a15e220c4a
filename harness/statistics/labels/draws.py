"""The questions that labels decide, and draws of items for people with the labels that they were given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self

import numpy as np

from harness.statistics.arrays import BoolArray, FloatArray

Of = Literal["rate", "difference", "baseline"]
#: The means that labels tell of, by the weight of each version's score.
WEIGHTS: Mapping[Of, tuple[float, float]] = {"rate": (1.0, 0.0), "difference": (1.0, -1.0), "baseline": (0.0, 1.0)}

#: The lowest and the highest that a case can count whatever its scores; the stakes on its being better and worse.
Rule = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class LabelQuestion:
    """A question that labels are to decide.

    Attributes
    ----------
    of : the candidate's mean ("rate"), or its difference to the baseline's
    demanded : the threshold in (0, 1); 0 for a difference
    margin : above 0: the largest drop that still counts as no worse
    level : the chance of a false pass, in (0, 1)
    red_level : the chance of a false red, in (0, 1)
    """

    of: Literal["rate", "difference"]
    demanded: float
    margin: float
    level: float = 0.05
    red_level: float = 0.05

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
    return min(0.0, *WEIGHTS[of])


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
    known_passed : which of these are known without a label, because both answers are the same
    floor : no case could have had a smaller probability
    rules : by what was asked
    """

    case: int | None
    samples: tuple[int, ...]
    probability: float
    judged: tuple[float, ...]
    predicted: tuple[float, ...]
    expected: tuple[float, ...]
    passed: tuple[tuple[float, ...], ...]
    known_passed: tuple[int, ...]
    floor: float
    rules: Mapping[Of, Rule]

    @classmethod
    def restored(cls, stored: Mapping[str, Any]) -> Draw:
        """The draw from `dataclasses.asdict` of it, also where JSON made lists of tuples, and more stands beside."""
        return cls(**{each.name: _tuples(stored[each.name]) for each in fields(cls)})

    def rule(self, of: Of) -> Rule:
        """Give its part of `rules`; of what was not asked the widest range possible, and no stakes."""
        bottom = lowest(of)
        return self.rules.get(of) or (bottom - (1 - bottom) / self.floor, 1 + (1 - bottom) / self.floor, 0.0, 0.0)


def _tuples(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _tuples(each) for name, each in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True)
class DrawnLabels:
    """Draws in their order, with what people said of them.

    Attributes
    ----------
    labels : (n_draws, n_versions) in [0, 1], more being better; NaN where they are not in. In place of the label of an
        excluded item stands what was expected of it, as if nobody had been asked
    excluded : (n_draws, n_versions) items that people can say nothing of: their labels may have been any
    """

    draws: tuple[Draw, ...]
    labels: FloatArray
    excluded: BoolArray

    @classmethod
    def of(cls, draws: Sequence[Draw], labels: Any, excluded: Any = False, n_versions: int = 1) -> Self:
        """The same of lists; whatever stands for the label of an excluded item is not looked at."""
        shape = len(draws), len(draws[0].samples) or np.shape(labels)[-1] if draws else n_versions
        table = np.array(labels, dtype=np.float64).reshape(shape)
        out = np.array(np.broadcast_to(excluded, shape), dtype=np.bool_).reshape(shape)
        for number in np.flatnonzero(out.any(axis=1)):
            table[number] = np.where(out[number], draws[number].predicted, table[number])
        return cls(tuple(draws), table, out)

    def also(self, draw: Draw, labels: Sequence[float]) -> Self:
        """The same with one more draw."""
        return replace(
            self,
            draws=(*self.draws, draw),
            labels=np.vstack([self.labels, labels]),
            excluded=np.vstack([self.excluded, np.zeros(len(labels), dtype=np.bool_)]),
        )

    @property
    def is_asked(self) -> BoolArray:
        """(n_draws,) whether there is an item to label: all but the end of the cases."""
        return np.array([draw.case is not None for draw in self.draws], dtype=np.bool_)

    @property
    def n_counting(self) -> int:
        """Count the draws before the first item without a label: else quick items would count more."""
        missing = np.flatnonzero(np.isnan(self.labels).any(axis=1) & self.is_asked)
        return int(missing[0]) if len(missing) else len(self.draws)

    def with_excluded(self, of: Of, score: float) -> FloatArray:
        """The labels where excluded items were the worst (0) or the best (1) that people could say of such a mean."""
        signs = np.array(WEIGHTS[of][: self.labels.shape[1]])
        return np.where(self.excluded, np.where(signs < 0, 1 - score, score), self.labels)
