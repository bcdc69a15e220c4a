"""Scores as a script has them, arrays or data frames, as the decision of a gate takes them: paired by case."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.errors import UsageError, choices, some
from harness.reporting.shared.figures import plural
from harness.statistics.arrays import FloatArray

_CASE, _SCORE, _CLUSTER = ("case", "case_id"), ("score",), ("cluster",)
_ONE_OF = ("evaluation_id", "metric", "role")
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
    if new.index.is_unique and old.index.is_unique and not len(new.index.symmetric_difference(old.index)):
        return old.reindex(new.index)
    raise UsageError(
        f"compare: new has the index {some(map(repr, new.index))} and old {some(map(repr, old.index))}. Series are "
        "paired by their index: give both each case once, or .to_numpy() of both to pair them by row."
    )


def _array(name: str, given: Any) -> FloatArray:
    try:
        found = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise UsageError(
            f"compare: {name} is {type(given).__name__}, and not an array of numbers (n_cases or n_cases × n_samples; "
            "NaN where a sample is missing), a data frame with the columns `case` and `score`, or a stored run's name."
        ) from None
    if found.ndim not in (1, 2) or not found.size:
        raise UsageError(f"compare: {name} has the shape {found.shape}; it takes (n_cases,) or (n_cases, n_samples).")
    return found.reshape(len(found), -1)


class _Table:
    """A data frame of any library, a row for each sample.

    Attributes:
        scores: of each case, in the order of the rows.
        clusters: of each case; empty where there is no such column, or nothing in it.
    """

    def __init__(self, name: str, frame: Any) -> None:
        self._name = name
        columns = [str(column) for column in frame.columns]
        for column in _ONE_OF:
            values = dict.fromkeys(map(str, frame[column])) if column in columns else {}
            if len(values) > 1:
                raise UsageError(
                    f"compare: {name} has {plural(len(values), column.removesuffix('_id'))} in its column {column!r} "
                    f"({some(values)}); choose the rows of one."
                )
        cases = self._column(frame, columns, _CASE)
        scores = _array(name, self._column(frame, columns, _SCORE))[:, 0]
        self.scores: dict[str, list[float]] = {}
        for case, score in zip(map(str, cases), scores.tolist(), strict=True):
            self.scores.setdefault(case, []).append(score)
        self.clusters: dict[str, str] = {}
        if _CLUSTER[0] in columns:
            of = list(zip(map(str, cases), self._column(frame, columns, _CLUSTER), strict=True))
            if not all(_is_missing(own) for _, own in of):
                self.clusters = self._one_each(
                    (case, f"case {case}" if _is_missing(own) else str(own)) for case, own in of
                )

    def _one_each(self, clusters: Iterable[tuple[str, str]]) -> dict[str, str]:
        found: dict[str, str] = {}
        for case, cluster in clusters:
            if (first := found.setdefault(case, cluster)) != cluster:
                raise UsageError(
                    f"compare: {self._name} has the case {case!r} in two clusters, {first!r} and {cluster!r}; a case "
                    "belongs to one: give all of its rows the same."
                )
        return found

    def _column(self, frame: Any, columns: list[str], known: tuple[str, ...]) -> list[Hashable]:
        found = next((column for column in known if column in columns), None)
        if found is None:
            raise UsageError(
                f"compare: {self._name} is a data frame; it takes a row for each sample, with the columns `case` and "
                f"`score`. {choices('column', known[0], columns)}"
            )
        return list(frame[found])

    def array(self, cases: Iterable[str]) -> FloatArray:
        """The scores of these cases, a row for each."""
        rows = [self.scores[case] for case in cases]
        found = np.full((len(rows), max(map(len, rows), default=1)), np.nan)
        for place, row in enumerate(rows):
            found[place, : len(row)] = row
        return found


def _is_missing(cluster: Any) -> bool:
    """Tell whether a case stands alone: it has None, or NaN where a column of numbers has a gap."""
    return cluster is None or cluster != cluster


def _paired_tables(ours: _Table, theirs: _Table | None) -> PairedScores:
    both = [case for case in ours.scores if theirs is None or case in theirs.scores]
    alone = (len(ours.scores) - len(both), 0 if theirs is None else len(theirs.scores) - len(both))
    if not both:
        raise UsageError("compare: new and old have no case in common; cases are paired by their column `case`.")
    left = [f"{plural(n, 'case')} that {side} alone has" for side, n in zip(("new", "old"), alone, strict=True) if n]
    notes = (f"left out {' and '.join(left)}",) if left else ()
    clusters, told = _clusters(ours, theirs, both)
    baseline = None if theirs is None else theirs.array(both)
    return _scored(tuple(both), ours.array(both), baseline, clusters, (*notes, *told))


def _clusters(
    ours: _Table, theirs: _Table | None, cases: Sequence[str]
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """The clusters of the cases, which one side may say for both, and a note where one does."""
    said = {
        side: tuple(table.clusters[case] for case in cases)
        for side, table in (("new", ours), ("old", theirs))
        if table is not None and table.clusters
    }
    if len(said) == 2 and not len(set(zip(*said.values(), strict=True))) == len({*said["new"]}) == len({*said["old"]}):
        raise UsageError(
            "compare: new and old put the same cases into different clusters. Which cases depend on each other is the "
            "same for both: give both the same column `cluster`, or one of them none."
        )
    alone = next(iter(said), None) if theirs is not None and len(said) == 1 else None
    notes = () if alone is None else (f"{alone} alone has a column `cluster`, which counts for both",)
    return next(iter(said.values()), None), notes


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
            told = (
                f"{plural(len(clusters), 'case')} in {plural(len({*clusters}), 'cluster')}, each of which counts as one"
            )
            notes = (*notes, told)
    return PairedScores(
        case_ids=tuple(case for case, is_kept in zip(cases, kept, strict=True) if is_kept),
        candidate=candidate[kept],
        baseline=None if baseline is None else baseline[kept],
        clusters=clusters,
        notes=notes,
    )
