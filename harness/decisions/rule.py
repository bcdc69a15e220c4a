"""The rule of every gate: scores in, verdicts out."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from harness.decisions import reasons
from harness.decisions.aims import is_bet_on
from harness.decisions.claims import lost_claim, may_leave_unanswered
from harness.decisions.comparisons import check, red_levels
from harness.decisions.hypotheses import estimate, hypotheses
from harness.decisions.looks import Look, next_share, single_looks
from harness.decisions.observations import Observations
from harness.decisions.slices.results import slice_ends, slice_results, with_slices
from harness.records import CaseResult, Check, Difference, LookTaken, LostClaim, SliceResult, Verdict, VerdictKind
from harness.statistics.arrays import BoolArray, FloatArray, case_means, check_confidence, is_binary

_Beside = tuple[LostClaim | None, tuple[SliceResult, ...]]


def decide(
    observed: Sequence[Observations],
    confidence_level: float,
    share: float = 1.0,
    looks: Mapping[str, Look] | None = None,
    *,
    tells_lost: bool = True,
) -> tuple[Verdict, ...]:
    """One verdict for each evaluation and metric.

    Let L and U be bounds of candidate minus threshold or baseline, less than 0 being worse. L is the one-sided bound at
    the level at which this look may pass; U the one at the level at which this comparison is judged among all those of
    its batch, by Holm's procedure with weights. L > -margin is `passed`; else U < 0 is `failed` (threshold) or
    `regressed` (baseline); else `inconclusive`. A pass needs no correction over evaluations: a green gate needs all of
    them (intersection-union). A sequential design is decided by its first rows that suffice; what was drawn beyond them
    does not count. One that was cut short (`stopped_at`) has no verdict but those that all of its rows would give as
    well, and else is `inconclusive`: a sequential design by what is settled, a fixed one always.

    Args:
        observed: every evaluation of the run: red is corrected over all of them at once.
        confidence_level: strictly between 0 and 1.
        share: without `looks`: the share of the error rate that red may spend here, in (0, 1]; the rest is kept for
            other decisions of the same run.
        looks: what each evaluation may spend, by id; None where they are weighed once and never again.
        tells_lost: whether `lost` is wanted where no `max_lost` needs it.

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
    evaluations = _by_evaluation(observed)
    known = single_looks(evaluations, share) if looks is None else looks
    levels = {name: _own_levels(group, level, known[name]) for name, group in evaluations.items()}
    ends = {name: decided_after(group, levels[name][0], level * known[name].red) for name, group in evaluations.items()}
    used = [each.as_shown() if (end := ends[each.id]) is None else each.first(end) for each in observed]
    verdicts = []
    parts = {name: max(1, n_comparisons(group)) for name, group in evaluations.items()}
    for each, checks in zip(used, _all_checks(used, levels, known, parts), strict=True):
        lost = lost_claim(each, checks, levels[each.id][1]) if tells_lost or each.plan.max_lost is not None else None
        slices = slice_results(each, levels[each.id], level)
        verdicts.append(_verdict(each, checks, level, (lost, slices), known[each.id]))
    return tuple(verdicts)


def _by_evaluation(observed: Iterable[Observations]) -> dict[str, list[Observations]]:
    """The metrics of each evaluation, by its id."""
    evaluations: dict[str, list[Observations]] = {}
    for each in observed:
        evaluations.setdefault(each.id, []).append(each)
    return evaluations


def _own_levels(observed: Sequence[Observations], level: float, look: Look) -> tuple[float, float]:
    """At which an evaluation passes, and at which one of its comparisons is red by itself."""
    return level * look.passing, settling_level(observed, level * look.red)


def _all_checks(
    used: Sequence[Observations],
    levels: Mapping[str, tuple[float, float]],
    looks: Mapping[str, Look],
    parts: Mapping[str, int],
) -> list[tuple[Check, ...]]:
    """The comparisons of each metric, judged among those of all evaluations.

    Args:
        used: what of each is decided by.
        levels: by evaluation, as `_own_levels` gives them.
        parts: by evaluation, as `n_comparisons` counts them.
    """
    asked = [() if each.errors else hypotheses(each, levels[each.id]) for each in used]
    tested = [each for group in asked for each in group if each.contrast is not None or each.observed.stopped_at]
    reds = red_levels(tested, [levels[each.observed.id][1] for each in tested], looks, parts)
    by_identity = dict(zip(map(id, tested), reds, strict=True))
    together = Counter(looks[each.observed.id].batch for each in tested)
    found = []
    for each, group in zip(used, asked, strict=True):
        m, following = together[looks[each.id].batch], next_share(looks[each.id])
        passing, told = levels[each.id][0], "" if m == 1 else f", Holm-corrected over {m:,} comparisons"
        found.append(tuple(check(one, passing, by_identity.get(id(one), 0.0), told, following) for one in group))
    return found


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
    is_let_pass = verdict is VerdictKind.INCONCLUSIVE and inconclusive == "warn"
    return 0 if is_let_pass else verdict.exit_code


