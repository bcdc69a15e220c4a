"""Imports an application once, before anything is asked of any version, and refuses what it could not answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import SettingsError
from harness.models.application.called import tell_of_opened
from harness.models.application.checkouts import check_modules, environment_of, list_watched, told_of_commit
from harness.models.application.engine import TIMEOUT_S, import_paths, worker_command
from harness.models.processes.worker import WaitingWorker

if TYPE_CHECKING:
    from harness.config import VersionSettings


def check_call(settings: VersionSettings, folder: Path, python: str) -> None:
    """See that a call can be imported, and takes what the version's settings give it."""
    call, where = str(settings.engine_options["call"]), f"version {settings.name!r}"
    limit_s = float(settings.engine_options.get("timeout_s", TIMEOUT_S))
    start = {"name": where, "call": call, "paths": import_paths(folder), **list_watched(settings)}
    environment = environment_of(settings, folder)
    with WaitingWorker(worker_command(python), start, name=where, env=environment, folder=folder) as worker:
        try:
            looked = worker.call("look", timeout_s=limit_s)
        except TimeoutError:
            raise SettingsError(f"{where}: {call} was not imported within {limit_s:g} s (timeout_s).") from None
        except SettingsError as error:
            raise SettingsError(f"{error}{told_of_commit(settings) * getattr(error, 'is_missing', False)}") from None
    ready = looked["ready"]
    check_modules(settings, looked["modules"])
    if looked["opened"]:
        raise SettingsError(f"{where}: {tell_of_opened(call, looked['opened'][0])}")
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
