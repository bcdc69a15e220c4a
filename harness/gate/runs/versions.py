"""Looks at the versions of a run: before the first request, and whether they are still the same after the last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from harness.config import Settings
from harness.config.repository.commits import revision_note
from harness.errors import SettingsError, UsageError
from harness.models.engine_creation import check_version
from harness.models.spec import engine_spec
from harness.models.version import Version, load_version, tells_cost

_DIGITS = 12


def check_versions(settings: Settings, names: Iterable[str]) -> None:
    """Refuse versions that could not answer, before any request.

    Raises:
        UsageError: what is wrong with one of them, and at which commit where it is of one; or its price is not known,
            where cost is bounded.
    """
    for name in names:
        version = settings.version(name)
        try:
            check_version(version, settings.root)
        except UsageError as error:
            if version.commit is None:
                raise
            raise SettingsError(f"{name}, the project as it was at {version.commit[:_DIGITS]}: {error}") from None
    _check_prices(settings, names)


def _check_prices(settings: Settings, names: Iterable[str]) -> None:
    """Refuse a version that would be asked at a price that is not known, where cost is bounded.

    Raises:
        SettingsError: saying what to write.
    """
    if settings.max_cost is None:
        return
    for name in names:
        version = None if name in settings.home(name).corpora else settings.version(name)
        if version is not None and version.price is None and not tells_cost(version):
            raise SettingsError(
                f"--max-cost needs the price of every version that is asked, and {name!r} has none. Write price = "
                f"{{ input = 0.15, output = 0.60 }}, what a million tokens cost, in {settings.table(name)}; "
                "{ input = 0, output = 0 } for one that costs nothing."
            )


def changed_versions(versions: Sequence[Version], root: Path) -> list[str]:
    """Say which versions are not what they were: weights, code or answers that were written while they were asked.

    What can't be read any more is no change: an engine has loaded it, or failed.
    """
    told = []
    for version in versions:
        with suppress(UsageError, OSError):
            now = load_version(version.settings, root, offline=True).fingerprint
            if now != version.fingerprint:
                old = version.fingerprint[:_DIGITS]
                told.append(
                    f"version {version.name!r} changed while it was sampled: its fingerprint was {old} and is "
                    f"{now[:_DIGITS]}. Nobody can tell which of the two gave the samples of this run; run again, and "
                    f"remove them with steelyard store prune --version {old}"
                )
    return told


def version_notes(*versions: Version, root: Path) -> tuple[str, ...]:
    """The sentences that a reader must know of a run's versions: which commit one is of, that two are the same, that
    a revision is a commit and the files are not, and that stored answers of an endpoint may be of something that it
    serves no more.

    Args:
        versions: the candidate first.
        root: of the project.
    """
    candidate, *others = versions
    checkouts = [each.settings.checkout for each in versions]
    told = [text for checkout in checkouts if checkout is not None for text in checkout.told]
    for other in others:
        if other.settings.checkout is not None and other.fingerprint == candidate.fingerprint:
            told.append(
                f"{other.name} is the same as {candidate.name}: nothing that its answers depend on is another at that "
                "commit, so that a version is weighed against itself"
            )
    told += filter(None, (revision_note(each.settings, root) for each in versions))
    loose = list(dict.fromkeys(each.name for each in versions if _is_loose(each)))
    if loose:
        are = "is an endpoint" if len(loose) == 1 else "are endpoints"
        told.append(
            f"{' and '.join(loose)} {are} without revision or max_age: stored answers count for ever, also when "
            "something else is served there. Set one of them"
        )
    return tuple(dict.fromkeys(told))


def _is_loose(version: Version) -> bool:
    own = version.settings
    return engine_spec(own.engine).is_endpoint(own.engine_options) and own.revision is None and own.max_age_s is None
