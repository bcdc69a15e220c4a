"""Versions to be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.models.description.description import describe_weights
from harness.models.lineage import LineageStep
from harness.reporting.weights.document import DescribedVersion


def described_version(weights: str | Path, name: str = "tiny", **options: Any) -> DescribedVersion:
    """A version of these weights."""
    found = describe_weights({"weights": str(weights), **options}, Path())
    return DescribedVersion(
        name, "0" * 32, found, (LineageStep("first", (), "somebody"), LineageStep(name, ("first",), "us"))
    )
