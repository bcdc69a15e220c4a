"""Finds the trackers that a run is handed to: those of the settings' tables, and the one with settings of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.config.settings import Settings
from harness.errors import SettingsError

OF_SETTINGS = "mlflow"
"""The tracker whose settings are Steelyard's own, `mlflow` and `mlflow_experiment`, and that takes no table."""
OPTIONS = ("mlflow", "store")
"""The options of the command line for it."""


def asked_for(settings: Settings, given: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The trackers by name, each with its options.

    Args:
        given: what the command line says of `OPTIONS`, None where it says nothing.
    """
    asked: dict[str, Mapping[str, Any]] = {}
    if settings.tracking is not None:
        asked[OF_SETTINGS] = {**given, "to": OF_SETTINGS if settings.trackers else None}
    return {**asked, **settings.trackers}


def check_tables(settings: Settings) -> None:
    """Refuse a table for the tracker that has settings of its own."""
    if OF_SETTINGS in settings.trackers:
        raise SettingsError(
            f"trackers.{OF_SETTINGS}: MLflow is asked for by the settings {OF_SETTINGS} and --{OF_SETTINGS}."
        )
