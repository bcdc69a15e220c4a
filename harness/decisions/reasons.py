"""The reason of a verdict in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.decisions.looks import ADDED_LATER, Look, ordinal
from harness.decisions.needed import SamplesNeeded
from harness.decisions.observations import Observations
from harness.decisions.questions import Levels, Question
from harness.records import Check, Estimate, LostClaim, SliceResult, VerdictKind, weighed_by
from harness.statistics.intervals.signed_ranks import fewest_pairs

_ALIKE = {
    "field": ("are in one cluster", "are in one cluster"),
    "texts": ("are copies of others", "are copies of one"),
}
"""Phrases for what some cases have in common, and for what all of them have."""
_NEW = {None: "", "field": " in new clusters", "texts": " that are not copies"}
"""Phrases for the cases that would tell something new."""
_NAMED = 3
"""So many of a list are named."""


def passed(observed: Observations, asked: Question, upper: float) -> str:
    """Say what a pass proves, and whether the candidate is proven to be lower for all that."""
    threshold, sign = observed.plan.threshold, 1 if observed.higher_is_better else -1
    is_required = asked.against == "threshold" and threshold is not None
    text = f"required {figure(threshold, observed.unit)}, proven " if is_required and threshold is not None else ""
    if observed.is_same:
        text += f"within ±{_share(observed, asked, asked.margin)} of {'it' if text else 'the baseline'}"
    elif is_required and threshold is not None:
        bound = figure(threshold - sign * asked.margin, observed.unit, apart_from=threshold)
        text += f"{'above' if sign > 0 else 'below'} {bound}"
    elif asked.margin == 0:
        text = "better"
    else:
        text = f"no worse by more than {_share(observed, asked, asked.margin)}"
    return f"{text}; {asked.worse}, within margin" if upper < 0 else text


def red(observed: Observations, asked: Question, upper: float) -> str:
    """Say how a failed or regressed evaluation is worse."""
    by = f"by more than {_share(observed, asked, asked.margin)}"
    if asked.against == "threshold" and observed.plan.threshold is not None:
        side = "below" if asked.worse == "lower" else "above"
        return f"{side} {figure(observed.plan.threshold, observed.unit)}" + f" {by}" * asked.red_beyond
    if upper < -asked.margin:
        return f"{asked.worse} {by}"
    return asked.worse if observed.is_sequential else f"{asked.worse}, perhaps {by}"


def perhaps_within(observed: Observations, asked: Question) -> str:
    """Say that a slice is worse, and maybe by less than its margin."""
    return f"{asked.worse}, not shown to be by more than {_share(observed, asked, asked.margin)}"


def inconclusive(
    observed: Observations,
    asked: Question,
    lower: float,
    more: SamplesNeeded | None,
    levels: Levels,
    next_share: float = 1.0,
) -> str:
    """Say how much worse the candidate could still be, and what would decide it.

    Args:
        levels: at which it would pass, and at which it would be red.
        next_share: what the next look has of them.
    """
    if observed.plan.in_blocks and asked.against == "baseline":
        return _of_pairs(observed, asked, lower, more, levels, next_share)
    if not math.isfinite(lower):
        few = f"too few {'samples' if observed.by_samples else 'cases'} to bound {observed.statistic or 'the median'}"
        return few if more is None else f"{few}: {more_in_words(more)} could"
    text = _reach(observed, asked, lower)
    if more is not None and more.is_rest:
        left = f"{more.cases:,} {_plural('case', more.cases or 0)}"
        return f"{text}; {left} of this suite {'is' if more.cases == 1 else 'are'} not drawn yet"
    return text if more is None else f"{text}; {more_in_words(more)} would decide it"


def _reach(observed: Observations, asked: Question, lower: float) -> str:
    """Say how much worse the candidate could still be."""
    threshold = observed.plan.threshold
    if not observed.is_same and asked.against == "threshold" and threshold is not None:
        sign, end = (1, "low") if observed.higher_is_better else (-1, "high")
        return f"could be as {end} as {figure(threshold + sign * lower, observed.unit, apart_from=threshold)}"
    if not observed.is_same and lower >= 0:
        return "not proven to be better"
    what = "could differ" if observed.is_same else f"could be {asked.worse}"
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
        text += f"; about {more.samples:,} more {_plural('pair', more.samples)} would decide it"
    if fewest_pairs(red_level) > pairs:
        text += f"; red needs {fewest_pairs(red_level):,} pairs at its level of {red_level:.2g}"
        text += f", {fewest_pairs(red_level * next_share):,} at the next look" if next_share < 1 else ""
    return text


def unanswered(observed: Observations, share: float) -> str:
    """Say that the middle of the pairs passes, and requests that were not answered may not.

    Args:
        share: that may be, more than the baseline's; infinity where it is not known.
    """
    if math.isinf(share):
        return (
            "the middle of the pairs passes, but how many more of the requests the candidate left unanswered is not "
            "known: the blocks are of two runs, or the report is older; run a gate of these two versions"
        )
    excess = [observed.unanswered[case] for case in observed.case_ids if case in observed.unanswered]
    more, less = [each for each in excess if each > 0], [-each for each in excess if each < 0]
    beside = f", {percent(sum(less) / len(excess))} less in {len(less):,}" if less else ""
    return (
        f"the middle of the pairs passes, but the candidate left {percent(sum(more) / len(excess))} more of the "
        f"requests unanswered than the baseline, in {len(more):,} of {len(excess):,} blocks{beside}, and may leave "
        f"{percent(share)} more{' over all' if less else ''}; mend the server, or measure more blocks"
    )


def part(observed: Observations, summed_up: str) -> str:
    """Say that a part of the cases that was chosen by hand decides nothing."""
    return f"{observed.undecided} is shown and decides nothing: {summed_up}"


def lost(found: LostClaim) -> str:
    """Name the lost cases, where there are more than are allowed."""
    named = ", ".join(found.decisive[:_NAMED]) + (", …" if len(found.decisive) > _NAMED else "")
    allowed = "none" if found.max_lost == 0 else f"{found.max_lost:,}"
    return f"{found.n_decisive:,} {_plural('case', found.n_decisive)} lost, {allowed} allowed: {named}"


def with_slices(kind: VerdictKind, reason: str, slices: Sequence[SliceResult]) -> str:
    """The reason of an evaluation of which slices are red.

    Args:
        kind, reason: of all cases together.
        slices: the worst first.
    """
    reds = [each for each in slices if each.verdict.is_red]
    n, names = reds[0].n_cases, [f"{each.field} {each.value}" for each in reds]
    text = f"{names[0]} ({n:,} {_plural('case', n)}) {reds[0].reason}"
    if len(reds) > 1:
        others = ", ".join(names[1:_NAMED]) + (", …" if len(reds) > _NAMED else "")
        text = f"{len(reds):,} slices are worse: {text}; {others}"
    return f"{reason}; {text}" if kind.is_red else f"{text}; all cases: {reason}"


def asides(
    observed: Observations,
    checks: Sequence[Check],
    candidate: Estimate | None,
    kind: VerdictKind,
    look: Look,
    level: float,
) -> str:
    """Say what else a reader must know of the range, the answers, the cases and the look."""
    is_red = kind in (VerdictKind.FAILED, VerdictKind.REGRESSED)
    found = [
        _one_sided(observed, checks, candidate),
        _cut_answers(observed) if is_red else "",
        _alone(observed),
        _counted_as(observed),
        _partly_skipped(observed),
        _of_look(look, level, kind),
    ]
    return "".join(f"; {each}" for each in found if each)


def _one_sided(observed: Observations, checks: Sequence[Check], candidate: Estimate | None) -> str:
    """Why a bound is proven that lies inside the range shown."""
    proven = [each for each in checks if each.against == "threshold" and each.verdict is VerdictKind.PASSED]
    plan, is_inside = observed.plan, False
    if proven and candidate is not None and plan.threshold is not None and not observed.errors:
        below, above = candidate.low < plan.threshold - plan.margin, candidate.high > plan.threshold + plan.margin
        is_inside = (below and (observed.is_same or observed.higher_is_better)) or (
            above and (observed.is_same or not observed.higher_is_better)
        )
    return "its range is wider, for it allows for error at both ends" if is_inside else ""


def _cut_answers(observed: Observations) -> str:
    """A limit of tokens that cut half of the answers of a red one, or more."""
    n_answers = observed.n_samples
    is_half = observed.n_truncated and 2 * observed.n_truncated >= n_answers
    return f"{observed.n_truncated:,} of {n_answers:,} answers were cut at max_tokens" if is_half else ""


def _alone(observed: Observations) -> str:
    """Why it is not compared with the baseline that the run has."""
    held = "nothing to compare it with" if observed.plan.threshold is None else "held to the threshold alone"
    return f"{observed.alone_because}: {held}" if observed.alone_because else ""


def _counted_as(observed: Observations) -> str:
    """As how many units cases of shared clusters count; "" where the user's are of no account."""
    known_by, sizes = observed.clusters_known_by, observed.cluster_sizes
    if known_by is None or observed.errors or len(sizes) == sum(sizes):
        return ""
    if known_by == "field":
        told = f"{sum(sizes):,} cases in {len(sizes):,} {_plural('cluster', len(sizes))}"
        return "" if observed.is_about_suite else told
    some, all_of_them = _ALIKE[known_by]
    common = f"some {some}" if len(sizes) > 1 else f"all of them {all_of_them}"
    return f"{sum(sizes):,} cases count as {len(sizes):,}, for {common}"


