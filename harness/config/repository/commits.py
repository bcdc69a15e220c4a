"""Versions with the code of a commit: `--baseline git:main` is the candidate's version as it was there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from harness.config.asking import WhenAsked
from harness.config.corpora import CorpusSettings
from harness.config.repository.git import Repository
from harness.config.repository.worktrees import check_out
from harness.config.roles import candidate_name
from harness.config.settings import Settings, parse_toml, settings_file, settings_of
from harness.config.versions import GIT, Checkout, VersionSettings
from harness.errors import SettingsError

_DIGITS = 12


def with_commits(settings: Settings, default: str | None = None) -> Settings:
    """The settings with the versions that candidate and baseline name by a commit, each made when it is asked for.

    Args:
        default: the candidate where the one of `settings` is a commit.
    """
    roles = (settings.candidate, settings.baseline)
    names = [name for name in dict.fromkeys(roles) if name and name.startswith(GIT) and name not in settings.versions]
    if not names:
        return settings
    candidate = default if settings.candidate in names else settings.candidate
    commits = WhenAsked(names, partial(_home_of, replace(settings, candidate=candidate), settings.candidate))
    versions = WhenAsked([*settings.versions, *names], partial(_of_either, settings.versions, commits))
    return replace(settings, versions=versions, commits=commits)


def _of_either(versions: Mapping[str, VersionSettings], commits: Mapping[str, Settings], name: str) -> VersionSettings:
    return commits[name].versions[name] if name in commits else versions[name]


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
    place = settings.root.resolve().relative_to(repository.root)
    tree = check_out(repository, commit, name)
    root = tree / place
    if not root.is_dir():
        raise SettingsError(f"{name}: the folder {place} of the settings was not there at commit {commit[:_DIGITS]}.")
    home, how = _settings_at(settings, root, own, commit)
    told = f"{name} is {own} as it was at {commit[:_DIGITS]} ({repository.described(commit)}){how}"
    checkout = Checkout(commit, own, root, tree, repository.root, (told,))
    now = settings.version(own)
    version = replace(
        home.version(own), name=name, checkout=checkout, price=now.price, price_per_hour=now.price_per_hour
    )
    return replace(
        home,
        versions=WhenAsked([*home.versions, name], partial(_version, home.versions, version)),
        corpora=home.corpora
        if own not in home.corpora
        else WhenAsked([*home.corpora, name], partial(_corpus, home.corpora, own, name)),
    )


def _version(versions: Mapping[str, VersionSettings], at_commit: VersionSettings, name: str) -> VersionSettings:
    return at_commit if name == at_commit.name else versions[name]


def _corpus(corpora: Mapping[str, CorpusSettings], own: str, alias: str, name: str) -> CorpusSettings:
    return replace(corpora[own], name=alias) if name == alias else corpora[name]


def _settings_at(settings: Settings, root: Path, own: str, commit: str) -> tuple[Settings, str]:
    """The settings whose versions and files are those of the commit, and what to tell of them.

    Where the commit's settings do not have the version, it is taken as it is set now.
    """
    now = replace(settings, root=root)
    if settings.source is None:
        return now, ""
    missing = ", with the settings of today: {} did not have it"
    try:
        found = settings_file(root)
        if found is None:
            return now, missing.format(settings.source.name)
        source, content = found
        then = settings_of(parse_toml(content, source), source, commit)
        if own not in then.versions:
            return now, missing.format(source.name)
        content = settings.source.read_bytes()
        today = settings_of(parse_toml(content, settings.source), settings.source, commit)  # but for ${GIT_SHA}
        is_same = _deciding(then.version(own)) == _deciding(today.version(own))
    except SettingsError as error:
        return now, f", with the settings of today, as those of the commit can't be read: {error}"
    home = replace(now, source=source, prefix=then.prefix, versions=then.versions, corpora=then.corpora)
    return home, "" if is_same else f", where {source.name} sets it otherwise than today"


def _deciding(version: VersionSettings) -> VersionSettings:
    """A version without what its answers don't depend on."""
    return replace(version, price=None, base=None)
