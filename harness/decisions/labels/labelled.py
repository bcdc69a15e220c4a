"""The decision that rests on what people said: by labels and judge, valid when made again after each label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.decisions.betting import BettingContrast
from harness.decisions.labels.exclusions import Bounds, DrawLabels, bounded_mean, bounds, bounds_alone
from harness.decisions.reasons import figure
from harness.records import Check, Difference, VerdictKind
from harness.statistics.arrays import BoolArray, FloatArray
from harness.statistics.labels.draws import Draw, LabelQuestion
from harness.statistics.labels.labelled import ENOUGH_ERRORS, Evidence, LabelledEstimate, labelled_mean

_NOBODY = "nobody has labelled an item yet, so that the figures are the judge's alone"
#: The cases that the demanded mean counts for in a forecast, as a multiple of 1 / margin².
_EXPECTED_DEMANDED = 0.05
#: The cases that tell how often items are drawn at present.
_RECENT = 200


@dataclass(frozen=True, slots=True)
class LabelledContrast(BettingContrast):
    """A difference with bounds by labels and judge that hold whenever one stops.

    Until the judge has been contradicted often enough, the labels alone must show the same (`alone`). Nothing is
    ever shown that labels and judge do not show, so that the error rate is theirs.

    Attributes:
        alone: the same by the labels alone.
        trusted_from: the case from which labels and judge count by themselves; None: not yet.
    """

    alone: BettingContrast
    trusted_from: int | None

    def lower(self, confidence_level: float) -> float:
        """The one-sided lower bound of the difference."""
        ours = BettingContrast.lower(self, confidence_level)
        return ours if self.trusted_from is not None else min(ours, self.alone.lower(confidence_level))

    def upper(self, confidence_level: float) -> float:
        """The one-sided upper bound of the difference, as it stood when it was best."""
        ours = _upper(self, confidence_level)
        return ours if self.trusted_from is not None else max(ours, _upper(self.alone, confidence_level))

    def passed_at(self, level: float) -> int | None:
        """After how many labels it was first proven to be no worse by more than the margin."""
        return self._shown(
            self.better.first_above(self.allowed, level), self.alone.better.first_above(self.allowed, level)
        )

    def worse_at(self, level: float) -> int | None:
        """After how many labels it was first proven to be worse."""
        return self._shown(
            self.worse.first_above(-self.demanded, level), self.alone.worse.first_above(-self.demanded, level)
        )

    def _shown(self, ours: int | None, alone: int | None) -> int | None:
        also = min((each for each in (self.trusted_from, alone) if each is not None), default=None)
        return None if ours is None or also is None else self.ends[max(ours, also) - 1]


def _upper(contrast: BettingContrast, confidence_level: float) -> float:
    return -contrast.worse.bound(1 - confidence_level, -contrast.better.units.low) - contrast.demanded


@dataclass(frozen=True, slots=True)
class LabelledCheck:
    """The decision of one question by labels and judge.

    Attributes:
        check: verdict, reason and the difference with the one-sided bounds that it used, which hold whenever one stops.
        estimate: the mean with a two-sided interval for the number of labels there are; for the report only.
        labels_needed: about how many more would decide it; None where it is decided, or nothing seen yet tells, or the
            cases that are left are too few.
        n_labels: labels that count: those before the first item that waits, without `n_excluded` items among them.
        n_errors: judge scores that they contradicted.
        contrast: by what it was decided; None before the first case had its turn.
    """

    check: Check
    estimate: LabelledEstimate
    labels_needed: int | None
    n_labels: int
    n_errors: int
    contrast: LabelledContrast | None = None
    n_excluded: int = 0


def labelled_contrast(question: LabelQuestion, said: DrawLabels, estimate: LabelledEstimate) -> LabelledContrast | None:
    """The contrast that labels and judge give; None before the first case had its turn."""
    both = bounds(said, question.of)
    if not len(both.worst.values):
        return None
    alone = _contrast(question, bounds_alone(said, question), estimate)
    ours = _contrast(question, both, estimate)
    return LabelledContrast(
        better=ours.better,
        worse=ours.worse,
        allowed=ours.allowed,
        demanded=ours.demanded,
        high=ours.high,
        ends=ours.ends,
        value=ours.value,
        standard_error=ours.standard_error,
        method=ours.method,
        alone=alone,
        trusted_from=both.worst.trusted_from,
    )


def _contrast(question: LabelQuestion, found: Bounds, estimate: LabelledEstimate) -> BettingContrast:
    cases, ends = np.arange(1, len(found.worst.values) + 1), found.worst.ends
    after = np.minimum(np.searchsorted(ends, cases) + 1, len(ends))
    return BettingContrast(
        better=found.worst.better(),
        worse=found.best.worse(),
        allowed=question.allowed,
        demanded=question.demanded,
        high=1.0,
        ends=tuple(after.tolist()),
        value=estimate.value - question.demanded,
        standard_error=estimate.standard_error,
        method="betting on labels and judge, valid whenever one stops",
    )


def decide_labelled(
    question: LabelQuestion,
    draws: Sequence[Draw],
    labels: FloatArray,
    judged: FloatArray,
    known: Sequence[bool] = (),
    excluded: BoolArray | None = None,
) -> LabelledCheck:
    """The verdict of labels and judge on one question, the same whenever it is made again on the same labels.

    Args:
        question: with the level at which it passes, and its share of that of all reds of the run.
        draws: as `next_draw` gave them, in that order.
        labels: (n_draws, n_versions), more being better; NaN where they are not in.
        judged: (n_cases,) the judge's scores of all cases in the order of their turns (`Items.judged_means`).
        known: (n_draws,) whether the label of a draw is no person's: both answers of a pair are the same.
        excluded: (n_draws, n_versions) whether an item is excluded: its label may have been any.

    Returns:
        `passed` where the mean is proven to be above what is allowed, `failed` or `regressed` where it is proven to be
        below what is demanded, whichever was proven first; else `inconclusive`. With fewer than 5 judge scores
        contradicted by labels, the labels alone must prove it, too. Where all answers are known to be the same, that
        takes no label.
    """
    said = DrawLabels.of(draws, labels, excluded)
    estimate = bounded_mean(said, question.of, judged, 1 - question.level)
    both = bounds(said, question.of)
    against: Literal["threshold", "baseline"] = "threshold" if question.of == "rate" else "baseline"
    contrast = labelled_contrast(question, said, estimate)
    if contrast is None:
        nothing = Difference(math.nan, math.inf, -math.inf, math.inf, 1.0, "no label to decide by")
        check = Check(against, VerdictKind.INCONCLUSIVE, _NOBODY, nothing)
        return LabelledCheck(check, estimate, None, 0, 0)
    found = both.worst
    n_excluded = said.before(len(found.ends))
    passed, worse = contrast.passed_at(question.level), contrast.worse_at(question.red_level)
    lower, upper = contrast.lower(1 - question.level), contrast.upper(1 - question.red_level)
    more = None
    if passed is not None and (worse is None or passed <= worse):
        kind, reason = VerdictKind.PASSED, f"{_proven(question)}, by {_basis(passed, said, known)}"
    elif worse is not None:
        kind = VerdictKind.FAILED if question.of == "rate" else VerdictKind.REGRESSED
        below = f"below {figure(question.demanded)}" if question.of == "rate" else "lower"
        reason = f"{below}, by {_basis(worse, said, known)}"
    else:
        more = _needed(question, said, both, judged)
        is_held = int(_in_behind(said, found).sum()) > sum(known[found.n_draws :])
        kind = VerdictKind.INCONCLUSIVE
        reason = _open(question, lower, more, found, len(judged), is_held=is_held)
    reason += _left_out(n_excluded)
    alone = "" if contrast.trusted_from is not None else f"; fewer than {ENOUGH_ERRORS} judge errors: labels alone, too"
    method = (
        f"{contrast.method}{alone}; lower bound one-sided at {1 - question.level:.4g}, "
        f"upper bound one-sided at {1 - question.red_level:.6g}"
    )
    low, high = min(lower, contrast.value), max(upper, contrast.value)
    difference = Difference(contrast.value, contrast.standard_error, low, high, contrast.p_less, method)
    check = Check(against, kind, reason, difference, red_level=question.red_level)
    wrong = found.errors[-1] if found.errors else 0
    return LabelledCheck(check, estimate, more, len(found.ends) - n_excluded, wrong, contrast, n_excluded)


def _left_out(n_excluded: int) -> str:
    if not n_excluded:
        return ""
    return f"; {n_excluded:,} excluded {'item counts' if n_excluded == 1 else 'items count'} the worst way"


def labels_needed(question: LabelQuestion, draws: Sequence[Draw], labels: FloatArray, judged: FloatArray) -> int | None:
    """About how many more labels would decide, if the cases to come are like those seen; None where nothing tells.

    The mean counts as seen, drawn towards what is demanded while little was. It takes as many cases as the wealth needs
    to grow at half the squared gain over the variance; of the cases, people are asked about as many as lately. Where
    fewer cases are left, chance may still decide: they are asked for, unless it would take three times as many, or all
    are drawn. Before the judge was contradicted 5 times, at least what it takes for that; never more than can be given.
    Labels that are in and wait for one before them are not asked for again.
    """
    said = DrawLabels.of(draws, labels)
    return _needed(question, said, bounds(said, question.of), judged)


def _needed(question: LabelQuestion, said: DrawLabels, both: Bounds, judged: FloatArray) -> int | None:
    found, draws = both.worst, said.draws
    n = len(found.values)
    left = len(judged) - n
    if len(found.ends) < 2 or left < 1:
        return None
    weight = _EXPECTED_DEMANDED / question.margin**2
    seen = labelled_mean(draws, said.expected(), question.of, judged).value
    mean = (n * seen + weight * question.demanded) / (n + weight)
    recent = found.values[-_RECENT:]
    share = max(1, sum(end > n - len(recent) for end in found.ends)) / len(recent)
    takes = math.inf
    for sign, against, wealth, level in (
        (1, question.allowed, both.worst.better().log(question.allowed), question.level),
        (-1, question.demanded, both.best.worse().log(-question.demanded), question.red_level),
    ):
        gain, lacking = sign * (mean - against), max(-math.log(level) - float(wealth[-1]), 0.05)
        if gain > 0:
            takes = min(takes, 2 * float(recent.var()) * lacking / gain**2)
    can_be_given = len(judged) - len(found.ends) - sum(len(draw.passed) for draw in draws)
    are_all_drawn = can_be_given <= sum(draw.case is not None for draw in draws) - len(found.ends)
    if takes > (left if are_all_drawn else 3 * left):
        return None
    wrong = found.errors[-1]
    until_trusted = (ENOUGH_ERRORS - wrong) * len(found.ends) / (wrong + 1)
    more = max(1, math.ceil(max(min(takes, left) * share, until_trusted)))
    return more - int(_in_behind(said, found)[:more].sum()) if more <= can_be_given else None


def _in_behind(said: DrawLabels, found: Evidence) -> BoolArray:
    """Tell of the draws from the first one without its label on, (n,), whether theirs are in."""
    return np.asarray(np.isfinite(said.labels[found.n_draws :]).all(axis=1), dtype=np.bool_)


def _proven(question: LabelQuestion) -> str:
    if question.of == "rate":
        return f"required {figure(question.demanded)}, proven above {figure(question.allowed)}"
    return f"no worse by more than {figure(question.margin)}"


def _basis(count: int, said: DrawLabels, known: Sequence[bool]) -> str:
    """Name the basis of a decision: labels of people among the first so many, or answers that are the same."""
    draws = said.draws
    labelled = [number for number, draw in enumerate(draws) if draw.case is not None][:count]
    count -= said.before(count)
    by_people = count - sum(known[number] for number in labelled if number < len(known))
    same = count > by_people or any(draw.told for draw in draws)
    return "answers that are the same" if same and not by_people else in_labels(by_people)


def in_labels(count: int) -> str:
    """A number of labels in words."""
    return f"{count:,} label" if count == 1 else f"{count:,} labels"


def _open(
    question: LabelQuestion, lower: float, more: int | None, found: Evidence, n_cases: int, *, is_held: bool
) -> str:
    """Say how far it could be, and what would decide it: nothing of that while labels wait that may do so by now."""
    if question.of == "rate":
        text = f"could be as low as {figure(question.demanded + lower, apart_from=question.demanded)}"
    else:
        text = f"could be lower by up to {figure(-lower, apart_from=question.margin)}"
    if more is not None:
        return f"{text}; about {more:,} more {'label' if more == 1 else 'labels'} would decide it"
    if is_held:
        return text
    if len(found.values) >= n_cases:
        return f"{text}; every judged case had its turn: more cases would decide it"
    if len(found.ends) < 2:
        return f"{text}; {in_labels(len(found.ends))} can't tell how many it takes: further ones are needed"
    return f"{text}; the labels that are left would not decide it, if they are like those seen: more cases are needed"
