"""Declares what stands in the place of a corpus's engine; it is behind no entry point, and nobody chooses it."""

from __future__ import annotations

from pathlib import Path

from harness.config.versions import VersionSettings
from harness.errors import CapabilityError, install
from harness.models.engine import Engine
from harness.models.spec import EngineSpec


def _create(settings: VersionSettings, root: Path) -> Engine:
    raise CapabilityError(f"{settings.name} is a corpus, which answers nothing.")


CORPUS_SPEC = EngineSpec(
    summary="documents, which answer nothing",
    create=_create,
    source=lambda options: f"documents of {options['documents']}",
    packages=("datatrove",),
    install=install("data"),
    extras=("data",),
    distributions=("datatrove",),
    answers=False,
)
