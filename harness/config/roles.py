"""Finds the versions that the settings name for the roles of a gate: candidate, baseline, judges."""

from __future__ import annotations

from harness.config import Settings
from harness.errors import SettingsError

NO_BASELINE = "none"
"""`--baseline none` weighs against thresholds alone."""


def candidate_name(settings: Settings) -> str:
    """The version under test: the one named by option or settings, else the only model, else the only corpus.

    Raises:
        SettingsError: there is none, or more than one and nothing says which.
    """
    if settings.candidate is not None:
        return settings.version(settings.candidate).name
    alone = settings.models or settings.versions
    if len(alone) == 1:
        return next(iter(alone))
    if not settings.versions:
        where = settings.source or settings.root / "pyproject.toml"
        raise SettingsError(
            f"No model version is defined. Define one as {settings.table('NAME')} in {where}; `steelyard init` "
            "writes an example that runs at once."
        )
    raise SettingsError(
        f'Which version is under test? Say --candidate NAME, or candidate = "NAME" in {settings.place}. '
        f"Versions: {', '.join(sorted(settings.versions))}."
    )


def baseline_name(settings: Settings) -> str | None:
    """The version that the candidate is weighed against, if any.

    Raises:
        SettingsError: it is not a version.
    """
    if settings.baseline is None or (settings.baseline == NO_BASELINE and NO_BASELINE not in settings.versions):
        return None
    return settings.version(settings.baseline).name


def judge_names(settings: Settings) -> tuple[str, ...]:
    """The versions that judge, more than one for a panel.

    Raises:
        SettingsError: none is named, or one of them is no version.
    """
    known = ", ".join(sorted(settings.models)) or "none is defined yet"
    if not settings.judge:
        raise SettingsError(
            f'Which version judges? Say --judge NAME, or judge = "NAME" in {settings.place}; two names and more are a '
            f"panel. Versions: {known}."
        )
    for name in settings.judge:
        if name in settings.corpora:
            raise SettingsError(
                f"{name!r} can't judge: it is a corpus, which answers nothing. Versions that answer: {known}."
            )
    return tuple(settings.version(name).name for name in settings.judge)
