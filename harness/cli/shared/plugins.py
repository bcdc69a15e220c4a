"""Tries what stands behind every entry point, as a gate that asks for it would, for `steelyard doctor`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.doors import Door
from harness.errors import SteelyardError


def broken(door: Door) -> str | None:
    """Tell why a door is of no use; None where it can be loaded and is what its group wants.

    What its module prints goes to stderr, so that it is no part of the command's answer. What Steelyard brings with an
    extra that is not installed is not broken: the extras are told of by themselves.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            _loaders()[door.group](door.name)
    except (SteelyardError, ModuleNotFoundError) as error:
        return None if door.is_own and _lacks_an_extra(error) else str(error)
    return None


def _loaders() -> Mapping[str, Callable[[str], Any]]:
    """The function of each group that loads a door of it and refuses what is of another kind."""
    from harness.models.spec import engine_spec
    from harness.reporting.writing import load_format
    from harness.scoring.registered import registered

    def tracker(name: str) -> Any:
        from harness.tracking.tracker import tracker

        return tracker(name)

    def step(name: str) -> Any:
        from harness.stages.data.steps.user import find_step

        return find_step(name, Path())

    return {"engines": engine_spec, "checks": registered, "reports": load_format, "trackers": tracker, "steps": step}


def _lacks_an_extra(error: BaseException) -> bool:
    """Tell whether an error began with a package of others that is not installed."""
    while error.__cause__ is not None:
        error = error.__cause__
    return isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] != "harness"
