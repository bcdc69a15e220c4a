"""Which evaluations can't be run for a corpus."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.config import VersionSettings
from harness.errors import AnswersNothingError
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.runs.notes import version_reference
from harness.gate.runs.run import check_answers
from harness.models.version import Version
from harness.plugin.outcomes import classify
from harness.records import VersionRef
from harness.requests import SampleSource
from tests.gate.sampling.test_ledger import PLAN

RAW = Version("raw", VersionSettings("raw", "corpus"), "0f")
CLEAN = Version("clean", VersionSettings("clean", "corpus"), "1f")
MODEL = Version("small", VersionSettings("small", "scripted"), "2f")


def evaluation(*wants: str, weighs: Any = "model") -> Evaluation:
    plan = replace(PLAN, weighs=weighs)
    return Evaluation("it", plan, (), lambda: None, classify, frozenset(wants))


@pytest.mark.parametrize(
    ("wants", "version", "baseline"),
    [
        (("corpus", "case"), CLEAN, RAW),
        (("case", "judge"), CLEAN, RAW),
        (("case", "model"), MODEL, RAW),
        (("model", "baseline"), MODEL, MODEL),
    ],
)
def test_who_asks_no_corpus_goes_on(wants: tuple[str, ...], version: Version, baseline: Version) -> None:
    check_answers(evaluation(*wants), version, baseline)


@pytest.mark.parametrize(
    ("asking", "version", "baseline", "named"),
    [
        (evaluation("model", "case"), CLEAN, MODEL, "clean"),
        (evaluation("model", "corpus"), CLEAN, None, "clean"),
        (evaluation("model", "baseline"), MODEL, RAW, "raw"),
        (evaluation("judge", weighs="judge"), CLEAN, None, "clean"),
    ],
)
def test_who_asks_a_corpus_is_told_which(
    asking: Evaluation, version: Version, baseline: Version | None, named: str
) -> None:
    with pytest.raises(AnswersNothingError, match=f"^{named} is a corpus, which answers nothing$"):
        check_answers(asking, version, baseline)


def test_a_version_is_named_by_its_fingerprint() -> None:
    assert version_reference(SampleSource(CLEAN, None)) == VersionRef("clean", "1f")
    assert version_reference(SampleSource(MODEL, None)) == VersionRef("small", "2f")
