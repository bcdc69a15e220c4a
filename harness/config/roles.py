"""Finds the versions that the settings name for the roles of a gate: candidate, baseline, judges, and their corpora."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from harness.config import Settings, VersionSettings
from harness.config.settings import NO_BASELINE
from harness.errors import SettingsError
from harness.records import Role

AGAINST: tuple[Role, ...] = ("baseline", "anchor")
"""The roles of what the candidate is weighed against."""


def candidate_name(settings: Settings) -> str:
    """The version under test: the one named by option or settings, else the only model, else the only corpus.

    Raises:
        SettingsError: there is none, more than one and nothing says which, or its settings can't be.
    """
    if settings.candidate is not None:
        return settings.version(settings.candidate).name
    alone = settings.models or tuple(settings.versions)
    if len(alone) == 1:
        return settings.version(alone[0]).name
    if not settings.versions:
        where = f"{settings.table('NAME')} in {settings.source}"
        if settings.source is None:
            own = settings.root / "steelyard.toml"
            where = f"[models.NAME] in {own}, or as {settings.table('NAME')} in pyproject.toml"
        raise SettingsError(
            f"No model version is defined. Define one as {where}; `steelyard init` writes an example that runs at once."
        )
    raise SettingsError(
        f'Which version is under test? Say --candidate NAME, or candidate = "NAME" in {settings.place}. '
        f"Versions: {', '.join(sorted(settings.versions))}."
    )


def with_roles(settings: Settings) -> Settings:
    """The settings in which an anchor is one more version than the baseline: alone it is that, and beside none, or as
    the same one, it is none.
    """
    if settings.baseline is None:
        return replace(settings, baseline=settings.anchor, anchor=None)
    is_none = settings.baseline in (NO_BASELINE, settings.anchor)
    return replace(settings, anchor=None) if is_none else settings


def names_against(settings: Settings, recorded: Container[Role] = ()) -> dict[Role, str]:
    """The versions that the candidate is weighed against, but for those that are recorded."""
    known = {role: getattr(settings, role) for role in AGAINST if role not in recorded}
    return {role: settings.version(name).name for role, name in known.items() if name not in (None, NO_BASELINE)}


def baseline_name(settings: Settings) -> str | None:
    """The version that is asked as the baseline, if any."""
    return names_against(settings, recorded=("anchor",)).get("baseline")


def judge_names(settings: Settings) -> tuple[str, ...]:
    """The versions that judge, more than one for a panel."""
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


def corpus_name(settings: Settings, version: VersionSettings) -> str | None:
    """The corpus that a version is, or that a step of its lineage was trained on, the last such; None for none."""
    if version.name in settings.corpora:
        return version.name
    data = (getattr(step.settings, "data", None) for step in reversed(version.steps))
    return next((name for name in data if name in settings.corpora), None)