def _partly_skipped(observed: Observations) -> str:
    """Cases that are missing though not all of their bodies skipped; "" where an error comes first."""
    partly = observed.partly_skipped
    if partly is None or observed.errors:
        return ""
    by_version = ", ".join(f"{role} {count:,} of {partly.n_bodies:,}" for role, count in partly.n_skips.items())
    return (
        f"{partly.n_cases:,} {_plural('case', partly.n_cases)} left out though not every body skipped ({by_version}): "
        "skipping by what the model answered biases the result"
    )


def _of_look(look: Look, level: float, kind: VerdictKind) -> str:
    """The level at which a look after the first was decided, and why it is one; of the first what is said of it, and of
    an evaluation that was added later at which level it could be red where it is open.
    """
    if look.number > 1:
        return f"{ordinal(look.number)} look ({look.because}): decided at {level * look.passing:.2g}"
    if look.because == ADDED_LATER:
        return f"{look.because}: red at {level * look.red:.2g}" if kind is VerdictKind.INCONCLUSIVE else ""
    return look.because


def where_stopped(observed: Observations) -> str:
    """After how many of its cases (samples, for a single case) a sequential design was decided; "" for all of them."""
    n = observed.n_samples if observed.by_samples else len(observed.case_ids)
    if not observed.is_sequential or not n < observed.n_planned:
        return ""
    if observed.by_samples:
        return f", decided after {n:,} of {observed.n_planned:,} samples"
    return f", decided after {n:,} of {observed.n_planned:,} cases, on their {_n_samples(observed):,} samples"


