"""Keeps deepeval quiet in a project of Steelyard's, before a conftest.py or a test module imports it."""

from __future__ import annotations

import importlib.util

import pytest


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Called before the first conftest.py is imported. Projects without Steelyard's settings are left alone."""
    if importlib.util.find_spec("deepeval") is None:
        return
    from harness.config.environment import quieten_deepeval
    from harness.config.settings import find_settings
    from harness.errors import SettingsError

    try:
        is_ours = any(map(find_settings, (early_config.invocation_params.dir, early_config.rootpath)))
    except SettingsError:  # told when an evaluation is there to need the settings
        return
    if is_ours:
        quieten_deepeval()
