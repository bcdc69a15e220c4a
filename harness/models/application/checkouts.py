"""Keeps an application at a commit to the files of that commit, where its environment leads to the project's own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config.environment import python_path
from harness.config.repository import Repository, is_installed
from harness.errors import SettingsError
from harness.models.application.engine import TIMEOUT_S, import_paths, worker_command
from harness.models.processes.worker import WaitingWorker

if TYPE_CHECKING:
    from harness.config.versions import VersionSettings


def environment_of(settings: VersionSettings, folder: Path) -> dict[str, str]:
    """The variables that an application at a commit has otherwise than this process: where this one looks for modules
    in the project, as after an editable install, it looks among the commit's files, and there first.
    """
    checkout = settings.checkout
    if checkout is None:
        return {}
    places = [Path(entry).resolve() for entry in sys.path]
    moved = [
        str(checkout.tree / place.relative_to(checkout.project))
        for place in places
        if place.is_relative_to(checkout.project)
        and not place.is_relative_to(checkout.tree)
        and not is_installed(place)
    ]
    return {"PYTHONPATH": python_path([*import_paths(folder), *filter(os.path.isdir, moved)])}


def list_watched(settings: VersionSettings) -> dict[str, Any]:
    """What a worker is told so that it notes which files of the project as it lies there it reads: where the project
    lies, and what it shares with the commit, such as what git ignores. Nothing for a version of no commit.
    """
    checkout = settings.checkout
    if checkout is None:
        return {}
    shared = [".git", *Repository(checkout.project).ignored()]
    places = [checkout.tree, *(checkout.project / name for name in shared)]
    return {"project": str(checkout.project), "shared": list(map(str, places))}


def move_to_checkout(settings: VersionSettings, path: Path) -> Path:
    """A path of the settings; one that leads into the project as it lies there, from outside, in the commit's files."""
    checkout = settings.checkout
    if checkout is None or not path.is_absolute() or path.is_relative_to(checkout.tree):
        return path
    place = Path(os.path.normpath(path))
    moved = checkout.tree / place.relative_to(checkout.project) if place.is_relative_to(checkout.project) else path
    return moved if moved.exists() else path


def check_call(settings: VersionSettings, folder: Path, python: str) -> None:
    """See that a call can be imported, and takes what the version's settings give it, before any version is asked."""
    call, where = str(settings.engine_options["call"]), f"version {settings.name!r}"
    limit_s = float(settings.engine_options.get("timeout_s", TIMEOUT_S))
    start = {"name": where, "call": call, "paths": import_paths(folder), **list_watched(settings)}
    environment = environment_of(settings, folder)
    with WaitingWorker(worker_command(python), start, name=where, env=environment, folder=folder) as worker:
        try:
            ready = worker.call("look", timeout_s=limit_s)
        except TimeoutError:
            raise SettingsError(f"{where}: {call} was not imported within {limit_s:g} s (timeout_s).") from None
    if settings.sampling and "sampling" not in ready["options"]:
        raise SettingsError(
            f"{where} has sampling = {dict(settings.sampling)!r}, which {call} does not take; give it a parameter "
            "`sampling`, or leave it out."
        )
    if settings.system is not None and not ready["takes_messages"]:
        raise SettingsError(
            f"{where} has a system text, and {call} takes a prompt; write `messages: list` as its first parameter, or "
            "leave `system` out."
        )
