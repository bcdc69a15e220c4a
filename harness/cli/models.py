"""`steelyard models`: the versions that the settings define, and whether each could answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
        ready: whether nothing is known that keeps it from answering.
        state: that in words; an endpoint or a registry that was not asked is configured, and no more is known.
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
    ready: bool = False
    state: str = "not ready"


def _view(versions: list[ListedVersion]) -> Iterator[Block]:
    if not versions:
        yield "There are no versions in the settings here or above. `steelyard init` writes two to start from."
        return
    width = max(len("version"), *(len(each.name) for each in versions))
    yield f"{'version':<{width}}  {'engine':<12}  {'fingerprint':<12}  state"
    for each in versions:
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
def models(name: str | None) -> list[ListedVersion]:
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
    return [describe(settings, each) for each in names]


def describe(settings: Settings, name: str) -> ListedVersion:
    """Describe a version; nothing is built, loaded or asked. Settings that can't be are its problem."""
    from harness.models.engine_creation import check_version
    from harness.models.spec import engine_spec
    from harness.models.version import fingerprint_here, is_built
    from harness.stages.building import version_named

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
        made = version_named(settings, name)
        built = is_built(made)
        fingerprint = fingerprint_here(made, settings.root)
        check_version(version, settings.root)
    except UsageError as error:
        problem = str(error)
    is_endpoint = spec.is_endpoint(version.engine_options)
    ready = "configured" if is_endpoint or fingerprint is None else "ready"
    return ListedVersion(
        name=name,
        engine=version.engine,
        roles=roles,
        source=spec.source_of(version.engine_options),
        base=version.base,
        differs=differences(version, settings.versions[version.base]) if version.base is not None else {},
        fingerprint=fingerprint,
        problem=problem,
        endpoint=is_endpoint,
        built=built,
        ready=problem is None,
        state="not ready" if problem else ready if built else "to be built",
    )
