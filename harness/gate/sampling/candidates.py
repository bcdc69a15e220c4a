"""The candidates that were weighed on the same cases, whoever asked for it: what the next of them may spend.

Each is tested by draws of its own, made after all that was seen: a candidate that is counted, its drawn baseline and
its judges are drawn anew. So its test is valid whatever the one who chose it knows of these cases.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.decisions import Observations
from harness.decisions.looks import ordinal
from harness.records import VerdictKind
from harness.statistics.online import BASELINE_SHARE, any_by_luck, candidate_level, decaying_share
from harness.store import RunInfo
from harness.store.ledger import LookRow

Weighing = tuple[str, str]
"""A candidate and what it is weighed against, by their fingerprints."""
GreenRun = tuple[Weighing, frozenset[str]]
"""A finished run with counted evaluations that were all green, and which it had a look at."""
COUNTED = "counted"
"""What a run notes of the evaluations whose candidates are counted."""
_IS_COUNTED = '"candidates":"counted"'
"""In the JSON of a question whose candidate is counted."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The place of a candidate among those that are counted on the same cases, settled at its first look.

    Attributes:
        number: counted from 1; 0 for one that is not counted.
        greens: how many of those before it were green.
        share: of the error rate, at which it may pass.
        baseline_level: at which a bound of its recorded baseline is wrong that all candidates share; 0 for pairs.
    """

    number: int = 0
    greens: int = 0
    share: float = 1.0
    baseline_level: float = 0.0


NOT_COUNTED = Turn()
_FEWEST_NOTED = 3


@dataclass(frozen=True, slots=True)
class CountedLook:
    """A look at a candidate that was counted: its row, its turn, and which recorded scores it was weighed against."""

    row: LookRow
    turn: Turn
    recorded: object

    @property
    def weighing(self) -> Weighing:
        """Which candidate, and against what."""
        return self.row.candidate, self.row.against


def green_runs(runs: Iterable[RunInfo]) -> list[GreenRun]:
    """The runs with counted candidates that were green."""
    green = [run.spec for run in runs if run.verdict == VerdictKind.PASSED and run.spec.get(COUNTED)]
    names = [(each["candidate"], (each.get("baseline") or {}).get("fingerprint", "")) for each in green]
    return [((own["fingerprint"], against), frozenset(own.get("draws", ()))) for own, against in names]


class SameCases:
    """The looks at all candidates on the same cases.

    Args:
        rows: those of the whole suite.
        digests: of the cases of each evaluation, by its id; any case counts of one that is not in it.
    """

    def __init__(self, rows: Sequence[LookRow], digests: Mapping[str, Collection[str]]) -> None:
        def has_any(row: LookRow) -> bool:
            known = digests.get(row.evaluation_id)
            return known is None or any(f'"{each}"' in row.question for each in known)

        looked = sorted((row for row in rows if row.number), key=lambda row: (row.begun, row.candidate, row.against))
        self._rows = [row for row in looked if has_any(row)]
        self.looks = [_counted_look(row) for row in self._rows if _IS_COUNTED in row.question]
        self.members: dict[Weighing, set[str]] = {}
        for row in rows:
            self.members.setdefault((row.candidate, row.against), set()).add(row.evaluation_id)

    def count(self, evaluation_id: str, candidate: str) -> int:
        """Count the candidates that were weighed on cases of an evaluation, this one with them."""
        return len({candidate, *(row.candidate for row in self._rows if row.evaluation_id == evaluation_id)})


def _counted_look(row: LookRow) -> CountedLook:
    asked = json.loads(row.question)
    weighed = frozenset(asked["cases"]) - frozenset(asked["unpaired"])
    return CountedLook(row, Turn(**asked["turn"]), (asked["words"]["recording"], weighed))


def newest_cases(rows: Iterable[LookRow]) -> dict[str, list[str]]:
    """The digests of the cases that each evaluation was looked at with last."""
    looked = sorted((row for row in rows if row.number), key=lambda row: row.begun)
    return {row.evaluation_id: json.loads(row.question)["cases"] for row in looked}


def next_turn(
    looks: Sequence[CountedLook],
    members: Mapping[Weighing, Collection[str]],
    known_runs: Callable[[], Collection[GreenRun]],
    *,
    level: float,
    is_recorded: bool,
) -> Turn:
    """The turn of a candidate that has none yet.

    Args:
        looks: those on the same cases that were counted.
        members: the evaluations of the suite that each was weighed with.
        known_runs: those that were green; a discovery is a whole suite that is.
        level: the error rate of the gate, of which bounds of recorded baselines have a part.
    """
    numbers = {each.turn.number: each.weighing for each in looks}
    runs = known_runs() if numbers else ()
    green = {weighing for weighing, evaluations in runs if evaluations >= {*members.get(weighing, ())}}
    number, greens = max(numbers, default=0) + 1, sum(each in green for each in numbers.values())
    left = level * (1 - BASELINE_SHARE) if is_recorded else level
    return Turn(number, greens, candidate_level(number, greens, left) / level)


def baseline_level(recorded: object, looks: Sequence[CountedLook], *, level: float, evaluations: int) -> float:
    """The level of the bound of recorded scores, over all evaluations and all recordings on the same cases.

    Args:
        recorded: which scores; others are another bound.
        looks: those at the same evaluation that were counted, the first first.
    """
    known = list(dict.fromkeys(each.recorded for each in looks if each.turn.baseline_level))
    place = known.index(recorded) if recorded in known else len(known)
    return level * BASELINE_SHARE * decaying_share(place + 1) / max(1, evaluations)


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
        n_weighed: how many were weighed by now, this one with them.
        level: at which one passes, where none is counted.

    >>> turn_in_words(NOT_COUNTED, 14, 0.045)[:60]
    'the 14th candidate weighed on these cases: of 14 tried blind'
    >>> turn_in_words(Turn(3, 2, 0.9), 3, 0.045)
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
