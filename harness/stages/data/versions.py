"""Builds the versions that are corpora, and gives bodies the fixture `corpus`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.config import Settings, VersionSettings
from harness.config.customization import Step
from harness.config.roles import corpus_name
from harness.errors import NotInLineageError
from harness.models.corpus.spec import CONTENT, FOLDER, N_DOCUMENTS
from harness.models.spec import engine_spec
from harness.models.version import Version
from harness.stages.build_state import BuildProgress
from harness.stages.building import built
from harness.stages.known_builds import known_builds

if TYPE_CHECKING:
    from harness.stages.data.corpus import Corpus
    from harness.stages.lineage import StageContext

CORPUS = "corpus"


def find_version(settings: Settings, version: VersionSettings, _step: Step | None = None) -> VersionSettings | None:
    """The corpus as it was built before by the same recipe, from the same documents; None where it was not.

    Raises:
        UsageError: its documents are not there, or its recipe can't be followed.
    """
    engine_spec(version.engine).require_packages(version)
    from harness.stages.data.corpus import open_corpus
    from harness.stages.data.corpus_build import corpus_folder
    from harness.stages.data.recipe import corpus_recipe

    folder = corpus_folder(corpus_recipe(settings, version.name))
    if folder.is_dir():
        return _of(version, open_corpus(folder, version.name))
    known = known_builds().content(CORPUS, folder.name)
    if known is None:
        return None
    content, _, n_documents = known.partition(" ")
    made = {FOLDER: str(folder), CONTENT: content, N_DOCUMENTS: int(n_documents)}
    return replace(version, engine_options={**version.engine_options, **made})


def build_version(
    settings: Settings, version: VersionSettings, _step: Step | None, progress: BuildProgress
) -> VersionSettings:
    """The corpus, built now.

    Raises:
        UsageError: as `find_version`, or a document that can't be read.
    """
    from harness.stages.data.corpus_build import build_corpus

    return _of(version, build_corpus(settings, version.name, progress=progress))


def _of(version: VersionSettings, corpus: Corpus) -> VersionSettings:
    known_builds().note(CORPUS, corpus.folder.name, f"{corpus.fingerprint} {len(corpus)}")
    made = {FOLDER: str(corpus.folder), CONTENT: corpus.fingerprint, N_DOCUMENTS: len(corpus)}
    return replace(version, engine_options={**version.engine_options, **made})


def _rebuild(settings: Settings, name: str, documents: Path, workers: int) -> Corpus:
    from harness.stages.data.corpus_build import build_corpus

    corpora = {**settings.corpora, name: replace(settings.corpora[name], documents=str(documents))}
    return build_corpus(replace(settings, corpora=corpora), name, executor={"name": "local", "workers": workers})


def load_corpus(version: Version, context: StageContext) -> Corpus:
    """The corpus that a version is, or that it was last trained on.

    Raises:
        NotInLineageError: it is a model, which was made of none that the settings tell of.
        UsageError: the corpus can't be built, or is not there and nothing may be built.
    """
    corpus = _corpus_of(version, context)
    if corpus is None:
        raise NotInLineageError(version.name, "corpus")
    corpus.root = context.settings.root
    corpus.builder = partial(_rebuild, context.settings, corpus.name)
    if context.baseline is not None:
        home = context.baseline_settings or context.settings
        corpus.baseline = _corpus_of(context.baseline, replace(context, settings=home))
    return corpus


def _corpus_of(version: Version, context: StageContext) -> Corpus | None:
    from harness.stages.data.corpus import open_corpus

    name = corpus_name(context.settings, version.settings)
    if name is None:
        return None
    made = version.settings
    if FOLDER not in made.engine_options:
        made = built(context.settings, name, offline=context.is_offline)
    return open_corpus(Path(made.engine_options[FOLDER]), name)
