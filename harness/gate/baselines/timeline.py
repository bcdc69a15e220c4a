"""How evaluations came out over time: by stored runs, and by the baselines that the repository's commits recorded."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np

from harness.config.repository import Repository
from harness.config.versions import GIT
from harness.decisions import Observations
from harness.decisions.questions import estimate, questions
from harness.errors import SettingsError
from harness.gate.baselines.promotion import ANCHOR
from harness.gate.baselines.recording import FOLDER, Recording, parse_recording
from harness.gate.history.runs import WeighedVersion, stored_report
from harness.gate.history.scores import Scores, Side, scores_of
from harness.records import Estimate, Kind, Plan, Report, Role, Verdict, VerdictKind, Weighed, same_kind
from harness.statistics.arrays import BoolArray, FloatArray, case_means
from harness.statistics.changes import change_points, one_mean, one_rate
from harness.store import Store

MOST_VERSIONS = 100
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_Name = tuple[str, str]
"""An evaluation and its metric."""


@dataclass(slots=True)
class TimedVersion:
    """A version: when its commit was made, if it is the code of one, or it was first weighed; the commit that the
    project was at; its tags, and "anchor" if it was one.
    """

    name: str
    fingerprint: str
    when: str
    commit: str | None = None
    releases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """An evaluation at a version, by its place among them; `note` tells what is otherwise than at the point before."""

    version: int
    estimate: Estimate
    threshold: float | None
    n_cases: int
    n_samples: int
    note: str
    has_other_cases: bool


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A change of a mean, from what it was since the change before; `at` is the first point after it, by its place."""

    at: int
    before: float
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend(Kind):
    """One metric of an evaluation over time; `cases` have the changes of those single ones that changed."""

    id: str
    metric: str
    margin: float
    margin_is_relative: bool
    anchor: float | None
    points: tuple[Point, ...]
    changes: tuple[LevelChange, ...]
    cases: Mapping[str, tuple[LevelChange, ...]]
    n_left_out: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """All of it, the oldest version first; the bands of a trend hold together with a chance of `confidence_level`."""

    confidence_level: float
    versions: tuple[TimedVersion, ...]
    trends: tuple[Trend, ...]
    notes: tuple[str, ...] = ()
    schema_version: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """An evaluation's scores at a version; `contents` are digests of its cases, `anchor` the anchor's mean then."""

    observed: Observations
    contents: tuple[str | None, ...]
    code: str | None = None
    judges: tuple[str, ...] = ()
    anchor: float | None = None

    @property
    def cases(self) -> list[tuple[str, str | None]]:
        """Its cases: one that holds something else is another."""
        return [*zip(self.observed.case_ids, self.contents, strict=True)]


@dataclass(slots=True)
class _Known:
    """What a version is known from, and whether it is the code of the commit that the project was at."""

    version: TimedVersion
    is_of_commit: bool = False
    runs: list[WeighedVersion] = field(default_factory=list)
    recordings: list[Recording] = field(default_factory=list)


def timeline(
    store: Store | None,
    root: Path,
    confidence_level: float,
    wanted: Callable[[Iterable[str]], Collection[str]] = set,
    most: int = MOST_VERSIONS,
) -> Timeline:
    """Return how evaluations came out over time.

    Args:
        root: the project's folder, whose repository has recorded baselines and tags.
        wanted: those of the evaluations that are shown.
        most: versions that are shown, the newest.
    """
    notes: list[str] = []

    @cache
    def report_of(run_id: str) -> Report | None:
        try:
            return None if store is None else stored_report(store, run_id)
        except SettingsError as error:
            notes.append(f"left out: {error}")
            return None

    known = {} if store is None else _of_runs(store, report_of)
    with suppress(SettingsError):  # of a folder that is no clone: no commit recorded anything, no version has a tag
        repository = Repository(root)
        notes += _add_recordings(known, repository, root)
        dates = repository.dated(each.version.commit for each in known.values() if each.version.commit)
        for each in known.values():
            at, tags = dates.get(each.version.commit or "", (0, ()))
            each.version.releases = *tags, *each.version.releases
            if at and each.is_of_commit:
                each.version.when = time.strftime(_TIME, time.gmtime(at))
    shown = sorted(known.values(), key=lambda each: each.version.when)
    if len(shown) > most:
        notes.append(f"the newest {most:,} of {len(shown):,} versions are shown")
    shown, drawn = shown[-most:], dict[_Name, dict[int, Drawn]]()
    for place, each in enumerate(shown):
        for name, one in () if store is None else _of_stored(store, each, report_of):
            drawn.setdefault(name, {})[place] = one
    for place, each in enumerate(shown):
        for name, one in _of_recordings(each, drawn):
            drawn.setdefault(name, {}).setdefault(place, one)
    chosen = {*wanted(dict.fromkeys(identity for identity, _ in drawn))} if drawn else set()
    own = [dict(sorted(each.items())) for name, each in sorted(drawn.items()) if name[0] in chosen]
    versions = tuple(each.version for each in shown)
    return Timeline(confidence_level, versions, _trends(own, 1 - confidence_level), tuple(notes))


