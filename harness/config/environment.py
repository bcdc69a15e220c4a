"""Reads what Steelyard takes from the environment."""

from __future__ import annotations

import getpass
import importlib.metadata
import os
from collections.abc import Mapping
from pathlib import Path

from harness.config.addresses import absolute
from harness.errors import SettingsError


def cache_dir() -> Path:
    """The folder for converted weights: STEELYARD_CACHE, else `steelyard` in the user's cache folder."""
    explicit = os.environ.get("STEELYARD_CACHE")
    if explicit:
        return Path(explicit).expanduser()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "steelyard"


def child_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with changes, for a process that Steelyard starts."""
    return {**os.environ, **changes}


def free_threads() -> int:
    """How many threads a computation may take: OMP_NUM_THREADS, else the cores that this process may use."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdigit() and int(told) else len(os.sched_getaffinity(0))


def in_ci() -> bool:
    """Tell whether this runs in a CI system, by the variable that all of them set."""
    return bool(os.environ.get("CI"))


def colours_wanted() -> bool:
    """Tell whether a terminal may be written to in colour: NO_COLOR (no-color.org) is not set, or empty."""
    return not os.environ.get("NO_COLOR")


def secret(variable: str, *, wanted_by: str) -> str:
    """The value of an environment variable that holds a secret. Never stored, logged or shown.

    Raises:
        SettingsError: the variable is not set; the message names it and who wants it, never a value.
    """
    value = os.environ.get(variable, "").strip()
    if not value:
        raise SettingsError(
            f"The environment variable {variable} is not set; {wanted_by} reads its API key from it (api_key_env). "
            f"Set it, or remove api_key_env for an endpoint without a key."
        )
    return value


def token(variable: str) -> str:
    """The value of an environment variable that holds a forge's token; "" where it is not set. Never logged or shown.

    Raises:
        SettingsError: it holds what no token does; the message names the variable, never a value.
    """
    value = os.environ.get(variable, "").strip()
    if not (value.isascii() and value.isprintable()):
        raise SettingsError(f"The environment variable {variable} holds characters that no token has; set it anew.")
    return value


def quieten_deepeval() -> None:
    """Keep deepeval from sending telemetry, and from reading .env and .deepeval, unless the environment asks for it.

    To be called before deepeval is imported.
    """
    for name in ("DEEPEVAL_TELEMETRY_OPT_OUT", "DEEPEVAL_DISABLE_DOTENV", "DEEPEVAL_DISABLE_LEGACY_KEYFILE"):
        os.environ.setdefault(name, "1")


def model_registry(mlflow: str | None) -> str | None:
    """The address of MLflow's model registry: MLFLOW_REGISTRY_URI, else that of the settings, else
    MLFLOW_TRACKING_URI; None where none of them says.
    """
    named = os.environ.get("MLFLOW_REGISTRY_URI") or mlflow or os.environ.get("MLFLOW_TRACKING_URI")
    return absolute(named, Path.cwd()) if named else None


def user_name() -> str:
    """The name of who runs this, as the system knows it; "admin" where it knows none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no variable names one, and the user has no entry
        return "admin"


def version_of(distribution: str) -> str | None:
    """The installed version of a distribution, or None."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
