"""How evaluations came out over time: by stored runs, and by the baselines that the repository's commits recorded."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np

from harness.config.repository import Repository
from harness.decisions import Observations
from harness.decisions.questions import estimate
from harness.errors import SettingsError
from harness.gate.baselines.promotion import ANCHOR
from harness.gate.baselines.recording import FOLDER, parse_recording
from harness.gate.history.ranking import p_lower_both
from harness.gate.history.runs import WeighedVersion, stored_report
from harness.gate.history.scores import Pair, Side, scores_of
from harness.records import Estimate, Kind, Plan, Role, Verdict, VerdictKind, same_kind
from harness.statistics.arrays import BoolArray, FloatArray, case_means
from harness.statistics.changes import change_points, one_mean, one_rate
from harness.store import Store

MOST_VERSIONS = 100
_Case = tuple[str, str | None]
"""A case and the digest of its fields: one that holds something else is another."""


@dataclass(slots=True)
class TimedVersion:
    """A version: when it was first weighed, its commit, or the one that the project was at, with all its code; the
    tags of that, and "anchor" if it was one.
    """

    name: str
    fingerprint: str
    when: str
    commit: str | None = None
    releases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """An evaluation at a version, by its place among them; `note` says whether its cases are others from here on."""

    version: int
    estimate: Estimate
    note: str = ""


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A change of a mean, from what it was since the change before; `at` is the first point after it, by its place."""

    at: int
    before: float
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend(Kind):
    """One metric of an evaluation over time, with its newest plan; `cases` are those whose rate changed."""

    id: str
    metric: str
    plan: Plan
    anchor: float | None
    points: tuple[Point, ...]
    changes: tuple[LevelChange, ...]
    cases: Mapping[str, tuple[LevelChange, ...]]


@dataclass(frozen=True, slots=True)
class Timeline:
    """All of it, in the order of commits; the bands of a trend hold together with a chance of `confidence_level`."""

    confidence_level: float
    versions: tuple[TimedVersion, ...]
    trends: tuple[Trend, ...]
    notes: tuple[str, ...] = ()
    schema_version: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """An evaluation's scores at a version, the digests of its cases, and the anchor's figure then."""

    observed: Observations
    contents: tuple[str | None, ...]
    anchor: float | None = None

    @property
    def cases(self) -> list[_Case]:
        """Its cases."""
        return [*zip(self.observed.case_ids, self.contents, strict=True)]


_Versions = dict[tuple[str, int], TimedVersion]
"""By fingerprint and generation of draws: where both are equal, so are the samples."""
_Points = dict[tuple[str, str], dict[tuple[str, int], Drawn]]
"""By evaluation and metric, then by version."""


def timeline(store: Store | None, root: Path, confidence_level: float, most: int = MOST_VERSIONS) -> Timeline:
    """Return how evaluations came out over time, at the newest versions; `root` is the project's folder, whose
    repository has recorded baselines and tags.
    """
    versions, points, notes = _Versions(), _Points(), list[str]()
    dates: dict[str, tuple[str, tuple[str, ...]]] = {}
    if store is not None:
        notes += _add_runs(store, most, versions, points)
    with suppress(SettingsError):  # of a folder that is no clone: no commit recorded anything, no version has a tag
        repository = Repository(root)
        notes += _add_recordings(repository, root, versions, points)
        dates = repository.dated(each.commit for each in versions.values() if each.commit)
    for each in versions.values():
        each.releases = *dates.get(each.commit or "", ("", ()))[1], *each.releases
    times = {key: (dates.get(each.commit or "", (each.when,))[0], each.when) for key, each in versions.items()}
    order = sorted(versions, key=times.__getitem__)
    if len(order) > most:
        notes.append(f"the newest {most:,} versions are shown")
    place = {key: number for number, key in enumerate(order[-most:])}
    drawn = [{place[key]: own[key] for key in place if key in own} for _, own in sorted(points.items())]
    trends = _trends([*filter(None, drawn)], 1 - confidence_level)
    return Timeline(confidence_level, tuple(versions[key] for key in place), trends, tuple(notes))


# -- what there is ---------------------------------------------------------------------------------------------------


