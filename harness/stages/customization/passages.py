"""Builds the index of a version's passages, and gives bodies the fixture `retriever`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from harness.config import Settings, VersionSettings
from harness.config.artifacts import Artifact, find_artifact, get_or_build
from harness.config.customization import BuildStep, RetrievalSettings
from harness.errors import NotInLineageError, UsageError
from harness.models.application.declarations import folder_of
from harness.models.application.identity import content_of
from harness.models.files.content_hash import file_hash
from harness.models.retrieval.index import build_index, check_k, indexable, n_passages
from harness.models.retrieval.retriever import Retriever, open_retriever
from harness.models.version import Version
from harness.stages.beginning import package_versions
from harness.stages.build_state import BuildProgress, BuildState, unseen
from harness.stages.building import reporting_step, with_step
from harness.stages.lineage import StageContext

KIND = "retrieval"


def find_version(settings: Settings, version: VersionSettings, step: BuildStep) -> VersionSettings | None:
    """The version with the index that was built before of the same passages; None where none was. What a function finds
    is known by its code, as that of an application, and by the files that it reads; it needs no building.
    """
    retrieval = cast("RetrievalSettings", step.settings)
    if retrieval.call is not None:
        options = {"call": retrieval.call, "files": [*retrieval.files, *filter(None, [retrieval.passages])]}
        application = replace(version, engine="python", engine_options=options)
        root = version.root(settings.root)
        made = Artifact(root, content_of(application, folder_of(application, root)))
        return with_step(version, step, made)
    artifact = find_artifact(KIND, _recipe(settings, retrieval))
    if artifact is None or not artifact.is_here:
        return None
    check_k(retrieval, n_passages(artifact.path))
    return with_step(version, step, artifact)


def check_step(settings: Settings, _version: VersionSettings, step: BuildStep, _progress: BuildProgress) -> None:
    """Refuse passages that can't be indexed."""
    if (retrieval := cast("RetrievalSettings", step.settings)).call is None:
        _recipe(settings, retrieval)
        indexable(retrieval, settings.root)


def build_version(
    settings: Settings, version: VersionSettings, step: BuildStep, progress: BuildProgress
) -> VersionSettings:
    """The version with the index of its passages, built now."""
    progress(BuildState(version.name, "indexing", unit="passages"))
    retrieval = cast("RetrievalSettings", step.settings)
    recipe = _recipe(settings, retrieval)

    def build(folder: Path) -> None:
        build_index(retrieval, folder, settings.root)
        if _recipe(settings, retrieval) != recipe:  # the index is kept under what the passages were
            raise UsageError(f"{retrieval.passages} was changed while it was indexed; build it again.")

    return with_step(version, step, get_or_build(KIND, recipe, build))


def _recipe(settings: Settings, retrieval: RetrievalSettings) -> Mapping[str, Any]:
    path = settings.root / str(retrieval.passages)
    if not path.is_file():
        raise UsageError(
            f"{f'{path} is a folder' if path.is_dir() else f'there is no {path}'}. Give a JSON lines file "
            'with a passage on each line: {"id": "hours", "text": "…"}.'
        )
    return {"passages": file_hash(path), "packages": package_versions(retrieval)}


def load_retriever(version: Version, context: StageContext) -> Retriever:
    """The retriever of a version. Raises NotInLineageError: it finds no passages."""
    return _retriever(context.settings, version.settings)


def built_retriever(settings: Settings, name: str, progress: BuildProgress = unseen) -> Retriever:
    """The retriever of a version of which nothing but the index is built, where that is not there. Raises as
    `load_retriever` and `built` do.
    """
    version, home = settings.version(name), settings.home(name)
    if (step := version.retrieval) is not None:
        with reporting_step(home, step):
            version = find_version(home, version, step) or build_version(home, version, step, progress)
    return _retriever(home, version)


def _retriever(settings: Settings, version: VersionSettings) -> Retriever:
    if version.retrieval is None:
        example = 'retrieval = { passages = "passages.jsonl" }'
        raise NotInLineageError(version.name, "retriever", f"{example} in {settings.table(version.name)}")
    return open_retriever(version, settings.root)