# -- what there is ---------------------------------------------------------------------------------------------------


def _of_runs(store: Store, report_of: Callable[[str], Report | None]) -> dict[tuple[str, int], _Known]:
    """The versions by fingerprint and generation of draws: runs of both equal have the same samples. Of those of one
    run the candidate comes last.
    """
    known: dict[tuple[str, int], _Known] = {}
    for run, role in itertools.product(store.gates(), reversed(get_args(Role))):
        entry: Any = run.spec.get(role)
        if run.finished and isinstance(entry, Mapping) and "fingerprint" in entry:
            key = entry["fingerprint"], int(entry.get("generation") or 0)
            each = known.setdefault(key, _Known(TimedVersion(entry["name"], key[0], run.created)))
            each.runs.append(WeighedVersion(run, role))
            if role == ANCHOR:
                each.version.releases = (ANCHOR,)
            if entry["name"].startswith(GIT):
                reference = getattr(report_of(run.run_id), role, None)
                each.version.commit, each.is_of_commit = reference and reference.commit, True
            elif role == "candidate" and each.version.commit is None:
                each.version.commit, each.is_of_commit = run.spec.get("commit"), "files" in run.spec
    return known


def _add_recordings(known: dict[tuple[str, int], _Known], repository: Repository, root: Path) -> Iterator[str]:
    """Add what the commits recorded; yield what can't be read."""
    for commit, name, content in repository.contents(root / FOLDER):
        try:
            one = parse_recording(content, Path(name))
        except SettingsError as error:
            yield f"left out at commit {commit[:12]}: {error}"
            continue
        draws = next((entry.draws[-1] for entry in one.evaluations.values() if entry.draws), "0:0:0")
        key = one.version.fingerprint, int(draws.split(":")[1])
        own = known.setdefault(key, _Known(TimedVersion(one.version.name, key[0], one.created)))
        own.recordings.append(one)
        if one.name == ANCHOR:
            own.version.releases = (ANCHOR,)


def _of_stored(store: Store, known: _Known, report_of: Callable[[str], Report | None]) -> Iterator[tuple[_Name, Drawn]]:
    """The scores of each metric, from the run that has most cases and samples of it, rather as its candidate."""
    best: dict[_Name, tuple[int, bool, int, int]] = {}
    for number, weighed in enumerate(known.runs):
        report = report_of(weighed.run.run_id)
        for entry in filter(_is_shown, () if report is None else report.evaluations):
            rank = entry.n_cases, weighed.role == "candidate", entry.n_samples, number
            best[entry.id, entry.metric] = max(rank, best.get((entry.id, entry.metric), rank))
    for number in {number for *_, number in best.values()}:
        own, weighed = {name for name, rank in best.items() if rank[-1] == number}, known.runs[number]
        report = report_of(weighed.run.run_id)
        assert report is not None
        for scores in scores_of(store, Side(weighed, report), {identity for identity, _ in own}):
            for name in ((scores.id, metric) for metric in scores.entries if scores.compared_with is None):
                if name in own and (one := _of_scores(scores, name[1], report)).observed.scored.any():
                    yield name, one


def _is_shown(entry: Verdict) -> bool:
    """False of an error, of what is sealed or people decide with a judge, and of some of the cases (--case)."""
    if entry.review is not None or entry.plan.candidates == "sealed":
        return False
    is_part = entry.plan.design == "fixed" and entry.n_cases + entry.n_skipped < entry.suite_size
    is_decided = entry.candidate is not None and entry.verdict is not VerdictKind.ERROR
    return is_decided and (not is_part or entry.stopped_at is not None)


