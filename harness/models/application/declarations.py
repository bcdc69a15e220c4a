"""Declares the engines `python` and `command`."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from harness.config import VersionSettings
from harness.config.typed import Between, Checked, FunctionName, Names, PathText, Text, WrongValueError
from harness.config.versions import EngineOptions
from harness.errors import EngineError, SettingsError
from harness.models.spec import EngineSpec, engine_spec

if TYPE_CHECKING:
    from harness.models.application.engine import ApplicationEngine

_SHELL_SIGNS = {"|", "||", "&", "&&", ";", "<", ">", ">>", "2>", "2>&1"}
_QUOTED = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.""", re.DOTALL)


def _command(value: Any) -> Any:
    """A command as the settings have it, of which the fingerprint is made."""
    if isinstance(value, str):
        sign = next((word for word in _QUOTED.sub("_", value).split() if word in _SHELL_SIGNS), None)
        if sign is not None:
            raise WrongValueError(
                f"has {sign!r} in it, and no shell runs it. Call one: command = "
                f"{json.dumps(['sh', '-c', value], ensure_ascii=False)}; or put the sign in quotes, to hand it on."
            )
    try:
        words = _words(value)
    except ValueError as error:
        raise WrongValueError(f"can't be split into words: {error}.") from None
    if not isinstance(words, list) or not words or not all(isinstance(part, str) and part for part in words):
        raise WrongValueError('is no command; write "node bot.js", or ["node", "bot.js"].')
    return value


def _words(command: Any) -> Any:
    return shlex.split(command) if isinstance(command, str) else command


@dataclass(frozen=True, kw_only=True)
class ApplicationOptions(EngineOptions):
    """An application of the project."""

    folder: PathText | None = None
    workers: Annotated[int, Between(1, 256)] = 1
    timeout_s: Annotated[float, Between(0.001)] | None = None
    files: Names = ()


@dataclass(frozen=True, kw_only=True)
class PythonOptions(ApplicationOptions):
    """A function."""

    call: FunctionName
    python: Text | None = None


@dataclass(frozen=True, kw_only=True)
class CommandOptions(ApplicationOptions):
    """A program."""

    command: Annotated[Any, Checked(_command, is_all=True)]


_INSIGNIFICANT = frozenset({"folder", "workers", "timeout_s"})
"""Settings of how it is asked, and of where it lies; what it answers depends on its content."""


def folder_of(settings: VersionSettings, root: Path) -> Path:
    """The folder that an application is imported from, or run in. Raises SettingsError: there is none."""
    from harness.models.application.identity import move_to_checkout

    folder = move_to_checkout(settings, root / Path(settings.engine_options.get("folder", ".")).expanduser()).resolve()
    if not folder.is_dir():
        raise SettingsError(f"version {settings.name!r}: folder = {str(folder)!r} is no folder.")
    return folder


def python_of(settings: VersionSettings, root: Path) -> str:
    """The interpreter that runs an application: this one, unless `python` names another."""
    named = settings.engine_options.get("python")
    if named is None:
        return sys.executable
    place = root / Path(named).expanduser()
    python = str(place) if place.is_file() else shutil.which(named)
    if python is None:
        raise SettingsError(
            f"version {settings.name!r}: python = {named!r} is no interpreter; name one such as .venv/bin/python."
        )
    return python


def command_of(settings: VersionSettings, folder: Path) -> list[str]:
    """The words of the command. Raises SettingsError: its program is not there."""
    from harness.models.application.identity import move_to_checkout

    words = _words(settings.engine_options["command"])
    places = [(word, Path(word)) for word in words]
    words = [word if (own := move_to_checkout(settings, place)) == place else str(own) for word, place in places]
    program = folder / Path(words[0]).expanduser() if "/" in words[0] else None
    executable = shutil.which(words[0] if program is None else str(program))
    if executable is None:
        where = "on the PATH" if program is None else f"in {folder}, or is not executable"
        raise SettingsError(f"version {settings.name!r}: command: the program {words[0]!r} is not {where}.")
    return [executable, *words[1:]]


def _create_python(settings: VersionSettings, root: Path) -> ApplicationEngine:
    from harness.models.application.engine import ApplicationEngine, worker_command
    from harness.models.application.identity import environment_of, import_paths, list_watched
    from harness.models.processes.worker import Worker

    folder, call, name = folder_of(settings, root), str(settings.engine_options["call"]), settings.engine_name
    start = {"name": name, "call": call, "paths": import_paths(folder), **list_watched(settings)}
    command, environment = worker_command(python_of(settings, root)), environment_of(settings, folder)
    spawn = partial(Worker.spawn, command, environment, name=name, start=start, folder=folder)
    return ApplicationEngine(name, call, spawn, settings.engine_options)


def _create_command(settings: VersionSettings, root: Path) -> ApplicationEngine:
    from harness.models.application.engine import ApplicationEngine
    from harness.models.application.identity import environment_of
    from harness.models.application.lines import UNBUFFERED, LineWorker

    folder, name = folder_of(settings, root), settings.engine_name
    command, environment = command_of(settings, folder), {**UNBUFFERED, **environment_of(settings, folder)}
    spawn = partial(LineWorker.spawn, command, environment, name=name, folder=folder)
    return ApplicationEngine(name, command[0], spawn, settings.engine_options)


def _check_python(settings: VersionSettings, root: Path) -> None:
    """Import the call once, before anything is asked of any version, and see that it takes what it would be given."""
    from harness.models.processes.worker import wait_for

    call, where = settings.engine_options["call"], f"version {settings.name!r}"
    one = replace(settings, engine_options={**settings.engine_options, "workers": 1})
    try:
        takes = wait_for(_create_python(one, root).look())
    except EngineError as error:
        raise SettingsError(str(error)) from None
    if settings.sampling and "sampling" not in takes["options"]:
        raise SettingsError(
            f"{where} has sampling = {dict(settings.sampling)!r}, which {call} does not take; give it a parameter "
            "`sampling`, or leave it out."
        )
    if settings.system is not None and not takes["takes_messages"]:
        raise SettingsError(
            f"{where} has a system text, and {call} takes a prompt; write `messages: list` as its first parameter, or "
            "leave `system` out."
        )


def _check_command(settings: VersionSettings, root: Path) -> None:
    command_of(settings, folder_of(settings, root))


def _identity(settings: VersionSettings, root: Path) -> Mapping[str, Any]:
    from harness.models.application.identity import content_of

    named = {*_INSIGNIFICANT, "files"}  # what the files hold is the content
    options = {name: value for name, value in settings.engine_options.items() if name not in named}
    return {"options": options, "content": content_of(settings, folder_of(settings, root))}


PYTHON = EngineSpec(
    summary="a function of the project",
    options=PythonOptions,
    create=_create_python,
    check=_check_python,
    identity=_identity,
    insignificant=_INSIGNIFICANT,
    tells_cost=True,
    source=lambda options: str(options["call"]),
)

COMMAND = EngineSpec(
    summary="a program that is asked in lines of JSON",
    options=CommandOptions,
    create=_create_command,
    check=_check_command,
    identity=_identity,
    insignificant=_INSIGNIFICANT,
    tells_cost=True,
    source=lambda options: shlex.join(_words(options["command"])),
)


def is_application(settings: VersionSettings) -> bool:
    """Tell whether a version is a function or a program of the project's."""
    return engine_spec(settings.engine) in (PYTHON, COMMAND)
