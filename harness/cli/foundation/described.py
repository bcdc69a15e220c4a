"""The version that a command describes, and its weights."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness.config.asking import understood
from harness.config.settings import Settings
from harness.config.versions import BUILT, VersionSettings
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.models.description.description import WeightsDescription
    from harness.models.lineage import LineageSources
    from harness.reporting.weights.document import DescribedVersion


def described_version(settings: Settings, name: str) -> DescribedVersion:
    """A version with its weights, if it has some, and its lineage; nothing is loaded.

    Raises:
        UsageError: there is no such version, it has neither weights nor steps, or they can't be read.
    """
    found = _described(settings, name)
    if found.weights is None and len(found.lineage) == 1:
        asked_version(settings, name)
    return found


def described_pair(settings: Settings, name: str, other: str) -> tuple[DescribedVersion, DescribedVersion]:
    """Two versions that both have weights, or of which neither has.

    Raises:
        UsageError: as `described_version`, or one has weights and the other has none.
    """
    for each in (name, other):
        _check_name(settings, each)
    found = _described(settings, name), _described(settings, other)
    without = [each.name for each in found if each.weights is None]
    if len(without) == 1:
        asked_version(settings, *without)
    return found


def _described(settings: Settings, name: str) -> DescribedVersion:
    from harness.models.description.description import describe_weights
    from harness.models.lineage import read_lineage
    from harness.models.version import is_built, load_version
    from harness.reporting.weights.document import DescribedVersion
    from harness.stages.building import found

    _check_name(settings, name)
    if not _has_weights(settings, name):
        sources = _sources(settings, name, None)
        return DescribedVersion(name, sources.fingerprints.get(name), None, read_lineage(sources, name))
    made, fingerprint = found(settings, name), None
    if is_built(made):
        version = load_version(made, settings.root)
        made, fingerprint = version.settings, version.fingerprint
    weights = describe_weights(made.engine_options, settings.root, made.engine)
    return DescribedVersion(name, fingerprint, weights, read_lineage(_sources(settings, name, weights), name))


def _has_weights(settings: Settings, name: str) -> bool:
    """True for a version with weights, unless they are still to be built."""
    from harness.stages.building import found

    weights = settings.version(name).engine_options.get("weights")
    if weights is None or not weights.startswith(BUILT):
        return weights is not None
    return not found(settings, name).engine_options["weights"].startswith(BUILT)


def _sources(settings: Settings, name: str, weights: WeightsDescription | None) -> LineageSources:
    """The version, its bases and the corpora that any of them was taught on; nothing is built, and nobody is asked."""
    from harness.models.lineage import LineageSources
    from harness.models.prompts.texts import read_texts
    from harness.models.version import fingerprint_here
    from harness.stages.building import found

    names = _chain(settings, name)
    for step in settings.version(name).steps:
        data = getattr(step.settings, "data", None)
        if isinstance(data, str) and data in settings.corpora:
            names += _chain(settings, data)
    versions = {each: found(settings, each) for each in dict.fromkeys(names)}
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


def _chain(settings: Settings, name: str) -> list[str]:
    """A version and its bases, the version first."""
    chain = [name]
    while (base := settings.version(chain[-1]).base) is not None:
        chain.append(base)
    return chain


def asked_version(settings: Settings, name: str) -> VersionSettings:
    """The version of this name, which has weights; nothing is loaded.

    Raises:
        UsageError: there is no such version, or its settings name no weights; with what to write instead.
    """
    version = _check_name(settings, name)
    if "weights" in version.engine_options:
        return version
    if version.name in settings.corpora:
        raise UsageError(
            f"{version.name} is a corpus, which has no weights: `steelyard corpus stats {version.name}` tells of it."
        )
    others = [name for name, each in understood(settings.versions).items() if "weights" in each.engine_options]
    has = f"Versions with weights: {', '.join(others)}." if others else "No version here has any."
    raise UsageError(
        f"Version {version.name!r} has no weights: its engine {version.engine!r} answers for what is elsewhere, or "
        f"from a table. {has} For what a server has loaded, name its files in a version of their own: "
        f'{settings.table(f"{version.name}-weights")} with engine = "transformers" and weights = "FOLDER".'
    )


def _check_name(settings: Settings, name: str) -> VersionSettings:
    """The version of this name; weights in its place are told the lines that make them one."""
    if name not in settings.versions and _are_weights(name):
        raise UsageError(_made_version(settings, name))
    return settings.version(name)


def _are_weights(name: str) -> bool:
    """True for what no version is called, and weights may be: a path, a package, the id of a hub."""
    return "/" in name or name.startswith("package:") or Path(name).exists()


def _made_version(settings: Settings, weights: str) -> str:
    """Say which lines make a version of weights."""
    name = re.split("[/:]", weights.rstrip("/"))[-1].removesuffix(".gguf")
    path = Path(weights).expanduser()
    return (
        f"{weights!r} is no version, but may be the weights of one. These lines in "
        f"{settings.source or settings.root / 'pyproject.toml'} make it one:\n"
        f"{settings.table(re.sub('[^A-Za-z0-9_-]+', '-', name))}\n"
        f'engine = "transformers"\n'
        f"weights = {json.dumps(str(path.resolve()) if path.exists() else weights, ensure_ascii=False)}"
    )
