"""From what a body names to a metric that is ready to measure. Imports deepeval: only for use once that is wanted."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import deepeval.metrics as library
from deepeval.config.eval_mode import EvalMode
from deepeval.metrics import (
    BaseConversationalMetric,
    BaseMetric,
    ConversationalDAGMetric,
    ConversationalGEval,
    ConversationalJevEval,
    DAGMetric,
    GEval,
    JevEval,
)

from harness.errors import CheckError, choices
from harness.scoring.deepeval.judge_model import JudgeModel

Metric: TypeAlias = BaseMetric | BaseConversationalMetric
_BASES = (BaseMetric, BaseConversationalMetric)
_OTHERS = (DAGMetric, ConversationalDAGMetric, JevEval, ConversationalJevEval)
_NOT_OF_TEXT = (".multimodal_metrics.", ".voice", ".audio_glitch", ".transcription_accuracy")
_TO_TEN = (0, 10)
"""The scale of each ConversationalGEval, whose score is a tenth of it."""


def make_metric(metric: Any, options: Mapping[str, Any], judge: JudgeModel) -> Metric:
    """A metric of its own for one answer or conversation, whose questions the judge answers.

    Args:
        metric: class, name, or function that takes `model=`.
        options: for the class or the function.

    Raises:
        CheckError: it is no metric, can't be used on texts, or can't be made with these options.
    """
    make = _named(metric) if isinstance(metric, str) else metric
    if isinstance(make, type) or not callable(make):
        check_metric(make)
    made = _call(make, options, judge)
    check_metric(type(made))
    _check(made)
    made.model, made.using_native_model, made.evaluation_model = judge, False, judge.get_model_name()
    made.eval_mode, made.system_one_model = EvalMode.LLM, None
    if isinstance(made, GEval):
        judge.scale = (0, 1) if made.strict_mode else made.score_range
    elif isinstance(made, ConversationalGEval):
        judge.scale = _TO_TEN
    return made


def check_metric(metric: Any) -> None:
    """Refuse the name or the class of what judges neither an answer nor a conversation.

    Raises:
        CheckError: with the nearest name, or what to use instead.
    """
    kind = _named(metric) if isinstance(metric, str) else metric
    if isinstance(kind, type) and _is_usable(kind):
        return
    shown = kind.__name__ if isinstance(kind, type) else repr(kind)[:80]
    raise CheckError(
        f"{shown} is no metric of one answer or one conversation in text that the judge could be asked for: give a "
        "class such as FaithfulnessMetric, its name, or a function that takes model= and gives a metric (GEval for "
        "rules of your own, judge.prefer to compare two answers)."
    )


def required_fields(metric: Metric) -> list[str]:
    """The fields of a test case that a metric needs, in deepeval's words."""
    if isinstance(metric, GEval | ConversationalGEval):
        needed = metric.evaluation_params
    else:
        needed = getattr(metric, "_required_test_case_params", None) or getattr(metric, "_required_params", None)
    role = ["chatbot_role"] if getattr(metric, "_requires_chatbot_role", False) else []
    return role + ([parameter.value for parameter in needed] if isinstance(needed, list | tuple) else [])


def _named(name: str) -> type:
    if name not in library.__all__:
        raise CheckError(choices("metric", name, [each for each in library.__all__ if _is_usable_name(each)]))
    found: type = getattr(library, name)
    return found


def _is_usable_name(name: str) -> bool:
    kind = getattr(library, name)
    return kind not in _BASES and _is_usable(kind)


def _is_usable(kind: type) -> bool:
    return (
        issubclass(kind, _BASES)
        and not issubclass(kind, _OTHERS)
        and not any(part in kind.__module__ for part in _NOT_OF_TEXT)
        and not getattr(kind, "_requires_mcp_servers", False)
    )


def _call(make: Callable[..., Any], options: Mapping[str, Any], judge: JudgeModel) -> Any:
    """Call a class or function that makes a metric, with the judge as its model where it takes one."""
    name = getattr(make, "__name__", None) or getattr(getattr(make, "func", None), "__name__", "the metric's function")
    signature = inspect.signature(make)
    known = signature.parameters
    takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in known.values())
    own = {key: value for key, value in {"model": judge, "eval_mode": "llm"}.items() if key in known}
    if takes_any:
        own["model"] = judge
    for option in options:
        if option in ("model", "eval_mode"):
            raise CheckError(f"{name}: the judge is its model; leave out {option}=, and name a version with --judge.")
        if option not in known and not takes_any:
            raise CheckError(f"{name}: {choices('option', option, [each for each in known if each not in own])}")
    try:
        signature.bind(**own, **options)
    except TypeError as error:
        raise CheckError(f"{name}: {error}; give it to judge.measure.") from None
    try:
        with warnings.catch_warnings():
            # That some scores were turned round in a release before the one that is used here.
            warnings.filterwarnings("ignore", ".* now scores in the same direction", DeprecationWarning)
            return make(**own, **options)
    except (TypeError, ValueError) as error:
        raise CheckError(f"{name} can't be made: {error}") from error


def _check(metric: Metric) -> None:
    """Refuse what would measure something else each time, or nothing.

    Raises:
        CheckError: saying what to write instead.
    """
    name = type(metric).__name__
    if type(metric).a_measure in (BaseMetric.a_measure, BaseConversationalMetric.a_measure):
        raise CheckError(f"{name} has no a_measure, so it can't be waited for beside other bodies; write one.")
    if isinstance(metric, ConversationalGEval) and not metric.evaluation_params:
        raise CheckError(
            f"{name} {metric.name!r} has no evaluation_params, so that its judge would see nothing; write "
            "evaluation_params=[MultiTurnParams.ROLE, MultiTurnParams.CONTENT]."
        )
    if isinstance(metric, GEval | ConversationalGEval) and not metric.evaluation_steps:
        raise CheckError(
            f"{name} {metric.name!r} has no evaluation_steps: its judge would write other ones for each answer, so "
            "that no two are judged alike. Write them down once: evaluation_steps=["
            '"Check whether the facts in the actual output contradict the input.", …].'
        )
    if getattr(metric, "requires_trace", False):
        hint = "give it evaluation_params" if isinstance(metric, GEval) else "use a metric of answers"
        raise CheckError(f"{name} judges the trace of an agent, and judge.measure judges one answer; {hint}.")
