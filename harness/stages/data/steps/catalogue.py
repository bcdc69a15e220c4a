"""Finds a step by the name that a recipe gives it, and settles its options."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness import doors
from harness.config import Settings, setting_checks
from harness.errors import DoorError, SettingsError
from harness.stages.data.steps.step import StepSpec


def find_step(name: str, root: Path) -> StepSpec:
    """The declaration of a step: one behind an entry point, or the user's own `"module:function"` under `root`.

    Raises:
        DoorError: there is none of that name (the message lists those that there are, and the nearest), or two.
        SettingsError: a user's own can't be imported.
    """
    if ":" in name:
        from harness.stages.data.steps.user import user_step

        return user_step(name, root)
    door = doors.find("steps", name)
    spec = doors.load(door)
    if not isinstance(spec, StepSpec):
        raise DoorError(f"The step {name!r} of {door.provider} is no StepSpec: {door.target} is {type(spec).__name__}.")
    return spec


def step_options(spec: StepSpec, table: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """All options of a step, those of its table checked and the others at their defaults.

    Args:
        where: the table as the user wrote it, such as "[tool.steelyard.corpora.clean] language".

    Raises:
        SettingsError: a key is unknown, or a value wrong.
    """
    setting_checks.refuse_unknown(table, spec.options, where=where)
    given = {name: spec.options[name].check(value, name, where=where) for name, value in table.items()}
    settled = {name: given.get(name, option.default) for name, option in spec.options.items()}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settled.items()}


def step_identity(spec: StepSpec, options: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """All that the outcome of a step depends on, as data that JSON can hold.

    Raises:
        SettingsError: one of its packages is not installed; the message says how to install it.
    """
    return {
        "step": spec.name,
        "version": spec.version,
        "options": dict(options),
        "packages": package_versions(spec),
        **spec.identity(options, settings),
    }


def package_versions(spec: StepSpec) -> dict[str, str]:
    """The versions of the distributions that a step needs.

    Raises:
        SettingsError: one is not installed; the message says how to install it.
    """
    found: dict[str, str] = {}
    missing: list[str] = []
    for package in spec.packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            missing.append(package)
    if missing:
        remedy = f" Install it with: {spec.install}" if spec.install else ""
        raise SettingsError(f"The step {spec.name!r} needs {' and '.join(missing)}, not installed here.{remedy}")
    return found
