"""One answer measured by one metric of deepeval, whose questions a version answers."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from harness.config.environment import quieten_deepeval
from harness.errors import CheckError, JudgeError, install
from harness.records import Judgement
from harness.requests import Model
from harness.scoring.judging.combining import MetricResult

_ROUNDING = 1e-9


async def measure(model: Model, metric: Any, given: Mapping[str, Any]) -> MetricResult:
    """Score an answer by a metric of deepeval, with its reason.

    Args:
        model: the version that answers the metric's questions.
        metric: a metric class of deepeval, its name, or a function that takes `model=` and gives a metric.
        given: what is known of the answer, by the names of `Fields`, and options of the metric's class.

    Raises:
        CheckError: no metric, or one that can't be used so; an option or a field that it lacks; no deepeval.
        EngineError: the version could not answer.
    """
    _load()
    from harness.scoring.deepeval.cases import Fields, make_case
    from harness.scoring.deepeval.judge_model import JudgeModel
    from harness.scoring.deepeval.metrics import make_metric, required_fields, rule_of

    judge = JudgeModel(model)
    made = make_metric(metric, {key: value for key, value in given.items() if key not in Fields.__slots__}, judge)
    name, rule = type(made).__name__, rule_of(made)
    case = make_case(made, Fields(**{key: value for key, value in given.items() if key in Fields.__slots__}))
    if "actual_output" in required_fields(made) and not case.actual_output.strip():
        reason = f"the answer is empty, which {name} does not measure"
        return MetricResult(rule, Judgement(model.name, 0, values=(0.0,)), 0.0, reason)
    try:
        await _run(made, case, judge)
        value = _value(made.score, name, judge.name)
    except JudgeError as error:
        judgement = Judgement(model.name, judge.n_answers, judge.n_malformed, is_complete=False)
        return MetricResult(rule, judgement, error=error)
    judgement = Judgement(model.name, judge.n_answers, judge.n_malformed, values=(value,))
    return MetricResult(rule, judgement, value, None if made.reason is None else str(made.reason))


def check_metric(metric: str | type) -> None:
    """Refuse, with a `CheckError`, the name or the class of a metric that can't be used, without making it."""
    _load()
    from harness.scoring.deepeval import metrics

    metrics.check_metric(metric)


def _load() -> None:
    """Import deepeval, kept quiet before it begins."""
    quieten_deepeval()
    try:
        importlib.import_module("deepeval.metrics")
    except ImportError as error:
        raise CheckError(f"judge.measure needs deepeval: {install('judges')} ({error})") from error


async def _run(metric: Any, case: Any, judge: Any) -> None:
    """Let the metric measure. An error of the judge counts whatever deepeval makes of it."""
    from deepeval.telemetry import Entrypoint
    from deepeval.telemetry.context import pop_run, push_run

    accepted = inspect.signature(metric.a_measure).parameters
    given = {"_show_indicator": False} if "_show_indicator" in accepted else {}
    # A tally that is thrown away: deepeval's own begins a thread, and sends at exit what it counted.
    _, token = push_run(Entrypoint.STANDALONE, "")
    try:
        await metric.a_measure(case, **given)
    except Exception as error:
        if judge.error is None and isinstance(error, ValueError) and type(metric).__module__.startswith("deepeval."):
            raise JudgeError(f"{type(metric).__name__}, judged by {judge.name}: {error}") from error
        if judge.error is None:
            raise
        raise judge.error from None
    finally:
        pop_run(token)
    if judge.error is not None:
        raise judge.error


def _value(score: Any, name: str, judge: str) -> float:
    """The metric's score, which must lie in [0, 1] but for rounding."""
    if score is None:
        raise JudgeError(f"{name}, judged by {judge}, gave no score.")
    if not -_ROUNDING <= float(score) <= 1 + _ROUNDING:
        raise JudgeError(
            f"{name} gave the score {score}, which is not in [0, 1]: judge {judge} answered outside the scale."
        )
    return min(1.0, max(0.0, float(score)))
