"""Versions with the code of a commit: `--baseline git:main` is the candidate's version as it was there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from harness.config.asking import WhenAsked
from harness.config.repository import Repository
from harness.config.roles import candidate_name
from harness.config.settings import Settings, parse_toml, settings_file, settings_of
from harness.config.versions import GIT, Checkout, VersionSettings
from harness.errors import SettingsError

_DIGITS = 12
_Read = TypeVar("_Read")


def with_commits(settings: Settings, default: str | None = None) -> Settings:
    """The settings with the versions that candidate, baseline and anchor name by a commit, made when asked for.

    Args:
        default: the candidate where the one of `settings` is a commit.
    """
    roles = (settings.candidate, settings.baseline, settings.anchor)
    names = [name for name in dict.fromkeys(roles) if name and name.startswith(GIT) and name not in settings.versions]
    if not names:
        return settings
    candidate = default if settings.candidate in names else settings.candidate
    commits = WhenAsked(names, partial(_home_of, replace(settings, candidate=candidate), settings.candidate))
    at_commits = WhenAsked(names, partial(_version_of, commits))
    return replace(settings, versions=_with(at_commits, settings.versions), commits=commits)


def _version_of(commits: Mapping[str, Settings], name: str) -> VersionSettings:
    return commits[name].versions[name]


def _with(more: Mapping[str, _Read], known: Mapping[str, _Read]) -> Mapping[str, _Read]:
    return WhenAsked([*known, *more], partial(_of_either, more, known))


def _of_either(more: Mapping[str, _Read], known: Mapping[str, _Read], name: str) -> _Read:
    return more[name] if name in more else known[name]


def _home_of(settings: Settings, asked: str | None, name: str) -> Settings:
    """The settings that a version at a commit is found in, by that name.

    Args:
        settings: whose candidate is the version.
        asked: the candidate that was asked for, which may be a commit.
    """
    if asked is not None and asked.startswith(GIT) and settings.candidate is None and len(settings.models) > 1:
        raise SettingsError(
            f'--candidate {asked} is a commit of which version? Write candidate = "NAME" in {settings.place}. '
            f"Versions: {', '.join(sorted(settings.versions))}."
        )
    ref, own = name.removeprefix(GIT), candidate_name(settings)
    if not ref:
        raise SettingsError(f"{name!r} names no commit; write git:main, git:HEAD~1 or git:v1.0.")
    repository = Repository(settings.root, name)
    commit = repository.commit(ref)
    place, tree = settings.root.resolve().relative_to(repository.root), repository.check_out(commit)
    root = tree / place
    if not root.is_dir():
        raise SettingsError(f"{name}: the folder {place} of the settings was not there at commit {commit[:_DIGITS]}.")
    home, how = _settings_at(settings, root, own, commit)
    note = f"{name} is {own} as it was at {commit[:_DIGITS]} ({repository.described(commit)}){how}"
    checkout = Checkout(commit, own, root, tree, repository.root, (note,))
    prices = {each: getattr(settings.version(own), each) for each in ("price", "price_per_hour")}
    version = replace(home.version(own), name=name, checkout=checkout, **prices)
    home = replace(home, versions=_with({name: version}, home.versions))
    if own in home.corpora:
        return replace(home, corpora=_with({name: replace(home.corpora[own], name=name)}, home.corpora))
    return home


def _settings_at(settings: Settings, root: Path, own: str, commit: str) -> tuple[Settings, str]:
    """The settings whose versions and files are those of the commit, and what to tell of them.

    Where the commit's settings do not have the version, it is taken as it is set now.
    """
    now = replace(settings, root=root)
    if settings.source is None:
        return now, ""
    try:
        file = settings_file(root)
        then = None if file is None else settings_of(parse_toml(file[1], file[0]), file[0], commit)
        if file is None or then is None or own not in then.versions:
            source = settings.source if file is None else file[0]
            return now, f", with the settings of today: {source.name} did not have it"
        today = settings_of(parse_toml(settings.source.read_bytes(), settings.source), settings.source, commit)
        versions = then.version(own), today.version(own)  # the same but for ${GIT_SHA}
        is_same = _deciding(versions[0]) == _deciding(versions[1])
    except SettingsError as error:
        return now, f", with the settings of today, as those of the commit can't be read: {error}"
    home = replace(now, source=file[0], prefix=then.prefix, versions=then.versions, corpora=then.corpora)
    return home, "" if is_same else f", where {file[0].name} sets it otherwise than today"


def _deciding(version: VersionSettings) -> VersionSettings:
    """A version without what its answers don't depend on."""
    return replace(version, price=None, base=None)
