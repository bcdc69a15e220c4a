"""From what a body names to a metric that is ready to measure. Imports deepeval: only for use once that is wanted."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import deepeval.metrics as library
from deepeval.config.eval_mode import EvalMode
from deepeval.metrics import (
    BaseArenaMetric,
    BaseConversationalMetric,
    BaseMetric,
    ConversationalDAGMetric,
    ConversationalGEval,
    ConversationalJevEval,
    DAGMetric,
    GEval,
    JevEval,
)
from deepeval.metrics.conversational_dag import ConversationalNonBinaryJudgementNode
from deepeval.metrics.dag import NonBinaryJudgementNode
from deepeval.metrics.dag.utils import extract_required_params
from deepeval.metrics.utils import copy_metrics
from pydantic import create_model

from harness.errors import CheckError, choices
from harness.scoring.deepeval.judge_model import JudgeModel

Metric: TypeAlias = BaseMetric | BaseConversationalMetric
_BASES = (BaseMetric, BaseConversationalMetric)
_GRAPHS = (DAGMetric, ConversationalDAGMetric)
_OTHERS = {
    BaseArenaMetric: "compares answers, and judge.measure judges one; use judge.prefer",
    JevEval: "asks a model of its own instead of the judge; use GEval",
    ConversationalJevEval: "asks a model of its own instead of the judge; use ConversationalGEval",
}
_TO_TEN = (0, 10)
"""The scale of each ConversationalGEval, whose score is a tenth of it."""
_HEARD = re.compile(r"[.](voice|audio_glitch|transcription_accuracy)\b")


def make_metric(metric: Any, options: Mapping[str, Any], judge: JudgeModel) -> Metric:
    """A metric of its own for one answer or conversation, whose questions the judge answers.

    Args:
        metric: class, name, function that takes `model=`, or a metric to copy.
        options: for the class or the function.

    Raises:
        CheckError: it is no metric, can't be used on texts, or can't be made with these options.
    """
    if isinstance(metric, str):
        metric = _named(metric)
    if isinstance(metric, Metric):
        made = _copy(metric, options)
    else:
        _refuse_others(metric if isinstance(metric, type) else type(metric))
        if not callable(metric) or (isinstance(metric, type) and not issubclass(metric, Metric)):
            raise CheckError(_no_metric(metric))
        made = _call(metric, options, judge)
    if not isinstance(made, Metric):
        _refuse_others(type(made))
        raise CheckError(_no_metric(made))
    _refuse_others(type(made))
    _check(made)
    _put_judge(made, judge)
    return made


def check_metric(metric: str | type) -> None:
    """Refuse the name or the class of what judges neither an answer nor a conversation.

    Raises:
        CheckError: with the nearest name, or what to use instead.
    """
    kind = _named(metric) if isinstance(metric, str) else metric
    _refuse_others(kind)
    if not issubclass(kind, Metric):
        raise CheckError(_no_metric(kind))


def required_fields(metric: Metric) -> list[str]:
    """The fields of a test case that a metric needs, in deepeval's words."""
    if isinstance(metric, _GRAPHS):
        own = extract_required_params(metric.dag.root_nodes, multiturn=isinstance(metric, ConversationalDAGMetric))
        inner = (name for each in _inner_metrics(metric) for name in required_fields(each))
        return sorted({*(parameter.value for parameter in own), *inner})
    if isinstance(metric, GEval | ConversationalGEval):
        needed = metric.evaluation_params
    else:
        needed = getattr(metric, "_required_test_case_params", None) or getattr(metric, "_required_params", None)
    role = ["chatbot_role"] if getattr(metric, "_requires_chatbot_role", False) else []
    return role + ([parameter.value for parameter in needed] if isinstance(needed, list | tuple) else [])


def _named(name: str) -> type[Metric]:
    if name not in library.__all__:
        kinds = {each: getattr(library, each) for each in library.__all__ if getattr(library, each) not in _BASES}
        usable = [each for each, kind in kinds.items() if issubclass(kind, Metric) and not _why_not(kind)]
        raise CheckError(choices("metric", name, usable))
    found: type[Metric] = getattr(library, name)
    return found


def _no_metric(given: Any) -> str:
    shown = given.__name__ if isinstance(given, type) else repr(given)[:80]
    return (
        f"{shown} is no metric of deepeval; give a class such as FaithfulnessMetric, its name, a function that takes "
        "model= and gives a metric, or a metric."
    )


def _why_not(kind: type) -> str:
    """Say why metrics of this class can't judge a text; "" where they can."""
    for other, why in _OTHERS.items():
        if issubclass(kind, other):
            return why
    if ".multimodal_metrics." in kind.__module__:
        return "judges images, and judge.measure judges text"
    if issubclass(kind, BaseConversationalMetric) and _HEARD.search(kind.__module__):
        return "judges what is heard, and judge.measure judges text"
    if getattr(kind, "_requires_mcp_servers", False):
        return "judges calls of MCP servers; use ToolUseMetric, or checks.calls"
    return ""


def _refuse_others(kind: type) -> None:
    if why := _why_not(kind):
        raise CheckError(f"{kind.__name__} {why}.")