def _n_samples(observed: Observations) -> int:
    """The samples of both versions that were scored."""
    both = (scores for scores in (observed.candidate, observed.baseline) if scores is not None)
    return sum(int((~np.isnan(scores)).sum()) for scores in both)


def cut_short(observed: Observations, otherwise: str) -> str:
    """Say where the budget of the run ended an evaluation, before what else there is to say of it."""
    if not observed.stopped_at:
        return otherwise
    if not observed.n_done:
        return f"not begun: stopped at {observed.stopped_at} before a case was complete"
    what = "samples" if observed.by_samples else "cases"
    return f"stopped at {observed.stopped_at} after {observed.n_done:,} of {observed.n_planned:,} {what}; {otherwise}"


def part_of_fixed(observed: Observations) -> str:
    """Say how many samples or cases a fixed design still needs."""
    left, what = observed.n_planned - observed.n_done, "sample" if observed.by_samples else "case"
    return f"a fixed design is decided by all of them: {left:,} more {_plural(what, left)}"


def no_scores(observed: Observations) -> str:
    """Say why there is nothing to compare."""
    return "no case has a score of both versions" if observed.scored.any() else nothing_scored(observed.n_skipped)


def nothing_scored(n_skipped: int) -> str:
    """Say why an evaluation has no score at all."""
    return "every case was skipped" if n_skipped else "no case has a score"


def more_in_words(more: SamplesNeeded) -> str:
    """About so many more cases, samples for each case, or samples."""
    if more.cases is not None:
        return f"about {more.cases:,} more {_plural('case', more.cases)}{_NEW[more.beyond]}"
    if more.samples_per_case == more.samples:
        return f"about {more.samples:,} more {_plural('sample', more.samples)}"
    count = more.samples_per_case or 0
    return f"about {count:,} more {_plural('sample', count)} a case"


def errors(messages: tuple[str, ...]) -> str:
    """The first message, and how many others there are."""
    if len(messages) == 1:
        return messages[0]
    return f"{messages[0]} (and {len(messages) - 1:,} more {_plural('message', len(messages) - 1)})"


def by_quantile(observed: Observations, told: str) -> str:
    """The quantile that it was weighed by; "" for the mean, for pairs of blocks, or where what is told names it."""
    by = weighed_by(observed)
    is_told = by == "mean" or by in told or (observed.plan.in_blocks and observed.plan.threshold is None)
    return "" if is_told else f", weighed by {'the ' * observed.is_by_median}{by}"


def summed_up(checks: tuple[Check, ...], worst: VerdictKind) -> str:
    """The reasons of the comparisons that gave the verdict; of two open ones, the one that needs more."""
    given = [check for check in checks if check.verdict is worst or (worst.is_red and check.verdict.is_red)]
    if worst is VerdictKind.INCONCLUSIVE:
        given = [max(given, key=lambda check: math.inf if check.samples_needed is None else check.samples_needed)]
    return "; ".join(check.reason for check in given)


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


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
