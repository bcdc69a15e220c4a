"""The rule of every gate: scores in, verdicts out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from harness.decisions import reasons
from harness.decisions.cases import case_results
from harness.decisions.hypotheses import Hypothesis, estimate, hypotheses, natural
from harness.decisions.multiplicity import red_levels
from harness.decisions.needed import needed
from harness.decisions.observed import Observed
from harness.decisions.stopping import decided_after, settling_level
from harness.records import Check, Difference, Verdict, VerdictKind, is_approximate
from harness.statistics.arrays import check_confidence
from harness.statistics.contrasts import Contrast


def decide(observed: Sequence[Observed], confidence_level: float, share: float = 1.0) -> tuple[Verdict, ...]:
    """One verdict for each evaluation and metric.

    Let L and U be bounds of candidate minus threshold or baseline, less than 0 being worse. L is the one-sided bound at
    `confidence_level`; U the one at the level at which this comparison is judged among all those given: Holm's for
    fixed designs, the closed test of e-values for sequential ones. L > -margin is `passed`; else U < 0 is `failed`
    (threshold) or `regressed` (baseline); else `inconclusive`. A pass needs no correction: a green gate needs all of
    them (intersection-union). A sequential design is decided by its first rows that suffice; what was drawn beyond them
    does not count. One that was cut short (`stopped_at`) has no verdict but those that all of its rows would give as
    well, and else is `inconclusive`: a sequential design by what is settled, a fixed one always.

    Args:
        observed: every evaluation of the run: red is corrected over all of them at once.
        confidence_level: strictly between 0 and 1.
        share: the share of the error rate that red may spend here, in (0, 1]; the rest is kept for other decisions of
            the same run.

    Returns:
        The verdicts in the order given. `difference.low` and `.high` are the bounds that were used, in the natural
        direction: candidate minus the other. Where lower is better, `high` is thus the bound that a pass rests on, and
        `low` > 0 is red. `difference.p_value` is one-sided and not corrected. `n_samples` counts the candidate's
        scores.

    Raises:
        ValueError: a level or share out of range, scores outside [0, 1] without a unit.
    """
    level = 1 - check_confidence(confidence_level)
    if not 0 < share <= 1:
        raise ValueError(f"share = {share!r} is not above 0 and at most 1.")
    evaluations: dict[str, list[Observed]] = {}
    for each in observed:
        evaluations.setdefault(each.id, []).append(each)
    each_level = level * share / max(1, len(evaluations))
    ends = {name: decided_after(group, level, each_level) for name, group in evaluations.items()}
    used = [each.as_shown() if (end := ends[each.id]) is None else each.first(end) for each in observed]
    settling = {name: settling_level(group, each_level) for name, group in evaluations.items()}
    asked = [() if each.errors else hypotheses(each, (level, settling[each.id])) for each in used]
    tested = [each for group in asked for each in group if each.contrast is not None or each.observed.stopped_at]
    levels = red_levels(tested, [settling[each.observed.id] for each in tested], level * share)
    by_identity = dict(zip(map(id, tested), levels, strict=True))
    return tuple(
        _verdict(each, tuple(_check(one, level, by_identity.get(id(one), 0.0), len(tested)) for one in group), level)
        for each, group in zip(used, asked, strict=True)
    )


def worst(kinds: Iterable[VerdictKind]) -> VerdictKind:
    """The verdict that counts: error > failed > regressed > inconclusive > passed. Of none: passed."""
    return max(kinds, key=lambda kind: kind.severity, default=VerdictKind.PASSED)


def exit_code(kinds: Iterable[VerdictKind], inconclusive: str) -> int:
    """The exit code of a gate: 0 passed, 1 red, 8 inconclusive.

    Args:
        kinds: the verdicts of the run.
        inconclusive: "fail" gives 8 for an inconclusive gate, "warn" gives 0.
    """
    if inconclusive not in ("fail", "warn"):
        raise ValueError(f"inconclusive = {inconclusive!r} is neither 'fail' nor 'warn'.")
    verdict = worst(kinds)
    if verdict.is_red:
        return 1
    return 8 if verdict is VerdictKind.INCONCLUSIVE and inconclusive == "fail" else 0


def _check(hypothesis: Hypothesis, level: float, red_level: float, m: int) -> Check:
    """The rule, applied to one comparison."""
    contrast, observed = hypothesis.contrast, hypothesis.observed
    if contrast is None:
        nothing = _unbounded(math.nan, math.inf, "no scores to compare")
        reason = reasons.no_scores(hypothesis)
        return Check(hypothesis.against, VerdictKind.INCONCLUSIVE, reason, nothing)
    if not observed.may_decide:
        return _shown(hypothesis, contrast, level, red_level)
    lower, upper = contrast.lower(1 - level), contrast.upper(1 - red_level)
    more = None
    if lower > -observed.margin:
        kind, reason = VerdictKind.PASSED, reasons.passed(hypothesis, upper)
    elif upper < 0:
        kind = VerdictKind.FAILED if hypothesis.against == "threshold" else VerdictKind.REGRESSED
        reason = reasons.red(hypothesis, upper)
    else:
        kind, more = VerdictKind.INCONCLUSIVE, needed(hypothesis, lower, upper, (level, red_level))
        reason = reasons.inconclusive(hypothesis, lower, more)
    correction = (
        "" if m == 1 else f", {'e-Holm' if observed.is_sequential else 'Holm'}-corrected over {m:,} comparisons"
    )
    method = _method(contrast.method, level, red_level, correction, higher_is_better=observed.higher_is_better)
    # Bounds that hold whenever one stops never move back, so that a mean that does may leave them: shown to hold it.
    lower = lower if kind is VerdictKind.PASSED and contrast.value <= -observed.margin else min(lower, contrast.value)
    upper = upper if kind.is_red and contrast.value >= 0 else max(upper, contrast.value)
    difference = natural(contrast, lower, upper, method, higher_is_better=observed.higher_is_better)
    return Check(hypothesis.against, kind, reason, difference, more.samples if more else None, red_level)


def _shown(hypothesis: Hypothesis, contrast: Contrast, level: float, red_level: float) -> Check:
    """A comparison of a part of a fixed design, which decides nothing."""
    observed = hypothesis.observed
    if observed.is_sequential:
        lower, upper = contrast.lower(1 - level), contrast.upper(1 - red_level)
        method = _method(contrast.method, level, red_level, "", higher_is_better=observed.higher_is_better)
        lower, upper = min(lower, contrast.value), max(upper, contrast.value)
        difference = natural(contrast, lower, upper, method, higher_is_better=observed.higher_is_better)
    else:
        value = contrast.value if observed.higher_is_better else -contrast.value
        difference = _unbounded(value, contrast.standard_error, "cut short: a measure has no bounds by then")
    left = (observed.n_planned - observed.n_done) * observed.candidate.shape[1]
    reason = reasons.part_of_fixed(observed)
    return Check(hypothesis.against, VerdictKind.INCONCLUSIVE, reason, difference, left)


def _unbounded(value: float, standard_error: float, method: str) -> Difference:
    return Difference(value, standard_error, -math.inf, math.inf, 1.0, method)


def _method(method: str, level: float, red_level: float, correction: str, *, higher_is_better: bool) -> str:
    """What the bounds are, with the level of each."""
    holding, falling = ("lower", "upper") if higher_is_better else ("upper", "lower")
    return (
        f"{method}; {holding} bound one-sided at {1 - level:.4g}, "
        f"{falling} bound one-sided at {1 - red_level:.6g}{correction}"
    )


def _verdict(observed: Observed, checks: tuple[Check, ...], level: float) -> Verdict:
    """The worse of the comparisons, with everything that led to it."""
    kind, reason = _outcome(observed, checks)
    reason += reasons.partly_skipped(observed)
    by_name = {check.against: check.difference for check in checks}
    open_samples = [check.samples_needed for check in checks if check.samples_needed is not None]
    decided = kind is not VerdictKind.INCONCLUSIVE
    return Verdict(
        id=observed.id,
        metric=observed.metric,
        requirement=observed.requirement,
        verdict=kind,
        reason=reason,
        threshold=observed.threshold,
        margin=observed.margin,
        n_cases=int(observed.scored.sum()),
        n_samples=int((~np.isnan(observed.candidate)).sum()),
        candidate=estimate(observed, observed.candidate, 1 - level),
        baseline=estimate(observed, observed.baseline, 1 - level),
        difference=by_name.get("baseline", by_name.get("threshold")),
        samples_needed=None if decided or not open_samples else max(open_samples),
        labels_needed=None,
        cases=case_results(observed),
        checks=checks,
        margin_is_default=observed.margin_is_default,
        unit=observed.unit,
        higher_is_better=observed.higher_is_better,
        design=observed.design if observed.is_sequential and observed.may_decide else "fixed",
        n_planned=observed.n_planned,
        largest_cluster=observed.largest_cluster,
        n_skipped=observed.n_skipped,
        n_truncated=observed.n_truncated,
        errors=observed.errors,
        is_binary=observed.is_binary,
        interruption=observed.interruption,
        traceback=observed.traceback,
        stopped_at=observed.stopped_at or None if kind is VerdictKind.INCONCLUSIVE else None,
        at_least=observed.at_least,
        at_most=observed.at_most,
        statistic=observed.statistic,
        approximate=is_approximate(observed) and kind is not VerdictKind.ERROR,
    )


def _outcome(observed: Observed, checks: tuple[Check, ...]) -> tuple[VerdictKind, str]:
    if observed.errors:
        return VerdictKind.ERROR, reasons.errors(observed.errors)
    if not observed.scored.any():
        nothing = reasons.nothing_scored(observed.n_skipped)
        return VerdictKind.INCONCLUSIVE, reasons.cut_short(observed, nothing)
    if not checks:
        if observed.stopped_at:
            return VerdictKind.INCONCLUSIVE, reasons.cut_short(observed, "nothing required, and measured in part")
        return VerdictKind.PASSED, "nothing required"
    kind = worst(check.verdict for check in checks)
    summed_up = reasons.summed_up(checks, kind) + reasons.weighed_by(observed)
    if kind is VerdictKind.INCONCLUSIVE:
        return kind, reasons.cut_short(observed, summed_up) + reasons.approximate(observed)
    return kind, summed_up + reasons.where_stopped(observed) + reasons.approximate(observed)
