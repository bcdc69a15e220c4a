"""Builds the index of a version's passages, and gives bodies the fixture `retriever`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

from harness.config import Settings, VersionSettings
from harness.config.customization import RetrievalSettings, Step, packages_of
from harness.config.environment import version_of
from harness.errors import NotInLineageError, UsageError
from harness.models.embedding import embedder_digest
from harness.models.files.content_hash import file_hash
from harness.models.retrieval.index import Retriever, build_index, check_k, indexable, n_passages
from harness.models.version import Version
from harness.stages.build_state import BuildProgress, BuildState, unseen
from harness.stages.building import told_of, with_step
from harness.stages.lineage import StageContext
from harness.stages.made_folders import MadeFolder, find_made, make

KIND = "retrieval"
_NOT_BUILT_BY = ("passages", "k", "prompt")


def find_version(settings: Settings, version: VersionSettings, step: Step | None) -> VersionSettings | None:
    """The version with the index that was built before of the same passages in the same way; None where none was.

    Raises:
        UsageError: the passages are not there, or the model that embeds them.
    """
    assert step is not None
    made = find_made(KIND, _recipe(settings, step))
    if made is None or not made.is_here:
        return None
    with told_of(settings, step):
        check_k(cast("RetrievalSettings", step.settings), n_passages(made.path))
    return _with(version, step, made)


def check_step(settings: Settings, _version: VersionSettings, step: Step) -> None:
    """Refuse passages that can't be indexed.

    Raises:
        UsageError: a line that is no passage, too large a `k`, or what finds them is not installed.
    """
    _recipe(settings, step)
    with told_of(settings, step):
        indexable(cast("RetrievalSettings", step.settings), settings.root)


def build_version(
    settings: Settings, version: VersionSettings, step: Step | None, progress: BuildProgress
) -> VersionSettings:
    """The version with the index of its passages, built now.

    Raises:
        UsageError: a line that is no passage, or what finds them is not installed.
    """
    assert step is not None
    progress(BuildState(version.name, "indexing", unit="passages"))
    retrieval = cast("RetrievalSettings", step.settings)
    recipe = _recipe(settings, step)

    def told(done: int, total: int, note: str) -> None:
        progress(BuildState(version.name, "embedding", done, total, "passages", note))

    def build(folder: Path) -> None:
        build_index(retrieval, folder, settings.root, told)
        if _recipe(settings, step) != recipe:  # the index is kept under what the passages were
            raise UsageError(f"{retrieval.passages} or its model was changed while it was indexed; build it again.")

    with told_of(settings, step):
        made = make(KIND, recipe, build)
    return _with(version, step, made)


def _recipe(settings: Settings, step: Step) -> Mapping[str, Any]:
    retrieval = cast("RetrievalSettings", step.settings)
    passages = settings.root / retrieval.passages
    if not passages.is_file():
        raise UsageError(
            f"{settings.table(step.version)} retrieval: "
            f"{f'{passages} is a folder' if passages.is_dir() else f'there is no {passages}'}. Give a JSON lines file "
            'with a passage on each line: {"id": "hours", "text": "…"}.'
        )
    how = {name: value for name, value in asdict(retrieval).items() if name not in _NOT_BUILT_BY}
    by_meaning = retrieval.method != "bm25"
    if by_meaning:
        with told_of(settings, step):
            how["model"] = embedder_digest(retrieval.model, settings.root)
    else:
        del how["model"]
    packages = {name: version_of(name) for name in packages_of(retrieval)}
    return {**how, "passages": file_hash(passages), "packages": packages}


def _with(version: VersionSettings, step: Step, made: MadeFolder) -> VersionSettings:
    return with_step(version, step, replace(step, folder=str(made.path), content=made.content))


def load_retriever(version: Version, context: StageContext) -> Retriever:
    """The retriever of a version.

    Raises:
        NotInLineageError: it finds no passages.
    """
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
    step = version.retrieval
    if step is None or step.folder is None:
        example = 'retrieval = { passages = "passages.jsonl" }'
        raise NotInLineageError(version.name, "retriever", f"{example} in {settings.table(version.name)}")
    return Retriever(cast("RetrievalSettings", step.settings), Path(step.folder), settings.root)
