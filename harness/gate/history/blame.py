"""The steps of a path that carry a loss: hybrids of candidate and baseline, measured and weighed against each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.config import Settings
from harness.decisions.observations import Observations
from harness.decisions.questions import Question, estimate, questions
from harness.errors import SettingsError, UsageError
from harness.gate.history.comparison import match
from harness.gate.history.runs import WeighedVersion, run_of
from harness.gate.history.scores import Side
from harness.models.version import is_built
from harness.records import Difference, Report
from harness.stages.build_state import BuildProgress
from harness.stages.building import built, version_named
from harness.stages.hybrids import Steps, differing, in_order, with_hybrid
from harness.statistics.multiplicity import weighted_holm_levels
from harness.store import Store

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
        steps: each by itself, but those that could not be measured.
        pair: the pair that is shown to carry it together, where no single step is.
    """

    id: str
    metric: str
    margin: float
    higher_is_better: bool
    baseline: float | None
    whole: Trial
    steps: tuple[Trial, ...]
    pair: Trial | None

    @property
    def carriers(self) -> list[Trial]:
        """The steps, or the pair, that carry it."""
        return [each for each in (*self.steps, self.pair) if each is not None and each.carries]


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
    whole = _judged({(row, every): (1 / len(observed), [each]) for row, each in observed.items()}, level)
    lost = [row for (row, _), trial in whole.items() if trial.carries]
    single, tests = (1 - PAIRS * (n_pairs > 0)) / len(units) / max(1, len(observed)), _Tests()
    for one in ones if lost else ():
        tests |= {(row, one): (single, [each]) for row, each in weigh(one, nothing, lost).items()}
    trials = _judged(tests, level)

    def unexplained() -> list[Row]:
        explained = {row for (row, _), trial in trials.items() if trial.carries}
        return [row for row in lost if row not in explained]

    for pair in _pairs(units, weigh, unexplained(), lost, level):
        if not (left := unexplained()):
            break
        group = [weigh(pair, other, lost) for other in (nothing, *(one for one in ones if one < pair))]
        rows = [row for row in left if all(row in each for each in group)]
        tests |= {(row, pair): (PAIRS / n_pairs / len(observed), [each[row] for each in group]) for row in rows}
        trials = _judged(tests, level)
    losses = []
    for row in (row for row, _ in whole):
        own, mean = observed[row], estimate(observed[row], observed[row].baseline, 1 - level)
        tried = {swap: trial for (of, swap), trial in trials.items() if of == row}
        losses.append(
            PathLoss(
                *(*row, own.plan.margin, own.higher_is_better, None if mean is None else mean.value),
                whole=whole[row, every],
                steps=tuple(tried[one] for one in ones if one in tried),
                pair=next((trial for swap, trial in tried.items() if len(swap) == 2 and trial.carries), None),
            )
        )
    return tuple(losses)


def _pairs(units: Sequence[Steps], weigh: Weigh, rows: Sequence[Row], lost: Sequence[Row], level: float) -> list[Swap]:
    """List the pairs to try, those first of which each step, given up by the candidate, mends most."""
    every, gains = frozenset(units), dict.fromkeys(units, 0.0)
    for unit in units if rows and len(units) > 2 else ():
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