def _add_runs(store: Store, most: int, versions: _Versions, points: _Points) -> Iterator[str]:
    """Add what the newest runs weighed; yield which can't be read. An evaluation at a version is of the run that has
    most cases and samples of it, rather as its candidate.
    """
    best: dict[tuple[str, tuple[str, int]], tuple[tuple[int, bool, int], Side]] = {}
    for run in reversed(store.gates()):
        if not run.finished:
            continue
        if len(versions) > most:
            break
        try:
            report = stored_report(store, run.run_id)
        except SettingsError as error:
            yield f"left out: {error}"
            continue
        for role in filter(run.spec.get, reversed(get_args(Role))):
            entry = run.spec[role]
            key = entry["fingerprint"], entry.get("generation", 0)
            version = versions.setdefault(key, TimedVersion(entry["name"], key[0], run.created))
            version.when = run.created
            version.releases = (ANCHOR,) if role == ANCHOR else version.releases
            is_at_commit = role == "candidate" and "uncommitted" not in run.spec
            version.commit = entry.get("commit") or (run.spec.get("commit") if is_at_commit else None) or version.commit
            for verdict in filter(_is_shown, report.evaluations):
                rank = verdict.n_cases, role == "candidate", verdict.n_samples
                if rank > best.get((verdict.id, key), ((0, False, 0),))[0]:
                    best[verdict.id, key] = rank, Side(WeighedVersion(run, role), report)
    for (identity, key), (_, side) in best.items():
        for scores in scores_of(store, side, {identity}):
            for metric, verdict in scores.entries.items():
                observed = replace(Pair(scores, scores).observed(metric), baseline=None)
                if scores.compared_with is None and _is_shown(verdict) and observed.scored.any():
                    contents = {case.id: case.content for case in verdict.cases}
                    anchor = None if verdict.anchor is None else verdict.anchor.value
                    drawn = Drawn(observed, tuple(map(contents.get, observed.case_ids)), anchor)
                    points.setdefault((identity, metric), {})[key] = drawn


def _is_shown(entry: Verdict) -> bool:
    """False of an error, of what is sealed or people decide with a judge, and of some of the cases (--case)."""
    is_hidden = entry.review is not None or entry.plan.candidates == "sealed"
    is_part = entry.plan.design == "fixed" and entry.n_cases + entry.n_skipped < entry.suite_size
    is_decided = entry.candidate is not None and entry.verdict is not VerdictKind.ERROR
    return is_decided and not is_hidden and (not is_part or entry.stopped_at is not None)


def _add_recordings(repository: Repository, root: Path, versions: _Versions, points: _Points) -> Iterator[str]:
    """Add what the commits recorded and no run has, with the plan that is known of an evaluation; yield what can't be
    read.
    """
    for commit, name, content in repository.contents(root / FOLDER):
        try:
            recording = parse_recording(content, Path(name))
        except SettingsError as error:
            yield f"left out at commit {commit[:12]}: {error}"
            continue
        draws = next((entry.draws[-1] for entry in recording.evaluations.values() if entry.draws), "0:0:0")
        key = recording.version.fingerprint, int(draws.split(":")[1])
        version = versions.setdefault(key, TimedVersion(recording.version.name, key[0], recording.created))
        version.releases = (ANCHOR,) if recording.name == ANCHOR else version.releases
        for identity, entry in recording.evaluations.items():
            for metric, kind in entry.metrics.items():
                own = points.setdefault((identity, metric), {})
                cases = {name: case.content for name, case in entry.cases.items() if metric in case.scores}
                observed = Observations(
                    **kind.fields_of(Kind),
                    id=identity,
                    metric=metric,
                    plan=replace(next((each.observed.plan for each in own.values()), Plan()), design="fixed"),
                    case_ids=tuple(cases),
                    candidate=entry.table.of(metric, list(cases)),
                    baseline=None,
                    n_planned=len(cases) + len(entry.skipped),
                    n_skipped=len(entry.skipped),
                )
                anchor = kind.value if recording.name == ANCHOR else None
                if key not in own and observed.scored.any():
                    own[key] = Drawn(observed, tuple(cases.values()), anchor)


# -- what it comes to ------------------------------------------------------------------------------------------------


def _trends(drawn: Sequence[Mapping[int, Drawn]], level: float) -> tuple[Trend, ...]:
    """The trends, as far back as they were measured in one unit and range. The bands of one share the level, and so do
    the changes of all, and those of all cases that were not always alike (Bonferroni; O. J. Dunn, 1961, JASA 56:52-64).
    """
    newest = [[*each.values()][-1].observed for each in drawn]
    both = zip(drawn, newest, strict=True)
    alike = [{n: one for n, one in each.items() if same_kind(one.observed, last)} for each, last in both]
    by_case = [case_samples([*each.values()]) for each in alike]
    n_cases, trends = sum(map(len, by_case)), []
    for own, last, samples in zip(alike, newest, by_case, strict=True):
        every = [*own.values()]
        moved = {case: tuple(case_changes(one, level / n_cases)) for (case, _), one in samples.items()}
        trends.append(
            Trend(
                **last.fields_of(Kind),
                id=last.id,
                metric=last.metric,
                plan=last.plan,
                anchor=next((one.anchor for one in reversed(every) if one.anchor is not None), None),
                points=tuple(_points(own, 1 - level / len(own))),
                changes=tuple(mean_changes(every, level / len(drawn))),
                cases={case: changes for case, changes in moved.items() if changes},
            )
        )
    return tuple(trends)


def _points(drawn: Mapping[int, Drawn], confidence_level: float) -> Iterator[Point]:
    for before, (place, one) in zip([None, *drawn.values()], drawn.items(), strict=False):
        shown, note = one.observed.as_shown(), ""
        if before is not None and (others := _other_cases(before, one)):
            note = f"{others:,} of its cases changed, came or went"
        if (own := estimate(shown, shown.candidate, confidence_level)) is not None:
            yield Point(place, own, note)


