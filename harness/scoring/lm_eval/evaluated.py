"""A task as the body of an evaluation: asks what lm-eval would ask of one document, and scores it as lm-eval would."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from harness.config.versions import check_sampling
from harness.errors import SettingsError, TaskError, shortened
from harness.records import Case, Sample
from harness.requests import Model
from harness.scoring.lm_eval.metrics import Metrics
from harness.scoring.lm_eval.tasks import FEWSHOT_SEED, surroundings
from harness.scoring.results import Reading

_HASH_DIGITS = 8
LONGEST_ANSWER_TOKENS = 256
"""The longest answer that lm-eval allows where neither task nor version sets a limit."""
_LENGTHS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
"""Names for the longest answer, the first that is there wins: `lm_eval.models.utils.normalize_gen_kwargs`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Prompting:
    """The way in which a task's documents become prompts, in lm-eval's own words.

    Attributes:
        num_fewshot: examples before each document; None for as many as the task says.
        apply_chat_template: put the prompt through the model's chat template, each example as turns of its own.
    """

    num_fewshot: int | None = None
    apply_chat_template: bool = False

    @property
    def in_words(self) -> str:
        """All of it in a few words.

        >>> Prompting(5).in_words
        'num_fewshot 5, apply_chat_template False'
        """
        return f"num_fewshot {self.num_fewshot}, apply_chat_template {self.apply_chat_template}"


class EvaluatedTask:
    """One task of lm-eval, ready to be weighed.

    Args:
        task: of lm-eval, as `load_tasks` gives it.
        prompting: how its documents become prompts.
        wanted: the metrics to weigh with their units, as `Metrics` takes them.
        where: begins every message.

    Attributes:
        name: of the task.
        cases: one for each document, in the task's order.
        repeats: the samples of a document that the task asks for; None for no wish, or where its filters use them all.

    Raises:
        TaskError: a metric or a document that can't be used; the message names it.
    """

    def __init__(self, task: Any, prompting: Prompting, wanted: Mapping[str, str | None], where: str) -> None:
        self._task, self.prompting, self._where = task, prompting, f"{where}: task {task.task_name!r}"
        self.name = str(task.task_name)
        self.metrics = Metrics(task, wanted, where)
        own, examples = task.config.num_fewshot, prompting.num_fewshot
        if examples is not None and own == 0 != examples:
            raise TaskError(
                f"{where}: num_fewshot = {examples}, but task {task.task_name!r} says num_fewshot: 0, which lm-eval "
                "holds to whatever else is asked for."
            )
        self._n_examples: int = (own or 0) if examples is None else examples
        self._repeats = int(task.config.repeats or 1)
        self.repeats = self._repeats if self._repeats > 1 and task.config.filter_list is None else None
        with surroundings():
            self._documents = [document for _, document in task.doc_iterator(rank=0, limit=None, world_size=1)]
        if not self._documents:
            raise TaskError(f"{self._where} has no documents.")
        ids = _ids(self._documents)
        self._numbers = {name: number for number, name in enumerate(ids)}
        self.cases = tuple(_case(*each) for each in zip(ids, self._documents, strict=True))
        self._requests: dict[str | None, list[list[Any]]] = {}
        for instance in (each for instances in self.requests(None) for each in instances):
            if instance.request_type == "generate_until":
                try:
                    check_sampling(
                        sampling_of(instance.args[1], {}, task.config.fewshot_delimiter), where="generation_kwargs"
                    )
                except (SettingsError, TypeError, ValueError) as error:
                    raise TaskError(f"{self._where}: {error}") from None

    def requests(self, system: str | None) -> list[list[Any]]:
        """lm-eval's instances of each document, with this system text before its prompt; made once.

        Documents are taken in their order, for the examples of each are drawn from one row of random numbers. A prompt
        for the chat template is the list of its messages.
        """
        if system not in self._requests:
            self._task.set_fewshot_seed(FEWSHOT_SEED)
            with surroundings():
                self._requests[system] = [self._instances(number, system) for number in range(len(self.cases))]
        return self._requests[system]

    def _instances(self, number: int, system: str | None) -> list[Any]:
        task, document, chat = self._task, self._documents[number], self.prompting.apply_chat_template
        # In place of a chat template: the messages themselves, which the engine of each version renders.
        template = (lambda messages, **_: [dict(message) for message in messages]) if chat else None
        templates = {"apply_chat_template": chat, "chat_template": template}
        try:
            context = task.fewshot_context(
                document,
                num_fewshot=self._n_examples,
                system_instruction=system,
                fewshot_as_multiturn=True,
                gen_prefix=task.doc_to_prefix(document),
                **templates,
            )
            metadata = (task.task_name, number, task.config.repeats)
            made = task.construct_requests(doc=document, ctx=context, metadata=metadata, **templates)
            self._check_target(document)
        except Exception as error:  # a task's own functions and templates raise whatever they raise
            raise TaskError(
                f"{self._where}, document {number} ({shortened(document, 120)}): no request can be made of it: "
                f"{type(error).__name__}: {error}"
            ) from error
        return made if isinstance(made, list) else [made]

    def _check_target(self, document: Any) -> None:
        """Refuse a right answer that is none of the choices, which lm-eval would score 0 with a line in its log."""
        task = self._task
        if task.OUTPUT_TYPE != "multiple_choice" or callable(task.config.process_results):
            return
        choices = task.doc_to_choice(document)
        right = task.doc_to_text(document) if task.multiple_input else task.doc_to_target(document)
        for target in right if isinstance(right, list) else [right]:
            if target not in choices if isinstance(target, str) else not 0 <= target < len(choices):
                raise ValueError(
                    f"the right answer {target!r} is neither one of the choices {choices} nor the number of one"
                )

    def draws(self, sampling: Mapping[str, Any]) -> bool:
        """Tell whether a version with these sampling parameters could answer otherwise the next time.

        What is weighed, or answered at temperature 0, is the same each time.
        """
        return any(
            sampling_of(instance.args[1], sampling, self._task.config.fewshot_delimiter)["temperature"] > 0
            for instance in self.requests(None)[0]
            if instance.request_type == "generate_until"
        )

    async def body(self, case: Case, model: Model) -> dict[str, Reading]:
        """The figures of one document; all its requests are sent together, and go through the task's own filters."""
        document = self._numbers[case.id]
        instances = self.requests(model.system)[document]
        together = self._repeats if self.repeats is None and self.draws(model.sampling) else 1
        given = await asyncio.gather(*(ask(model, self._task, instance, together) for instance in instances))
        times = self._repeats if together == 1 else 1
        answered = [
            dataclasses.replace(instance, resps=each.responses * times, filtered_resps={})
            for instance, each in zip(instances, given, strict=True)
        ]
        results: dict[str, Any] = {}
        for pipeline in self._task._filters:
            pipeline.apply(list(answered))
            filtered = [instance.filtered_resps[pipeline.name] for instance in answered]
            values = self._task.process_results(self._documents[document], filtered)
            results |= {self.metrics.name(metric, pipeline.name): value for metric, value in values.items()}
        reasons = [self._reason(answered)]
        if n_cut := max(each.cut_tokens for each in given):
            reasons.append(f"the prompt lost its first {n_cut:,} tokens, which did not fit the model's window")
        return self.metrics.readings(results, "; ".join(filter(None, reasons)) or None)

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


