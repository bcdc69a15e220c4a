"""Versions to be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.models.description.description import WeightsDescription, describe_weights
from harness.models.lineage import LineageStep
from harness.reporting.weights import DescribedVersion


def weights(place: str | Path, **options: Any) -> WeightsDescription:
    """These weights."""
    return describe_weights({"weights": str(place), **options}, Path())


def described_version(place: str | Path, name: str = "tiny", **options: Any) -> DescribedVersion:
    """A version of these weights."""
    lineage = (LineageStep("first", (), "somebody"), LineageStep(name, ("first",), "us"))
    return DescribedVersion(name, "0" * 32, weights(place, **options), lineage)
