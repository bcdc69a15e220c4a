"""Counts the samples of each case that the store has of the baseline, so that a gate weighs against all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.gate.evaluations.evaluation import Evaluation
from harness.records import Role
from harness.requests import SampleSource
from harness.store import Store

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
        source: of the baseline, or None without one; runs count that drew in its generation and at its indices.
    """

    def __init__(self, store: Store, source: SampleSource | None) -> None:
        self._store = store
        self._source = source
        self._runs: frozenset[tuple[str, Role]] | None = None

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
            wanted = (source.version.fingerprint, source.generation, source.first_index)
            self._runs = _runs_with(self._store, wanted)
        ids, fingerprint = [case.id for case in evaluation.cases], source.version.fingerprint
        probed = self._store.samples_scored(self._runs, evaluation.id, fingerprint, ids[:1])
        if probed and max(probed.values()) <= own:
            return own
        known = self._store.samples_scored(self._runs, evaluation.id, fingerprint, ids)
        return max(own, min(most, min(known.values(), default=own)))


def _runs_with(store: Store, wanted: tuple[str, int, int]) -> frozenset[tuple[str, Role]]:
    """The newest finished runs that asked a version (fingerprint, generation, first index), and in which role."""
    runs = [run for run in reversed(store.runs()) if run.finished]
    found = [(run.run_id, role) for run in runs for role in _ROLES if _draws(run.spec.get(role) or {}) == wanted]
    return frozenset(found[:_RUNS_LOOKED_AT])


def _draws(version: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Tell which draws a run had of a version; None of a recorded one, which was not asked."""
    return None if "recorded" in version else tuple(map(version.get, ("fingerprint", "generation", "first_index")))


def _takes_more(evaluation: Evaluation) -> bool:
    """Tell whether cases are its units, and their bodies score one version's answers without asking another one."""
    plan = evaluation.plan
    is_of_cases = plan.per == "suite" and len(evaluation.cases) > 1
    return is_of_cases and plan.review is None and not evaluation.wants & {"baseline", "judge"}
