"""What an evaluation needs of the session: another version, a judge, or a baseline that can be asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from harness.errors import MarkerError, UsageError

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.gate.baselines.recording import Recording
    from harness.gate.evaluations.evaluation import Evaluation


def check_needs(
    function: Callable[..., Any],
    evaluation: Evaluation,
    settings: Settings,
    recording: Recording | None,
    *,
    where: str,
) -> None:
    """Refuse an evaluation for which something is missing that the command line or the settings name.

    Args:
        function: the body.
        recording: what stands for the baseline, if it is none that can be asked.

    Raises:
        UsageError: with the test function, and what to say.
    """
    if evaluation.blocks is not None:
        _check_load(function, evaluation, settings, recording, where)
    if evaluation.is_pairwise:
        _check_pairwise(settings, recording, where)
    if evaluation.weighs_judge and ("judge" not in evaluation.wants or evaluation.is_pairwise):
        raise MarkerError(
            f'{where}: weighs="judge" makes the version under test the judge of a body, and then the baseline: '
            "take `judge`, and not `baseline`."
        )
    if evaluation.plan.review_mode is not None:
        _check_review(evaluation, settings, recording, where)
    if "judge" in evaluation.wants and not evaluation.weighs_judge:
        _check_judge(settings, where)


def _check_load(
    function: Callable[..., Any], evaluation: Evaluation, settings: Settings, recording: Recording | None, where: str
) -> None:
    from harness.plugin.collection.inspection import check_figures

    if others := sorted(evaluation.wants & {"model", "baseline", "judge"}):
        raise MarkerError(
            f"{where} takes `load` and `{others[0]}`: while a block is measured nothing else may be asked. Ask in "
            "a test of its own."
        )
    if recording is not None:
        raise MarkerError(
            f"{where} takes `load`, whose blocks are measured in pairs on one machine, and {recording.in_words} has "
            "scores alone: name a version with --baseline, or leave the test out with -k."
        )
    assert evaluation.blocks is not None
    check_figures(function, evaluation.blocks, settings, where=where)


def _check_pairwise(settings: Settings, recording: Recording | None, where: str) -> None:
    from harness.config.roles import baseline_name

    if recording is not None:
        raise MarkerError(
            f"{where} takes `baseline`, whose answers it needs, and {recording.in_words} has scores alone: "
            "name a version with --baseline, or leave the test out with -k."
        )
    if baseline_name(settings) is None:
        raise MarkerError(f"{where} takes `baseline`, and there is none: say --baseline VERSION.")


def _check_review(evaluation: Evaluation, settings: Settings, recording: Recording | None, where: str) -> None:
    from harness.config.roles import baseline_name
    from harness.plugin.collection.rubrics import check_review

    check_review(evaluation.body, where=where, is_pairwise=evaluation.is_pairwise)
    if recording is not None:
        raise MarkerError(
            f"{where}: review= shows people the answers of both versions, and {recording.in_words} has "
            "scores alone: name a version with --baseline, or `none` for the threshold alone."
        )
    alone = evaluation.is_pairwise or baseline_name(settings) is None
    if evaluation.plan.threshold is None and alone:
        hint = "0.5 asks for no worse than the baseline" if evaluation.is_pairwise else "or name a --baseline"
        raise MarkerError(
            f"{where}: review= asks people until what is required is decided, and nothing is: give it a threshold "
            f"({hint})."
        )


def _check_judge(settings: Settings, where: str) -> None:
    from harness.config.roles import judge_names

    try:
        judge_names(settings)
    except UsageError as error:
        raise type(error)(f"{where} takes `judge`. {error}") from None
