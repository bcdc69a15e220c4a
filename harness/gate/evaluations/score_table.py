"""The scores of one version in one evaluation, whether they are drawn now, recorded or stored.

A body that fails an assertion returns no metric: it scores 0 on every one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from harness.statistics.arrays import FloatArray


class ScoreTable:
    """Scores by metric, case and sample.

    Args:
        case_ids: one for each row.
        n_samples: of a case at most.

    Attributes:
        failed: (n_cases, n_samples) which bodies failed an assertion.
    """

    def __init__(self, case_ids: Iterable[str], n_samples: int) -> None:
        self._rows = {case: row for row, case in enumerate(case_ids)}
        self._values: dict[str, FloatArray] = {}
        self.failed: npt.NDArray[np.bool_] = np.zeros((len(self._rows), n_samples), dtype=bool)

    @classmethod
    def of_rows(cls, rows: Iterable[tuple[str | None, str, Sequence[float] | FloatArray]]) -> ScoreTable:
        """The table of what a store or a recording has: metric, case and scores by sample, NaN where there is none; or
        None, a case and, by sample, whether an assertion failed.
        """
        known = [*rows]
        table = cls(dict.fromkeys(case for _, case, _ in known), max([1, *(len(values) for *_, values in known)]))
        for metric, case, values in known:
            columns = table.failed if metric is None else table._of_metric(metric)
            columns[table._rows[case], : len(values)] = values
        return table

    @property
    def case_ids(self) -> tuple[str, ...]:
        """The ids of the rows."""
        return tuple(self._rows)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that the bodies returned; none where each of them failed an assertion."""
        return tuple(self._values)

    def put(self, metric: str, row: int, sample: int, value: float) -> None:
        """Take in one score."""
        self._of_metric(metric)[row, sample] = value

    def _of_metric(self, metric: str) -> FloatArray:
        if metric not in self._values:
            self._values[metric] = np.full(self.failed.shape, np.nan)
        return self._values[metric]

    def of(self, metric: str, case_ids: Sequence[str | None] | None = None) -> FloatArray:
        """The scores of a metric, (n_cases, n_samples): NaN where there is none, 0 where an assertion failed.

        Args:
            case_ids: the cases wanted, in this order; None for all rows. One that the table does not have has no score.
        """
        scores: FloatArray = np.where(self.failed, 0.0, self._values.get(metric, np.nan))
        if case_ids is None:
            return scores
        places = [self._rows.get(case, -1) if case is not None else -1 for case in case_ids]
        return np.vstack([scores, np.full((1, scores.shape[1]), np.nan)])[places]
