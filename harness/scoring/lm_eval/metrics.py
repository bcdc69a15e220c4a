"""The figures that a task's metrics give for one document, and those that lm-eval would report over all of them."""

from __future__ import annotations

import math
import unittest
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.errors import ScoreError, TaskError, choices, shortened
from harness.scoring.results import Reading

Results = Mapping[str, Any]
"""The values that a task's `process_results` gave for one document, by the names of `Metrics.names`."""

_OF_NO_DOCUMENT = ("f1", "matthews_corrcoef", "bypass")
"""Aggregations that make one figure of pairs over all documents; there is none for a single pair."""
_COUNTED = {"word_perplexity": "nats/word", "byte_perplexity": "nats/byte"}

_Figure = tuple[str, Callable[[Any], float | None]]
"""The unit of a metric, "" for a score in [0, 1], and the figure in what `process_results` gave, None for none."""


class Metrics:
    """The metrics of a task.

    Args:
        task: of lm-eval, loaded.
        wanted: names of those to weigh, each with its unit where it is no score in [0, 1], else None; an empty mapping
            for the first that has a figure for each document.
        where: begins every message.

    Attributes:
        names: of all of them, as lm-eval has them: with the name of the filter where the task has several.
        weighed: the names of those to weigh.

    Raises:
        TaskError: a name that the task lacks, or a metric that has no figure for a single document.
    """

    def __init__(self, task: Any, wanted: Mapping[str, str | None], where: str) -> None:
        self._task = task
        self._filters = [pipeline.name for pipeline in task._filters]
        pairs = {self.name(metric, pipeline): metric for pipeline in self._filters for metric in task.aggregation()}
        self.names = tuple(pairs)
        of_documents = [name for name, metric in pairs.items() if self._aggregation(metric) not in _OF_NO_DOCUMENT]
        if not wanted and not of_documents:
            raise TaskError(f"{where}: {self._no_document(', '.join(pairs) or 'none')}")
        chosen: dict[str, str | None] = {} if wanted else {of_documents[0]: None}
        for name, unit in wanted.items():
            matches = [full for full, metric in pairs.items() if name in (full, metric, f"{metric},{self._filters[0]}")]
            if not matches:
                raise TaskError(f"{where}: task {task.task_name!r}: {choices('metric', name, pairs)}")
            for full in matches:
                if full not in of_documents:
                    raise TaskError(f"{where}: {self._no_document(full)}")
                chosen[full] = unit
        self._figures = {name: self._figure(pairs[name], unit) for name, unit in chosen.items()}
        self.weighed = tuple(self._figures)

    @property
    def has_measures(self) -> bool:
        """True where a metric to weigh is not confined to [0, 1]."""
        return any(unit for unit, _ in self._figures.values())

    def name(self, metric: str, pipeline: str) -> str:
        """The name of a metric after a pipeline of filters."""
        return metric if len(self._filters) == 1 else f"{metric},{pipeline}"

    def _no_document(self, name: str) -> str:
        others = [each for each in self.names if self._aggregation(each.partition(",")[0]) not in _OF_NO_DOCUMENT]
        way_out = f"Name another metric: {', '.join(others)}." if others else "It has no other metric."
        return (
            f"metric {name!r} of task {self._task.task_name!r} is one figure over all documents, and no document has "
            f"one of its own that could be compared. {way_out}"
        )

    def _aggregation(self, metric: str) -> str | None:
        """The name of the function with which lm-eval takes all documents together; None for a task's own."""
        from lm_eval.api.registry import AGGREGATION_REGISTRY

        used = self._task.aggregation().get(metric)
        return next((name for name, function in AGGREGATION_REGISTRY.items() if function is used), None)

    def _figure(self, metric: str, unit: str | None) -> _Figure:
        aggregation = self._aggregation(metric)
        if aggregation == "weighted_perplexity":
            return _COUNTED.get(metric, "nats"), _mean_nats
        if aggregation == "bits_per_byte":
            return "bits/byte", lambda value: None if (nats := _mean_nats(value)) is None else nats / math.log(2)
        if aggregation == "perplexity":
            return "nats", lambda value: -float(value)
        if aggregation in ("bleu", "chrf", "chrf++", "ter", "brier_score"):
            function = self._task.aggregation()[metric]
            what = "squared error" if aggregation == "brier_score" else "points"
            return unit or what, lambda value: float(function([value]))

        def number(value: Any) -> float | None:
            try:
                figure = float(value) if not isinstance(value, str) else None
            except TypeError:  # a pair, an array
                figure = None
            if figure is None:
                raise ScoreError(f"{self._no_document(metric)} This one has {shortened(value)}.")
            return None if math.isnan(figure) else figure

        return unit or "", number

    def readings(self, results: Results, reason: str | None) -> dict[str, Reading]:
        """The figures of one document.

        Raises:
            ScoreError: a value that is no number, or a score outside [0, 1].
            unittest.SkipTest: no metric to weigh has a value for this document, which lm-eval leaves out, too.
        """
        readings: dict[str, Reading] = {}
        for name, (unit, read) in self._figures.items():
            value = read(results[name]) if results.get(name) is not None else None
            if value is None:
                continue
            if not unit and not 0 <= value <= 1:
                raise ScoreError(
                    f"metric {name!r} of task {self._task.task_name!r} gave {value:g}, which is no score in [0, 1]. "
                    f"Say what it counts: metric={{{name!r}: 'points'}}."
                )
            higher = self._task.higher_is_better().get(name.partition(",")[0]) is not False
            readings[name] = Reading(value, reason, results, unit=unit or None, higher_is_better=higher)
        if not readings:
            raise unittest.SkipTest(f"the task gives no {' or '.join(self.weighed)} for this document")
        return readings

    def over_all(self, results: Sequence[Results]) -> dict[str, float]:
        """Compute what lm-eval would report of these documents: its aggregation of each metric that it can take."""
        from lm_eval.api.metrics import mean

        figures = {}
        for name in self.names:
            values = [each[name] for each in results if name in each]
            aggregate = self._task.aggregation().get(name.partition(",")[0]) or mean
            try:
                figures[name] = float(aggregate(values))
            except Exception:  # noqa: BLE001 - a task's own function raises whatever it raises, and decides nothing
                continue
        return figures


def _mean_nats(value: Any) -> float | None:
    """Nats for each word or byte, in a pair of log likelihood and count."""
    loglikelihood, count = value
    return -float(loglikelihood) / count if count else None
