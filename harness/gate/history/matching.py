"""Which evaluations of two stored runs can be compared."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from harness.gate.history.runs import Weighed
from harness.gate.history.scores import Pair, Scores, Side
from harness.store import ScoreSet, Store


@dataclass(frozen=True, slots=True)
class Matched:
    """The evaluations of two sides.

    Attributes:
        pairs: those that both have scores of, in the order of the candidate's run.
        candidate_alone, baseline_alone: those that one side alone has scores of.
        against_others: those whose bodies compare with their own run's baseline, which is not the same in both runs.
    """

    pairs: tuple[Pair, ...]
    candidate_alone: tuple[str, ...]
    baseline_alone: tuple[str, ...]
    against_others: tuple[str, ...]


def match(store: Store, candidate: Side, baseline: Side, evaluations: Collection[str] | None) -> Matched:
    """Read the scores of all evaluations that both sides have; `evaluations` names those to look at, None all."""
    ours, theirs = _Sets(store, candidate, evaluations), _Sets(store, baseline, evaluations)
    both = [name for name in ours.by_evaluation if name in theirs.by_evaluation]
    against_others = [name for name in both if ours.compared_with(name) != theirs.compared_with(name)]
    return Matched(
        pairs=tuple(
            Pair(
                Scores(store, candidate, ours.by_evaluation[name]),
                Scores(store, baseline, theirs.by_evaluation[name]),
            )
            for name in both
            if name not in against_others
        ),
        candidate_alone=tuple(name for name in ours.by_evaluation if name not in theirs.by_evaluation),
        baseline_alone=tuple(name for name in theirs.by_evaluation if name not in ours.by_evaluation),
        against_others=tuple(against_others),
    )


class _Sets:
    """What one side scored: its sets by evaluation, of those that its run has a verdict on."""

    def __init__(self, store: Store, side: Side, evaluations: Collection[str] | None) -> None:
        self._run = side.weighed.run
        self._every = store.score_sets(self._run.run_id)
        decided = dict.fromkeys(entry.id for entry in side.report.evaluations)
        own = _of(side.weighed, self._every)
        self.by_evaluation: Mapping[str, list[ScoreSet]] = {
            name: own[name] for name in decided if name in own and (evaluations is None or name in evaluations)
        }

    def compared_with(self, evaluation: str) -> str | None:
        """The fingerprint of the baseline that the bodies of an evaluation compare with themselves, if they do."""
        other = self._run.spec.get("baseline")
        roles = {each.role for each in self._every if each.evaluation_id == evaluation}
        is_recorded = other is not None and "recorded" in other
        return None if other is None or is_recorded or "baseline" in roles else str(other["fingerprint"])


def _of(weighed: Weighed, sets: Iterable[ScoreSet]) -> dict[str, list[ScoreSet]]:
    found: dict[str, list[ScoreSet]] = {}
    for each in sets:
        if each.role == weighed.role and each.fingerprint == weighed.version.fingerprint:
            found.setdefault(each.evaluation_id, []).append(each)
    return found
