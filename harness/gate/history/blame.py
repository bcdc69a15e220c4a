"""The steps of a path that carry a loss: hybrids of candidate and baseline, weighed against each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from harness.decisions.observations import Observations
from harness.decisions.questions import Question, estimate, questions
from harness.records import Difference
from harness.stages.hybrids import Steps, in_order
from harness.statistics.multiplicity import weighted_holm_levels

PAIRS = 0.2
"""Share of the error rate that is kept for pairs of steps."""
MOST_PAIRS = 3
"""Pairs that are drawn at most: those whose steps, given up by the candidate, mend most."""
Row = tuple[str, str]
"""An evaluation and one of its metrics."""
Swap = frozenset[Steps]
"""The steps that a hybrid has of the candidate; all others are the baseline's."""
Weigh = Callable[[Swap, Swap, Collection[Row]], Mapping[Row, Observations]]
"""Gives the scores of one hybrid beside another's, of some rows (all if none is named); nothing where it can't."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What some steps of the candidate, put into the baseline, make of one metric.

    Attributes:
        value: of the hybrid; `difference` is that to the baseline.
        carries: whether it is red by the rule of a gate, and a pair is shown to be worse than either of its steps.
    """

    steps: Steps
    value: float | None
    difference: Difference
    carries: bool


@dataclass(frozen=True, slots=True)
class PathLoss:
    """One metric of candidate and baseline, and which steps are shown to carry its loss.

    Attributes:
        id: of the evaluation.
        whole: all steps, which are the candidate; it carries a loss where one is shown.
        steps: each by itself, but those that change nothing or can't be swapped.
        pair: the pair that is shown to carry it together, where no single step is.
        rest: the candidate without the steps that carry it; None where there are none, or nothing is left then.
    """

    id: str
    metric: str
    margin: float
    higher_is_better: bool
    baseline: float | None
    whole: Trial
    steps: tuple[Trial, ...]
    pair: Trial | None
    rest: Trial | None

    @property
    def carriers(self) -> list[Trial]:
        """The steps, or the pair, that carry it."""
        return [each for each in (*self.steps, *filter(None, [self.pair])) if each.carries]


_Tests = dict[tuple[Row, Swap], tuple[float, Sequence[Observations]]]
"""The share of the error rate that a test has, and the scores: beside the baseline, and all that must be better."""


def explain(units: Sequence[Steps], weigh: Weigh, level: float) -> tuple[PathLoss, ...]:
    """Find the steps that carry each metric's loss, the chance of any that does not being at most `level`.

    A step carries it where the baseline with that step of the candidate alone is red. Where no step does, pairs are
    tried: two that are worse together than the baseline and than either alone, which one factor at a time can't show
    (F. Yates 1937, The Design and Analysis of Factorial Experiments). All hypotheses of all metrics share the level by
    Holm's procedure, tested or not, so that which of them are tested may depend on what was seen.
    """
    every, nothing, ones = frozenset(units), frozenset[Steps](), [frozenset([unit]) for unit in units]
    n_pairs, observed = len(units) * (len(units) - 1) // 2, weigh(every, nothing, ())
    totals = _judged({(row, every): (1 / len(observed), [each]) for row, each in observed.items()}, level)
    lost = [row for row, swap in totals if totals[row, swap].carries]
    single, tests = (1 - PAIRS * (n_pairs > 0)) / len(units) / max(1, len(observed)), _Tests()
    for one in ones if lost else ():
        tests |= {(row, one): (single, [each]) for row, each in weigh(one, nothing, lost).items()}
    trials = _judged(tests, level)
    carriers = {row: {unit for unit in every if _carries(trials, row, frozenset([unit]))} for row in lost}
    unexplained = [row for row in lost if not carriers[row]]
    for pair in _pairs(units, weigh, unexplained, lost, level) if unexplained and n_pairs else ():
        group = [weigh(pair, other, lost) for other in (nothing, *(one for one in ones if one < pair))]
        rows = [row for row in unexplained if all(row in each for each in group)]
        tests |= {(row, pair): (PAIRS / n_pairs / len(observed), [each[row] for each in group]) for row in rows}
        trials = _judged(tests, level)
        unexplained = [row for row in unexplained if not _carries(trials, row, pair)]
        if not unexplained:
            break
    losses = []
    for row in (row for row, _ in totals):
        left, own = every.difference(carriers.get(row, ())), observed[row]
        beside = weigh(left, nothing, lost).get(row) if every > left > nothing else None
        rest = _judged({} if beside is None else {(row, left): (1.0, [beside])}, level)
        tried = {swap: trial for (of, swap), trial in trials.items() if of == row}
        mean = estimate(own, own.baseline, 1 - level)
        losses.append(
            PathLoss(
                *(*row, own.plan.margin, own.higher_is_better, None if mean is None else mean.value),
                whole=totals[row, every],
                steps=tuple(tried[one] for one in ones if one in tried),
                pair=next((trial for swap, trial in tried.items() if len(swap) == 2 and trial.carries), None),
                rest=rest.get((row, left)),
            )
        )
    return tuple(losses)


def _carries(trials: Mapping[tuple[Row, Swap], Trial], row: Row, swap: Swap) -> bool:
    trial = trials.get((row, swap))
    return trial is not None and trial.carries


def _pairs(units: Sequence[Steps], weigh: Weigh, rows: Sequence[Row], lost: Sequence[Row], level: float) -> list[Swap]:
    """List the pairs to try, those first of which each step, given up by the candidate, mends most."""
    every, gains = frozenset(units), dict.fromkeys(units, 0.0)
    for unit in units if len(units) > 2 else ():
        weighed = weigh(every, every - {unit}, lost)
        asked = (_against_other(weighed[row], level) for row in rows if row in weighed)
        gains[unit] = -sum(each.worst.value for each in asked if each is not None)
    pairs = sorted(itertools.combinations(units, 2), key=lambda pair: -gains[pair[0]] - gains[pair[1]])
    return [frozenset(pair) for pair in pairs[:MOST_PAIRS]]


def _judged(tests: _Tests, level: float) -> dict[tuple[Row, Swap], Trial]:
    """Judge tests together: the lower bound of each is at its share of the level, the upper at its level by Holm.

    A hybrid that has to be worse than several is so where it is worse than each, at the whole level: an intersection-
    union test (R. L. Berger 1982, Technometrics 24:295-300).
    """
    asked = {key: [_against_other(each, share * level) for each in group] for key, (share, group) in tests.items()}
    known = {key: group[0] for key, group in asked.items() if group[0] is not None}
    p_values = [max(1.0 if each is None else each.p_less for each in asked[key]) for key in known]
    shares = [tests[key][0] for key in known]
    levels = weighted_holm_levels(p_values, [level * share for share in shares], shares).tolist()
    trials = {}
    for (key, question), p_value, share, holm in zip(known.items(), p_values, shares, levels, strict=True):
        own, both = tests[key][1][0], (level * share, holm)
        mean, ruling = estimate(own, own.candidate, 1 - level), question.ruling(both)
        value, carries = None if mean is None else mean.value, ruling[0].is_red and p_value <= holm
        trials[key] = Trial(in_order(*key[1]), value, question.difference(ruling, both), carries)
    return trials


def _against_other(observed: Observations, level: float) -> Question | None:
    """The comparison with the other side; None where it has no scores, or was broken off."""
    if observed.errors or observed.stopped_at:
        return None
    asked = (each for each in questions(observed, (level, level)) if each.against == "baseline" and each.directions)
    return next(asked, None)
