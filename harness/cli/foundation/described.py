"""The version that a command describes, and its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.config.settings import Settings
from harness.config.versions import VersionSettings
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.reporting.weights.document import DescribedVersion


def described_version(settings: Settings, name: str) -> DescribedVersion:
    """A version with its weights; nothing is loaded.

    Raises:
        UsageError: there is no such version, it has no weights, or they can't be read.
    """
    from harness.models.description.description import describe_weights
    from harness.models.lineage import read_lineage
    from harness.models.version import load_version
    from harness.reporting.weights.document import DescribedVersion

    asked = settings.version(name)
    require_weights(settings, asked)
    version = load_version(asked, settings.root)
    weights = describe_weights(version.settings.engine_options, settings.root)
    return DescribedVersion(name, version.fingerprint, weights, read_lineage(settings.versions, name, weights))


def require_weights(settings: Settings, version: VersionSettings) -> None:
    """Refuse a version whose settings name no weights.

    Raises:
        UsageError: with what to write instead.
    """
    if "weights" in version.engine_options:
        return
    others = [name for name, each in settings.versions.items() if "weights" in each.engine_options]
    has = f"Versions with weights: {', '.join(others)}." if others else "No version here has any."
    raise UsageError(
        f"Version {version.name!r} has no weights: its engine {version.engine!r} answers for what is elsewhere, or "
        f"from a table. {has} To describe what a server has loaded, name its files in a version of their own: "
        f'[tool.steelyard.models.{version.name}-weights] with engine = "transformers" and weights = "FOLDER".'
    )