def _case(name: str, document: Any) -> Case:
    fields = document if isinstance(document, Mapping) else {"document": document}
    return Case({**{str(key): value for key, value in fields.items()}, "id": name})


def _ids(documents: Sequence[Any]) -> list[str]:
    """The documents' own ids where each has one and no two the same; else number and hash, as lm-eval logs them."""
    own = [document.get("id") if isinstance(document, Mapping) else None for document in documents]
    named = [str(name).strip() for name in own if isinstance(name, str | int) and not isinstance(name, bool)]
    if len(set(named)) == len(documents) and all(named):
        return named
    from lm_eval.utils import handle_non_serializable, hash_string

    texts = [json.dumps(each, indent=2, default=handle_non_serializable, ensure_ascii=False) for each in documents]
    return [f"{number}-{hash_string(text)[:_HASH_DIGITS]}" for number, text in enumerate(texts)]


def sampling_of(stated: Mapping[str, Any], version: Mapping[str, Any], delimiter: str = "\n\n") -> dict[str, Any]:
    """The sampling parameters of an answer: what a task with this `fewshot_delimiter` states as `generation_kwargs`, of
    which lm-eval fills in all where it states none; else the version's; else as lm-eval would, greedy.

    >>> sampling_of({"until": ["\\n"], "do_sample": False}, {"temperature": 0.7, "max_tokens": 16})
    {'stop': ['\\n'], 'temperature': 0.0, 'max_tokens': 16}
    """
    from lm_eval.defaults import default_gen_kwargs

    if stated == default_gen_kwargs(delimiter):
        stated = {"until": stated["until"]}
    rest = {name: value for name, value in stated.items() if value is not None}
    until, do_sample = rest.pop("until", None), rest.pop("do_sample", None)
    lengths = [rest.pop(name) for name in _LENGTHS if name in rest]
    temperature = rest.pop("temperature", None)
    if do_sample is False:
        temperature = 0.0
    elif temperature is None:
        temperature = version.get("temperature", 1.0 if do_sample else 0.0)
    stops = [stop for stop in ([until] if isinstance(until, str) else until or []) if stop]
    longest = lengths[0] if lengths else version.get("max_tokens", LONGEST_ANSWER_TOKENS)
    sampling = {"stop": stops} if stops else {}
    return {**sampling, "temperature": float(temperature), "max_tokens": int(longest), **rest}


class InstanceAnswer(NamedTuple):
    """The responses of a model as lm-eval's own models give them, and how many tokens at the beginning were cut off."""

    responses: list[Any]
    cut_tokens: int = 0


async def ask(model: Model, task: Any, instance: Any, count: int) -> InstanceAnswer:
    """The responses to an instance: `count` answers, but what is weighed is the same each time, and asked for once.

    Messages that end with the assistant's are continued.
    """
    context, *arguments = instance.args
    if instance.request_type == "loglikelihood":
        weighed = await model.weigh(context, arguments[0], truncate=True)
        return InstanceAnswer([(weighed.loglikelihood, weighed.is_greedy)], weighed.cut_tokens)
    if instance.request_type == "loglikelihood_rolling":
        return InstanceAnswer([await model._rolling(context)])
    sampling = sampling_of(arguments[0], model.sampling, task.config.fewshot_delimiter)
    is_begun = isinstance(context, str) or context[-1]["role"] == "assistant"

    async def answer() -> Sample:
        asked = model.complete(context, truncate=True, **sampling) if is_begun else model.chat(context, **sampling)
        sample: Sample = await asked
        return sample

    samples = await asyncio.gather(*(answer() for _ in range(count)))
    return InstanceAnswer([sample.text for sample in samples], samples[0].cut_tokens)
