"""`steelyard describe`: what a version's weights are, told from the heads of their files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.console import shows
from harness.config.artifacts import Unbuilt
from harness.config.asking import understood
from harness.config.settings import Settings, load_settings
from harness.config.versions import VersionSettings
from harness.errors import UsageError
from harness.reporting.shared.text import Block

if TYPE_CHECKING:
    from harness.models.description.description import WeightsDescription
    from harness.models.lineage import LineageSources
    from harness.reporting.weights import DescribedVersion, VersionDifference


def _view(found: DescribedVersion | VersionDifference) -> Iterator[Block]:
    from harness.reporting.weights import DescribedVersion, difference_view, version_view

    return version_view(found) if isinstance(found, DescribedVersion) else difference_view(found)


@click.command()
@click.argument("version")
@click.argument("other", required=False)
@shows(_view, "Write a JSON object, with whole values.")
def describe(version: str, other: str | None) -> DescribedVersion | VersionDifference:
    """Tell what the weights of VERSION are, by llama.cpp's names, and the steps by which it was made.

    GGUF files and folders of safetensors are told alike, from their heads: nothing is loaded, converted or started.
    What the engine gets where that differs stands below, once it is made. Of a version without weights, such as a
    corpus, the steps are all. With OTHER, only what differs between the two is shown.

    \b
    Examples:
      steelyard describe smollm2
      steelyard describe smollm2-int8 smollm2
      steelyard describe smollm2 --json
    """
    from harness.models.description.contents import different_files
    from harness.reporting.weights import VersionDifference

    settings = load_settings(Path.cwd())
    found = [described_version(settings, name) for name in filter(None, (version, other))]
    without = [each.name for each in found if each.weights is None and (other or len(each.lineage) == 1)]
    if len(without) == 1:
        asked_version(settings, *without)
    if other is None:
        return found[0]
    paths = [each.weights.path for each in found if each.weights is not None]
    return VersionDifference(found[0], found[1], different_files(paths[0], paths[-1]) if paths else {})


def described_version(settings: Settings, name: str) -> DescribedVersion:
    """A version with its weights, if it has some here, and its lineage; nothing is loaded."""
    from harness.models.description.description import describe_weights
    from harness.models.lineage import read_lineage
    from harness.models.version import is_built, load_version
    from harness.reporting.weights import DescribedVersion
    from harness.stages.building import version_named

    made, fingerprint = version_named(settings, name), None
    if isinstance(made.engine_options.get("weights"), Unbuilt | None):
        sources = _sources(settings, name, None)
        return DescribedVersion(name, sources.fingerprints.get(name), None, read_lineage(sources, name))
    if is_built(made):
        version = load_version(made, settings.root)
        made, fingerprint = version.settings, version.fingerprint
    description = describe_weights(made.engine_options, settings.root, made.engine)
    return DescribedVersion(name, fingerprint, description, read_lineage(_sources(settings, name, description), name))


def _sources(settings: Settings, name: str, weights: WeightsDescription | None) -> LineageSources:
    """The version, its bases and the corpora that any of them was taught on; nothing is built, and nobody is asked."""
    from harness.models.lineage import LineageSources
    from harness.models.prompts.texts import read_texts
    from harness.models.version import fingerprint_here
    from harness.stages.building import version_named

    taught = (getattr(step.settings, "data", None) for step in settings.version(name).steps)
    names = [name, *(each for each in taught if isinstance(each, str) and each in settings.corpora)]
    for each in names:  # which grows by the base of each
        if (base := settings.version(each).base) is not None:
            names.append(base)
    versions = {each: version_named(settings, each) for each in dict.fromkeys(names)}
    fingerprints: dict[str, str | None] = {}
    texts: dict[str, dict[str, str]] = {}
    for each, version in versions.items():
        with suppress(UsageError):
            fingerprints[each] = fingerprint_here(version, settings.root)
            read = read_texts(version, settings.root) if fingerprints[each] else version
            own = {"system": read.system, "template": read.template}
            if not read.texts_elsewhere:
                texts[each] = {key: text for key, text in own.items() if text}
    return LineageSources(versions, weights, fingerprints, texts, settings.root)


def asked_version(settings: Settings, name: str) -> VersionSettings:
    """The version of this name, which has weights. Raises UsageError: there is no such version, or it has none."""
    version = settings.version(name)
    if "weights" in version.engine_options:
        return version
    others = [name for name, each in understood(settings.versions).items() if "weights" in each.engine_options]
    raise UsageError(
        f"Version {version.name!r} has no weights: its engine is {version.engine!r}. Versions with weights: "
        f"{', '.join(others) or 'none'}. For what a server has loaded, name its files in a version of their own."
    )