_AS_OBSERVED = (
    *("id", "metric", "unit", "higher_is_better"),
    *("n_planned", "clusters_known_by", "n_skipped", "n_truncated", "errors", "is_binary", "interruption"),
    *("traceback", "suite_size", "is_repeatable", "at_least", "at_most", "statistic"),
)
"""What a verdict tells as it was observed."""


def _verdict(observed: Observations, checks: tuple[Check, ...], level: float, beside: _Beside, look: Look) -> Verdict:
    """The worse of the comparisons, with everything that led to it."""
    (lost, slices), (kind, reason) = beside, _outcome(observed, checks, beside, level * look.passing)
    candidate, sizes = estimate(observed, observed.candidate, 1 - level), observed.cluster_sizes
    return Verdict(
        **{name: getattr(observed, name) for name in _AS_OBSERVED},
        plan=replace(
            observed.plan,
            design=observed.plan.design if observed.is_sequential and observed.may_decide else "fixed",
            about="suite" if observed.is_about_suite else "population",
            aim=observed.aim,
        ),
        verdict=kind,
        reason=reason + reasons.one_sided(observed, checks, candidate) + _asides(kind, observed, look, level),
        n_cases=int(observed.scored.sum()),
        n_samples=int((~np.isnan(observed.candidate)).sum()),
        candidate=candidate,
        baseline=estimate(observed, observed.baseline, 1 - level),
        difference=_difference(checks),
        samples_needed=_samples_needed(checks) if kind is VerdictKind.INCONCLUSIVE else None,
        cases=case_results(observed),
        checks=checks,
        largest_cluster=max(observed.largest_cluster, 1, *(() if observed.clusters_known_by == "field" else sizes)),
        n_clusters=len(sizes),
        stopped_at=observed.stopped_at or None if kind is VerdictKind.INCONCLUSIVE else None,
        lost=lost,
        look=_taken(look, level, observed),
        slices=slices,
    )


def _difference(checks: tuple[Check, ...]) -> Difference | None:
    """The one to the baseline; to the threshold where there is no baseline."""
    by_name = {check.against: check.difference for check in checks}
    return by_name.get("baseline", by_name.get("threshold"))


def _samples_needed(checks: tuple[Check, ...]) -> int | None:
    """Count the samples that would decide all open comparisons; None where that is not known of any."""
    return max((each.samples_needed for each in checks if each.samples_needed is not None), default=None)


def _asides(kind: VerdictKind, observed: Observations, look: Look, level: float) -> str:
    """Say what else a reader must know of the answers, the cases and the look."""
    is_red = kind in (VerdictKind.FAILED, VerdictKind.REGRESSED)
    return (
        (reasons.cut_answers(observed) if is_red else "")
        + reasons.alone(observed)
        + reasons.counted_as(observed)
        + reasons.partly_skipped(observed)
        + reasons.of_look(look, level, kind)
    )


def _taken(look: Look, level: float, observed: Observations) -> LookTaken:
    """The look with its levels, as a report keeps it."""
    return LookTaken(
        number=look.number,
        level=level * look.passing,
        red_level=level * look.red,
        weight=look.weight,
        batch=look.batch,
        because=look.because,
        stakes=observed.stakes,
        share=look.passing,
        red_share=look.red,
    )


def _outcome(
    observed: Observations, checks: tuple[Check, ...], beside: _Beside, level: float
) -> tuple[VerdictKind, str]:
    lost, slices = beside
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
    if observed.undecided:
        return VerdictKind.INCONCLUSIVE, reasons.part(observed, reasons.summed_up(checks, kind))
    if lost is not None and lost.is_too_many and kind.severity < VerdictKind.REGRESSED.severity:
        return VerdictKind.REGRESSED, reasons.lost(lost)
    if kind is VerdictKind.PASSED and (share := may_leave_unanswered(observed, level)) is not None:
        return VerdictKind.INCONCLUSIVE, reasons.unanswered(observed, share)
    summed_up = reasons.summed_up(checks, kind)
    summed_up += reasons.by_quantile(observed, summed_up)
    kind, summed_up = with_slices(kind, summed_up, slices)
    if kind is VerdictKind.INCONCLUSIVE:
        return kind, reasons.cut_short(observed, summed_up)
    return kind, summed_up + reasons.where_stopped(observed)


