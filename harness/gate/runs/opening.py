"""Opens a run: versions, store, engines; everything that can be wrong is found here, before the first request."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from harness.config import Settings, VersionSettings
from harness.config.roles import baseline_name, candidate_name, judge_names
from harness.errors import SettingsError, StoreError
from harness.gate.baselines.draws import (
    BASELINE_FIRST_INDEX,
    candidate_first_index,
)
from harness.gate.baselines.pairing import RecordedBaseline
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.runs.announcements import gone_notes, looks_in_words
from harness.gate.runs.costs import spending_of
from harness.gate.runs.entering import enter
from harness.gate.runs.players import Players
from harness.gate.runs.run import Run
from harness.gate.runs.run_settings import RunOptions, RunSettings
from harness.gate.runs.specification import specification
from harness.gate.runs.versions import (
    Generations,
    changed_versions,
    check_versions,
    files_note,
    version_notes,
    why_unasked,
)
from harness.gate.sampling.blocks import never_red
from harness.models.engine import Capability, Engine
from harness.models.engine_creation import create_engine, engine_key
from harness.models.version import Version, answers, load_version
from harness.requests import Sampler, SampleSource
from harness.stages.build_state import BuildProgress, unseen
from harness.stages.building import built, found
from harness.stages.known_builds import KnownBuilds, knowing
from harness.stages.lineage import Lineages, StageContext
from harness.store import Store, new_run_id, store_url


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that is ready to sample, with what must be closed after it.

    Attributes:
        told: what to tell before the first request, a line each: what looking again costs.
        evaluations: that were asked for.
    """

    run: Run
    store: Store
    created: str
    told: tuple[str, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()

    async def close(self) -> None:
        """Close engines and store; what was completed is kept."""
        try:
            await self.run.close()
        finally:
            self.store.close()


def _against(settings: Settings, options: RunOptions) -> str | None:
    """The version that is asked as the baseline."""
    return baseline_name(settings) if options.recording is None else None


def _judges(settings: Settings, options: RunOptions) -> tuple[str, ...]:
    return judge_names(settings) if options.is_judged else ()


def check_judges(names: Sequence[str], engines: Mapping[str, Engine]) -> None:
    """Refuse a judge whose engine can't be held to a form.

    Raises:
        SettingsError: naming what it can do.
    """
    for name in names:
        engine = engines.get(name)
        if engine is not None and Capability.SCHEMA not in engine.capabilities:
            able = ", ".join(sorted(engine.capabilities)) or "plain chat only"
            raise SettingsError(
                f"{engine.name} can't judge: a judge's answer is held to a JSON schema, and this engine has no "
                f"structured output (it has: {able}). Name another version: vllm, openai and scripted have it, "
                "transformers with xgrammar, and an application that takes `schema`."
            )


def open_run(settings: Settings, options: RunOptions, progress: BuildProgress = unseen) -> OpenRun:
    """Build what the versions are made of, load them, open the store and make the engines (which start when they are
    first needed).

    Args:
        progress: is told how far each building is.

    Raises:
        UsageError: whatever is wrong with any of them.
    """
    names = _checked_names(settings, options)
    versions = {}
    with knowing(_known_builds(settings, options)) as known:
        for name, made in _built(settings, options, names, progress).items():
            versions[name] = load_version(made, settings.root, offline=options.offline)
    engines = {} if options.offline else _engines(versions, settings)
    judging = versions if options.weighs_judges else _judges(settings, options)
    check_judges(tuple(judging), engines)
    store = Store.open(store_url(settings))
    try:
        store.builds.add(known.noted)
        notes = options.notes + gone_notes(options, versions[candidate_name(settings)].fingerprint, store)
        return _assemble(settings, options, versions, engines, store, notes)
    except BaseException:
        store.close()
        raise


def check_run(settings: Settings, options: RunOptions, progress: BuildProgress = unseen) -> None:
    """See that another process could open a run: with these versions, which are built now, and in this store.

    Raises:
        UsageError: whatever is wrong with any of them.
    """
    names = _checked_names(settings, options)
    with knowing(_known_builds(settings, options)):
        _built(settings, options, names, progress)
    Store.open(store_url(settings)).close()


def _built(
    settings: Settings, options: RunOptions, names: Sequence[str], progress: BuildProgress
) -> dict[str, VersionSettings]:
    """Build the versions of these names; a recipe that can't be followed is refused before the first is built."""
    for name in names:
        found(settings, name)
    return {name: built(settings, name, progress=progress, offline=options.offline) for name in names}


def _known_builds(settings: Settings, options: RunOptions) -> KnownBuilds:
    """Read the builds that the store knows, where nothing may be built; a store that is not there knows none."""
    if not options.offline:
        return KnownBuilds()
    try:
        with Store.open(store_url(settings), readonly=True) as store:
            return KnownBuilds(store.builds.contents(), is_offline=True)
    except StoreError:
        return KnownBuilds(is_offline=True)


def _checked_names(settings: Settings, options: RunOptions) -> list[str]:
    """Candidate, baseline and judges, which can answer as far as one can see without asking."""
    if options.offline and options.fresh:
        raise SettingsError("--fresh draws anew and --offline draws nothing: choose one of them.")
    names = [candidate_name(settings)]
    against = _against(settings, options)
    names += [against] if against is not None else []
    names += _judges(settings, options)
    if not options.offline:
        check_versions(settings, names)
    return names


def _engines(versions: Mapping[str, Version], settings: Settings) -> dict[str, Engine]:
    """One engine for each version by name; versions of the same weights and engine settings share one. A corpus has
    none.
    """
    by_key: dict[str, Engine] = {}
    asked = {name: version for name, version in versions.items() if answers(version.settings)}
    for version in asked.values():
        key = engine_key(version)
        if key not in by_key:
            by_key[key] = create_engine(version, settings.root)
    return {name: by_key[engine_key(version)] for name, version in asked.items()}


def _assemble(
    settings: Settings,
    options: RunOptions,
    versions: Mapping[str, Version],
    engines: Mapping[str, Engine],
    store: Store,
    notes: tuple[str, ...],
) -> OpenRun:
    generations = Generations(store, is_fresh=options.fresh)
    candidate, baseline, judges = _sources(settings, options, versions, engines, generations, store)
    spending = spending_of(settings, versions, options.elapsed_s)
    sources = tuple(source for source in (candidate, baseline, *judges) if source is not None)
    players = Players(settings, sources, store, is_offline=options.offline)
    sampler = Sampler(store, window=settings.concurrency, spending=spending, find_source=players.find)
    shared = StageContext(
        settings, sampler=sampler, store=store, generations=generations.of, is_offline=options.offline
    )
    now = time.time()
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    run_settings = RunSettings(
        run_id=new_run_id(now),
        confidence_level=settings.confidence_level,
        n_evaluations=options.n_evaluations,
        concurrency=settings.concurrency,
        seed=settings.seed,
        review_url=settings.review_url,
        best_of=settings.best_of,
        changed=partial(changed_versions, tuple(versions.values()), settings.root, time.time() - options.elapsed_s),
        root=settings.root,
        notes=(*version_notes(*(each.version for each in sources), root=settings.root, runs=store.runs), *notes),
        lineages=_lineages((candidate, baseline), shared),
    )
    against: SampleSource | RecordedBaseline | None = baseline
    if (recording := options.recording) is not None:
        fingerprints = tuple(judge.version.fingerprint for judge in judges)
        against = RecordedBaseline(recording, options.cases, fingerprints)
    ledger = enter(settings, options, (candidate, baseline, *judges), store, run_settings.run_id)
    described = specification(settings, candidate, options.recording or baseline, judges, ledger)
    described |= {"n_evaluations": options.n_evaluations, **options.noted}
    described |= files_note(candidate.version, settings.root)
    store.begin_run(run_settings.run_id, created, described)
    run = Run(replace(run_settings, ledger=ledger), candidate, against, sampler, store, judges)
    level = 1 - settings.confidence_level
    told = looks_in_words(ledger, level)
    if baseline is not None:
        looks = {name: entry.look for name, entry in ledger.items()}
        told += never_red(options.evaluations, looks, level)
    return OpenRun(run, store, created, tuple(told), evaluations=options.evaluations)


def _check_drawn(store: Store, source: SampleSource) -> None:
    """Refuse a version that can't be asked where none of its answers are stored; where some are, a body that asks for
    others ends in the same error.
    """
    known = source.generation, *source.older
    if source.unasked and not store.has_draws(source.version.fingerprint, known, source.first_index):
        raise source.missing()


def _lineages(sources: tuple[SampleSource, SampleSource | None], shared: StageContext) -> Lineages:
    """Make the lineages that give both versions their stage fixtures."""
    candidate, baseline = sources
    shared = replace(shared, sources=tuple(source for source in sources if source is not None))
    settings = shared.settings
    contexts = {}
    if baseline is not None:
        name = baseline.version.name
        own = replace(shared, engine=baseline.engine, source=baseline, baseline=baseline.version)
        contexts[name] = replace(own, settings=settings.home(name))
        shared = replace(shared, baseline=baseline.version, baseline_settings=settings.home(name))
    name = candidate.version.name
    own = replace(shared, engine=candidate.engine, source=candidate)
    contexts[name] = replace(own, settings=settings.home(name))
    return Lineages(contexts)


def _sources(
    settings: Settings,
    options: RunOptions,
    versions: Mapping[str, Version],
    engines: Mapping[str, Engine],
    generations: Generations,
    store: Store,
) -> tuple[SampleSource, SampleSource | None, tuple[SampleSource, ...]]:
    def source(name: str, first_index: int = 0) -> SampleSource:
        version = versions[name]
        newest, *older = generations.of(version)
        unasked = why_unasked(version, settings)
        engine = None if unasked else engines.get(name)
        return SampleSource(version, engine, newest, first_index, tuple(older), unasked=unasked)

    name, against = candidate_name(settings), _against(settings, options)
    own, as_baseline = versions[name].fingerprint, options.for_baseline and against is None
    candidate = source(name, candidate_first_index(own, options.recording, as_baseline=as_baseline))
    judges = tuple(map(source, _judges(settings, options)))
    _check_drawn(store, candidate)
    if against is None:
        return candidate, None, judges
    baseline = source(against, BASELINE_FIRST_INDEX)
    _check_drawn(store, baseline)
    return candidate, baseline, judges
