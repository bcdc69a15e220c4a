"""Hybrids of two versions, each built and measured when its scores are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from harness.config import Settings
from harness.decisions.observations import Observations
from harness.errors import SettingsError, UsageError
from harness.gate.history.blame import MOST_PAIRS, Row, Swap
from harness.gate.history.comparison import match
from harness.gate.history.runs import WeighedVersion, run_of, stored_report
from harness.gate.history.scores import Side
from harness.models.engine_creation import check_version
from harness.models.version import is_built, load_version
from harness.stages.build_state import BuildProgress
from harness.stages.building import built, version_named
from harness.stages.hybrids import differing, in_order, with_hybrids
from harness.store import Store

Draw = Callable[[str, Collection[str]], str]
"""Measures a version beside the baseline in these evaluations, or in all, and gives the id of the stored run."""


class MeasuredPath:
    """The path from a baseline to a candidate.

    Args:
        ends: the names of candidate and baseline.
        draw: called where no version of the same fingerprint was measured.

    Attributes:
        units: the steps in which they differ.
        left_out: hybrids that answer as the baseline does, or can't be, and why, by name.
        unmeasured: evaluations that could not be weighed, or were broken off, and why.
        runs: the stored run of each hybrid that was measured, by its name.

    Raises:
        SettingsError: they are the same, or can't be taken apart.
    """

    def __init__(
        self, settings: Settings, store: Store, ends: tuple[str, str], draw: Draw, progress: BuildProgress
    ) -> None:
        self._settings, self._store, self._ends, self._draw, self._progress = settings, store, ends, draw, progress
        self.units = differing(*map(settings.version, ends))
        if not self.units:
            raise SettingsError(f"{ends[0]!r} and {ends[1]!r} have the same settings: name two versions that differ.")
        self.left_out: dict[str, str] = {}
        self.unmeasured: dict[str, str] = {}
        self.runs: dict[str, str] = {}
        self._fingerprints: dict[str, str | None] = {}
        self._names: dict[str, str] = {}

    @property
    def most_runs(self) -> int:
        """The most hybrids that are measured to explain one loss, the candidate itself among them."""
        return min((1 << len(self.units)) - 1, 1 + 2 * len(self.units) + MOST_PAIRS)

    def to_build(self) -> list[str]:
        """Name a version for each build that is due: of the two, and of those that have one step of the other."""
        every, builds = frozenset(self.units), dict[str, str]()
        ones = [swap for unit in self.units for swap in (frozenset([unit]), every - {unit})]
        for name in map(self.name, (every, frozenset(), *ones)):
            version = version_named(with_hybrids(replace(self._settings, candidate=name)), name)
            if not is_built(version):
                recipe = [each.settings for each in version.steps if each.kind != "context"]
                builds.setdefault(repr((version.engine_options.get("weights"), recipe)), name)
        return list(builds.values())

    def name(self, swap: Swap) -> str:
        """The name of a hybrid, by the fewer of its steps."""
        (candidate, baseline), left = self._ends, frozenset(self.units) - swap
        if not left or not swap:
            return candidate if swap else baseline
        ends = (baseline, swap, candidate), (candidate, left, baseline)
        base, steps, other = ends[len(swap) > len(left)]
        return f"{base}+{'+'.join(in_order(*steps))}@{other}"

    def weigh(self, ours: Swap, theirs: Swap, rows: Collection[Row]) -> Mapping[Row, Observations]:
        """The scores of one hybrid beside another's; nothing where they answer alike, or one can't be."""
        ids = tuple(dict.fromkeys(identity for identity, _ in rows))
        one, other, baseline = (self._fingerprint(self.name(swap)) for swap in (ours, theirs, frozenset()))
        if one == baseline:
            self.left_out[self.name(ours)] = f"answers as {self._ends[1]} does"
        if one is None or other is None or one in (other, baseline):
            return {}
        first = self._side(self.name(ours), one, ids)
        second = replace(first, weighed=replace(first.weighed, role="baseline"))
        if other != baseline:
            second = self._side(self.name(theirs), other, ids)
        matched = match(self._store, first, second, ids or None)
        every = [(pair, metric) for pair in matched.pairs for metric in pair.metrics]
        weighed = {(pair.candidate.id, metric): pair.observed(metric) for pair, metric in every}
        for (identity, _), each in weighed.items():
            if why := "; ".join(each.errors) or each.stopped_at:
                self.unmeasured[f"{identity} of {self.name(ours)}"] = why
        alone = "has no scores of both versions, each by itself"
        self.unmeasured |= dict.fromkeys((*matched.candidate_alone, *matched.against_others), alone)
        # Blocks of two runs are no pairs.
        return {row: each for row, each in weighed.items() if other == baseline or not each.plan.in_blocks}

    def _side(self, name: str, fingerprint: str, ids: Collection[str]) -> Side:
        if fingerprint not in self._names:
            self._names[fingerprint], self.runs[name] = name, self._draw(name, ids)
        run = run_of(self._store, self.runs[self._names[fingerprint]])
        return Side(WeighedVersion(run, "candidate"), stored_report(self._store, run.run_id))

    def _fingerprint(self, name: str) -> str | None:
        """The fingerprint of a version, which is built first; None for a hybrid that can't be."""
        if name not in self._fingerprints:
            settings = with_hybrids(replace(self._settings, candidate=name))
            try:
                check_version(settings.version(name), settings.root)
                made = built(settings, name, progress=self._progress)
                self._fingerprints[name] = load_version(made, settings.root).fingerprint
            except UsageError as error:
                if name in self._ends:
                    raise
                self._fingerprints[name], self.left_out[name] = None, f"can't be: {error}"
        return self._fingerprints[name]
