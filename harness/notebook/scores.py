"""Scores as a script has them, arrays or data frames, as the decision of a gate takes them: paired by case."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.errors import UsageError, choices, some
from harness.reporting.shared.figures import plural
from harness.statistics.arrays import FloatArray, as_floats

_CASE, _SCORE, _CLUSTER, _OUTCOME = ("case", "case_id"), ("score",), ("cluster",), ("outcome",)
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

    Arrays are paired by their rows, two Series by their index, data frames by their column `case`. Cases without a
    score on either side are left out, as those are that a body skips.

    Raises:
        UsageError: they are neither, or can't be paired.
    """
    kinds = {_is_table(each) for each in (new, old) if each is not None}
    if len(kinds) == 2:
        raise UsageError("compare: one side is a data frame and the other is none; give two, whose cases are paired.")
    if kinds == {True}:
        ours = _Table("new", new)
        theirs = None if old is None else _Table("old", old)
        return _paired_tables(ours, theirs)
    for name, given in (("new", new), ("old", old)):
        if hasattr(given, "reindex") and (given.index.nlevels > 1 or not given.index.is_unique):
            names = "has several levels" if given.index.nlevels > 1 else "names a case twice"
            raise UsageError(
                f"compare: the index of {name} {names}. Give samples as a data frame with the columns "
                "`case` and `score`, or .to_numpy() where each row is a case of its own."
            )
    candidate = _array("new", new)
    baseline = None if old is None else _array("old", _in_order(new, old))
    if baseline is not None and len(baseline) != len(candidate):
        raise UsageError(
            f"compare: new has {plural(len(candidate), 'case')} and old has {len(baseline):,}. Arrays are paired by "
            "row: give both the same cases in the same order, or data frames with the columns `case` and `score`."
        )
    return _scored(tuple(f"case {row}" for row in range(len(candidate))), candidate, baseline, None, ())


def _is_table(given: Any) -> bool:
    return hasattr(given, "columns") and hasattr(given, "__getitem__")


def _in_order(new: Any, old: Any) -> Any:
    """The old scores in the order of the new ones, where both say by an index which cases they are of."""
    if not all(hasattr(each, "reindex") and hasattr(each, "index") for each in (new, old)):
        return old
    if new.index.equals(old.index):
        return old
    if not len(new.index.symmetric_difference(old.index)):
        return old.reindex(new.index)
    raise UsageError(
        f"compare: new has the index {some(map(repr, new.index))} and old {some(map(repr, old.index))}. Series are "
        "paired by their index: give both each case once, or .to_numpy() of both to pair them by row."
    )


def _array(name: str, given: Any) -> FloatArray:
    cells: Any = given
    try:
        if hasattr(given, "reindex"):  # a Series, of which some kinds have a value of their own for what is missing
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
    """A data frame of any library, a row for each sample.

    Attributes:
        scores: of each case, in the order of the rows.
        clusters: of each case; empty where there is no such column, or nothing in it.
    """

    def __init__(self, name: str, frame: Any) -> None:
        self._name = name
        columns = [str(column) for column in getattr(frame, "column_names", frame.columns)]
        for column in _ONE_OF:
            values = dict.fromkeys(map(str, frame[column])) if column in columns else {}
            if len(values) > 1:
                raise UsageError(
                    f"compare: {name} has {plural(len(values), column.removesuffix('_id'))} in its column {column!r} "
                    f"({some(values)}); choose the rows of one."
                )
        cases = self._column(frame, columns, _CASE)
        if any(map(_is_missing, cases)):
            raise UsageError(f"compare: {name} has rows that name no case in the column of cases; fill or drop them.")
        scores = _array(name, self._column(frame, columns, _SCORE))[:, 0]
        outcomes = [str(each) for each in self._column(frame, columns, _OUTCOME)] if _OUTCOME[0] in columns else []
        if n_errors := outcomes.count("error"):
            raise UsageError(
                f"compare: {name} has {plural(n_errors, 'row')} of an error, which has no score: a gate decides "
                'nothing then. Run it again, or leave out the rows whose outcome is "error".'
            )
        skipped = {str(case) for case, outcome in zip(cases, outcomes, strict=False) if outcome == "skipped"}
        self.scores: dict[str, list[float]] = {}
        for case, score in zip(map(str, cases), scores.tolist(), strict=True):
            self.scores.setdefault(case, []).append(math.nan if case in skipped else score)
        rows = self._column(frame, columns, _CLUSTER) if _CLUSTER[0] in columns else []
        self.clusters: dict[str, str] = {}
        for case, cluster in zip(map(str, cases), [] if all(map(_is_missing, rows)) else rows, strict=False):
            own = f"case {case}" if _is_missing(cluster) else str(cluster)
            if self.clusters.setdefault(case, own) != own:
                both = (self.clusters[case], own)
                places = ["no cluster" if each == f"case {case}" else f"the cluster {each!r}" for each in both]
                raise UsageError(f"compare: {name} has the case {case!r} in {' and in '.join(places)}.")

    def _column(self, frame: Any, columns: list[str], known: tuple[str, ...]) -> list[Hashable]:
        column = next((column for column in known if column in columns), None)
        if column is None:
            raise UsageError(
                f"compare: {self._name} is a data frame; it takes a row for each sample, with the columns `case` and "
                f"`score`. {choices('column', known[0], columns)}"
            )
        return [None if _is_missing(each) else each for each in frame[column]]

    def array(self, cases: Iterable[str]) -> FloatArray:
        """The scores of these cases, a row for each."""
        rows = [self.scores[case] for case in cases]
        scores = np.full((len(rows), max(map(len, rows), default=1)), np.nan)
        for place, row in enumerate(rows):
            scores[place, : len(row)] = row
        return scores


def _is_missing(value: Any) -> bool:
    """Tell whether there is nothing: None, NaN where a column of numbers has a gap, or what pandas has for it."""
    return value is None or type(value).__name__ == "NAType" or bool(value != value)


def _paired_tables(ours: _Table, theirs: _Table | None) -> PairedScores:
    both = [case for case in ours.scores if theirs is None or case in theirs.scores]
    alone = (len(ours.scores) - len(both), 0 if theirs is None else len(theirs.scores) - len(both))
    if not both:
        raise UsageError("compare: new and old have no case in common; cases are paired by their column `case`.")
    left = [f"{plural(n, 'case')} that {side} alone has" for side, n in zip(("new", "old"), alone, strict=True) if n]
    notes: tuple[str, ...] = (f"left out {' and '.join(left)}",) if left else ()
    known = [table.clusters for table in (ours, theirs) if table is not None and table.clusters]
    clusters = tuple(known[0][case] for case in both) if known else None
    if len(known) == 2:  # the name of a cluster says something on its own side alone
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
