"""From what a body names to a metric that is ready to measure, and its rule. Imports deepeval: only for use once that
is wanted.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import warnings
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeAlias

import deepeval
import deepeval.metrics as library
from deepeval.config.eval_mode import EvalMode
from deepeval.metrics import BaseConversationalMetric, BaseMetric, ConversationalGEval, GEval

from harness.errors import CheckError, choices
from harness.scoring.deepeval.judge_model import JudgeModel

Metric: TypeAlias = BaseMetric | BaseConversationalMetric
_BASES = (BaseMetric, BaseConversationalMetric)
_OTHERS = (".dag", ".conversational_dag", ".jev", ".multimodal_metrics.", ".voice", ".audio_", ".transcription_")
"""In the names of the modules of metrics that are built from graphs, or judge something else than text."""
_MODELS = ("model", "using_native_model", "evaluation_model", "system_one_model")
_NOT_THE_RULE = (*_MODELS, "_audio_model", "_using_native_audio_model", "threshold", "verbose_mode")


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
        judge.scale = (0, 10)
    return made


def check_metric(metric: Any) -> None:
    """Refuse the name or the class of what judges neither an answer nor a conversation."""
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
        kinds = {each: getattr(library, each) for each in library.__all__}
        usable = [each for each, kind in kinds.items() if kind not in _BASES and _is_usable(kind)]
        raise CheckError(choices("metric", name, usable))
    kind: type = getattr(library, name)
    return kind


def _is_usable(kind: type) -> bool:
    is_other = any(part in kind.__module__ for part in _OTHERS) or getattr(kind, "_requires_mcp_servers", False)
    return issubclass(kind, _BASES) and not is_other


def _call(make: Callable[..., Any], options: Mapping[str, Any], judge: JudgeModel) -> Any:
    """Call a class or function that makes a metric, with the judge as its model where it takes one."""
    name = getattr(make, "__name__", None) or getattr(getattr(make, "func", None), "__name__", "the metric's function")
    known = inspect.signature(make).parameters
    takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in known.values())
    own = {"model": judge, "eval_mode": "llm"}
    own = {option: value for option, value in own.items() if option in known or (takes_any and option == "model")}
    if double := own.keys() & options.keys():
        raise CheckError(f"{name}: the judge is its model; leave out {min(double)}=, and name a version with --judge.")
    try:
        with warnings.catch_warnings():
            # That some scores were turned round in a release before the one that is used here.
            warnings.filterwarnings("ignore", ".* now scores in the same direction", DeprecationWarning)
            return make(**own, **options)
    except (TypeError, ValueError) as error:
        raise CheckError(f"{name} can't be made: {error}") from error


def _check(metric: Metric) -> None:
    """Refuse what would measure something else each time, or nothing, with what to write instead."""
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


def rule_of(metric: Metric) -> str:
    """The name of the metric and a digest of its settings and deepeval's release, whose templates are part of it.

    Two metrics with the same rule ask the same questions, in every process.
    """
    text = json.dumps([deepeval.__version__, metric], sort_keys=True, default=_plain)
    name = metric.name if isinstance(getattr(metric, "name", None), str) else type(metric).__name__
    return f"{name}-{hashlib.sha256(text.encode('ascii')).hexdigest()[:12]}"


def _plain(value: Any) -> Any:
    """Return what JSON has no kind for: a set in order, an object as its type with its parts."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, set | frozenset):
        return sorted((json.loads(json.dumps(each, sort_keys=True, default=_plain)) for each in value), key=json.dumps)
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if dataclasses.is_dataclass(value):
        return [type(value), {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}]
    parts = vars(value) if hasattr(value, "__dict__") else {}
    if isinstance(value, _BASES):
        return [type(value), {name: part for name, part in parts.items() if name not in _NOT_THE_RULE}]
    return [type(value), {name: part for name, part in parts.items() if not name.startswith("_")}]
