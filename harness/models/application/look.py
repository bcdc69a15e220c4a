"""Imports an application once, before anything is asked of any version, and refuses what it could not answer."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config import child_environment
from harness.errors import SettingsError
from harness.models.application.called import tell_of_opened
from harness.models.application.checkouts import check_modules, environment_of, list_watched, told_of_commit
from harness.models.application.engine import TIMEOUT_S, import_paths, worker_command
from harness.models.processes.ends import how_it_ended
from harness.models.processes.frames import encode_frame, parse_frame

if TYPE_CHECKING:
    from harness.config import VersionSettings

_LAST_LINES = 20


def check_call(settings: VersionSettings, folder: Path, python: str) -> None:
    """See that a call can be imported, and takes what the version's settings give it."""
    call, where = str(settings.engine_options["call"]), f"version {settings.name!r}"
    start = {"call": call, "paths": import_paths(folder), "only_look": True, **list_watched(settings)}
    ready: dict[str, Any] = _asked(settings, folder, python, start)["ready"]
    check_modules(settings, ready["modules"])
    if ready["opened"]:
        raise SettingsError(f"{where}: {tell_of_opened(call, ready['opened'][0])}")
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


def _asked(settings: VersionSettings, folder: Path, python: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Start a worker process with one frame, and return its answer."""
    call = str(settings.engine_options["call"])
    limit_s = float(settings.engine_options.get("timeout_s", TIMEOUT_S))
    where = f"version {settings.name!r}"
    try:
        done = subprocess.run(
            worker_command(python),
            input=encode_frame(asked),
            capture_output=True,
            cwd=folder,
            env=child_environment({"PWD": str(folder), **environment_of(settings, folder)}),
            timeout=limit_s,
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SettingsError(f"{where}: {call} was not imported within {limit_s:g} s (timeout_s).") from None
    except OSError as error:
        raise SettingsError(f"{where}: {python} can't be run: {error.strerror}.") from None
    message = parse_frame(done.stdout)
    if message is not None and "failed" not in message:
        return message
    if message is not None:
        what_helps = told_of_commit(settings) if " is not there: " in message["failed"] else ""
        raise SettingsError(f"{where}: {message['failed']}{what_helps}")
    lines = done.stderr.decode("utf-8", "replace").splitlines()[-_LAST_LINES:]
    how = how_it_ended(done.returncode)
    said = "".join(f"\n  {line}" for line in lines)
    raise SettingsError(f"{where}: the process that imports {call} {how}.{' Its last lines:' + said if said else ''}")
