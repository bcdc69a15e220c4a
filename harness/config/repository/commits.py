"""Versions with the code of a commit: `--baseline git:main` is the candidate's version as it was there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from harness.config.asking import WhenAsked
from harness.config.corpora import CorpusSettings
from harness.config.repository.git import Asking, Repository
from harness.config.repository.history import is_same_version
from harness.config.repository.worktrees import check_out, leading_back
from harness.config.roles import candidate_name
from harness.config.settings import Settings, parse_toml, settings_of
from harness.config.versions import Checkout, VersionSettings
from harness.errors import SettingsError, some

GIT = "git:"
"""Begins the name of a version at a commit; a ref follows."""
_DIGITS = 12
_COMMIT = re.compile(r"[0-9a-f]{40}")


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
    told = _dirt if settings.candidate not in names else _clean
    commits = WhenAsked(names, partial(_home_of, replace(settings, candidate=candidate), told))
    versions = WhenAsked([*settings.versions, *names], partial(_of_either, settings.versions, commits))
    return replace(settings, versions=versions, commits=commits)


def _of_either(versions: Mapping[str, VersionSettings], commits: Mapping[str, Settings], name: str) -> VersionSettings:
    return commits[name].versions[name] if name in commits else versions[name]


def _home_of(settings: Settings, dirt: Callable[[Repository, str], list[str]], name: str) -> Settings:
    """The settings that a version at a commit is found in, by that name."""
    ref, own = name.removeprefix(GIT), candidate_name(settings)
    if not ref:
        raise SettingsError(f"{name!r} names no commit; write git:main, git:HEAD~1 or git:v1.0.")
    repository = Repository(settings.root, Asking(name, "for a commit", GIT))
    commit = repository.commit(ref)
    place = settings.root.resolve().relative_to(repository.root)
    tree = check_out(repository, commit, name)
    root = tree / place
    if not root.is_dir():
        raise SettingsError(f"{name}: the folder {place} of the settings was not there at commit {commit[:_DIGITS]}.")
    home, how = _settings_at(settings, root, own, commit)
    told = [f"{name} is {own} as it was at {commit[:_DIGITS]} ({repository.described(commit)}){how}"]
    told += [*dirt(repository, name), *_today(repository, name)]
    checkout = Checkout(commit, own, root, tree, repository.root, tuple(told))
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
    source = root / settings.source.name
    missing = f", with the settings of today: {source.name} did not have it"
    if not source.is_file():
        return now, missing
    try:
        then = settings_of(parse_toml(source.read_bytes(), source), source, commit)
        if own not in then.versions:
            return now, missing
        is_same = is_same_version(then.version(own), settings.version(own))
    except SettingsError as error:
        return now, f", with the settings of today, as those of the commit can't be read: {error}"
    home = replace(now, source=source, prefix=then.prefix, versions=then.versions, corpora=then.corpora)
    return home, "" if is_same else f", where {source.name} sets it otherwise than today"


def _clean(repository: Repository, name: str) -> list[str]:  # noqa: ARG001
    """Tell nothing: the candidate is a commit as well."""
    return []


def _dirt(repository: Repository, name: str) -> list[str]:
    """Tell of what is not committed: the candidate has it."""
    changed = _uncommitted(repository)
    if not changed:
        return []
    return [
        f"{some(changed)} {'is' if len(changed) == 1 else 'are'} not as committed: the candidate is the working tree "
        f"as it lies there, {name} has the commit's files alone"
    ]


def _today(repository: Repository, name: str) -> list[str]:
    """Tell of links that lead from the commit to the project as it lies there."""
    found = leading_back(repository)
    if not found:
        return []
    lead = "leads" if len(found) == 1 else "lead"
    return [f"{some(found)} {lead} to the project as it lies there: what {name} takes from there is of today"]


def revision_note(version: VersionSettings, folder: Path) -> str:
    """Warn of a version whose revision is a folder's commit, where files are not as committed; "" otherwise."""
    revision = version.revision or ""
    if version.checkout is not None or _COMMIT.search(revision) is None:
        return ""
    try:
        repository = Repository(folder)
        commit = repository.commit("HEAD")
        changed = _uncommitted(repository) if commit in revision else []
    except SettingsError:  # no clone: the commit is told from outside
        return ""
    if not changed:
        return ""
    return (
        f"the working tree differs from {commit[:_DIGITS]}, which is the revision of {version.name}, and its samples "
        f"count as those of {commit[:_DIGITS]}, but for files that are part of its fingerprint. Not as committed: "
        f"{some(changed)}"
    )


def _uncommitted(repository: Repository) -> list[str]:
    return sorted(path.relative_to(repository.root).as_posix() for path in repository.changed_since("HEAD").paths)