def decided_after(observed: Sequence[Observations], level: float, evaluation_level: float) -> int | None:
    """After how many rows (samples, for a single case) all metrics of an evaluation are decided; None if they are not.

    It depends on the scores in the order drawn and on nothing else, so that all who look, whenever, find the same.

    Args:
        observed: every metric of one evaluation.
        level: at which a comparison of this evaluation passes.
        evaluation_level: the chance of a false red that the evaluation may spend over all its comparisons.
    """
    if not observed or not all(each.is_sequential for each in observed):
        return None
    red_level = settling_level(observed, evaluation_level)
    found = [_decided(each, (level, red_level)) for each in observed]
    known = [each for each in found if each is not None]
    return max(known) if len(known) == len(found) else None


def settling_level(observed: Sequence[Observations], evaluation_level: float) -> float:
    """The level at which evidence for worse counts whatever else the run finds: an equal share for each comparison."""
    return evaluation_level / max(1, n_comparisons(observed))


def n_comparisons(observed: Sequence[Observations]) -> int:
    """Count the comparisons that can make an evaluation red. Which cases are lost is one where the marker limits it,
    and all slices together are one beside each comparison of all cases.
    """
    return sum(
        (1 + bool(each.slices)) * ((each.plan.threshold is not None) + (each.baseline is not None))
        + (each.baseline is not None and each.plan.max_lost is not None)
        for each in observed
    )


def _decided(observed: Observations, levels: tuple[float, float]) -> int | None:
    """After how many rows one metric is decided: every comparison has passed, or one is red; and its slices each by
    itself, so that a red evaluation tells which of them are worse.
    """
    level, red_level = levels
    ends: list[tuple[int | None, int | None]] = []
    for each in hypotheses(observed, levels):
        if not is_bet_on(each.contrast):
            return None
        passed = each.contrast.passed_at(level)
        if observed.plan.max_lost is not None and passed is not None:  # lost cases are looked for among all of them
            passed = len(observed.case_ids) if observed.is_whole else None
        ends.append((passed, each.contrast.worse_at(red_level)))
    last = 0
    for found in itertools.chain([ends], slice_ends(observed, levels)):  # one that is open is enough to know
        end = _end(found)
        if end is None:
            return None
        last = max(last, end)
    return last


def _end(ends: Sequence[tuple[int | None, int | None]]) -> int | None:
    """After how many rows comparisons are decided together, by those at which each passed and at which it was red."""
    reds = [worse for passed, worse in ends if worse is not None and (passed is None or worse < passed)]
    passes = [passed for passed, _ in ends if passed is not None]
    all_passed = [max(passes)] if passes and len(passes) == len(ends) else []
    return min([*all_passed, *reds], default=None)


_STATES: tuple[Literal["broken", "flaky", "stable"], ...] = ("broken", "flaky", "stable")


def case_results(observed: Observations) -> tuple[CaseResult, ...]:
    """Every case that has a candidate score, in the order given.

    A case is stable when every sample is right, broken when none is, flaky between. A sample of a binary metric is
    right at 1; of another, when it reaches the threshold, or 0.5 where scores in [0, 1] have none. A measure without a
    threshold has no right and wrong: its cases are stable.
    """
    scored = observed.scored
    scores = observed.candidate
    counts = (~np.isnan(scores)).sum(axis=1)
    rights = np.where(np.isnan(scores), False, _right(observed)).sum(axis=1)
    states = np.where(rights == counts, 2, np.where(rights == 0, 0, 1)).tolist()
    candidate = _means(scores)
    baseline: list[float | None] = [None] * len(scores)
    if observed.baseline is not None:
        baseline = _means(observed.baseline)
    clusters: list[str | None] = [None] * len(scores)
    if observed.clusters is not None:
        clusters = [str(cluster) for cluster in observed.clusters]
    names = [_STATES[state] for state in states]
    rows = zip(observed.case_ids, counts.tolist(), candidate, baseline, names, clusters, strict=True)
    return tuple(
        CaseResult(case, n, ours, theirs, state, cluster, unanswered=observed.unanswered.get(case))
        for (case, n, ours, theirs, state, cluster), kept in zip(rows, scored.tolist(), strict=True)
        if kept
    )


def _right(observed: Observations) -> BoolArray:
    scores = observed.candidate
    right: BoolArray = np.ones(scores.shape, dtype=np.bool_)
    if observed.bounded and is_binary(scores):
        right = scores == (1 if observed.higher_is_better else 0)
    elif observed.plan.threshold is not None:
        right = scores >= observed.plan.threshold if observed.higher_is_better else scores <= observed.plan.threshold
    elif observed.bounded:
        right = scores >= 0.5 if observed.higher_is_better else scores <= 0.5
    return right


def _means(scores: FloatArray) -> list[float | None]:
    return [None if mean != mean else mean for mean in case_means(scores).tolist()]
