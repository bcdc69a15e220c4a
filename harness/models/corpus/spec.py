"""Declares what stands in the place of a corpus's engine.

It is behind no entry point: `[tool.steelyard.models]` has no corpora, and nobody chooses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.config.versions import VersionSettings
from harness.errors import CapabilityError, CorpusError
from harness.models.engine import Engine
from harness.models.spec import EngineSpec

FOLDER = "folder"
"""Of a corpus that was built: where it lies on this machine."""
CONTENT = "content"
"""Of a corpus that was built: the digest of its documents."""
N_DOCUMENTS = "n_documents"
"""Of a corpus that was built: how many documents it has."""


def _create(settings: VersionSettings, root: Path) -> Engine:
    raise CapabilityError(f"{settings.name} is a corpus, which answers nothing.")


def _identity(settings: VersionSettings, root: Path) -> Mapping[str, Any]:
    if CONTENT not in settings.engine_options:
        raise CorpusError(f"{settings.name} is not built here: `steelyard build {settings.name}` does that.")
    return {CONTENT: settings.engine_options[CONTENT]}


def _source(options: Mapping[str, Any]) -> str:
    return f"documents of {options['documents']}"


CORPUS_SPEC = EngineSpec(
    summary="documents, which answer nothing",
    create=_create,
    identity=_identity,
    not_noted=frozenset({FOLDER}),
    source=_source,
    packages=("datatrove",),
    install='pip install "steelyard[data]"',
    extras=("data",),
    distributions=("datatrove",),
    answers=False,
)
