"""Opens a run: versions, store, engines; everything that can be wrong is found here, before the first request."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.config import Settings
from harness.errors import SettingsError
from harness.gate.run import Run, RunSettings
from harness.models.engine import Engine
from harness.models.registry import check_version, create_engine, engine_key
from harness.models.version import Version, load_version
from harness.sampling import Sampler, Source
from harness.store import Store, new_run_id, store_url

BASELINE_FIRST_INDEX = 1_000_000
"""Where the draws of a baseline begin that is the same version as the candidate: two independent sets."""

NO_BASELINE = "none"
"""`--baseline none` weighs against thresholds alone."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line says beyond the settings."""

    offline: bool = False
    fresh: bool = False
    n_evaluations: int = 1


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that is ready to sample, with what must be closed after it."""

    run: Run
    store: Store
    created: str

    async def close(self) -> None:
        """Close engines and store; what was completed is kept."""
        try:
            await self.run.close()
        finally:
            self.store.close()


def candidate_name(settings: Settings) -> str:
    """The version under test: the one named by option or settings, else the only one there is.

    Raises:
        SettingsError: there is none, or more than one and nothing says which.
    """
    if settings.candidate is not None:
        return settings.version(settings.candidate).name
    if len(settings.versions) == 1:
        return next(iter(settings.versions))
    if not settings.versions:
        where = settings.source or settings.root / "pyproject.toml"
        raise SettingsError(
            f"No model version is defined. Define one as [tool.steelyard.models.NAME] in {where}; `steelyard init` "
            "writes an example that runs at once."
        )
    raise SettingsError(
        f'Which version is under test? Say --candidate NAME, or candidate = "NAME" in [tool.steelyard]. '
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


def open_run(settings: Settings, options: RunOptions) -> OpenRun:
    """Load the versions, open the store and make the engines (which start when they are first needed).

    Raises:
        UsageError: whatever is wrong with any of them.
    """
    names = _checked_names(settings, options)
    versions = {name: load_version(settings.version(name), settings.root) for name in names}
    engines = {} if options.offline else _engines(versions, settings)
    store = Store.open(store_url(settings))
    try:
        return _assemble(settings, options, versions, engines, store)
    except BaseException:
        store.close()
        raise


def check_run(settings: Settings, options: RunOptions) -> None:
    """See that another process could open a run: with these versions, and in this store.

    Raises:
        UsageError: whatever is wrong with any of them.
    """
    _checked_names(settings, options)
    Store.open(store_url(settings)).close()


def _checked_names(settings: Settings, options: RunOptions) -> list[str]:
    """Candidate and baseline, which can answer as far as one can see without asking."""
    if options.offline and options.fresh:
        raise SettingsError("--fresh draws anew and --offline draws nothing: choose one of them.")
    names = [candidate_name(settings)]
    against = baseline_name(settings)
    names += [against] if against is not None else []
    for name in names if not options.offline else ():
        check_version(settings.version(name), settings.root)
    return names


def _engines(versions: Mapping[str, Version], settings: Settings) -> dict[str, Engine]:
    """One engine for each version by name; versions of the same weights and engine settings share one."""
    by_key: dict[str, Engine] = {}
    for version in versions.values():
        key = engine_key(version)
        if key not in by_key:
            by_key[key] = create_engine(version, settings.root)
    return {name: by_key[engine_key(version)] for name, version in versions.items()}


def _assemble(
    settings: Settings,
    options: RunOptions,
    versions: Mapping[str, Version],
    engines: Mapping[str, Engine],
    store: Store,
) -> OpenRun:
    candidate, baseline = _sources(settings, options, versions, engines, store)
    now = time.time()
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    run_settings = RunSettings(
        run_id=new_run_id(now),
        confidence_level=settings.confidence_level,
        n_evaluations=options.n_evaluations,
        concurrency=settings.concurrency,
        seed=settings.seed,
    )
    store.begin_run(run_settings.run_id, created, _specification(settings, candidate, baseline))
    sampler = Sampler(store, window=settings.concurrency)
    return OpenRun(Run(run_settings, candidate, baseline, sampler, store), store, created)


def _sources(
    settings: Settings,
    options: RunOptions,
    versions: Mapping[str, Version],
    engines: Mapping[str, Engine],
    store: Store,
) -> tuple[Source, Source | None]:
    generations: dict[str, int] = {}
    for version in versions.values():
        if version.fingerprint not in generations:
            generations[version.fingerprint] = store.generation(
                version.fingerprint, fresh=options.fresh, max_age_s=version.settings.max_age_s
            )
    name, against = candidate_name(settings), baseline_name(settings)
    version = versions[name]
    candidate = Source(version, engines.get(name), generations[version.fingerprint])
    if against is None:
        return candidate, None
    other = versions[against]
    first = BASELINE_FIRST_INDEX if other.fingerprint == version.fingerprint else 0
    return candidate, Source(other, engines.get(against), generations[other.fingerprint], first)


def _specification(settings: Settings, candidate: Source, baseline: Source | None) -> dict[str, Any]:
    """What a run was, for those who read the store later."""
    sources = {"candidate": candidate, "baseline": baseline}
    return {
        "confidence_level": settings.confidence_level,
        **{
            role: {
                "name": source.version.name,
                "fingerprint": source.version.fingerprint,
                "generation": source.generation,
                "first_index": source.first_index,
            }
            for role, source in sources.items()
            if source is not None
        },
    }
