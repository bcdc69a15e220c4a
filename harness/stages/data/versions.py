"""Builds the versions that are corpora."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.config import Settings, VersionSettings
from harness.models.corpus.spec import CONTENT, FOLDER, N_DOCUMENTS
from harness.models.spec import engine_spec
from harness.stages.build_state import BuildProgress

if TYPE_CHECKING:
    from harness.stages.data.corpus import Corpus


def find_version(settings: Settings, version: VersionSettings) -> VersionSettings | None:
    """The corpus as it was built before by the same recipe, from the same documents; None where it was not.

    Raises:
        UsageError: its documents are not there, or its recipe can't be followed.
    """
    engine_spec(version.engine).require_packages(version)
    from harness.stages.data.corpus_build import find_corpus

    corpus = find_corpus(settings, version.name)
    return None if corpus is None else _of(version, corpus)


def build_version(settings: Settings, version: VersionSettings, progress: BuildProgress) -> VersionSettings:
    """The corpus, built now.

    Raises:
        UsageError: as `find_version`, or a document that can't be read.
    """
    from harness.stages.data.corpus_build import build_corpus

    return _of(version, build_corpus(settings, version.name, progress=progress))


def _of(version: VersionSettings, corpus: Corpus) -> VersionSettings:
    made = {FOLDER: str(corpus.folder), CONTENT: corpus.fingerprint, N_DOCUMENTS: len(corpus)}
    return replace(version, engine_options={**version.engine_options, **made})
