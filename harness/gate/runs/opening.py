"""Opens a run: versions, store, engines; everything that can be wrong is found here, before the first request."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from harness.config import Settings, VersionSettings
from harness.config.artifacts import Builds, knowing
from harness.config.roles import baseline_name, candidate_name, judge_names
from harness.errors import SettingsError, StoreError
from harness.gate.baselines.draws import (
    BASELINE_FIRST_INDEX,
    candidate_first_index,
    generations_of,
    known_draws,
    oldest,
)
from harness.gate.baselines.pairing import recorded_side
from harness.gate.runs.announcements import gone_notes, looks_in_words
from harness.gate.runs.notes import specification
from harness.gate.runs.players import Players
from harness.gate.runs.run import Run, RunContext
from harness.gate.runs.run_settings import RunOptions
from harness.gate.runs.versions import (
    Generations,
    changed_versions,
    check_versions,
    files_note,
    version_notes,
    why_unasked,
)
from harness.gate.sampling.blocks import never_red
from harness.gate.sampling.ledger import Draws, Entry, Family, enter_looks
from harness.models.engine import Capability, Engine
from harness.models.engine_creation import create_engine, engine_key
from harness.models.version import Version, answers, load_version
from harness.requests import Sampler, SampleSource, Spending
from harness.stages.build_state import BuildProgress, unseen
from harness.stages.building import built, found
from harness.stages.lineage import Lineages, StageContext, can_have
from harness.store import Store, new_run_id, store_url


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that is ready to sample, with what must be closed after it.

    Attributes:
        told: what to tell before the first request, a line each: what looking again costs.
    """

    run: Run
    store: Store
    created: str
    told: tuple[str, ...] = ()

    async def close(self) -> None:
        """Close engines and store; what was completed is kept."""
        try:
            await self.run.close()
        finally:
            self.store.close()


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
    check_judges(list(versions) if options.weighs_judges else _judges(settings, options), engines)
    store = Store.open(store_url(settings))
    try:
        store.builds.add(known.noted)
        return _assemble(settings, options, versions, engines, store)
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


# -- versions ----------------------------------------------------------------------------------------------------------


def _judges(settings: Settings, options: RunOptions) -> Sequence[str]:
    return judge_names(settings) if options.is_judged else ()


def _against(settings: Settings, options: RunOptions) -> str | None:
    """The version that is asked as the baseline."""
    return baseline_name(settings) if options.recording is None else None


def _checked_names(settings: Settings, options: RunOptions) -> list[str]:
    """Candidate, baseline and judges, which can answer as far as one can see without asking."""
    if options.offline and options.fresh:
        raise SettingsError("--fresh draws anew and --offline draws nothing: choose one of them.")
    against = _against(settings, options)
    names = [candidate_name(settings), *([] if against is None else [against]), *_judges(settings, options)]
    if not options.offline:
        check_versions(settings, names)
    return names


def _built(
    settings: Settings, options: RunOptions, names: Sequence[str], progress: BuildProgress
) -> dict[str, VersionSettings]:
    """Build the versions of these names; a recipe that can't be followed is refused before the first is built."""
    for name in names:
        found(settings, name)
    return {name: built(settings, name, progress=progress, offline=options.offline) for name in names}


def _known_builds(settings: Settings, options: RunOptions) -> Builds:
    """Read the builds that the store knows, where nothing may be built; a store that is not there knows none."""
    if not options.offline:
        return Builds()
    try:
        with Store.open(store_url(settings), readonly=True) as store:
            return Builds(store.builds.contents(), is_offline=True)
    except StoreError:
        return Builds(is_offline=True)


def _engines(versions: Mapping[str, Version], settings: Settings) -> dict[str, Engine]:
    """One engine for each version by name; versions of the same weights and engine settings share one. A corpus has
    none.
    """
    by_key: dict[str, Engine] = {}
    engines = {}
    for name, version in versions.items():
        if answers(version.settings):
            key = engine_key(version)
            if key not in by_key:
                by_key[key] = create_engine(version, settings.root)
            engines[name] = by_key[key]
    return engines


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


# -- the run -----------------------------------------------------------------------------------------------------------


