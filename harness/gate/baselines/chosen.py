"""Finds the baseline that the settings name: a version, or a recorded file."""

from __future__ import annotations

from pathlib import Path

from harness.config import Settings
from harness.config.repository.git import Repository
from harness.config.settings import NO_BASELINE
from harness.config.versions import GIT
from harness.errors import SettingsError, choices
from harness.gate.baselines.files import SUFFIX, read_recording
from harness.gate.baselines.recording import Recording

FOLDER = Path("reports") / "baselines"
"""Of a project: where its recorded baselines lie."""


def recording_named(settings: Settings) -> Recording | None:
    """The recording that `baseline` of the settings names; None where it names a version, or there is none.

    A version's name wins; then a file reports/baselines/NAME.json; then a path, from the project's folder or from that
    one.

    Raises:
        UsageError: it is none of these, with the nearest of what there is; a file that is no recording.
    """
    name, folder = settings.baseline, settings.root / FOLDER
    if name is None or name in settings.versions or name == NO_BASELINE:
        return None
    is_path = name.endswith(SUFFIX) or "/" in name
    for place in (settings.root / name, folder / name) if is_path else (folder / f"{name}{SUFFIX}",):
        try:
            is_file = place.is_file()
        except (OSError, ValueError):  # a name too long for a file, or with a NUL
            is_file = False
        if is_file:
            return read_recording(place)
    known = sorted(folder.glob(f"*{SUFFIX}"))
    if is_path:
        names = [path.name for path in known]
        raise SettingsError(f"{choices('recorded baseline', name, names)} Looked in {settings.root} and {folder}.")
    more = (
        f" Define a version as {settings.table('NAME')}; a recorded baseline is {FOLDER}/{name}{SUFFIX}, which "
        f"`steelyard baseline record --name {name}` writes of a run."
    )
    if _is_commit(settings, name):
        more = f" Did you mean {GIT}{name}, the candidate as it was at that commit?"
    names = list(dict.fromkeys([*settings.versions, *(path.stem for path in known)]))
    raise SettingsError(f"{choices('baseline', name, names)}{more}")


def recorded_path(settings: Settings, name: str) -> Path:
    """Give the path where the recording of this name lies, or would.

    Raises:
        SettingsError: the name is no name of a file.
    """
    name = name.removesuffix(SUFFIX)
    if not name or name.startswith(".") or any(not each.isprintable() or each in '/\\:*?"<>|' for each in name):
        raise SettingsError(f"{name!r} can't be the name of a recorded baseline: write letters, digits, - and _.")
    if name == NO_BASELINE:
        raise SettingsError(f"A recorded baseline can't be called {name!r}: --baseline {name} means something else.")
    return settings.root / FOLDER / f"{name}{SUFFIX}"


def _is_commit(settings: Settings, ref: str) -> bool:
    try:
        return bool(Repository(settings.root).commit(ref))
    except SettingsError:  # no such ref, or no repository
        return False