def _of_scores(scores: Scores, metric: str, report: Report) -> Drawn:
    entry, code = scores.entries[metric], scores.side.weighed.run.spec.get("code") or {}
    labels = [each.cluster or f"case {each.id}" for each in entry.cases]
    observed = Observations(
        **entry.fields_of(Weighed),
        case_ids=tuple(each.id for each in entry.cases),
        candidate=scores.table.of(metric, [each.id for each in entry.cases]),
        baseline=None,
        clusters=tuple(labels) if any(each.cluster for each in entry.cases) else None,
        stopped_at=entry.stopped_at or "",
    )
    judges = tuple(each.fingerprint for each in report.judges) if entry.judges else ()
    contents = tuple(each.content for each in entry.cases)
    return Drawn(observed, contents, code.get(scores.id), judges, None if entry.anchor is None else entry.anchor.value)


def _of_recordings(known: _Known, drawn: Mapping[_Name, Mapping[int, Drawn]]) -> Iterator[tuple[_Name, Drawn]]:
    """The recorded scores, the newest first, each with the newest plan that is known of its evaluation."""
    for recording in reversed(known.recordings):
        for identity, entry in recording.evaluations.items():
            for metric, kind in entry.metrics.items():
                cases = {name: case.content for name, case in entry.cases.items() if metric in case.scores}
                plans = [each.observed.plan for each in drawn.get((identity, metric), {}).values()] or [Plan()]
                observed = Observations(
                    **kind.fields_of(Kind),
                    id=identity,
                    metric=metric,
                    plan=replace(plans[-1], design="fixed", threshold=None),
                    case_ids=tuple(cases),
                    candidate=entry.table.of(metric, list(cases)),
                    baseline=None,
                    n_planned=len(cases) + len(entry.skipped),
                    n_skipped=len(entry.skipped),
                )
                if observed.scored.any():
                    anchor = kind.value if recording.name == ANCHOR else None
                    yield (identity, metric), Drawn(observed, tuple(cases.values()), entry.code, (), anchor)


# -- what it comes to ------------------------------------------------------------------------------------------------


def _trends(drawn: Sequence[Mapping[int, Drawn]], level: float) -> tuple[Trend, ...]:
    """The trends. The bands of one share the level, and so do the changes of all, and those of all cases that were not
    always alike (Bonferroni; O. J. Dunn, 1961, JASA 56:52-64).
    """
    alike = []
    for each in drawn:
        newest = [*each.values()][-1].observed
        alike.append({place: one for place, one in each.items() if same_kind(one.observed, newest)})
    by_case = [case_samples([*each.values()]) for each in alike]
    n_cases, trends = sum(map(len, by_case)), []
    for every, own, samples in zip(drawn, alike, by_case, strict=True):
        points, newest = [*own.values()], [*own.values()][-1].observed
        anchors = [one.anchor for one in points if one.anchor is not None]
        moved = {case: case_changes(one, level / n_cases) for case, one in samples.items()}
        trends.append(
            Trend(
                **newest.fields_of(Kind),
                id=newest.id,
                metric=newest.metric,
                margin=newest.plan.margin,
                margin_is_relative=newest.plan.margin_is_relative,
                anchor=anchors[-1] if anchors else None,
                points=tuple(_points(own, 1 - level / len(own))),
                changes=tuple(mean_changes(points, level / len(drawn))),
                cases={case: tuple(changes) for (case, _), changes in moved.items() if changes},
                n_left_out=len(every) - len(own),
            )
        )
    return tuple(trends)


def _points(drawn: Mapping[int, Drawn], confidence_level: float) -> Iterator[Point]:
    before: Drawn | None = None
    for place, one in drawn.items():
        observed, notes, others = one.observed.as_shown(), list[str](), ""
        if before is not None:
            others = _other_cases(before, one)
            notes += [f"cases changed meaning here: {others}"] if others else []
            notes += (
                ["its test has other code"] if None not in (before.code, one.code) and before.code != one.code else []
            )
            notes += ["other judges"] if before.judges != one.judges else []
        if (own := estimate(observed, observed.candidate, confidence_level)) is not None:
            counts = int(observed.scored.sum()), observed.n_samples
            yield Point(place, own, observed.plan.threshold, *counts, "; ".join(notes), bool(others))
        before = one


def _other_cases(before: Drawn, now: Drawn) -> str:
    """Count the cases that hold something else than before, and those that are new or gone; "" where none is."""
    then, own = dict(before.cases), dict(now.cases)
    is_whole = before.observed.is_whole and now.observed.is_whole
    counts = {"otherwise": sum(own[case] != then[case] for case in own.keys() & then.keys())}
    counts |= {"new": len(own.keys() - then.keys()), "gone": len(then.keys() - own.keys())} if is_whole else {}
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)