def _assemble(
    settings: Settings,
    options: RunOptions,
    versions: Mapping[str, Version],
    engines: Mapping[str, Engine],
    store: Store,
) -> OpenRun:
    generations = Generations(store, is_fresh=options.fresh)

    def source(name: str, first_index: int = 0) -> SampleSource:
        version, (newest, *older) = versions[name], generations.of(versions[name])
        unasked = why_unasked(version, settings)
        engine = None if unasked else engines.get(name)
        return SampleSource(version, engine, newest, first_index, tuple(older), unasked=unasked)

    name, against = candidate_name(settings), _against(settings, options)
    own, as_baseline = versions[name].fingerprint, options.for_baseline and against is None
    candidate = source(name, candidate_first_index(own, options.recording, as_baseline=as_baseline))
    judges = tuple(map(source, _judges(settings, options)))
    baseline = None if against is None else source(against, BASELINE_FIRST_INDEX)
    sides = (candidate,) if baseline is None else (candidate, baseline)
    for each in sides:  # where some answers are stored, a body that asks for others ends in the same error
        known = each.generation, *each.older
        if each.unasked and not store.has_draws(each.version.fingerprint, known, each.first_index):
            raise each.missing()
    notes = version_notes(*(each.version for each in (*sides, *judges)), root=settings.root, runs=store.runs)
    prices = {name: version.settings.price for name, version in versions.items()}
    spending = Spending(settings.limits, prices, elapsed_s=options.elapsed_s)
    players = Players(settings, (*sides, *judges), store, is_offline=options.offline)
    sampler = Sampler(store, window=settings.concurrency, spending=spending, find_source=players.find)
    shared = StageContext(
        settings,
        sampler=sampler,
        store=store,
        generations=generations.of,
        is_offline=options.offline,
        baseline=None if baseline is None else baseline.version,
        sources=sides,
    )
    now = time.time()
    run_id = new_run_id(now)
    ledger = _enter(settings, options, (candidate, baseline, *judges), store, run_id)
    context = RunContext(
        run_id=run_id,
        settings=settings,
        options=options,
        candidate=candidate,
        baseline=baseline,
        judges=judges,
        lineages=_lineages(sides, shared),
        ledger=ledger,
        notes=(*notes, *options.notes, *gone_notes(options, own, store)),
        changed=partial(changed_versions, tuple(versions.values()), settings.root, now - options.elapsed_s),
    )
    described = specification(settings, candidate, options.recording or baseline, judges, ledger)
    described |= {
        "n_evaluations": options.n_evaluations,
        **options.noted,
        **files_note(candidate.version, settings.root),
    }
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    store.begin_run(run_id, created, described)
    level = 1 - settings.confidence_level
    told = looks_in_words(ledger, level)
    if baseline is not None:
        told += never_red(options.evaluations, {name: entry.look for name, entry in ledger.items()}, level)
    return OpenRun(Run(context, sampler, store), store, created, tuple(told))


def _lineages(sides: Sequence[SampleSource], shared: StageContext) -> Lineages:
    """Make the lineages that give both versions their stage fixtures."""
    contexts = {}
    for side in reversed(sides):  # the candidate's wins where both are one version
        name, home = side.version.name, shared.settings.home(side.version.name)
        contexts[name] = replace(shared, engine=side.engine, source=side, settings=home)
        if side is not sides[0]:
            shared = replace(shared, baseline_settings=home)
    return Lineages(contexts)


def _enter(
    settings: Settings,
    options: RunOptions,
    sources: tuple[SampleSource, SampleSource | None, *tuple[SampleSource, ...]],
    store: Store,
    run_id: str,
) -> Mapping[str, Entry]:
    """Enter this look at the candidate into the store's ledger, before anything is drawn."""
    (candidate, baseline, *judges), recording = sources, options.recording
    against = "" if baseline is None else baseline.version.fingerprint
    if recording is not None:
        against = recording.version.fingerprint
    version, home = candidate.version.settings, settings.home(candidate.version.name)
    whole = (each for each in options.evaluations if each.cases and not each.is_part)
    required = (each for each in whole if each.plan.threshold is not None or against)
    asked = [each for each in required if can_have(home, version, each.taken)]
    if not asked:
        return {}
    sides = {"candidate": candidate, "baseline": baseline, **{each.version.fingerprint: each for each in judges}}
    prints = {name: each.version.fingerprint for name, each in sides.items() if each is not None}
    asks_models = any(each.wants & {"model", "baseline", "judge", "load", "repeats"} for each in asked)
    draws, begun = known_draws(store, candidate, baseline), store.begun(against)
    family = Family(
        candidate=candidate.version.fingerprint,
        against=against,
        evaluations=tuple(dict.fromkeys([*(each.id for each in asked), *options.family])),
        confidence_level=settings.confidence_level,
        seed=settings.seed,
        best_of=settings.best_of,
        draws=draws,
        judges={each.version.fingerprint: generations_of(store, each) for each in judges},
        recorded={} if recording is None else {each.id: recorded_side(recording, each, begun) for each in asked},
        is_fresh=options.fresh,
        max_age_s=None if recording is not None else oldest(candidate, baseline),
        begin=partial(_begin, store, prints, may_draw=not (options.offline and asks_models)),
    )
    return enter_looks(store.looks, family, run_id, asked)


def _begin(store: Store, prints: Mapping[str, str], *, may_draw: bool) -> dict[str, Draws]:
    """Begin a generation of each version, one where it has several roles.

    Args:
        prints: fingerprints by role.

    Raises:
        SettingsError: nothing is drawn in this run.
    """
    if not may_draw:
        raise SettingsError(
            "--offline draws nothing, and cases that were seen were changed, left out or pruned since, or their "
            "samples are older than max_age, so that all would be drawn anew, as another look. Run without --offline, "
            "or with the cases that were seen and a longer max_age."
        )
    begun = {each: store.generations(each, fresh=True) for each in dict.fromkeys(prints.values())}
    return {name: begun[each] for name, each in prints.items()}
