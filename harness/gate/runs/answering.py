"""Tells which evaluations ask a version that answers nothing."""

from __future__ import annotations

from harness.errors import AnswersNothingError
from harness.gate.evaluations.evaluation import Evaluation
from harness.models.version import Version, answers


def check_answers(evaluation: Evaluation, version: Version, baseline: Version | None) -> None:
    """Refuse a corpus to a body that asks the version under test, or the baseline beside it.

    Args:
        version: the one for which the body is to run.

    Raises:
        AnswersNothingError: naming the corpus.
    """
    asked = [version] if evaluation.needs_version else []
    asked += [baseline] if evaluation.is_pairwise and baseline is not None else []
    for each in asked:
        if not answers(each.settings):
            raise AnswersNothingError(each.name)
