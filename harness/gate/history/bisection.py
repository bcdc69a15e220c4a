"""Finds the version of a series that made a suite worse, by as few samples as tell it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from harness.errors import SettingsError, some
from harness.gate.history.runs import WeighedVersion, run_of
from harness.gate.history.scores import Side, scores_of
from harness.records import Report
from harness.statistics.arrays import FloatArray
from harness.statistics.betting.steps import StepSearch
from harness.store import Store

_MOST_TIMES = 3
"""As many samples as told the ends apart, so many times, tell any version between them, if it is like one of them."""


class Measured(NamedTuple):
    """The scores of a version by evaluation and case, (n_rounds,) each, or (1,) where a body comes to the same each
    time. Where it `repeats` itself, all samples of a case are one draw.
    """

    fingerprint: str
    scores: dict[tuple[str, str], FloatArray]
    repeats: bool = False
    n_drawn: int = 0


def measured(store: Store, report: Report) -> Measured | str:
    """The scores that a run gave, the mean over the metrics that are weighed by one; or what went wrong in it."""
    wrong = [f"{each.id}: {why}" for each in report.evaluations for why in (*each.errors, each.stopped_at) if why]
    if wrong:
        return wrong[0]
    rows: dict[tuple[str, str], FloatArray] = {}
    side = Side(WeighedVersion(run_of(store, report.run_id), "candidate"), report)
    entries = [each for each in report.evaluations if each.weighed_by == "mean"]
    for each in scores_of(store, side, {entry.id for entry in entries}):
        own = [entry for entry in entries if entry.id == each.id]
        shares = [np.clip((each.table.of(entry.metric) - entry.span[0]) / entry.width, 0, 1) for entry in own]
        turned = [one if entry.higher_is_better else 1 - one for one, entry in zip(shares, own, strict=True)]
        cases = zip(each.table.case_ids, np.mean(turned, axis=0), strict=True)
        rows |= {(each.id, case): row for case, row in cases if not np.isnan(row).any()}
    repeats = any(entry.is_repeatable for entry in entries)
    return Measured(report.candidate.fingerprint, rows, repeats, report.usage.model_calls)


@dataclass
class Bisection:
    """A search for the first worse version of a series, which begins with a good one and ends with a bad one.

    Attributes:
        first: samples of each case that a version is measured by at first; `most` of all that the answer rests on.
        measure: gives a version's scores by so many samples of each case, or says why it can't.
        tell: is told how far it is, a line each.
        outcome: "found" where `possible` misses the first worse version with a chance of at most 1 - confidence_level,
            if there is one step; else why it is not known.
        good, bad: the mean scores of both ends.
    """

    versions: list[str]
    confidence_level: float
    first: int
    most: int
    measure: Callable[[str, int], Measured | str]
    tell: Callable[[str], object]
    outcome: str = ""
    possible: list[str] = field(default_factory=list)
    good: float = 0.0
    bad: float = 0.0
    n_cases: int = 0
    n_samples: int = 0
    n_drawn: int = 0
    fingerprints: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    _scores: dict[str, FloatArray] = field(default_factory=dict)  # by fingerprint
    _repeats: bool = False
    _cases: list[tuple[str, str]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 with a set, 8 without one."""
        return 0 if self.outcome == "found" else 8

    def as_json(self) -> dict[str, Any]:
        """What it came to."""
        return {name: value for name, value in vars(self).items() if name[0] != "_" and not callable(value)}

    def run(self) -> None:
        """Search until one version is left, none of those left can be told apart, or the samples are spent.

        Raises:
            SettingsError: the first version or the last can't be measured.
        """
        ends = {"good": self.versions[0], "bad": self.versions[-1]}
        while not self.outcome:
            for which, each in ends.items():
                if self._more(each) is None:
                    why = self.skipped[each]
                    raise SettingsError(f"The {which} end, {each}, can't be measured; name another. {why}")
            good, bad = map(self._of, ends.values())
            search = StepSearch(good, bad, len(self.versions), self.confidence_level)
            self.good, self.bad = search.good, search.bad
            self.tell(f"{ends['good']}: {self.good:.3f}; {ends['bad']}: {self.bad:.3f}")
            if len({*self.fingerprints.values()}) == 1:
                self.outcome = "the first and the last are the same version"
            elif search.is_shown:
                self.outcome = self._narrow(search)
                self.possible = [self.versions[place] for place in np.flatnonzero(search.possible)]
            elif search.rounds_needed * 2 * self.n_cases > self.most:
                self.outcome = "no loss in sight: what there may be takes more samples than are allowed"
            elif self._repeats or self._is_over(2 * max(self.first, good.shape[1] // 2)):
                self.outcome = "the last is not shown to be worse than the first"

    def _narrow(self, search: StepSearch) -> str:
        """Sample versions in between; gives the outcome."""
        names, ends = self.versions, {self.fingerprints[self.versions[end]]: end for end in (0, -1)}
        while search.possible.sum() > 1:
            tried = {*self.skipped, *(self.fingerprints if self._repeats else ())}
            place = search.next_place(np.array([each not in tried for each in names]))
            if place is None:
                break
            if self._is_over(self.first):
                return "not decided by the samples allowed"
            name, n_new = names[place], self._more(names[place])
            if n_new is None:
                self.tell(f"{name}: skipped, {self.skipped[name]}")
                continue
            own, scores = self.fingerprints[name], self._of(name)
            search.place(own, place, ends.get(own))
            if n_new and own not in ends:
                search.add(own, scores, n_new)
            self.tell(f"{name}: {scores.mean():.3f}; {search.possible.sum()} of {len(names) - 1} are left")
            if search.possible.sum() > 1 and scores.shape[1] > _MOST_TIMES * self._of(names[0]).shape[1]:
                return f"no single step: {name} is like neither end; search before it and after it"
        return "found" if search.possible.any() else "no single step"

    def _of(self, version: str) -> FloatArray:
        return self._scores[self.fingerprints[version]]

    def _is_over(self, n_rounds: int) -> bool:
        return self.n_samples + n_rounds * self.n_cases > self.most

    def _more(self, version: str) -> int | None:
        """Measure a version by half as many rounds again; gives how many are new, None where it is skipped."""
        has = self._of(version).shape[1] if version in self.fingerprints else 0
        asked = has + max(self.first, has // 2)
        result = self.measure(version, asked)
        if isinstance(result, Measured):
            self._cases = self._cases or [*result.scores]
            lacking = [case for evaluation, case in self._cases if (evaluation, case) not in result.scores]
            result = f"no scores of {some(lacking)}" if lacking or not self._cases else result
        if not isinstance(result, Measured):
            self.skipped[version] = result
            return None
        own, self._repeats = result.fingerprint, self._repeats or result.repeats
        self.fingerprints[version], self.n_drawn = own, self.n_drawn + result.n_drawn
        asked, before = 1 if result.repeats else asked, self._scores[own].shape[1] if own in self._scores else 0
        if asked > before:
            self._scores[own] = np.array([np.resize(result.scores[case], asked) for case in self._cases])
        self.n_cases, self.n_samples = len(self._cases), sum(each.size for each in self._scores.values())
        return max(0, asked - before)
