"""Slices of an evaluation's cases: what each of them comes to, and what the evaluation makes of that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.decisions import reasons
from harness.decisions.aims import is_bet_on
from harness.decisions.comparisons import check
from harness.decisions.hypotheses import Hypothesis, estimate, hypotheses
from harness.decisions.observations import CaseSlice, Observations
from harness.records import Check, SliceResult, VerdictKind

_NAMED = 3
_Levels = tuple[float, float]


def slice_results(observed: Observations, levels: _Levels, level: float) -> tuple[SliceResult, ...]:
    """Judge each slice, the worst first.

    A slice is red where the upper bound of its difference lies below minus its margin. All slices of a comparison share
    what one comparison of the evaluation may spend on a false red, in equal parts (Bonferroni; O. J. Dunn, 1961, JASA
    56:52-64): whatever they have to do with each other, and whenever one stops, any of them is wrong with at most that
    chance, and so are their bounds, for all margins at once.

    Args:
        observed: what the evaluation is decided by.
        levels: at which the evaluation passes, and at which one of its comparisons is red by itself.
        level: the chance that any of the intervals of the slices' means is wrong.
    """
    if observed.errors or not observed.scored.any():
        return ()
    own = _own_levels(observed, levels)
    found = [_result(observed, each, own, level / len(observed.slices)) for each in observed.slices]
    return tuple(sorted(found, key=lambda each: (-each.verdict.severity, _standing(each, observed))))


def slice_ends(observed: Observations, levels: _Levels) -> Iterator[list[tuple[int | None, int | None]]]:
    """For each slice: after how many rows of the evaluation each of its comparisons has passed, and after how many it
    was shown to be worse by more than the margin; None where it is not.
    """
    own = _own_levels(observed, levels)
    for each in observed.slices:
        part, rows = _part(observed, each)
        yield [_ends(hypothesis, own, rows) for hypothesis in hypotheses(part, own)]


def _ends(hypothesis: Hypothesis, levels: _Levels, rows: Sequence[int]) -> tuple[int | None, int | None]:
    contrast = hypothesis.contrast
    if not is_bet_on(contrast):
        return None, None
    found = contrast.passed_at(levels[0]), contrast.beyond_at(levels[1])
    by_samples = hypothesis.observed.by_samples  # then it is their number
    passed, worse = (None if each is None else rows[-1 if by_samples else each - 1] + 1 for each in found)
    return passed, worse


def with_slices(kind: VerdictKind, reason: str, slices: Sequence[SliceResult]) -> tuple[VerdictKind, str]:
    """The verdict of an evaluation and its reason, once its slices are looked at: a red one makes it red.

    Args:
        kind, reason: of all cases together.
        slices: the worst first.
    """
    red = [each for each in slices if each.verdict.is_red]
    if red:
        told = _told(red, "are worse")
        if kind.is_red:
            return max(kind, red[0].verdict, key=lambda each: each.severity), f"{reason}; {told}"
        return red[0].verdict, f"{told}; all cases: {reason}"
    return kind, reason


def name_of(each: SliceResult | CaseSlice) -> str:
    """A slice as texts call it: "topic billing"."""
    return f"{each.field} {each.value}"


def _own_levels(observed: Observations, levels: _Levels) -> _Levels:
    """At which a comparison of one slice passes, and at which it is red."""
    passing, red = levels
    count = max(1, len(observed.slices))
    return passing / count, red / count


def _part(observed: Observations, each: CaseSlice) -> tuple[Observations, list[int]]:
    """The slice as an evaluation of its own, and the rows that it has.

    Drawn in a random order, its cases are in one as well. Stakes are those of the evaluation, as they were at the first
    look, with as many cases to come as the slice had then.
    """
    rows = [row for row, case_id in enumerate(observed.case_ids) if case_id in each.case_ids]
    size = len(rows) if observed.is_whole else each.size
    part = replace(
        observed.rows(rows),
        plan=replace(observed.plan, margin=observed.plan.slice_margin or 0.0),
        n_planned=size,
        suite_size=size,
        n_skipped=0,
        stakes=replace(observed.tuned_to, horizon=each.horizon),
        slices=(),
    )
    return part, rows


def _result(observed: Observations, each: CaseSlice, levels: _Levels, level: float) -> SliceResult:
    part, _ = _part(observed, each)
    n_cases = int(part.scored.sum())
    if not n_cases:
        kind, why = VerdictKind.INCONCLUSIVE, "no case has a score"
        return SliceResult(each.field, each.value, 0, None, None, None, kind, why, n_planned=each.size)
    checks = [_weighed(observed, one, levels) for one in hypotheses(part, levels)]
    worst = max(checks, key=_rank, default=None)
    kind = VerdictKind.PASSED if worst is None else worst.verdict
    by_name = {one.against: one.difference for one in checks}
    return SliceResult(
        field=each.field,
        value=each.value,
        n_cases=n_cases,
        candidate=estimate(part, part.candidate, 1 - level),
        baseline=estimate(part, part.baseline, 1 - level),
        difference=by_name.get("baseline", by_name.get("threshold")),
        verdict=VerdictKind.INCONCLUSIVE if observed.undecided and worst is not None else kind,
        reason="nothing required" if worst is None else worst.reason,
        samples_needed=max((one.samples_needed for one in checks if one.samples_needed is not None), default=None),
        n_planned=each.size,
    )


def _rank(one: Check) -> tuple[int, float]:
    """The worse verdict is a slice's; of two open comparisons, the one that needs more tells why."""
    return one.verdict.severity, math.inf if one.samples_needed is None else one.samples_needed


def _weighed(observed: Observations, hypothesis: Hypothesis, levels: _Levels) -> Check:
    """The rule for one comparison of a slice: red is what is shown to be worse by more than the margin."""
    count = len(observed.slices)
    found = check(hypothesis, *levels, f", both simultaneous over {count:,} slices" if count > 1 else "")
    contrast, margin = hypothesis.contrast, hypothesis.observed.plan.margin
    if contrast is None or found.verdict is VerdictKind.PASSED or not hypothesis.observed.may_decide:
        return found
    upper = contrast.upper(1 - levels[1])
    if upper >= 0:
        return found
    if upper >= -margin:
        text = f"{reasons.worse(hypothesis)}, not shown to be by more than {reasons.allowed(hypothesis)}"
        return replace(found, verdict=VerdictKind.INCONCLUSIVE, reason=text)
    beyond = f" by more than {reasons.allowed(hypothesis)}" if hypothesis.against == "threshold" else ""
    kind = VerdictKind.FAILED if hypothesis.against == "threshold" else VerdictKind.REGRESSED
    return replace(found, verdict=kind, reason=reasons.red(hypothesis, upper) + beyond)


def _standing(each: SliceResult, observed: Observations) -> float:
    """Return the figure that slices of one verdict are ordered by: their difference, or mean where there is none."""
    shown = each.difference or each.candidate
    if shown is None:
        return math.inf
    if observed.is_same and each.difference is not None:
        return -abs(shown.value)
    return shown.value if observed.higher_is_better else -shown.value


def _told(slices: Sequence[SliceResult], what: str) -> str:
    """Name the slices, with the reason for the first of them."""
    first = f"{name_of(slices[0])} ({slices[0].n_cases:,} {'case' if slices[0].n_cases == 1 else 'cases'}) "
    if len(slices) == 1:
        return first + slices[0].reason
    named = ", ".join(map(name_of, slices[1:_NAMED])) + (", …" if len(slices) > _NAMED else "")
    return f"{len(slices):,} slices {what}: {first}{slices[0].reason}; {named}"
