"""The reason of a verdict in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.decisions.betting import Levels
from harness.decisions.looks import ADDED_LATER, ordinal
from harness.decisions.needed import SamplesNeeded
from harness.decisions.observations import Observations
from harness.decisions.questions import Question, Ruling
from harness.records import Check, Estimate, Look, LostClaim, SliceResult, VerdictKind
from harness.statistics.intervals.signed_ranks import fewest_pairs

_NEW = {None: "", "field": " in new clusters", "texts": " that are not copies"}
"""Phrases for the cases that would tell something new."""
_NAMED = 3
"""So many of a list are named."""


def of_ruling(
    observed: Observations,
    asked: Question,
    ruling: Ruling,
    more: SamplesNeeded | None,
    levels: Levels,
    next_share: float = 1.0,
) -> str:
    """Say what a pass proves, how a red one is worse, or how much worse an open one could still be, and what `more`
    would decide it.
    """
    kind, lower, upper = ruling
    unit, margin = observed.unit, _share(observed, asked, asked.margin)
    name = f"the anchor {observed.anchor_name}".rstrip() if asked.against == "anchor" else "the baseline"
    than = f" than {name}" if asked.against == "anchor" else ""
    threshold = observed.plan.threshold if asked.against == "threshold" else None
    if kind is VerdictKind.PASSED:
        if observed.is_same:
            what = name if threshold is None else figure(threshold, unit)
            text = f"{'proven ' * (threshold is not None)}within ±{margin} of {what}"
        elif threshold is not None:
            side, sign = ("above", -1) if observed.higher_is_better else ("below", 1)
            text = f"proven {side} {figure(threshold + sign * asked.margin, unit, apart_from=threshold)}"
        else:
            text = f"no worse{than} by more than {margin}" if asked.margin else f"better{than}"
        return f"{text}; {asked.worse}, within margin" if upper < 0 else text
    if kind.is_red and threshold is not None:
        beyond = f" by more than {margin}" if asked.red_beyond else ""
        return f"{'below' if asked.worse == 'lower' else 'above'} the threshold {figure(threshold, unit)}{beyond}"
    if kind.is_red and upper < -asked.margin:
        return f"{asked.worse}{than} by more than {margin}"
    if kind.is_red:
        return f"{asked.worse} than {name}" + ("" if observed.is_sequential else f", perhaps by more than {margin}")
    if asked.red_beyond and upper < 0:
        return f"{asked.worse}{than}, not shown to be by more than {margin}"
    if observed.plan.in_blocks and asked.against != "threshold":
        return _of_pairs(observed, asked, lower, more, levels, next_share)
    if not math.isfinite(lower):
        few = f"too few {observed.units_in_words}s to bound {observed.statistic or 'the median'}"
        return few if more is None else f"{few}: {more_in_words(more)} could"
    text = _reach(observed, asked, lower, than)
    if more is None:
        return text
    if more.is_rest:
        left = counted(more.cases or 0, "case")
        return f"{text}; {left} of this suite {'is' if more.cases == 1 else 'are'} not drawn yet"
    return f"{text}; {more_in_words(more)} would decide it"


def _reach(observed: Observations, asked: Question, lower: float, than: str = "") -> str:
    """Say how much worse the candidate could still be."""
    threshold = observed.plan.threshold
    if not observed.is_same and asked.against == "threshold" and threshold is not None:
        sign, end = (1, "low") if observed.higher_is_better else (-1, "high")
        return f"could be as {end} as {figure(threshold + sign * lower, observed.unit, apart_from=threshold)}"
    if not observed.is_same and lower >= 0:
        return f"not proven to be better{than}"
    apart = than.replace("than", "from")
    what = f"could differ{apart}" if observed.is_same else f"could be {asked.worse}{than}"
    return f"{what} by up to {_share(observed, asked, -lower, apart_from=asked.margin)}"


def _of_pairs(
    observed: Observations, asked: Question, lower: float, more: SamplesNeeded | None, levels: Levels, next_share: float
) -> str:
    """Say why pairs of blocks are open: too few to pass, or for red, at their levels, or what lies between."""
    pairs, red_level = int(observed.scored.sum()), levels[1] / len(asked.directions)
    text = f"{pairs:,} pairs of blocks have no bound at {levels[0]:.2g}, {fewest_pairs(levels[0]):,} have one"
    if math.isfinite(lower):
        text = _reach(observed, asked, lower)
    if more is not None:
        text += f"; about {counted(more.samples, 'more pair')} would decide it"
    if fewest_pairs(red_level) > pairs:
        text += f"; red needs {fewest_pairs(red_level):,} pairs at its level of {red_level:.2g}"
        text += f", {fewest_pairs(red_level * next_share):,} at the next look" if next_share < 1 else ""
    return text


def lost(claim: LostClaim) -> str:
    """Name the lost cases, where there are more than are allowed."""
    named = ", ".join(claim.decisive[:_NAMED]) + (", …" if len(claim.decisive) > _NAMED else "")
    allowed = f"{claim.max_lost:,}" if claim.max_lost else "none"
    return f"{counted(claim.n_decisive, 'case')} lost, {allowed} allowed: {named}"


def with_slices(kind: VerdictKind, reason: str, slices: Sequence[SliceResult]) -> str:
    """The reason of an evaluation of which slices, the worst first, are red; `kind` and `reason` are of all cases."""
    reds = [each for each in slices if each.verdict.is_red]
    names = [f"{each.field} {each.value}" for each in reds]
    text = f"{names[0]} ({counted(reds[0].n_cases, 'case')}) {reds[0].reason}"
    if len(reds) > 1:
        others = ", ".join(names[1:_NAMED]) + (", …" if len(reds) > _NAMED else "")
        text = f"{len(reds):,} slices are worse: {text}; {others}"
    return f"{reason}; {text}" if kind.is_red else f"{text}; all cases: {reason}"


def asides(
    observed: Observations, checks: Sequence[Check], candidate: Estimate | None, kind: VerdictKind, look: Look
) -> str:
    """Say what else a reader must know of the range, the answers, the cases and the look."""
    notes, sizes, n_answers = [], observed.cluster_sizes, observed.n_samples
    plan, cut, knows = observed.plan, observed.n_truncated, observed.clusters_known_by
    is_proven = any(each.against == "threshold" and each.verdict is VerdictKind.PASSED for each in checks)
    if is_proven and candidate is not None and plan.threshold is not None and not observed.errors:
        is_below, is_above = candidate.low < plan.threshold - plan.margin, candidate.high > plan.threshold + plan.margin
        if (is_below or is_above) if observed.is_same else is_below if observed.higher_is_better else is_above:
            notes.append("its range is wider, for it allows for error at both ends")
    if kind in (VerdictKind.FAILED, VerdictKind.REGRESSED) and cut and 2 * cut >= n_answers:
        notes.append(f"{cut:,} of {n_answers:,} answers were cut at max_tokens")
    if knows is not None and not observed.errors and len(sizes) < sum(sizes):
        if knows == "texts":
            common = "some are copies of others" if len(sizes) > 1 else "all of them are copies of one"
            notes.append(f"{sum(sizes):,} cases count as {len(sizes):,}, for {common}")
        elif not observed.is_about_suite:
            notes.append(f"{sum(sizes):,} cases in {counted(len(sizes), 'cluster')}")
    notes += observed.asides
    if look.number > 1:
        notes.append(f"{ordinal(look.number)} look ({look.because}): decided at {look.level:.2g}")
    elif look.because == ADDED_LATER and kind is VerdictKind.INCONCLUSIVE:
        notes.append(f"{look.because}: red at {look.red_level:.2g}")
    elif look.because != ADDED_LATER:
        notes.append(look.because)
    return "".join(f"; {each}" for each in notes if each)


def where_stopped(observed: Observations) -> str:
    """After how many of its cases (samples, for a single case) a sequential design was decided; "" for all of them."""
    n = observed.n_samples if observed.by_samples else len(observed.case_ids)
    if not observed.is_sequential or not n < observed.n_planned:
        return ""
    text = f", decided after {n:,} of {observed.n_planned:,} {observed.units_in_words}s"
    if observed.by_samples:
        return text
    return f"{text}, on their {sum(int((~np.isnan(scores)).sum()) for scores in observed.sides.values()):,} samples"


def cut_short(observed: Observations, otherwise: str) -> str:
    """Say where the budget of the run ended an evaluation, before what else there is to say of it."""
    if not observed.stopped_at:
        return otherwise
    if not observed.n_done:
        return f"not begun: stopped at {observed.stopped_at} before a case was complete"
    done = f"{observed.n_done:,} of {observed.n_planned:,} {observed.units_in_words}s"
    return f"stopped at {observed.stopped_at} after {done}; {otherwise}"


def no_scores(observed: Observations) -> str:
    """Say why an evaluation has no score at all."""
    return "every case was skipped" if observed.n_skipped else "no case has a score"


def more_in_words(more: SamplesNeeded) -> str:
    """About so many more cases, samples for each case, or samples."""
    if more.cases is not None:
        return f"about {counted(more.cases, 'more case')}{_NEW[more.beyond]}"
    text = f"about {counted(more.samples_per_case or 0, 'more sample')}"
    return text if more.samples_per_case == more.samples else f"{text} a case"


def by_quantile(observed: Observations, reason: str) -> str:
    """The quantile that it was weighed by; "" for the mean, for pairs of blocks, or where what is told names it."""
    by = observed.weighed_by
    is_named = by == "mean" or by in reason or (observed.plan.in_blocks and observed.plan.threshold is None)
    return "" if is_named else f", weighed by {'the ' * (by == 'median')}{by}"


def most_needed(check: Check) -> float:
    """The samples that a comparison needs: the more, the better it tells why an evaluation is open."""
    return math.inf if check.samples_needed is None else check.samples_needed


def summed_up(checks: tuple[Check, ...], worst: VerdictKind) -> str:
    """The reason of the comparison that gave the verdict; of two open ones, the one that needs more."""
    given = [check for check in checks if check.verdict is worst]
    if worst is VerdictKind.INCONCLUSIVE:
        given = [max(given, key=most_needed)]
    text = "; ".join(check.reason for check in given)
    if worst.is_red and all(check.against == "anchor" for check in given):
        beside = [check.verdict is VerdictKind.PASSED for check in checks if check.against == "baseline"]
        text += (
            ", though no worse than the baseline" if all(beside) else ", though not shown to be worse than the baseline"
        )
    return text


def counted(count: int, what: str) -> str:
    """So many things, with the plural where there are not just one.

    >>> counted(1, "case"), counted(1200, "more case")
    ('1 case', '1,200 more cases')
    """
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def figure(value: float, unit: str | None = None, *, apart_from: float | None = None) -> str:
    """A figure with two decimals, more where it would read like another one or like 0.

    >>> figure(0.9), figure(0.0504, apart_from=0.05), figure(0.004), figure(12.345, "s")
    ('0.90', '0.0504', '0.004', '12.35 s')
    """
    places = 2
    while places < 6 and _misleads(value, places, apart_from):
        places += 1
    text = f"{value:,.{places}f}"
    return f"{text} {unit}" if unit else text


def _share(observed: Observations, asked: Question, difference: float, *, apart_from: float | None = None) -> str:
    """The size of a difference in words: in the unit, or in per cent of the baseline where it is a ratio."""
    if not asked.is_share:
        return figure(difference, observed.unit, apart_from=apart_from)
    return percent(difference, apart_from=apart_from)


def percent(share: float, *, apart_from: float | None = None) -> str:
    """A share in per cent, without digits that say nothing.

    >>> percent(0.1), percent(0.025), percent(0.0504, apart_from=0.05)
    ('10 %', '2.5 %', '5.04 %')
    """
    text = figure(100 * share, apart_from=None if apart_from is None else 100 * apart_from)
    return f"{text.rstrip('0').rstrip('.')} %"


def _misleads(value: float, places: int, apart_from: float | None) -> bool:
    """Tell whether the rounded figure reads as 0, or as the other figure, while the value is neither."""
    rounded = round(value, places)
    reads_as_zero = rounded == 0 and value != 0
    return reads_as_zero or (apart_from is not None and value != apart_from and rounded == round(apart_from, places))
