"""`steelyard models`: the versions that the settings define, and whether each could answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from harness.cli.console import shows
from harness.config.settings import Settings, load_settings
from harness.errors import SettingsError, UsageError
from harness.models.lineage import differences
from harness.reporting.shared.text import Block

_UNKNOWN = "-"


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """One version as `steelyard models` shows it.

    Attributes:
        roles: of "candidate", "baseline" and "judge" those that the settings give it.
        source: its weights, its endpoint and model, or its scripted answers.
        differs: setting → value, of what sets it apart from `base`; empty without a base.
        fingerprint: None where the version is too incomplete to have one, is not built yet, or only the registry of its
            weights can tell.
        problem: why it could not answer, or be built, with what to do; None for a version that could. Where its
            settings can't be understood, `engine` and `source` are "-".
        endpoint: whether it is a server's answer, which is asked by a run only.
        built: False where something that it is made of has to be built first.
    """

    name: str
    engine: str
    roles: tuple[str, ...]
    source: str
    base: str | None
    differs: Mapping[str, Any]
    fingerprint: str | None
    problem: str | None
    endpoint: bool
    built: bool = True

    @property
    def state(self) -> str:
        """Its readiness; an endpoint or a registry that was not asked is configured, and no more is known."""
        if self.problem is not None:
            return "not ready"
        if not self.built:
            return "to be built"
        return "configured" if self.endpoint or self.fingerprint is None else "ready"


@dataclass(frozen=True, slots=True)
class Listing:
    """Versions, and the file of the settings."""

    versions: tuple[ListedVersion, ...]
    source: Path | None

    def as_json(self) -> list[dict[str, Any]]:
        """The versions alone."""
        return [{**asdict(each), "ready": each.problem is None, "state": each.state} for each in self.versions]


def _view(listing: Listing) -> Iterator[Block]:
    if not listing.versions:
        where = listing.source or "no pyproject.toml or steelyard.toml here or above"
        yield f"There are no versions ({where}). `steelyard init` writes two to start from."
        return
    width = max(len("version"), *(len(each.name) for each in listing.versions))
    yield f"{'version':<{width}}  {'engine':<12}  {'fingerprint':<12}  state"
    for each in listing.versions:
        roles = f"  ({', '.join(each.roles)})" if each.roles else ""
        digits = (each.fingerprint or _UNKNOWN)[:12]
        yield f"{each.name:<{width}}  {each.engine:<12}  {digits:<12}  {each.state}{roles}"
        details = [] if each.source == _UNKNOWN else [each.source]
        if each.base is not None:
            told = [f"{key} = {json.dumps(v, default=str, ensure_ascii=False)}" for key, v in each.differs.items()]
            details = [f"{each.base} with {', '.join(told) or 'no difference'}"]
        yield from (("  ", line) for text in (*details, each.problem or "") for line in text.splitlines())


@click.command()
@click.argument("name", required=False)
@shows(_view, "Write a JSON list, with whole fingerprints.")
def models(name: str | None) -> Listing:
    """List the versions of the settings, models and corpora, or the one called NAME.

    A fingerprint covers everything that a version's answers depend on: equal fingerprints share stored samples. That of
    a corpus is of its documents; it has none until it is built.

    \b
    Examples:
      steelyard models
      steelyard models smollm2 --json
    """
    settings = load_settings(Path.cwd())
    names = [settings.version(name).name] if name is not None else list(settings.versions)
    return Listing(tuple(describe(settings, each) for each in names), settings.source)


def describe(settings: Settings, name: str) -> ListedVersion:
    """Describe a version; nothing is built, loaded or asked. Settings that can't be are its problem."""
    from harness.models.engine_creation import check_version
    from harness.models.spec import engine_spec
    from harness.models.version import fingerprint_here, is_built
    from harness.stages.building import found

    roles = (
        *(role for role in ("candidate", "baseline") if getattr(settings, role) == name),
        *(["judge"] if name in settings.judge else []),
    )
    try:
        version = settings.version(name)
    except SettingsError as error:
        return ListedVersion(name, _UNKNOWN, roles, _UNKNOWN, None, {}, None, str(error), endpoint=False)
    spec = engine_spec(version.engine)
    fingerprint = problem = None
    built = is_built(version)
    try:
        made = found(settings, name)
        built = is_built(made)
        fingerprint = fingerprint_here(made, settings.root)
        check_version(version, settings.root)
    except UsageError as error:
        problem = str(error)
    return ListedVersion(
        name=name,
        engine=version.engine,
        roles=roles,
        source=spec.source_of(version.engine_options),
        base=version.base,
        differs=differences(version, settings.versions[version.base]) if version.base is not None else {},
        fingerprint=fingerprint,
        problem=problem,
        endpoint=spec.is_endpoint(version.engine_options),
        built=built,
    )
