"""Scores as a script has them, arrays or data frames, as the decision of a gate takes them: paired by case."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.errors import UsageError, choices, some
from harness.reporting.shared.figures import plural
from harness.statistics.arrays import FloatArray, as_floats

_ONE_OF = ("run_id", "evaluation_id", "metric", "role")
"""Columns of the samples of a run, which a table to be weighed holds one value of."""


@dataclass(frozen=True, slots=True, eq=False)
class PairedScores:
    """Scores of the cases that both sides have.

    Attributes:
        candidate: (n_cases, n_samples), NaN where a case has fewer.
        baseline: (n_cases, samples of its own); None where the candidate stands alone.
        clusters: which cases depend on each other, (n_cases,); None where nothing says.
        notes: what was left out, and how many clusters there are.
    """

    case_ids: tuple[str, ...]
    candidate: FloatArray
    baseline: FloatArray | None
    clusters: tuple[str, ...] | None
    notes: tuple[str, ...]


def paired_scores(new: Any, old: Any) -> PairedScores:
    """Scores of candidate and baseline, case by case.

    Arrays are paired by their rows, data frames by their column `case`, two Series by their index. Cases without a
    score on either side are left out, as those are that a body skips.

    Raises:
        UsageError: they are neither, or can't be paired.
    """
    sides = [each for each in (new, old) if each is not None]
    if all(_is_table(each) or _is_series(each) for each in sides):
        return _paired_tables(_Table("new", new), None if old is None else _Table("old", old))
    if any(map(_is_table, sides)):
        raise UsageError("compare: one side is a data frame and the other is none; give two, whose cases are paired.")
    candidate, baseline = _array("new", new), None if old is None else _array("old", old)
    if baseline is not None and len(baseline) != len(candidate):
        raise UsageError(
            f"compare: new has {plural(len(candidate), 'case')} and old has {len(baseline):,}. Arrays are paired by "
            "row: give both the same cases in the same order, or data frames with the columns `case` and `score`."
        )
    return _scored(tuple(f"case {row}" for row in range(len(candidate))), candidate, baseline, None, ())


def _is_table(given: Any) -> bool:
    return hasattr(given, "columns") and hasattr(given, "__getitem__")


def _is_series(given: Any) -> bool:
    return hasattr(given, "reindex") and not _is_table(given)


def _array(name: str, given: Any) -> FloatArray:
    cells: Any = given
    try:
        if _is_series(given):  # some kinds have a value of their own for what is missing
            cells = [None if _is_missing(each) else each for each in given]
        scores = as_floats(cells, name)
    except ValueError:
        raise UsageError(
            f"compare: {name} is {type(given).__name__}, and not an array of numbers (n_cases or n_cases × n_samples; "
            "NaN where a sample is missing), a data frame with the columns `case` and `score`, or a stored run's name."
        ) from None
    if not scores.size:
        raise UsageError(f"compare: {name} is empty; give the scores of one case at least.")
    if scores.ndim not in (1, 2):
        raise UsageError(f"compare: {name} has the shape {scores.shape}; it takes (n_cases,) or (n_cases, n_samples).")
    return scores.reshape(len(scores), -1)


class _Table:
    """Scores and clusters by case, of a table with a row for each sample, in the order of the rows.

    Attributes:
        clusters: empty where there is no such column, or nothing in it.
    """

    def __init__(self, name: str, given: Any) -> None:
        columns = _columns(name, given)
        for column in _ONE_OF:
            values = dict.fromkeys(map(str, columns.get(column, ())))
            if len(values) > 1:
                raise UsageError(
                    f"compare: {name} has {plural(len(values), column.removesuffix('_id'))} in its column {column!r} "
                    f"({some(values)}); choose the rows of one."
                )
        if None in columns["case"]:
            raise UsageError(f"compare: {name} has rows that name no case in the column of cases; fill or drop them.")
        cases, outcomes = [str(each) for each in columns["case"]], [str(each) for each in columns.get("outcome", ())]
        if n_errors := outcomes.count("error"):
            raise UsageError(
                f"compare: {name} has {plural(n_errors, 'row')} of an error, which has no score: a gate decides "
                'nothing then. Run it again, or leave out the rows whose outcome is "error".'
            )
        skipped = {case for case, outcome in zip(cases, outcomes, strict=False) if outcome == "skipped"}
        self.scores: dict[str, list[float]] = {}
        for case, score in zip(cases, _array(name, columns["score"])[:, 0].tolist(), strict=True):
            self.scores.setdefault(case, []).append(math.nan if case in skipped else score)
        self.clusters: dict[str, str] = {}
        clusters = columns.get("cluster", [])
        for case, cluster in zip(cases, clusters if any(each is not None for each in clusters) else (), strict=False):
            own = f"case {case}" if cluster is None else str(cluster)
            if self.clusters.setdefault(case, own) != own:
                both = (self.clusters[case], own)
                places = ["no cluster" if each == f"case {case}" else f"the cluster {each!r}" for each in both]
                raise UsageError(f"compare: {name} has the case {case!r} in {' and in '.join(places)}.")

    def array(self, cases: Iterable[str]) -> FloatArray:
        """The scores of these cases, a row for each."""
        rows = [self.scores[case] for case in cases]
        scores = np.full((len(rows), max(map(len, rows), default=1)), np.nan)
        for place, row in enumerate(rows):
            scores[place, : len(row)] = row
        return scores


def _columns(name: str, given: Any) -> dict[str, list[Any]]:
    """The columns that count of a data frame of any library, or of a Series by its index; None for what is missing."""
    columns = {} if _is_table(given) else {"case": given.index, "score": given}
    if not columns:
        names = [str(each) for each in getattr(given, "column_names", given.columns)]
        known = ("case_id", "case", "score", "outcome", "cluster", *_ONE_OF)
        columns = {each: given[each] for each in known if each in names}
        if "case_id" in columns:
            columns = {"case": columns["case_id"], **columns}
        for column in ("case", "score"):
            if column not in columns:
                raise UsageError(
                    f"compare: {name} is a data frame; it takes a row for each sample, with the columns `case` and "
                    f"`score`. {choices('column', column, names)}"
                )
    return {column: [None if _is_missing(each) else each for each in cells] for column, cells in columns.items()}


def _is_missing(value: Any) -> bool:
    """Tell whether there is nothing: None, NaN where a column of numbers has a gap, or what pandas has for it."""
    is_missing = value is None or type(value).__name__ == "NAType"
    return is_missing or (not getattr(value, "ndim", 0) and bool(value != value))


def _paired_tables(ours: _Table, theirs: _Table | None) -> PairedScores:
    both = [case for case in ours.scores if theirs is None or case in theirs.scores]
    alone = (len(ours.scores) - len(both), 0 if theirs is None else len(theirs.scores) - len(both))
    if not both:
        raise UsageError("compare: new and old have no case in common; cases are paired by their column `case`.")
    left = [f"{plural(n, 'case')} that {side} alone has" for side, n in zip(("new", "old"), alone, strict=True) if n]
    notes: tuple[str, ...] = (f"left out {' and '.join(left)}",) if left else ()
    known = [table.clusters for table in (ours, theirs) if table is not None and table.clusters]
    clusters = tuple(known[0][case] for case in both) if known else None
    if len(known) == 2:  # a cluster's name says something on its own side alone
        pairs = {(known[0][case], known[1][case]) for case in both}
        if not len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs}):
            raise UsageError("compare: new and old have different clusters; give both the same, or one of them none.")
    elif known and theirs is not None:
        notes += (f"{'new' if ours.clusters else 'old'} alone names clusters, which count for both",)
    return _scored(tuple(both), ours.array(both), None if theirs is None else theirs.array(both), clusters, notes)


def _scored(
    cases: tuple[str, ...],
    candidate: FloatArray,
    baseline: FloatArray | None,
    clusters: tuple[str, ...] | None,
    notes: tuple[str, ...],
) -> PairedScores:
    """The cases that have a score on each side."""
    sides = [candidate] if baseline is None else [candidate, baseline]
    kept = np.all([~np.isnan(side).all(axis=1) for side in sides], axis=0)
    if not kept.any():
        raise UsageError(
            "compare: no case has a score on both sides." if baseline is not None else "compare: no scores."
        )
    if not kept.all():
        notes = (*notes, f"left out {plural(int((~kept).sum()), 'case')} without a score")
    if clusters is not None:
        clusters = tuple(np.array(clusters, dtype=object)[kept])
        if len({*clusters}) < len(clusters):
            notes = (*notes, f"{plural(len(clusters), 'case')} in {plural(len({*clusters}), 'cluster')}")
    return PairedScores(
        case_ids=tuple(case for case, is_kept in zip(cases, kept, strict=True) if is_kept),
        candidate=candidate[kept],
        baseline=None if baseline is None else baseline[kept],
        clusters=clusters,
        notes=notes,
    )
