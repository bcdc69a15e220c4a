"""What an evaluation needs of pytest and of the session: a test function that can be one, another version, a judge, or
a baseline that can be asked.
"""

from __future__ import annotations

import unittest
from typing import TYPE_CHECKING

import pytest

from harness.errors import MarkerError, UsageError
from harness.plugin.fixtures import OFFERED
from harness.plugin.pytest_internals import fixture_definitions

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.gate.baselines.recording import Recording
    from harness.gate.evaluations.evaluation import Evaluation

_LEAVE_OUT = "leave the test out with -k"


def check_item(item: pytest.Function) -> None:
    """Refuse a test that can't be an evaluation, or a user's fixture that itself asks for what only a body has.

    Raises:
        MarkerError: it is a method of a unittest.TestCase, or marked xfail, or takes such a fixture.
    """
    where = item.nodeid
    if item.cls is not None and issubclass(item.cls, unittest.TestCase):
        raise MarkerError(
            f"{where} is a method of a unittest.TestCase, which gets no `case` and no `model`. Write a function, or a "
            "method of a class without a base."
        )
    if item.get_closest_marker("xfail") is not None:
        raise MarkerError(
            f"{where} is marked xfail, which would end a red gate with exit code 0. Skip it, or "
            "state the threshold and margin that are met today."
        )
    for name, definitions in fixture_definitions(item).items():
        wanted = [each for each in OFFERED if any(each in definition.argnames for definition in definitions)]
        if wanted and name not in OFFERED:
            raise MarkerError(
                f"{where}: the fixture {name!r} asks for {wanted[0]!r}. Fixtures are set up once for an "
                f"evaluation, its body for each case and sample: take {wanted[0]!r} in the body and pass it on."
            )


def check_needs(item: pytest.Function, evaluation: Evaluation, settings: Settings, recording: Recording | None) -> None:
    """Refuse an evaluation for which something is missing that the command line or the settings name.

    Args:
        recording: what stands for the baseline, if it is none that can be asked.

    Raises:
        UsageError: with the test function, and what to say.
    """
    from harness.config.roles import baseline_name, candidate_name, judge_names
    from harness.plugin.collection.inspection import check_figures, check_review

    where, plan, wants, is_pairwise = item.nodeid, evaluation.plan, evaluation.wants, evaluation.is_pairwise
    if evaluation.blocks is not None:
        if others := sorted(wants & {"model", "baseline", "judge"}):
            raise MarkerError(
                f"{where} takes `load` and `{others[0]}`: while a block is measured nothing else may be asked. Ask in "
                "a test of its own."
            )
        _refuse(recording, f"{where} takes `load`, whose blocks are measured in pairs on one machine,", _LEAVE_OUT)
        check_figures(item.function, evaluation.blocks, settings, where=where)
    rests = f"max_lost={plan.max_lost}" if plan.max_lost is not None else 'per="case"' if plan.per == "case" else ""
    if rests and "model" in wants and not plan.is_exact:
        version = settings.version(candidate_name(settings))
        if version.sampling.get("temperature") == 0:
            raise MarkerError(
                f"{where}: {rests} rests on the samples of each case, and at temperature 0, which {version.name!r} "
                "has, all samples of a case are one draw: they can't tell. Leave it out, or give the version a "
                "temperature above 0."
            )
    if is_pairwise:
        _refuse(recording, f"{where} takes `baseline`, whose answers it needs,", _LEAVE_OUT)
        if baseline_name(settings) is None:
            raise MarkerError(f"{where} takes `baseline`, and there is none: say --baseline VERSION.")
    if evaluation.weighs_judge and ("judge" not in wants or is_pairwise):
        raise MarkerError(
            f'{where}: weighs="judge" makes the version under test the judge of a body, and then the baseline: '
            "take `judge`, and not `baseline`."
        )
    if plan.review_mode is not None:
        check_review(evaluation.body, where=where, is_pairwise=is_pairwise)
        shows = f"{where}: review= shows people the answers of both versions,"
        _refuse(recording, shows, "`none` for the threshold alone")
        if plan.threshold is None and (is_pairwise or baseline_name(settings) is None):
            hint = "0.5 asks for no worse than the baseline" if is_pairwise else "or name a --baseline"
            raise MarkerError(
                f"{where}: review= asks people until what is required is decided, and nothing is: give it a threshold "
                f"({hint})."
            )
    if "judge" in wants and not evaluation.weighs_judge:
        try:
            judge_names(settings)
        except UsageError as error:
            raise type(error)(f"{where} takes `judge`. {error}") from None


def _refuse(recording: Recording | None, why: str, way_out: str) -> None:
    """Refuse a recorded baseline where a version must be asked."""
    if recording is not None:
        raise MarkerError(
            f"{why} and {recording.in_words} has scores alone: name a version with --baseline, or {way_out}."
        )
