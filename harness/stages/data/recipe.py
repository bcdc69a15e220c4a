"""Recipes of corpora: the source, the steps and the packages, which identify a build before it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.config import Settings
from harness.config.corpora import no_corpus
from harness.errors import CorpusError, SettingsError
from harness.models.weights.weights import weights_digest
from harness.stages.data.sources import open_source
from harness.stages.data.steps.step import package_versions, step_identity, step_options
from harness.stages.data.steps.user import find_step

CORPORA = "corpora"
"""The kind of artifact that a corpus is."""


@dataclass(frozen=True, slots=True)
class RecipeStep:
    """A step with its options, and its identity: all that its outcome depends on beside the documents."""

    name: str
    options: Mapping[str, Any]
    identity: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that the content of a corpus depends on.

    Attributes:
        source: the documents, as the settings name them.
        content: the fingerprint of the source.
        tokenizer: the version whose tokens are counted, and its fingerprint; None where words are.
    """

    source: str
    content: str
    steps: tuple[RecipeStep, ...]
    tokenizer: tuple[str, str] | None = None

    def as_json(self) -> dict[str, Any]:
        """The recipe as JSON has it, without what changes nothing: names of files and of corpora."""
        return {
            "content": self.content,
            "steps": [dict(step.identity) for step in self.steps],
            "tokenizer": self.tokenizer and self.tokenizer[1],
        }


def corpus_recipe(settings: Settings, name: str) -> Recipe:
    """The recipe of a corpus of the settings."""
    if name not in settings.corpora:
        raise CorpusError(no_corpus(name, settings.corpora, settings.versions))
    corpus, steps = settings.corpora[name], []
    for step in corpus.steps:
        try:
            spec = find_step(step, settings.root)
        except SettingsError as error:
            raise SettingsError(f"{corpus.table}, steps: {error}") from error
        package_versions(spec)  # first, for the checks of options import them
        options = step_options(spec, corpus.tables.get(step, {}), where=f"{corpus.table}, {step}")
        steps.append(RecipeStep(step, options, step_identity(spec, options, settings)))
    tokenizer = None
    if corpus.tokenizer is not None:
        weights = settings.versions[corpus.tokenizer].engine_options
        if "weights" not in weights:
            raise CorpusError(
                f"The corpus {name!r}: tokenizer = {corpus.tokenizer!r} names a version without weights, which has no "
                "tokenizer to count with; name one that has, or leave tokenizer out to count words."
            )
        tokenizer = corpus.tokenizer, weights_digest(weights, settings.root)
    content = open_source(corpus.documents, settings.root).fingerprint()
    return Recipe(corpus.documents, content, tuple(steps), tokenizer)