def _by_case(drawn: Sequence[Drawn], scores: Sequence[FloatArray]) -> dict[tuple[str, str | None], FloatArray]:
    """Scores of the points, each (n_cases, n_samples), by case: (n_points, n_samples), NaN where there is none."""
    rows: dict[tuple[str, str | None], FloatArray] = {}
    width = max(each.shape[1] for each in scores)
    for place, (one, values) in enumerate(zip(drawn, scores, strict=True)):
        for case, row in zip(one.cases, values, strict=True):
            rows.setdefault(case, np.full((len(drawn), width), np.nan))[place, : len(row)] = row
    return rows


def case_samples(drawn: Sequence[Drawn]) -> dict[tuple[str, str | None], FloatArray]:
    """Whether each sample of a case scores half or more, (n_points, n_samples), of cases where some do and some do not;
    at temperature 0 a version has one sample. Nothing of measures.
    """
    scores = [each.observed.as_drawn(each.observed.candidate) for each in drawn if each.observed.unit is None]
    rows = _by_case(drawn, [np.where(np.isnan(each), np.nan, each >= 0.5) for each in scores]) if scores else {}
    return {case: own for case, own in rows.items() if np.nanmin(own) < np.nanmax(own)}


def case_changes(samples: FloatArray, level: float) -> list[LevelChange]:
    """The changes of one case's rate, by its own samples, between points."""
    splits = change_points(
        case_means(samples)[np.newaxis],
        lambda first, split, last: one_rate(samples[first:split], samples[split:last]),
        level,
    )
    ends = [0, *splits, len(samples)]
    rates = [float(np.nanmean(samples[i:j])) for i, j in itertools.pairwise(ends)]
    return [LevelChange(i, *both) for i, both in zip(splits, itertools.pairwise(rates), strict=True)]


def mean_changes(drawn: Sequence[Drawn], level: float) -> list[LevelChange]:
    """The changes of an evaluation's mean over these cases, between points; none of blocks, which are compared within a
    run alone.

    The gate's rule is applied to the samples after a change as to a candidate's, to those before as to a baseline's. It
    takes the samples of a version for independent; so a change must stand out of the scatter of the versions' means
    as well, in which one that answers a case the same each time counts once. Both sides have the cases that count.
    """
    like = drawn[-1].observed
    plan = replace(like.plan, threshold=None, margin=0.0, margin_is_relative=False, design="fixed", is_exact=False)
    plan = replace(plan, about="suite", aim=None)
    like = replace(like, plan=plan, statistic=None, stopped_at="", n_skipped=0, is_repeatable=False)
    rows = _by_case(drawn, [each.observed.as_drawn(each.observed.candidate) for each in drawn])
    samples, cases = np.array([*rows.values()]), np.array([case for case, _ in rows])
    values = np.array([case_means(each) for each in samples])
    known = (zip(each.observed.case_ids, each.observed.clusters or (), strict=False) for each in drawn)
    labels: dict[str, Any] = dict(itertools.chain.from_iterable(known))
    samples = samples if like.is_by_mean else values[..., np.newaxis]

    def common(first: int, split: int, last: int) -> BoolArray:
        sides = values[:, first:split], values[:, split:last]
        both: BoolArray = ~np.logical_or(*(np.isnan(each).all(axis=1) for each in sides))
        return both

    def p_value(first: int, split: int, last: int) -> float:
        if not (both := common(first, split, last)).any():
            return 1.0
        own, n = tuple(cases[both].tolist()), int(both.sum())
        clusters = tuple(labels.get(case, f"case {case}") for case in own)
        groups = np.unique(np.array([str(each) for each in clusters]), return_inverse=True)[1]
        by_scatter = one_mean(values[both, first:split], values[both, split:last], groups)
        marks, sides = clusters if labels else None, (samples[both, first:split], samples[both, split:last])
        weighed = (
            replace(like, case_ids=own, candidate=x, baseline=y, clusters=marks, n_planned=n, suite_size=n)
            for x, y in itertools.permutations(each.reshape(n, -1) for each in sides)
        )
        asked = (one for each in weighed for one in questions(each, (0.05, 0.05)) if one.directions)
        return max(by_scatter, 2 * min((one.p_less for one in asked), default=1.0))

    splits = () if like.plan.in_blocks else change_points(values, p_value, level)
    changes = []
    for first, split, last in zip((0, *splits), splits, (*splits[1:], len(drawn)), strict=False):
        both = common(first, split, last)
        means = (float(case_means(values[both, i:j]).mean()) for i, j in ((first, split), (split, last)))
        changes.append(LevelChange(split, *means))
    return changes
