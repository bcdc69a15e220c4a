"""The candidates that were weighed on the same cases, whoever asked for it: what the next of them may spend.

Each is tested by draws of its own, made after all that was seen: a candidate that is counted, its drawn baseline and
its judges are drawn anew. So its test is valid whatever the one who chose it knows of these cases.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from harness.decisions import Observations
from harness.decisions.looks import ordinal
from harness.gate.sampling.question import Asked, Turn, read_question
from harness.records import VerdictKind
from harness.statistics.online import BASELINE_SHARE, any_by_luck, candidate_level, decaying_share
from harness.store import RunInfo
from harness.store.ledger import LookRow

CountedLook = tuple[LookRow, Asked]
Weighing = tuple[str, str]
"""A candidate and what it is weighed against, by their fingerprints."""
GreenRun = tuple[Weighing, frozenset[str]]
"""A finished run with counted evaluations that were all green, and which it had a look at."""
COUNTED = "counted"
"""What a run notes of the evaluations whose candidates are counted."""
_FEWEST_NOTED = 3


def green_runs(runs: Iterable[RunInfo]) -> list[GreenRun]:
    """The runs with counted candidates that were green."""
    green = [run.spec for run in runs if run.verdict == VerdictKind.PASSED and run.spec.get(COUNTED)]
    names = [(each["candidate"], (each.get("baseline") or {}).get("fingerprint", "")) for each in green]
    return [((own["fingerprint"], against), frozenset(own.get("draws", ()))) for own, against in names]


def counted_looks(rows: Iterable[LookRow], cases: Mapping[str, Collection[str]]) -> list[CountedLook]:
    """The looks at candidates that were counted on the same cases, the first first.

    Args:
        rows: those of the whole suite.
        cases: digests of those of each evaluation, by its id; any case counts of one that is not in it.
    """
    counted = ((row, read_question(row.question)) for row in rows if f'"candidates":"{COUNTED}"' in row.question)
    looks = [(row, asked) for row, asked in counted if asked is not None]
    same = [each for each in looks if not {*each[1].cases}.isdisjoint(cases.get(each[0].evaluation_id, each[1].cases))]
    return sorted(same, key=lambda each: (each[0].begun, each[0].candidate, each[0].against))


def next_turn(
    looks: Sequence[CountedLook],
    rows: Iterable[LookRow],
    known_runs: Callable[[], Collection[GreenRun]],
    *,
    level: float,
    is_recorded: bool,
) -> Turn:
    """The turn of a candidate that has none yet.

    Args:
        looks: those on the same cases that were counted.
        rows: those of the whole suite: a discovery is a whole suite that is green.
        known_runs: those that were green.
        level: the error rate of the gate, of which bounds of recorded baselines have a part.
    """
    numbers = {asked.turn.number: (row.candidate, row.against) for row, asked in looks}
    members = defaultdict[Weighing, set[str]](set)
    for row in rows:
        members[row.candidate, row.against].add(row.evaluation_id)
    green = {weighing for weighing, names in (known_runs() if numbers else ()) if names >= members[weighing]}
    number, greens = max(numbers, default=0) + 1, sum(each in green for each in numbers.values())
    left = level * (1 - BASELINE_SHARE) if is_recorded else level
    return Turn(number, greens, candidate_level(number, greens, left) / level)


def baseline_level(wanted: Asked, looks: Iterable[CountedLook], *, level: float, evaluations: int) -> float:
    """The level of the bound of recorded scores, over all evaluations and all recordings on the same cases.

    Args:
        wanted: what is asked now; another recording, or of other cases, is another bound.
        looks: those at the same evaluation that were counted, the first first.
    """
    bounds = list(dict.fromkeys(_recorded(asked) for _, asked in looks if asked.turn.baseline_level))
    own = _recorded(wanted)
    place = bounds.index(own) if own in bounds else len(bounds)
    return level * BASELINE_SHARE * decaying_share(place + 1) / max(1, evaluations)


def _recorded(asked: Asked) -> tuple[str, frozenset[str]]:
    baseline = asked.others["baseline"]
    return baseline.recording, frozenset(asked.cases) - baseline.unpaired


def unless_uncountable(observed: Observations) -> Observations:
    """The same; undecided where its candidate is counted and its scores can't be."""
    if observed.plan.candidates == "noted" or observed.undecided or observed.errors:
        return observed
    why = ""
    if not observed.is_about_suite:
        why = "no mean over several cases (a quantile, a margin in per cent, a single case)"
    elif observed.baseline_level and observed.n_skipped:
        why = "a part of the cases, of which the recorded baseline's bound is not (skip none)"
    return replace(observed, undecided=f"where candidates are counted, {why}") if why else observed


def turn_in_words(turn: Turn, n_weighed: int, level: float) -> str:
    """Say which candidate it is on these cases, and what that means for a green one; "" for the first two, uncounted.

    Args:
        n_weighed: how many were weighed by now, this one with them, where none is counted.
        level: at which one passes, where none is counted.

    >>> turn_in_words(Turn(), 14, 0.045)[:60]
    'the 14th candidate weighed on these cases: of 14 tried blind'
    >>> turn_in_words(Turn(3, 2, 0.9), 0, 0.045)
    'the third candidate counted on these cases, 2 green before it: a pass is decided at 0.041'
    """
    if turn.number:
        before = f", {turn.greens:,} green before it" if turn.number > 1 else ""
        return (
            f"the {ordinal(turn.number)} candidate counted on these cases{before}: a pass is decided at "
            f"{level * turn.share:.2g}"
        )
    if n_weighed < _FEWEST_NOTED:
        return ""
    return (
        f"the {ordinal(n_weighed)} candidate weighed on these cases: of {n_weighed:,} tried blindly that are worse by "
        f"the margin, any is green by luck in up to {any_by_luck(n_weighed, level):.2f} (a bound; "
        'candidates = "counted" pays for it)'
    )