def _other_cases(before: Drawn, now: Drawn) -> int:
    """How many cases hold something else than before; are new or gone, too, where all are there."""
    others = {case for case, _ in {*before.cases} ^ {*now.cases}}
    is_whole = before.observed.is_whole and now.observed.is_whole
    return len(others if is_whole else others & {*before.observed.case_ids} & {*now.observed.case_ids})


def _by_case(drawn: Sequence[Drawn], scores: Sequence[FloatArray]) -> dict[_Case, FloatArray]:
    """Scores of the points, each (n_cases, n_samples), by case: (n_points, n_samples), NaN where there is none."""
    rows: dict[_Case, FloatArray] = {}
    width = max(each.shape[1] for each in scores)
    for place, (one, values) in enumerate(zip(drawn, scores, strict=True)):
        for case, row in zip(one.cases, values, strict=True):
            rows.setdefault(case, np.full((len(drawn), width), np.nan))[place, : len(row)] = row
    return rows


def case_samples(drawn: Sequence[Drawn]) -> dict[_Case, FloatArray]:
    """Whether each sample of a case scores half or more, (n_points, n_samples), of cases where some do and some do not;
    at temperature 0 a version has one sample. Nothing of measures.
    """
    scores = [each.observed.as_drawn(each.observed.candidate) for each in drawn if each.observed.unit is None]
    rows = _by_case(drawn, [np.where(np.isnan(each), np.nan, each >= 0.5) for each in scores]) if scores else {}
    return {case: own for case, own in rows.items() if np.nanmin(own) < np.nanmax(own)}


def case_changes(samples: FloatArray, level: float) -> list[LevelChange]:
    """The changes of one case's rate, by its own samples, between points."""

    def p_value(first: int, split: int, last: int) -> float:
        return one_rate(samples[first:split], samples[split:last])

    splits = change_points(case_means(samples)[np.newaxis], p_value, level)
    rates = [float(np.nanmean(samples[i:j])) for i, j in itertools.pairwise([0, *splits, len(samples)])]
    return [LevelChange(i, *both) for i, both in zip(splits, itertools.pairwise(rates), strict=True)]


def mean_changes(drawn: Sequence[Drawn], level: float) -> list[LevelChange]:
    """The changes of an evaluation's mean over these cases, between points; none of blocks, which are compared within a
    run alone.

    The gate's rule is applied to the samples after a change as to a candidate's, to those before as to a baseline's. It
    takes the samples of a version for independent; so a change must stand out of the scatter of the versions' means
    as well, in which one that answers a case the same each time counts once. Both sides have the cases that count.
    """
    like = drawn[-1].observed
    if like.plan.in_blocks:
        return []
    plan = replace(like.plan, about="suite", aim=None, margin=0.0, margin_is_relative=False, is_exact=False)
    like = replace(like, plan=replace(plan, design="fixed"), statistic=None, stopped_at="", is_repeatable=False)
    like = replace(like, n_skipped=0, suite_size=0)
    rows = _by_case(drawn, [each.observed.as_drawn(each.observed.candidate) for each in drawn])
    samples, cases = np.array([*rows.values()]), np.array([case for case, _ in rows])
    means = np.array([case_means(each) for each in samples])
    samples = samples if like.is_by_mean else means[..., np.newaxis]
    known = (zip(each.observed.case_ids, each.observed.clusters or (), strict=False) for each in drawn)
    labels = dict(itertools.chain.from_iterable(known))
    clusters = np.array([str(labels.get(case, f"case {case}")) for case in cases.tolist()])

    def common(first: int, split: int, last: int) -> BoolArray:
        sides = means[:, first:split], means[:, split:last]
        both: BoolArray = ~np.logical_or(*(np.isnan(each).all(axis=1) for each in sides))
        return both

    def p_value(first: int, split: int, last: int) -> float:
        if not (both := common(first, split, last)).any():
            return 1.0
        names, n = tuple(cases[both].tolist()), int(both.sum())
        marks = tuple(clusters[both].tolist()) if labels else None
        before, after = (each.reshape(n, -1) for each in (samples[both, first:split], samples[both, split:last]))
        weighed = replace(like, case_ids=names, candidate=after, baseline=before, clusters=marks, n_planned=n)
        by_rule = 2 * min(p_lower_both(weighed, level))
        groups = np.unique(clusters[both], return_inverse=True)[1]
        return max(by_rule, one_mean(means[both, first:split], means[both, split:last], groups))

    splits, changes = change_points(means, p_value, level), []
    for first, split, last in zip((0, *splits), splits, (*splits[1:], len(drawn)), strict=False):
        both = common(first, split, last)
        sides = (float(case_means(means[both, i:j]).mean()) for i, j in ((first, split), (split, last)))
        changes.append(LevelChange(split, *sides))
    return changes
