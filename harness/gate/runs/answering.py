"""Tells which evaluations ask a version that answers nothing, and what a version that was asked is called."""

from __future__ import annotations

from harness.errors import AnswersNothingError
from harness.gate.evaluations.evaluation import Evaluation
from harness.models.corpus.spec import N_DOCUMENTS
from harness.models.version import Version, answers
from harness.records import VersionRef
from harness.requests import SampleSource


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


def reference_of(source: SampleSource) -> VersionRef:
    """A version as a report names it."""
    version, engine = source.version, source.engine
    if not answers(version.settings):
        return VersionRef(version.name, version.fingerprint, n_documents=version.settings.engine_options[N_DOCUMENTS])
    model = version.settings.engine_options.get("model")
    return VersionRef(version.name, version.fingerprint, model, () if engine is None else tuple(engine.answered_as))
