"""Counts the samples of each case that the store has of the baseline, so that a gate weighs against all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.sampling.bets import Draws, bets_of, draws_of, of_baseline
from harness.records import Role
from harness.requests import SampleSource
from harness.store import Store
from harness.store.ledger import LookRow

_MOST = 50
_TIMES = 10
_RUNS_LOOKED_AT = 50
"""The newest of those that have the version: a run that used more samples scored them, and so passes them on."""
_ROLES: tuple[Role, ...] = ("candidate", "baseline")


class StoredBaseline:
    """The scores that earlier runs gave a baseline.

    A gate draws no more samples of a baseline than of its candidate. Stored ones beyond that make the baseline's mean
    more certain and cost nothing but the time of the bodies: 10 times as many as the candidate's, and 50 at most.

    Only samples that *every* case has count. Otherwise whoever has seen a baseline's scores could draw more of those
    cases alone that came out well, or badly, and so move its mean.

    Args:
        store: has the runs.
        source: of the baseline, or None without one; runs count that drew at its indices.
        looks: at the candidate against it; a run goes by the draws of one of them, or by
        draws: those of a new look. The samples of a question all come from the first generation that has any.
    """

    def __init__(self, store: Store, source: SampleSource | None, looks: Sequence[LookRow], draws: Draws) -> None:
        self._store = store
        self._source = source
        self._looks = looks
        self._draws = draws
        self._runs: list[tuple[str, Role, Mapping[str, Any]]] | None = None

    def n_samples(self, evaluation: Evaluation) -> int:
        """Give the number of samples of each case that an evaluation may weigh against: its own, or more.

        The number follows from runs that are finished, so that a run that is repeated finds the same, as long as no
        other one drew more in between.
        """
        own, source = evaluation.plan.samples, self._source
        most = min(_TIMES * own, _MOST)
        if source is None or most <= own or not _takes_more(evaluation):
            return own
        if self._runs is None:
            self._runs = _runs_with(self._store, (source.version.fingerprint, source.first_index))
        looks = [bets_of(row.bets) for row in self._looks if row.evaluation_id == evaluation.id]
        known = [self._draws, *(of_baseline(draws_of(each.draws)) for each in looks if each is not None)]
        generations = {each[0] for each in known if each}
        return min((self._n_of(evaluation, each, own, most) for each in generations), default=own)

    def _n_of(self, evaluation: Evaluation, generation: int, own: int, most: int) -> int:
        """The number of samples of each case that are of one generation, from what an evaluation draws to the most."""
        assert self._runs is not None
        assert self._source is not None
        found = [each[:2] for each in self._runs if _generation(each[2], evaluation.id) == generation]
        runs = frozenset(found[:_RUNS_LOOKED_AT])
        ids, fingerprint = [case.id for case in evaluation.cases], self._source.version.fingerprint
        probed = self._store.samples_scored(runs, evaluation.id, fingerprint, ids[:1])
        if probed and max(probed.values()) <= own:
            return own
        known = self._store.samples_scored(runs, evaluation.id, fingerprint, ids)
        return max(own, min(most, min(known.values(), default=own)))


def _runs_with(store: Store, wanted: tuple[str, int]) -> list[tuple[str, Role, Mapping[str, Any]]]:
    """The finished runs that asked a version (fingerprint, first index), in which role, and what they note of it; the
    newest first.
    """
    noted = (
        (run.run_id, role, run.spec.get(role) or {})
        for run in reversed(store.runs())
        if run.finished
        for role in _ROLES
    )
    # A recorded one was not asked.
    return [each for each in noted if "recorded" not in each[2] and _place(each[2]) == wanted]


def _place(version: Mapping[str, Any]) -> tuple[Any, Any]:
    return version.get("fingerprint"), version.get("first_index")


def _generation(version: Mapping[str, Any], evaluation_id: str) -> int | None:
    """The generation that a run's samples of a version come from in an evaluation."""
    first: int | None = next(iter(version.get("draws", {}).get(evaluation_id, ())), version.get("generation"))
    return first


def _takes_more(evaluation: Evaluation) -> bool:
    """Tell whether cases are its units, and their bodies score one version's answers without asking another one."""
    plan = evaluation.plan
    is_of_cases = plan.per == "suite" and len(evaluation.cases) > 1
    return is_of_cases and plan.review is None and not evaluation.wants & {"baseline", "judge"}
