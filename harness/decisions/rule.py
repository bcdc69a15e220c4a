"""The rule of every gate: scores in, verdicts out, for all cases of an evaluation and for its slices."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.decisions import reasons
from harness.decisions.claims import case_results, lost_claim, may_leave_unanswered
from harness.decisions.looks import CLOSED, Look, next_share, single_looks
from harness.decisions.needed import needed
from harness.decisions.observations import CaseSlice, Observations
from harness.decisions.questions import Levels, Question, estimate, questions
from harness.records import Check, Difference, LookTaken, LostClaim, SliceResult, Verdict, VerdictKind
from harness.statistics.arrays import check_confidence
from harness.statistics.multiplicity import weighted_holm_levels

_Asked = tuple[Observations, Question]
_Ends = tuple[int | None, int | None]


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
    evaluations: dict[str, list[Observations]] = {}
    for each in observed:
        evaluations.setdefault(each.id, []).append(each)
    known = single_looks(evaluations, share) if looks is None else looks
    levels, ends = {}, {}
    for name, group in evaluations.items():
        passing, red = level * known[name].passing, level * known[name].red
        levels[name] = (passing, settling_level(group, red))
        ends[name] = decided_after(group, passing, red)
    used = [each.as_shown() if (end := ends[each.id]) is None else each.first(end) for each in observed]
    parts = {name: max(1, n_comparisons(group)) for name, group in evaluations.items()}
    verdicts = []
    for each, checks in zip(used, _all_checks(used, levels, known, parts), strict=True):
        lost = lost_claim(each, checks, levels[each.id][1]) if tells_lost or each.plan.max_lost is not None else None
        slices = slice_results(each, levels[each.id], level)
        verdicts.append(_verdict(each, checks, level, lost, slices, known[each.id]))
    return tuple(verdicts)


def _all_checks(
    used: Sequence[Observations], levels: Mapping[str, Levels], looks: Mapping[str, Look], parts: Mapping[str, int]
) -> Iterator[tuple[Check, ...]]:
    """The comparisons of each metric, judged among those of all evaluations."""
    asked = [() if each.errors else questions(each, levels[each.id]) for each in used]
    tested = [
        (each, question)
        for each, group in zip(used, asked, strict=True)
        for question in group
        if question.directions or each.stopped_at
    ]
    reds = red_levels(tested, [levels[each.id][1] for each, _ in tested], looks, parts)
    by_identity = {id(question): red for (_, question), red in zip(tested, reds, strict=True)}
    together = Counter(looks[each.id].batch for each, _ in tested)
    for each, group in zip(used, asked, strict=True):
        look, passing = looks[each.id], levels[each.id][0]
        m = together[look.batch]
        correction = "" if m == 1 else f", Holm-corrected over {m:,} comparisons"
        yield tuple(
            check(each, one, (passing, by_identity.get(id(one), 0.0)), correction, next_share(look)) for one in group
        )


def red_levels(
    tested: Sequence[_Asked], own: Sequence[float], looks: Mapping[str, Look], parts: Mapping[str, int]
) -> list[float]:
    """The level of each comparison's upper bound, so that any false red has at most the chance that they share.

    Holm's procedure with weights, in each batch by itself: what a comparison that is red had to spend goes to the
    others of its batch. The p-values of sequential designs hold whenever one stops, and those of fixed ones hold at
    their look, so that looking again takes nothing back: a p-value can only fall, and what was red stays red.

    Args:
        tested: comparisons of a run that have scores, or were cut short before they had any. Of one that was cut short
            nothing counts but evidence that has reached its own share: drawn to its end it might pass.
        own: what each may spend by itself.
        looks: of the evaluations, by id.
        parts: of the evaluations, by id: how many share what one may spend. What slices and lost cases have of it they
            keep, whatever else is red.
    """
    levels = [0.0] * len(tested)
    batches: dict[int, list[int]] = {}
    for i, (each, _) in enumerate(tested):
        batches.setdefault(looks[each.id].batch, []).append(i)
    for batch, members in batches.items():
        names = [tested[i][0].id for i in members]
        weights = np.array([looks[name].weight / parts[name] for name in names])
        whole = sum(looks[name].weight for name in set(names)) if batch == CLOSED else 1.0
        p_values, theirs = [_p_less(*tested[i], own[i]) for i in members], np.array([own[i] for i in members]) / whole
        found = weighted_holm_levels(p_values, theirs, weights / whole)
        for i, level in zip(members, found.tolist(), strict=True):
            levels[i] = level
    return levels


def _p_less(observed: Observations, asked: Question, own: float) -> float:
    """The p-value of being no worse; 1 where it must not count."""
    if not asked.directions or not observed.may_decide:
        return 1.0
    p_value = asked.p_less
    return p_value if p_value <= own or not observed.stopped_at else 1.0


def check(
    observed: Observations, asked: Question, levels: Levels, correction: str = "", next_share: float = 1.0
) -> Check:
    """The rule, applied to one comparison.

    Args:
        levels: at which it passes, and at which it is red, corrected over the comparisons that it is weighed with.
        correction: that correction, as the method of the difference tells it; "" for none.
        next_share: what the next look has of the level of this one.
    """
    is_open = VerdictKind.INCONCLUSIVE
    if not asked.directions:
        return Check(
            asked.against, is_open, reasons.no_scores(observed), _unbounded(math.nan, math.inf, "no scores to compare")
        )
    if not observed.may_decide:
        return _shown(observed, asked, levels)
    ruling = asked.ruling(levels)
    kind, lower, upper = ruling
    more = None
    if kind is VerdictKind.PASSED:
        reason = reasons.passed(observed, asked, upper)
    elif kind.is_red:
        reason = reasons.red(observed, asked, upper)
    elif asked.red_beyond and upper < 0:
        reason = reasons.perhaps_within(observed, asked)
    else:
        more = needed(observed, asked, lower, levels, next_share)
        reason = reasons.inconclusive(observed, asked, lower, more, levels, next_share)
    difference = asked.difference(ruling, levels, correction)
    return Check(asked.against, kind, reason, difference, more.samples if more else None, levels[1], levels[0])


def _shown(observed: Observations, asked: Question, levels: Levels) -> Check:
    """A comparison of a part of a fixed design, which decides nothing."""
    is_open = VerdictKind.INCONCLUSIVE
    if asked.bets:
        difference = asked.difference((is_open, *asked.ruling(levels)[1:]), levels)
    else:
        first = asked.directions[0]
        value = first.value if asked.higher_is_better or observed.is_same else -first.value
        difference = _unbounded(value, first.standard_error, "cut short: a measure has no bounds by then")
    left = (observed.n_planned - observed.n_done) * observed.candidate.shape[1]
    return Check(asked.against, is_open, reasons.part_of_fixed(observed), difference, left)


def _unbounded(value: float, standard_error: float, method: str) -> Difference:
    return Difference(value, standard_error, -math.inf, math.inf, 1.0, method)


# ------------------------------------------------------------------------------------------------------------ verdicts


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


def _verdict(
    observed: Observations,
    checks: tuple[Check, ...],
    level: float,
    lost: LostClaim | None,
    slices: tuple[SliceResult, ...],
    look: Look,
) -> Verdict:
    """The worse of the comparisons, with everything that led to it."""
    kind, reason = _outcome(observed, checks, lost, slices, level * look.passing)
    candidate, sizes = estimate(observed, observed.candidate, 1 - level), observed.cluster_sizes
    is_open = kind is VerdictKind.INCONCLUSIVE
    return Verdict(
        **{name: getattr(observed, name) for name in _AS_OBSERVED},
        plan=replace(
            observed.plan,
            design=observed.plan.design if observed.is_sequential and observed.may_decide else "fixed",
            about="suite" if observed.is_about_suite else "population",
            aim="same" if observed.is_same else "higher" if observed.higher_is_better else "lower",
        ),
        verdict=kind,
        reason=reason + reasons.asides(observed, checks, candidate, kind, look, level),
        n_cases=int(observed.scored.sum()),
        n_samples=observed.n_samples,
        candidate=candidate,
        baseline=estimate(observed, observed.baseline, 1 - level),
        difference=_difference(checks),
        samples_needed=_samples_needed(checks) if is_open else None,
        cases=case_results(observed),
        checks=checks,
        largest_cluster=max(observed.largest_cluster, 1, *(() if observed.clusters_known_by == "field" else sizes)),
        n_clusters=len(sizes),
        stopped_at=observed.stopped_at or None if is_open else None,
        lost=lost,
        look=LookTaken(
            number=look.number,
            level=level * look.passing,
            red_level=level * look.red,
            weight=look.weight,
            batch=look.batch,
            because=look.because,
            stakes=observed.stakes,
            share=look.passing,
            red_share=look.red,
        ),
        slices=slices,
    )


def _difference(checks: Sequence[Check]) -> Difference | None:
    """The one to the baseline; to the threshold where there is no baseline."""
    by_name = {check.against: check.difference for check in checks}
    return by_name.get("baseline", by_name.get("threshold"))


def _samples_needed(checks: Sequence[Check]) -> int | None:
    """Count the samples that would decide all open comparisons; None where that is not known of any."""
    return max((each.samples_needed for each in checks if each.samples_needed is not None), default=None)


def _outcome(
    observed: Observations,
    checks: tuple[Check, ...],
    lost: LostClaim | None,
    slices: tuple[SliceResult, ...],
    level: float,
) -> tuple[VerdictKind, str]:
    if observed.errors:
        return VerdictKind.ERROR, reasons.errors(observed.errors)
    if not observed.scored.any():
        nothing = reasons.nothing_scored(observed.n_skipped)
        return VerdictKind.INCONCLUSIVE, reasons.cut_short(observed, nothing)
    if not checks and observed.stopped_at:
        return VerdictKind.INCONCLUSIVE, reasons.cut_short(observed, "nothing required, and measured in part")
    if not checks:
        return VerdictKind.PASSED, "nothing required"
    kind = worst(check.verdict for check in checks)
    if observed.undecided:
        return VerdictKind.INCONCLUSIVE, reasons.part(observed, reasons.summed_up(checks, kind))
    if lost is not None and lost.is_too_many and kind.severity < VerdictKind.REGRESSED.severity:
        return VerdictKind.REGRESSED, reasons.lost(lost)
    if kind is VerdictKind.PASSED and (share := may_leave_unanswered(observed, level)) is not None:
        return VerdictKind.INCONCLUSIVE, reasons.unanswered(observed, share)
    reason = reasons.summed_up(checks, kind)
    reason += reasons.by_quantile(observed, reason)
    if slices and slices[0].verdict.is_red:
        reason = reasons.with_slices(kind, reason, slices)
        kind = worst([kind, slices[0].verdict])
    if kind is VerdictKind.INCONCLUSIVE:
        return kind, reasons.cut_short(observed, reason)
    return kind, reason + reasons.where_stopped(observed)


# -------------------------------------------------------------------------------------------------------- when it ends


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


def _decided(observed: Observations, levels: Levels) -> int | None:
    """After how many rows one metric is decided: every comparison has passed, or one is red; and its slices each by
    itself, so that a red evaluation tells which of them are worse.
    """
    last = 0
    for found in itertools.chain([_ends(observed, levels)], _slice_ends(observed, levels)):  # one that is open will do
        reds = [worse for passed, worse in found if worse is not None and (passed is None or worse < passed)]
        passes = [passed for passed, _ in found if passed is not None]
        end = min([*([max(passes)] if passes and len(passes) == len(found) else []), *reds], default=None)
        if end is None:
            return None
        last = max(last, end)
    return last


def _ends(observed: Observations, levels: Levels) -> list[_Ends]:
    """After how many rows each comparison had passed, and after how many it was red."""
    found = []
    for asked in questions(observed, levels):
        if not asked.bets:
            return []
        passed, worse = asked.ends(levels)
        if observed.plan.max_lost is not None and passed is not None:  # lost cases are looked for among all of them
            passed = len(observed.case_ids) if observed.is_whole else None
        found.append((passed, worse))
    return found


# -------------------------------------------------------------------------------------------------------------- slices


def slice_results(observed: Observations, levels: Levels, level: float) -> tuple[SliceResult, ...]:
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
    count = len(observed.slices)
    found = [_slice(observed, each, (levels[0] / count, levels[1] / count), level / count) for each in observed.slices]
    return tuple(sorted(found, key=lambda each: (-each.verdict.severity, _standing(each, observed))))


def _slice(observed: Observations, each: CaseSlice, levels: Levels, level: float) -> SliceResult:
    part, _ = _part(observed, each)
    n_cases, count, open_ = int(part.scored.sum()), len(observed.slices), VerdictKind.INCONCLUSIVE
    if not n_cases:
        return SliceResult(each.field, each.value, 0, None, None, None, open_, "no case has a score", None, each.size)
    told = f", both simultaneous over {count:,} slices" if count > 1 else ""
    checks = [check(part, one, levels, told) for one in questions(part, levels, red_beyond=True)]
    # The worse verdict is a slice's; of two open comparisons, the one that needs more tells why.
    of_all = max(checks, key=lambda one: (one.verdict.severity, _or_infinite(one.samples_needed)), default=None)
    kind = VerdictKind.PASSED if of_all is None else of_all.verdict
    return SliceResult(
        field=each.field,
        value=each.value,
        n_cases=n_cases,
        candidate=estimate(part, part.candidate, 1 - level),
        baseline=estimate(part, part.baseline, 1 - level),
        difference=_difference(checks),
        verdict=open_ if observed.undecided and of_all is not None else kind,
        reason="nothing required" if of_all is None else of_all.reason,
        samples_needed=_samples_needed(checks),
        n_planned=each.size,
    )


def _slice_ends(observed: Observations, levels: Levels) -> Iterator[list[_Ends]]:
    """For each slice: after how many rows of the evaluation each of its comparisons has passed, and was red."""
    own = levels[0] / max(1, len(observed.slices)), levels[1] / max(1, len(observed.slices))
    for each in observed.slices:
        part, rows = _part(observed, each)
        found: list[_Ends] = []
        for asked in questions(part, own, red_beyond=True):
            ends = asked.ends(own) if asked.bets else (None, None)
            # Of a single case they are numbers of samples.
            passed, worse = (None if end is None else rows[-1 if part.by_samples else end - 1] + 1 for end in ends)
            found.append((passed, worse))
        yield found


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


def _standing(each: SliceResult, observed: Observations) -> float:
    """Return the figure that slices of one verdict are ordered by: their difference, or mean where there is none."""
    shown = each.difference or each.candidate
    if shown is None:
        return math.inf
    if observed.is_same and each.difference is not None:
        return -abs(shown.value)
    return shown.value if observed.higher_is_better else -shown.value


def _or_infinite(number: float | None) -> float:
    return math.inf if number is None else number