def _copy(metric: Metric, options: Mapping[str, Any]) -> Metric:
    name = type(metric).__name__
    if options:
        raise CheckError(
            f"{name} is made already, and takes no {', '.join(options)} any more; give judge.measure the class."
        )
    try:
        with _unwarned():
            return copy_metrics([metric])[0]
    except TypeError as error:
        raise CheckError(
            f"This {name} can't be copied for each answer ({error}): keep what its constructor takes in attributes of "
            "the same names, or give judge.measure a function that makes it."
        ) from error


def _call(make: Callable[..., Any], options: Mapping[str, Any], judge: JudgeModel) -> Any:
    """Call a class or function that makes a metric, with the judge as its model where it takes one."""
    name = getattr(make, "__name__", None) or getattr(getattr(make, "func", None), "__name__", "the metric's function")
    signature = inspect.signature(make)
    known = signature.parameters
    if "model" in options:
        raise CheckError(f"{name}: the judge is its model; leave out model=, and name a version with --judge.")
    if options.get("eval_mode", "llm") != "llm":
        raise CheckError(f"{name}: eval_mode={options['eval_mode']!r} asks a model other than the judge; leave it out.")
    takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in known.values())
    own = {"model": judge, "eval_mode": "llm"}
    given = {**{key: value for key, value in own.items() if key in known}, **options}
    if "model" not in given and takes_any:
        given["model"] = judge
    for option in options if not takes_any else ():
        if option not in known:
            raise CheckError(f"{name}: {choices('option', option, [each for each in known if each not in own])}")
    try:
        signature.bind(**given)
    except TypeError as error:
        raise CheckError(f"{name}: {error}; give it to judge.measure.") from None
    try:
        with _unwarned():
            return make(**given)
    except (TypeError, ValueError) as error:
        raise CheckError(f"{name} can't be made: {error}") from error


@contextmanager
def _unwarned() -> Iterator[None]:
    """Without deepeval's notice that some scores were turned round in a release before the one that is used here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* now scores in the same direction", DeprecationWarning)
        yield


def _put_judge(metric: Metric, judge: JudgeModel) -> None:
    metric.model, metric.using_native_model, metric.evaluation_model = judge, False, judge.get_model_name()
    metric.eval_mode, metric.system_one_model = EvalMode.LLM, None
    if isinstance(metric, GEval):
        judge.scale = (0, 1) if metric.strict_mode else metric.score_range
    elif isinstance(metric, ConversationalGEval):
        judge.scale = _TO_TEN
    for each in _inner_metrics(metric):
        _put_judge(each, judge)


def _check(metric: Metric) -> None:
    """Refuse what would measure something else each time, or nothing.

    Raises:
        CheckError: saying what to write instead.
    """
    name = type(metric).__name__
    if type(metric).a_measure in (BaseMetric.a_measure, BaseConversationalMetric.a_measure):
        raise CheckError(f"{name} has no a_measure, so it can't be waited for beside other bodies; write one.")
    if isinstance(metric, GEval | ConversationalGEval):
        _check_steps(metric)
    if getattr(metric, "requires_trace", False):
        hint = "give it evaluation_params" if isinstance(metric, GEval) else "use a metric of answers"
        raise CheckError(f"{name} judges the trace of an agent, and judge.measure judges one answer; {hint}.")
    if isinstance(metric, _GRAPHS):
        for each in _inner_metrics(metric):
            _refuse_others(type(each))
            _check(each)
            if isinstance(each, GEval | ConversationalGEval) and (each.criteria, each.rubric, each.strict_mode) != (
                None,
                None,
                False,
            ):
                raise CheckError(
                    f"{name} {metric.name!r}: deepeval asks a GEval in it without its rubric and strict_mode, and with "
                    f"criteria instead of its steps; give {each.name!r} evaluation_steps alone."
                )
        _settle_options(metric)


def _check_steps(metric: GEval | ConversationalGEval) -> None:
    if isinstance(metric, ConversationalGEval) and not metric.evaluation_params:
        raise CheckError(
            f"ConversationalGEval {metric.name!r} has no evaluation_params, so that its judge would see nothing; write "
            "evaluation_params=[MultiTurnParams.ROLE, MultiTurnParams.CONTENT]."
        )
    if not metric.evaluation_steps:
        raise CheckError(
            f"{type(metric).__name__} {metric.name!r} has no evaluation_steps: its judge would write other ones for "
            "each answer, so that no two are judged alike. Write them down once: evaluation_steps=["
            '"Check whether the facts in the actual output contradict the input.", …].'
        )


def _inner_metrics(metric: Metric) -> Iterator[Any]:
    """The metrics that the verdicts of a DAGMetric lead to."""
    if isinstance(metric, _GRAPHS):
        children = (getattr(node, "child", None) for node in metric.dag.indegree)
        yield from (child for child in children if isinstance(child, Metric))


def _settle_options(metric: DAGMetric | ConversationalDAGMetric) -> None:
    """Name the options of each choice in the author's order; deepeval's own differs from process to process."""
    for node in metric.dag.indegree:
        if isinstance(node, NonBinaryJudgementNode | ConversationalNonBinaryJudgementNode):
            node._verdict_options = [child.verdict for child in node.children]
            verdict: Any = (Literal[tuple(node._verdict_options)], ...)
            node._verdict_schema = create_model("NonBinaryJudgementVerdict", verdict=verdict, reason=(str, ...))
