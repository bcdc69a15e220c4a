"""Builds the versions that are corpora, each recipe once, and gives bodies the fixture `corpus`."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config import Settings, VersionSettings
from harness.config.artifacts import Artifact, find_artifact, place_of
from harness.config.customization import BuildStep
from harness.config.roles import corpus_name
from harness.errors import CorpusError, NotInLineageError, SteelyardError
from harness.models.processes.worker import WaitingWorker
from harness.models.spec import engine_spec
from harness.models.version import Version
from harness.stages.build_state import BuildProgress, BuildState, unseen
from harness.stages.building import built
from harness.stages.data.corpus import Corpus, open_corpus
from harness.stages.data.recipe import CORPORA, Recipe, corpus_recipe

if TYPE_CHECKING:
    from harness.stages.lineage import StageContext

_MODULE = "harness.stages.data.build.process"
_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "PYTHONHASHSEED": "0"}


def find_version(
    settings: Settings, version: VersionSettings, _step: BuildStep | None = None
) -> VersionSettings | None:
    """The corpus as it was built before by the same recipe, from the same documents; None where it was not.

    Raises:
        UsageError: its documents are not there, or its recipe can't be followed.
    """
    engine_spec(version.engine).require_packages(version)
    made = find_artifact(CORPORA, corpus_recipe(settings, version.name).as_json())
    return None if made is None else replace(version, artifact=made)


def build_version(
    settings: Settings, version: VersionSettings, _step: BuildStep | None, progress: BuildProgress
) -> VersionSettings:
    """The corpus, built now.

    Raises:
        UsageError: as `find_version`, or a document that can't be read.
    """
    corpus = build_corpus(settings, version.name, progress=progress)
    return replace(version, artifact=Artifact(corpus.folder, corpus.fingerprint))


def build_corpus(
    settings: Settings,
    name: str,
    *,
    progress: BuildProgress = unseen,
    executor: Mapping[str, Any] | None = None,
) -> Corpus:
    """The corpus of this name; built first, unless it was before, by an executor in place of that of the settings."""
    recipe = corpus_recipe(settings, name)
    folder = corpus_folder(recipe)
    if find_artifact(CORPORA, recipe.as_json()) is not None and folder.is_dir():
        return open_corpus(folder, name)
    from harness.stages.data.build.process import BuildRequest

    work, chosen = folder.with_name(f"{folder.name}.draft"), executor or settings.corpora[name].executor
    tokenizer = recipe.tokenizer and dict(settings.versions[recipe.tokenizer[0]].engine_options)
    request = BuildRequest(settings, name, recipe, work, chosen, tokenizer)
    work.mkdir(parents=True, exist_ok=True)

    def tell(state: dict[str, Any]) -> None:
        if "failed" in state:
            raise CorpusError(state["failed"])
        progress(BuildState(name, **state))

    try:
        with WaitingWorker(_MODULE, name="The build", env=_ENVIRONMENT, log=work / "build.log") as worker:
            worker.call("build_ordered", {"order": pickle.dumps(request).hex()}, tell)
    except SteelyardError as error:
        raise CorpusError(f"The corpus {name!r} could not be built. {error}") from error
    return open_corpus(folder, name)


def corpus_folder(recipe: Recipe) -> Path:
    """Return the folder that keeps a recipe's corpus."""
    return place_of(CORPORA, recipe.as_json())


def _rebuild(settings: Settings, name: str, documents: Path, workers: int) -> Corpus:
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
    name = corpus_name(context.settings, version.settings)
    if name is None:
        return None
    made = version.settings.artifact or built(context.settings, name, offline=context.is_offline).artifact
    assert made is not None
    return open_corpus(made.path, name)
