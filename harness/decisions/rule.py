"""The rule of every gate: scores in, verdicts out, for all cases of an evaluation and for its slices."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.decisions import reasons
from harness.decisions.betting import Ends, Levels
from harness.decisions.claims import case_results, lost_claim, unanswered
from harness.decisions.looks import CLOSED, next_share, single_looks
from harness.decisions.needed import needed
from harness.decisions.observations import CaseSlice, Observations
from harness.decisions.questions import Question, estimate, questions
from harness.records import Check, Difference, Look, LostClaim, SliceResult, Verdict, VerdictKind, Weighed
from harness.statistics.arrays import check_confidence
from harness.statistics.multiplicity import weighted_holm_levels

_Asked = tuple[Observations, Question]
_OPEN = VerdictKind.INCONCLUSIVE


def decide(
    observed: Sequence[Observations],
    confidence_level: float,
    *,
    looks: Mapping[str, Look] | None = None,
    tells_lost: bool = True,
) -> tuple[Verdict, ...]:
    """One verdict for each evaluation and metric, in the order given.

    Let L and U be bounds of candidate minus threshold, baseline or anchor, less than 0 being worse. L is the one-sided
    bound at the level at which this look may pass; U the one at the level at which this comparison is judged among all
    those of its batch, by Holm's procedure with weights. L > -margin is `passed`; else U < 0 is `failed` (threshold) or
    `regressed` (baseline, anchor); else `inconclusive`. A pass needs no correction over evaluations: a green gate needs
    all of them (intersection-union). A sequential design is decided by its first rows that suffice; what was drawn
    beyond them does not count. One that was cut short (`stopped_at`) has no verdict but those that all of its rows
    would give as well, and else is `inconclusive`: a sequential design by what is settled, a fixed one always.

    Args:
        observed: every evaluation of the run: red is corrected over all of them at once.
        looks: what each evaluation may spend, by id; None where they are weighed once and never again.
        tells_lost: whether `lost` is wanted where no `max_lost` needs it.

    Raises:
        ValueError: a level out of range, scores outside [0, 1] without a unit.
    """
    level = 1 - check_confidence(confidence_level)
    evaluations: dict[str, list[Observations]] = {}
    for each in observed:
        evaluations.setdefault(each.id, []).append(each)
    known = single_looks(evaluations) if looks is None else looks
    known = {name: known[name].at(level) for name in evaluations}
    parts = {name: max(1, n_comparisons(group)) for name, group in evaluations.items()}
    levels = {name: (look.level, look.red_level / parts[name]) for name, look in known.items()}
    ends = {name: decided_after(group, known[name].level, known[name].red_level) for name, group in evaluations.items()}
    used = [each.as_shown() if (end := ends[each.id]) is None else each.first(end) for each in observed]
    asked = [() if each.errors else questions(each, levels[each.id]) for each in used]
    tested = [(each, one) for each, group in zip(used, asked, strict=True) for one in group if _counts(each, one)]
    reds = iter(red_levels(tested, known, parts))
    together = Counter(known[each.id].batch for each, _ in tested)
    verdicts = []
    for each, group in zip(used, asked, strict=True):
        look, (passing, red) = known[each.id], levels[each.id]
        m = together[look.batch]
        correction = "" if m == 1 else f", Holm-corrected over {m:,} comparisons"
        own = [(passing, next(reds) if _counts(each, one) else 0.0) for one in group]
        checks = tuple(
            check(each, one, both, correction, next_share(look)) for one, both in zip(group, own, strict=True)
        )
        lost = lost_claim(each, checks, red) if tells_lost or each.plan.max_lost is not None else None
        verdicts.append(_verdict(each, checks, lost, slice_results(each, (passing, red), level), level, look))
    return tuple(verdicts)


def _counts(observed: Observations, asked: Question) -> bool:
    """Tell whether a comparison has scores, or was cut short before it had any."""
    return bool(asked.directions or observed.stopped_at)


def red_levels(tested: Sequence[_Asked], looks: Mapping[str, Look], parts: Mapping[str, int]) -> list[float]:
    """The level of each comparison's upper bound, so that any false red has at most the chance that they share.

    Holm's procedure with weights, in each batch by itself: what a comparison that is red had to spend goes to the
    others of its batch. The p-values of sequential designs hold whenever one stops, and those of fixed ones hold at
    their look, so that looking again takes nothing back: a p-value can only fall, and what was red stays red.

    Args:
        tested: the comparisons of a run that count. Of one that was cut short nothing does but evidence that has
            reached its own share: drawn to its end it might pass.
        looks, parts: by id of the evaluation; how many share what one may spend. What slices and lost cases have of it
            they keep, whatever else is red.
    """
    levels = [0.0] * len(tested)
    batches: dict[int, list[int]] = {}
    for i, (each, _) in enumerate(tested):
        batches.setdefault(looks[each.id].batch, []).append(i)
    for batch, members in batches.items():
        names = [tested[i][0].id for i in members]
        weights, own = (
            np.array([getattr(looks[name], what) / parts[name] for name in names]) for what in ("weight", "red_level")
        )
        whole = sum(looks[name].weight for name in set(names)) if batch == CLOSED else 1.0
        p_values = [_p_less(*tested[i], each) for i, each in zip(members, own.tolist(), strict=True)]
        holm = weighted_holm_levels(p_values, own / whole, weights / whole)
        for i, level in zip(members, holm.tolist(), strict=True):
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
    """The rule, applied to one comparison; its level of red has a `correction` over those that it is weighed with."""
    observed = observed.beside(asked.against)
    if not asked.directions:
        nothing = "no case has a score of both versions" if observed.scored.any() else reasons.no_scores(observed)
        return Check(asked.against, _OPEN, nothing, _unbounded(math.nan, math.inf, "no scores to compare"))
    if not observed.may_decide:
        return _shown(observed, asked, levels)
    ruling = kind, lower, upper = asked.ruling(levels)
    is_open = kind is _OPEN and not (asked.red_beyond and upper < 0)
    more = needed(observed, asked, lower, levels, next_share) if is_open else None
    reason = reasons.of_ruling(observed, asked, ruling, more, levels, next_share)
    difference = asked.difference(ruling, levels, correction)
    return Check(asked.against, kind, reason, difference, more.samples if more else None, levels[1], levels[0])


def _shown(observed: Observations, asked: Question, levels: Levels) -> Check:
    """A comparison of a part of a fixed design, which decides nothing."""
    if asked.bets:
        difference = asked.difference((_OPEN, *asked.ruling(levels)[1:]), levels)
    else:
        first = asked.directions[0]
        value = first.value if asked.higher_is_better or observed.is_same else -first.value
        difference = _unbounded(value, first.standard_error, "cut short: a measure has no bounds by then")
    left = observed.n_planned - observed.n_done
    reason = f"a fixed design is decided by all of them: {reasons.counted(left, f'more {observed.units_in_words}')}"
    return Check(asked.against, _OPEN, reason, difference, left * observed.candidate.shape[1])


def _unbounded(value: float, standard_error: float, method: str) -> Difference:
    return Difference(value, standard_error, -math.inf, math.inf, 1.0, method)


# ------------------------------------------------------------------------------------------------------------ verdicts


def worst(kinds: Iterable[VerdictKind]) -> VerdictKind:
    """The verdict that counts: error > failed > regressed > inconclusive > passed. Of none: passed."""
    return max(kinds, key=lambda kind: kind.severity, default=VerdictKind.PASSED)


def exit_code(kinds: Iterable[VerdictKind], inconclusive: str) -> int:
    """The exit code of a gate: 0 passed, 1 red, 8 inconclusive, which is 0 where `inconclusive` is "warn"."""
    verdict = worst(kinds)
    return 0 if verdict is _OPEN and inconclusive == "warn" else verdict.exit_code


def _verdict(
    observed: Observations,
    checks: tuple[Check, ...],
    lost: LostClaim | None,
    slices: tuple[SliceResult, ...],
    level: float,
    look: Look,
) -> Verdict:
    """The worse of the comparisons, with everything that led to it."""
    kind, reason = _outcome(observed, checks, lost, slices, look.level)
    candidate, sizes = estimate(observed, observed.candidate, 1 - level), observed.cluster_sizes
    weighed = observed.fields_of(Weighed)
    weighed["plan"] = replace(
        observed.plan,
        design=observed.plan.design if observed.is_sequential and observed.may_decide else "fixed",
        about="suite" if observed.is_about_suite else "population",
        aim="same" if observed.is_same else "higher" if observed.higher_is_better else "lower",
    )
    if observed.clusters_known_by != "field":
        weighed["largest_cluster"] = max(observed.largest_cluster, 1, *sizes)
    return Verdict(
        **weighed,
        verdict=kind,
        reason=reason + reasons.asides(observed, checks, candidate, kind, look),
        n_cases=int(observed.scored.sum()),
        n_samples=observed.n_samples,
        is_binary=observed.is_binary,
        candidate=candidate,
        baseline=estimate(observed, observed.baseline, 1 - level),
        difference=_difference(checks),
        anchor=estimate(observed, observed.anchor, 1 - level),
        anchor_difference=next((each.difference for each in checks if each.against == "anchor"), None),
        samples_needed=_samples_needed(checks) if kind is _OPEN else None,
        cases=case_results(observed),
        checks=checks,
        n_clusters=len(sizes),
        stopped_at=observed.stopped_at or None if kind is _OPEN else None,
        lost=lost,
        look=replace(look, stakes=observed.stakes),
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
        first, *others = observed.errors
        return VerdictKind.ERROR, first + (f" (and {reasons.counted(len(others), 'more message')})" if others else "")
    if not observed.scored.any():
        return _OPEN, reasons.cut_short(observed, reasons.no_scores(observed))
    if not checks and observed.stopped_at:
        return _OPEN, reasons.cut_short(observed, "nothing required, and measured in part")
    if not checks:
        return VerdictKind.PASSED, "nothing required"
    kind = worst(check.verdict for check in checks)
    if observed.undecided:
        return _OPEN, f"{observed.undecided} is shown and decides nothing: {reasons.summed_up(checks, kind)}"
    if lost is not None and lost.is_too_many and not kind.is_red:
        return VerdictKind.REGRESSED, reasons.lost(lost)
    if kind is VerdictKind.PASSED and (why := unanswered(observed, level)):
        return _OPEN, why
    reason = reasons.summed_up(checks, kind)
    reason += reasons.by_quantile(observed, reason)
    if slices and slices[0].verdict.is_red:
        reason = reasons.with_slices(kind, reason, slices)
        kind = worst([kind, slices[0].verdict])
    return kind, reasons.cut_short(observed, reason) if kind is _OPEN else reason + reasons.where_stopped(observed)


# -------------------------------------------------------------------------------------------------------- when it ends


def decided_after(observed: Sequence[Observations], level: float, evaluation_level: float) -> int | None:
    """After how many rows (samples, for a single case) all metrics of an evaluation are decided; None if they are not.

    It depends on the scores in the order drawn and on nothing else, so that all who look, whenever, find the same. A
    comparison passes at `level`, and reds may spend `evaluation_level` over all comparisons of the evaluation.
    """
    if not observed or not all(each.is_sequential for each in observed):
        return None
    levels = level, settling_level(observed, evaluation_level)
    ends = [_decided(each, levels) for each in observed]
    known = [each for each in ends if each is not None]
    return max(known) if len(known) == len(ends) else None


def settling_level(observed: Sequence[Observations], evaluation_level: float) -> float:
    """The level at which evidence for worse counts whatever else the run finds: an equal share for each comparison."""
    return evaluation_level / max(1, n_comparisons(observed))


def n_comparisons(observed: Sequence[Observations]) -> int:
    """Count the comparisons that can make an evaluation red. Which cases are lost is one where the marker limits it,
    and all slices together are one beside each comparison of all cases.
    """
    return sum(
        (1 + bool(each.slices)) * (len(each.sides) - 1 + (each.plan.threshold is not None))
        + (each.baseline is not None and each.plan.max_lost is not None)
        for each in observed
    )


def _decided(observed: Observations, levels: Levels) -> int | None:
    """After how many rows one metric is decided: every comparison has passed, or one is red; and its slices each by
    itself, so that a red evaluation tells which of them are worse.
    """
    last, n = 0, len(observed.slices)
    for each in (None, *observed.slices):
        part, rows = (observed, []) if each is None else _part(observed, each)
        own = levels if each is None else (levels[0] / n, levels[1] / n)
        all_ends: list[Ends] = []
        for asked in questions(part, own, red_beyond=each is not None):
            passed, red = asked.ends(own) if asked.bets else (None, None)
            if each is not None:  # of a single case they are numbers of samples
                passed, red = (end and rows[-1 if part.by_samples else end - 1] + 1 for end in (passed, red))
            elif observed.plan.max_lost is not None and passed is not None:  # lost cases are looked for among all
                passed = len(observed.case_ids) if observed.is_whole else None
            all_ends.append((passed, red))
        ends = [red for passed, red in all_ends if red is not None and (passed is None or red < passed)]
        passes = [passed for passed, _ in all_ends if passed is not None]
        if passes and len(passes) == len(all_ends):
            ends.append(max(passes))
        if not ends:  # one that is open will do
            return None
        last = max(last, min(ends))
    return last


# -------------------------------------------------------------------------------------------------------------- slices


def slice_results(observed: Observations, levels: Levels, level: float) -> tuple[SliceResult, ...]:
    """Judge each slice, the worst first.

    A slice is red where the upper bound of its difference lies below minus its margin. All slices of a comparison share
    what one comparison of the evaluation may spend on a false red, in equal parts (Bonferroni; O. J. Dunn, 1961, JASA
    56:52-64): whatever they have to do with each other, and whenever one stops, any of them is wrong with at most that
    chance, and so are their bounds, for all margins at once. `level` is that of the intervals of their means.
    """
    if observed.errors or not observed.scored.any():
        return ()
    count = len(observed.slices)
    results = [
        _slice(observed, each, (levels[0] / count, levels[1] / count), level / count) for each in observed.slices
    ]
    return tuple(sorted(results, key=lambda each: (-each.verdict.severity, _standing(each, observed))))


def _slice(observed: Observations, each: CaseSlice, levels: Levels, level: float) -> SliceResult:
    part, _ = _part(observed, each)
    n_cases, count = int(part.scored.sum()), len(observed.slices)
    if not n_cases:
        return SliceResult(each.field, each.value, 0, None, None, None, _OPEN, "no case has a score", None, each.size)
    simultaneous = f", both simultaneous over {count:,} slices" if count > 1 else ""
    checks = [check(part, one, levels, simultaneous) for one in questions(part, levels, red_beyond=True)]
    # The worse verdict is a slice's; of two open comparisons, the one that needs more tells why.
    of_all = max(checks, key=lambda one: (one.verdict.severity, reasons.most_needed(one)), default=None)
    kind = VerdictKind.PASSED if of_all is None else of_all.verdict
    return SliceResult(
        field=each.field,
        value=each.value,
        n_cases=n_cases,
        candidate=estimate(part, part.candidate, 1 - level),
        baseline=estimate(part, part.baseline, 1 - level),
        difference=_difference(checks),
        verdict=_OPEN if observed.undecided and of_all is not None else kind,
        reason="nothing required" if of_all is None else of_all.reason,
        samples_needed=_samples_needed(checks),
        n_planned=each.size,
    )


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
