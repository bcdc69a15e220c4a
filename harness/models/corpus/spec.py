"""Declares what stands in the place of a corpus's engine.

It is behind no entry point: `[tool.steelyard.models]` has no corpora, and nobody chooses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.config import VersionSettings
from harness.errors import CapabilityError
from harness.models.engine import Engine
from harness.models.spec import EngineSpec


def _create(settings: VersionSettings, root: Path) -> Engine:
    raise CapabilityError(f"{settings.name} is a corpus, which answers nothing.")


def _source(options: Mapping[str, Any]) -> str:
    return f"documents of {options['documents']}"


CORPUS_SPEC = EngineSpec(
    summary="documents, which answer nothing",
    settings=MappingProxyType({}),
    create=_create,
    source=_source,
    packages=("datatrove",),
    install='pip install "steelyard[data]"',
    extras=("data",),
    distributions=("datatrove",),
    answers=False,
)
