"""A task as the body of an evaluation: asks what lm-eval would ask of one document, and scores it as lm-eval would."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import shortened
from harness.records import Case
from harness.requests import Model
from harness.scoring.lm_eval.documents import Documents, Prompting
from harness.scoring.lm_eval.metrics import Metrics, Results
from harness.scoring.lm_eval.requests import ask, check_arguments, sampling_of, stated_by
from harness.scoring.results import Reading


class EvaluatedTask:
    """One task of lm-eval, ready to be weighed.

    Args:
        task: of lm-eval, as `load_tasks` gives it.
        prompting: how its documents become prompts.
        wanted: the metrics to weigh with their units, as `Metrics` takes them.
        where: begins every message.

    Raises:
        TaskError: a metric or a document that can't be used.
    """

    def __init__(self, task: Any, prompting: Prompting, wanted: Mapping[str, str | None], where: str) -> None:
        self._task = task
        self.prompting = prompting
        self.metrics = Metrics(task, wanted, where)
        self._documents = Documents(task, prompting, where)
        for instances in self._documents.requests(None):
            for instance in instances:
                check_arguments(task, instance, where)

    @property
    def name(self) -> str:
        """The task's name."""
        return str(self._task.task_name)

    @property
    def cases(self) -> tuple[Case, ...]:
        """A case for each document."""
        return self._documents.cases

    @property
    def repeats(self) -> int | None:
        """The samples of a document that the task asks for; None where it has no wish, or its filters use them all."""
        return self._repeats if self._repeats > 1 and self._task.config.filter_list is None else None

    @property
    def _repeats(self) -> int:
        return int(self._task.config.repeats or 1)

    def draws(self, sampling: Mapping[str, Any]) -> bool:
        """Tell whether a version with these sampling parameters could answer otherwise the next time.

        What is weighed, or answered at temperature 0, is the same each time.
        """
        return any(
            sampling_of(stated_by(self._task, instance.args[1]), sampling)["temperature"] > 0
            for instance in self._documents.requests(None)[0]
            if instance.request_type == "generate_until"
        )

    async def body(self, case: Case, model: Model) -> dict[str, Reading]:
        """The figures of one document; all its requests are sent together."""
        number = self._documents.numbers[case.id]
        instances = self._documents.requests(model.system)[number]
        together = self._repeats if self.repeats is None and self.draws(model.sampling) else 1
        given = await asyncio.gather(*(ask(model, self._task, instance, together) for instance in instances))
        times = self._repeats if together == 1 else 1
        answered = [
            dataclasses.replace(instance, resps=each.responses * times, filtered_resps={})
            for instance, each in zip(instances, given, strict=True)
        ]
        results = self._results(number, answered)
        reasons = [self._reason(answered), _cut(max(each.cut_tokens for each in given))]
        return self.metrics.readings(results, "; ".join(filter(None, reasons)) or None)

    def _results(self, number: int, answered: Sequence[Any]) -> Results:
        """Put the responses through the task's own filters and `process_results`."""
        results: dict[str, Any] = {}
        for pipeline in self._task._filters:
            pipeline.apply(list(answered))
            filtered = [instance.filtered_resps[pipeline.name] for instance in answered]
            values = self._task.process_results(self._documents.all[number], filtered)
            results |= {self.metrics.name(metric, pipeline.name): value for metric, value in values.items()}
        return results

    def _reason(self, answered: Sequence[Any]) -> str:
        """Tell what stands behind the figures and is not in the answer: the most likely choice, or a filtered text."""
        first = answered[0]
        if first.request_type == "generate_until":
            filtered = {name: value for name, value in first.filtered_resps.items() if value != first.resps[0]}
            return "; ".join(f"{name}: {shortened(value, 200)}" for name, value in filtered.items())
        if self._task.OUTPUT_TYPE == "multiple_choice" and not getattr(self._task, "multiple_input", 0):
            choices = self._task.doc_to_choice(first.doc)
            best = max(range(len(choices)), key=lambda position: answered[position].resps[0][0])
            return f"most likely: {shortened(choices[best], 200)}"
        return ""


def _cut(tokens: int) -> str:
    return f"the prompt lost its first {tokens:,} tokens, which did not fit the model's window" if tokens else ""
