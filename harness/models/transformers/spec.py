"""Declares the engine `transformers`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.config import VersionSettings
from harness.models.engine import Engine
from harness.models.spec import EngineSpec
from harness.models.weights import declared

_PACKAGES = ("transformers", "torch")


def _create(settings: VersionSettings, root: Path) -> Engine:
    from harness.models.transformers.engine import TransformersEngine

    return TransformersEngine(settings.engine_name, settings.engine_options, root)


def _identity(settings: VersionSettings, root: Path) -> dict[str, Any]:
    return declared.identity(TRANSFORMERS.significant(settings.engine_options), root, _PACKAGES)


TRANSFORMERS = EngineSpec(
    summary="weights in the transformers library",
    settings=declared.SETTINGS,
    create=_create,
    required=lambda options: ("weights",),
    check=declared.check,
    identity=_identity,
    insignificant=frozenset({"batch_size"}),
    not_noted=frozenset({"weights"}),
    source=lambda options: str(options["weights"]),
    packages=_PACKAGES,
    install='pip install "steelyard[transformers]"',
    extras=("transformers",),
    distributions=("transformers", "torch", "accelerate"),
)
