"""One instance of lm-eval, asked of a model version."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from harness.config.versions import check_sampling
from harness.errors import SettingsError, TaskError
from harness.records import Sample
from harness.requests import Model

LONGEST_ANSWER_TOKENS = 256
"""The longest answer that lm-eval allows where neither task nor version sets a limit."""
_LENGTHS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
"""Names for the longest answer, the first that is there wins: `lm_eval.models.utils.normalize_gen_kwargs`."""


def sampling_of(stated: Mapping[str, Any], version: Mapping[str, Any]) -> dict[str, Any]:
    """The sampling parameters of an answer: what the task states, else the version, else as lm-eval would, greedy.

    >>> sampling_of({"until": ["\\n"], "do_sample": False}, {"temperature": 0.7, "max_tokens": 16})
    {'stop': ['\\n'], 'temperature': 0.0, 'max_tokens': 16}
    """
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


def stated_by(task: Any, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give what a task itself states of `generation_kwargs`: lm-eval fills in all of them where it states none."""
    from lm_eval.defaults import default_gen_kwargs

    is_filled_in = arguments == default_gen_kwargs(task.config.fewshot_delimiter)
    return {"until": arguments["until"]} if is_filled_in else arguments


def check_arguments(task: Any, instance: Any, where: str) -> None:
    """Refuse sampling parameters of an instance that can't be mapped."""
    if instance.request_type == "generate_until":
        try:
            check_sampling(sampling_of(stated_by(task, instance.args[1]), {}), where="generation_kwargs")
        except (SettingsError, TypeError, ValueError) as error:
            raise TaskError(f"{where}: task {task.task_name!r}: {error}") from None


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
    sampling = sampling_of(stated_by(task, arguments[0]), model.sampling)
    is_begun = isinstance(context, str) or context[-1]["role"] == "assistant"

    async def answer() -> Sample:
        asked = model.complete(context, truncate=True, **sampling) if is_begun else model.chat(context, **sampling)
        sample: Sample = await asked
        return sample

    samples = await asyncio.gather(*(answer() for _ in range(count)))
    return InstanceAnswer([sample.text for sample in samples], samples[0].cut_tokens)
