"""Builds the index of a version's passages, and gives bodies the fixture `retriever`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from harness.config import Settings, VersionSettings
from harness.config.artifacts import find_artifact, get_or_build
from harness.config.customization import RetrievalSettings, Step, packages_of
from harness.config.environment import version_of
from harness.errors import NotInLineageError, UsageError
from harness.models.application.declarations import folder_of
from harness.models.application.identity import content_of
from harness.models.files.content_hash import file_hash
from harness.models.retrieval.index import build_index, check_k, indexable, n_passages
from harness.models.retrieval.retriever import Retriever, open_retriever
from harness.models.version import Version
from harness.stages.build_state import BuildProgress, BuildState, unseen
from harness.stages.building import told_of, with_step
from harness.stages.lineage import StageContext

KIND = "retrieval"


def find_version(settings: Settings, version: VersionSettings, step: Step | None) -> VersionSettings | None:
    """The version with the index that was built before of the same passages; None where none was. What a function finds
    is known by its code and what it reads, and needs no building.
    """
    assert step is not None
    retrieval = cast("RetrievalSettings", step.settings)
    if retrieval.call is not None:
        # What a function finds is identified by its code, as that of an application, and by the files that it reads.
        options = {"call": retrieval.call, "files": [*retrieval.files, *filter(None, [retrieval.passages])]}
        application = replace(version, engine="python", engine_options=options)
        with told_of(settings, step):
            content = content_of(application, folder_of(application, version.root(settings.root)))
        return with_step(version, step, replace(step, content=content))
    made = find_artifact(KIND, _recipe(settings, step))
    if made is None or not made.is_here:
        return None
    with told_of(settings, step):
        check_k(retrieval, n_passages(made.path))
    return with_step(version, step, replace(step, folder=str(made.path), content=made.digest))


def check_step(settings: Settings, _version: VersionSettings, step: Step) -> None:
    """Refuse passages that can't be indexed."""
    if (retrieval := cast("RetrievalSettings", step.settings)).call is None:
        _recipe(settings, step)
        with told_of(settings, step):
            indexable(retrieval, settings.root)


def build_version(
    settings: Settings, version: VersionSettings, step: Step | None, progress: BuildProgress
) -> VersionSettings:
    """The version with the index of its passages, built now."""
    assert step is not None
    progress(BuildState(version.name, "indexing", unit="passages"))
    retrieval, recipe = cast("RetrievalSettings", step.settings), _recipe(settings, step)

    def build(folder: Path) -> None:
        build_index(retrieval, folder, settings.root)
        if _recipe(settings, step) != recipe:  # the index is kept under what the passages were
            raise UsageError(f"{retrieval.passages} was changed while it was indexed; build it again.")

    with told_of(settings, step):
        made = get_or_build(KIND, recipe, build)
    return with_step(version, step, replace(step, folder=str(made.path), content=made.digest))


def _recipe(settings: Settings, step: Step) -> Mapping[str, Any]:
    retrieval = cast("RetrievalSettings", step.settings)
    passages = settings.root / str(retrieval.passages)
    if not passages.is_file():
        raise UsageError(
            f"{settings.table(step.version)} retrieval: "
            f"{f'{passages} is a folder' if passages.is_dir() else f'there is no {passages}'}. Give a JSON lines file "
            'with a passage on each line: {"id": "hours", "text": "…"}.'
        )
    return {
        "passages": file_hash(passages),
        "packages": {name: version_of(name) for name in packages_of(retrieval)},
    }


def load_retriever(version: Version, context: StageContext) -> Retriever:
    """The retriever of a version. Raises NotInLineageError: it finds no passages."""
    return _retriever(context.settings, version.settings)


def built_retriever(settings: Settings, name: str, progress: BuildProgress = unseen) -> Retriever:
    """The retriever of a version of which nothing but the index is built, where that is not there.

    Raises:
        NotInLineageError: it finds no passages.
        UsageError: there is no such version, or its index can't be built.
    """
    version, home = settings.version(name), settings.home(name)
    step = version.retrieval
    if step is not None:
        version = find_version(home, version, step) or build_version(home, version, step, progress)
    return _retriever(home, version)


def _retriever(settings: Settings, version: VersionSettings) -> Retriever:
    if version.retrieval is None:
        example = 'retrieval = { passages = "passages.jsonl" }'
        raise NotInLineageError(version.name, "retriever", f"{example} in {settings.table(version.name)}")
    return open_retriever(version, settings.root)