class Blame:
    """The search for the steps that carry the losses of a candidate: hybrids are built and drawn when they are needed.

    Attributes:
        steps: in which the two versions differ; those that are swapped together are one.
        most_runs: that explain one loss, the candidate's own among them.
        builds: what has to be built for: of the two, and of those that have one step of the other.
        cost: the most that one run asks.
        losses: of each metric; None while nothing is drawn.
        left_out: hybrids that can't be built or drawn, and why, by name.
        unmeasured: evaluations that could not be weighed, or were broken off, and why.
        runs: the stored run of each hybrid that was measured, by its name.

    Raises:
        SettingsError: they are the same, or can't be taken apart.
    """

    def __init__(self, settings: Settings, candidate: str, baseline: str) -> None:
        self.candidate, self.baseline, self.confidence_level = candidate, baseline, settings.confidence_level
        self.steps = differing(*(with_hybrid(settings, each).version(each) for each in (candidate, baseline)))
        if not self.steps:
            raise SettingsError(f"{candidate!r} and {baseline!r} have the same settings: name two that differ.")
        self.most_runs = min((1 << len(self.steps)) - 1, 1 + 2 * len(self.steps) + MOST_PAIRS)
        self.cost = ""
        self.losses: Sequence[PathLoss] | None = None
        self.left_out, self.unmeasured, self.runs = dict[str, str](), dict[str, str](), dict[str, str]()
        self._settings, self._sides = settings, dict[str, Side]()
        names = map(self._name, (frozenset(self.steps), frozenset(), *(frozenset([unit]) for unit in self.steps)))
        self.builds = [name for name in names if not is_built(version_named(with_hybrid(settings, name), name))]

    @property
    def exit_code(self) -> int:
        """0 where each loss is explained, 8 where one is not, or may be there and was not measured."""
        unexplained = any(each.whole.carries and not each.carriers for each in self.losses or ())
        return 8 if unexplained or self.unmeasured else 0

    def as_json(self) -> dict[str, Any]:
        """What it came to."""
        return {name: value for name, value in vars(self).items() if name[0] != "_"}

    def run(self, store: Store, draw: Callable[[str, Collection[str]], Report], progress: BuildProgress) -> None:
        """Explain the losses.

        Args:
            draw: measures a version beside the baseline in these evaluations (all if none is named); raises UsageError
                where it can't.
        """
        self._store, self._draw, self._progress = store, draw, progress
        self.losses = explain(self.steps, self._weigh, 1 - self.confidence_level)

    def _name(self, swap: Swap) -> str:
        """The name of a hybrid, by the fewer of its steps."""
        left = frozenset(self.steps) - swap
        if not left or not swap:
            return self.baseline if left else self.candidate
        ends = (self.baseline, swap, self.candidate), (self.candidate, left, self.baseline)
        base, steps, other = ends[len(swap) > len(left)]
        return f"{base}+{'+'.join(in_order(*steps))}@{other}"

    def _weigh(self, ours: Swap, theirs: Swap, rows: Collection[Row]) -> Mapping[Row, Observations]:
        """The scores of one hybrid beside another's, or beside the baseline's of its own run."""
        name, ids = self._name(ours), tuple(dict.fromkeys(each for each, _ in rows))
        first = self._measured(name, ids)
        second = self._measured(self._name(theirs), ids) if theirs else first
        if first is None or second is None:
            return {}
        if not theirs:
            second = replace(first, weighed=replace(first.weighed, role="baseline"))
        matched = match(self._store, first, second, ids or None)
        every = [(pair, metric) for pair in matched.pairs for metric in pair.metrics]
        weighed = {(pair.candidate.id, metric): pair.observed(metric) for pair, metric in every}
        for (identity, _), each in weighed.items():
            if why := "; ".join(each.errors) or each.stopped_at:
                self.unmeasured[f"{identity} of {name}"] = why
        alone = "has no scores of both versions, each by itself"
        self.unmeasured |= dict.fromkeys((*matched.candidate_alone, *matched.against_others), alone)
        # Blocks of two runs are no pairs.
        return {row: each for row, each in weighed.items() if not theirs or not each.plan.in_blocks}

    def _measured(self, name: str, ids: Collection[str]) -> Side | None:
        """A version with its scores, built and drawn when it is first asked for; None for a hybrid that can't be."""
        if name not in self.runs and name not in self.left_out:
            try:
                built(with_hybrid(self._settings, name), name, progress=self._progress)
                report = self._draw(name, ids)
                weighed = WeighedVersion(run_of(self._store, report.run_id), "candidate")
                self._sides[name], self.runs[name] = Side(weighed, report), report.run_id
            except UsageError as error:
                if name == self.candidate:
                    raise
                self.left_out[name] = str(error)
        return self._sides.get(name)
