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

    Args:
        stated: the `generation_kwargs` that the task itself states.
        version: the version's own sampling parameters.

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
    sampling = {"stop": stops} if stops else {}
    longest = lengths[0] if lengths else version.get("max_tokens", LONGEST_ANSWER_TOKENS)
    return {**sampling, "temperature": float(temperature), "max_tokens": int(longest), **rest}


def stated_by(task: Any, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give what a task itself states of `generation_kwargs`: lm-eval fills in all of them where it states none."""
    from lm_eval.defaults import default_gen_kwargs

    if arguments == default_gen_kwargs(task.config.fewshot_delimiter):
        return {"until": arguments["until"]}
    return arguments


def check_arguments(task: Any, instance: Any, where: str) -> None:
    """See that the sampling parameters of an instance can be mapped.

    Raises:
        TaskError: naming the parameter.
    """
    if instance.request_type != "generate_until":
        return
    try:
        check_sampling(sampling_of(stated_by(task, instance.args[1]), {}), where="generation_kwargs")
    except (SettingsError, TypeError, ValueError) as error:
        raise TaskError(f"{where}: task {task.task_name!r}: {error}") from None


class InstanceAnswer(NamedTuple):
    """The responses of a model as lm-eval's own models give them, and how many tokens at the beginning were cut off."""

    responses: list[Any]
    cut_tokens: int = 0


async def ask(model: Model, task: Any, instance: Any, count: int) -> InstanceAnswer:
    """The responses to an instance.

    Args:
        count: how many answers are drawn; what is weighed is the same each time, and asked for once.
    """
    if instance.request_type == "loglikelihood":
        context, continuation = instance.args
        sample = await model.weigh(context, continuation, truncate=True)
        return InstanceAnswer([(sample.loglikelihood, sample.is_greedy)], sample.cut_tokens)
    if instance.request_type == "loglikelihood_rolling":
        return InstanceAnswer([await model._rolling(instance.args[0])])
    context, arguments = instance.args
    sampling = sampling_of(stated_by(task, arguments), model.sampling)
    samples = await asyncio.gather(*(_answer(model, context, sampling) for _ in range(count)))
    return InstanceAnswer([sample.text for sample in samples], samples[0].cut_tokens)


async def _answer(model: Model, context: Any, sampling: Mapping[str, Any]) -> Sample:
    """Ask for what follows a prompt; messages that end with the assistant's are continued."""
    if isinstance(context, str) or context[-1]["role"] == "assistant":
        sample: Sample = await model.complete(context, truncate=True, **sampling)
    else:
        sample = await model.chat(context, **sampling)
    return sample
