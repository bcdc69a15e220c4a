"""Opens a run: versions, store, engines; everything that can be wrong is found here, before the first request."""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from harness.config import Settings, VersionSettings
from harness.config.artifacts import Builds, knowing
from harness.config.roles import AGAINST, baseline_name, candidate_name, judge_names
from harness.decisions import share_of
from harness.decisions.looks import ADDED_LATER, ordinal
from harness.errors import SettingsError, StoreError
from harness.gate.baselines.pairing import recorded_sides, sides_of_anchor
from harness.gate.baselines.recording import Recording
from harness.gate.evaluations.sealing import SEALED, closed_ids, sealed_ids
from harness.gate.history.runs import PART
from harness.gate.runs.missing import missing_notes
from harness.gate.runs.notes import anchor_notes, specification
from harness.gate.runs.run import Run, RunOptions
from harness.gate.runs.versions import (
    Generations,
    Players,
    changed_versions,
    check_versions,
    files_note,
    version_notes,
    why_unasked,
)
from harness.gate.sampling.blocks import never_red
from harness.gate.sampling.candidates import green_runs, turn_in_words
from harness.gate.sampling.ledger import Anchor, Entry, Family, enter_looks
from harness.gate.sampling.question import Draws
from harness.models.engine import Capability, Engine
from harness.models.engine_creation import create_engine, engine_key
from harness.models.version import Version, answers, load_version
from harness.records import Note, Role
from harness.requests import Sampler, SampleSource, Spending
from harness.stages.build_state import BuildProgress, unseen
from harness.stages.building import built, version_named
from harness.stages.lineage import Lineages, StageContext, can_have
from harness.store import Store, new_run_id, store_url

_ROUNDING = 1e-9
BASELINE_FIRST_INDEX = 1_000_000
"""The first draw of a baseline: never one of those that it was promoted by, nor of a candidate that is the same."""


def open_run(settings: Settings, options: RunOptions, progress: BuildProgress = unseen) -> Run:
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


def _against(settings: Settings, options: RunOptions) -> dict[Role, str]:
    """The versions that are asked as baseline and anchor."""
    known = {role: baseline_name(settings, role) for role in AGAINST if role not in options.recordings}
    return {role: name for role, name in known.items() if name is not None}


def _checked_names(settings: Settings, options: RunOptions) -> list[str]:
    """Candidate, baseline and judges, which can answer as far as one can see without asking."""
    if options.offline and options.fresh:
        raise SettingsError("--fresh draws anew and --offline draws nothing: choose one of them.")
    names = [candidate_name(settings), *_against(settings, options).values(), *_judges(settings, options)]
    if not options.offline:
        check_versions(settings, names)
    return names


def _built(
    settings: Settings, options: RunOptions, names: Sequence[str], progress: BuildProgress
) -> dict[str, VersionSettings]:
    """Build the versions of these names; a recipe that can't be followed is refused before the first is built."""
    for name in names:
        version_named(settings, name)
    offline = options.offline
    return {name: built(settings, name, progress=progress, offline=offline, partly=not offline) for name in names}


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
        if answers(version.settings) and not version.settings.unbuilt:
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


# -- draws -------------------------------------------------------------------------------------------------------------


def candidate_first_index(fingerprint: str, recordings: Iterable[Recording], *, as_baseline: bool) -> int:
    """The index of a candidate's first draw: those recorded of this very version are not drawn again. What is weighed
    against nothing may be drawn as a baseline is, to be recorded.
    """
    has_own = any(each.version.fingerprint == fingerprint and each.first_index == 0 for each in recordings)
    return BASELINE_FIRST_INDEX if as_baseline or has_own else 0


def oldest(*sides: SampleSource | None) -> float | None:
    """The greatest age of samples that any side allows, in seconds; None where one allows any age."""
    ages = [each.version.settings.max_age_s for each in sides if each is not None]
    known = [age for age in ages if age is not None]
    return max(known) if len(known) == len(ages) else None


def generations_of(store: Store, source: SampleSource) -> tuple[int, ...]:
    """The generations of a version's draws, the oldest first: each case's first draw counts, which nobody chose. Those
    that have none at a baseline's indices come last.
    """
    return store.first_draws(source.version.fingerprint, (source.generation, *source.older), source.first_index)


def known_draws(
    store: Store, candidate: SampleSource, against: Mapping[Role, SampleSource]
) -> dict[str, tuple[int, ...]]:
    """The draws of all versions by what bets call them: those that a baseline has as one are told by their index."""
    name = f"candidate@{candidate.first_index}" if candidate.first_index > 0 else "candidate"
    generations = {name: generations_of(store, candidate)}
    for role, other in against.items():
        is_apart = other.first_index > 0 and other.version.fingerprint != candidate.version.fingerprint
        generations[f"{role}@{other.first_index}" if is_apart else role] = generations_of(store, other)
    return generations


# -- the run -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sources:
    """Where samples come from: of the candidate, of what it is weighed against as far as that is asked, of judges."""

    candidate: SampleSource
    against: Mapping[Role, SampleSource]
    judges: tuple[SampleSource, ...]

    @property
    def sides(self) -> tuple[SampleSource, ...]:
        """All but the judges', the candidate's first."""
        return self.candidate, *self.against.values()


def _sources(
    settings: Settings,
    options: RunOptions,
    versions: Mapping[str, Version],
    engines: Mapping[str, Engine],
    store: Store,
    generations: Generations,
) -> _Sources:
    def source(name: str, first_index: int = 0) -> SampleSource:
        version, (newest, *older) = versions[name], generations.of(versions[name])
        unasked = version.settings.unbuilt or why_unasked(version, settings)
        engine = None if unasked else engines.get(name)
        return SampleSource(version, engine, newest, first_index, tuple(older), unasked=unasked)

    name, asked, recordings = candidate_name(settings), _against(settings, options), options.recordings
    as_baseline = options.for_baseline and not asked and not recordings
    index = candidate_first_index(versions[name].fingerprint, recordings.values(), as_baseline=as_baseline)
    candidate, judges = source(name, index), tuple(map(source, _judges(settings, options)))
    against = {role: source(name, BASELINE_FIRST_INDEX) for role, name in asked.items()}
    for each in (candidate, *against.values()):
        # Where some answers are stored, a body that asks for others ends in the same error.
        known = each.generation, *each.older
        is_elsewhere = each.unasked and not each.version.settings.unbuilt
        if is_elsewhere and not store.has_draws(each.version.fingerprint, known, each.first_index):
            raise each.missing()
    return _Sources(candidate, against, judges)


def _sampler(
    settings: Settings,
    options: RunOptions,
    versions: Mapping[str, Version],
    sources: tuple[SampleSource, ...],
    store: Store,
) -> Sampler:
    prices = {name: version.settings.price for name, version in versions.items()}
    spending = Spending(settings.limits, prices, elapsed_s=options.elapsed_s)
    players = Players(settings, sources, store, is_offline=options.offline)
    return Sampler(store, window=settings.concurrency, spending=spending, find_source=players.find)


def _opening_lines(
    options: RunOptions, ledger: Mapping[str, Entry], level: float, *, is_compared: bool
) -> tuple[str, ...]:
    red = {name: entry.look for name, entry in ledger.items()} if is_compared else {}
    return *looks_in_words(ledger, level), *never_red(options.evaluations, red, level)


def _assemble(
    settings: Settings,
    options: RunOptions,
    versions: Mapping[str, Version],
    engines: Mapping[str, Engine],
    store: Store,
) -> Run:
    generations = Generations(store, is_fresh=options.fresh)
    options, asked = _one_of_each(options, _sources(settings, options, versions, engines, store, generations))
    candidate, against, judges, sides = asked.candidate, asked.against, asked.judges, asked.sides
    baseline, anchor = against.get("baseline"), against.get("anchor")
    notes = version_notes(*(each.version for each in (*sides, *judges)), root=settings.root, runs=store.runs)
    notes += tuple(filter(None, dict.fromkeys(each.version.settings.unbuilt for each in (*sides, *judges))))
    sampler = _sampler(settings, options, versions, (*sides, *judges), store)
    shared = StageContext(
        settings,
        sampler=sampler,
        store=store,
        generations=generations.of,
        is_offline=options.offline,
        baseline=None if baseline is None else baseline.version,
        sources=sides,
    )
    run_id = new_run_id(now := time.time())
    ledger = _enter(settings, options, asked, store, run_id)
    described = specification(settings, candidate, {**against, **options.recordings}, judges, ledger)
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    suite = *missing_notes(options, candidate.version.fingerprint, store), *_candidate_notes(ledger, settings)
    notes += anchor_notes(described, options.recordings.get("anchor"), store.gates())
    _store_run(store, run_id, created, described | files_note(candidate.version, settings.root), settings, options)
    return Run(
        run_id=run_id,
        settings=settings,
        options=options,
        candidate=candidate,
        baseline=baseline,
        anchor=anchor,
        judges=judges,
        lineages=_lineages(sides, baseline, shared),
        ledger=ledger,
        sampler=sampler,
        store=store,
        created=created,
        notes=(*(Note("version", text) for text in notes), *(Note("suite", text) for text in (*options.notes, *suite))),
        opening_lines=_opening_lines(options, ledger, 1 - settings.confidence_level, is_compared=baseline is not None),
        changed=partial(changed_versions, tuple(versions.values()), settings.root, now - options.elapsed_s),
    )


def _store_run(
    store: Store, run_id: str, created: str, described: dict[str, Any], settings: Settings, options: RunOptions
) -> None:
    """Enter the run in the store: what it seals, and that the key opened this; what only draws is none."""
    if options.share is not None:
        return
    sealed = sealed_ids(options.evaluations)
    own: dict[str, Any] = {SEALED: {"evaluations": sealed, "seal": settings.seal}} if sealed else {}
    own |= {PART: True} if options.evaluations and all(each.is_part for each in options.evaluations) else {}
    store.begin_run(run_id, created, {**described, "n_evaluations": options.n_evaluations, **options.noted, **own})
    if sealed and not closed_ids(options.evaluations, settings):
        store.note_looked_at(run_id)


def _one_of_each(options: RunOptions, sources: _Sources) -> tuple[RunOptions, _Sources]:
    """The same without an anchor that is the baseline's version: it would be the same comparison."""
    every: dict[Role, SampleSource | Recording] = {**sources.against, **options.recordings}
    prints = {role: each.version.fingerprint for role, each in every.items()}
    if prints.get("anchor") != prints.get("baseline"):
        return options, sources
    asked: dict[Role, SampleSource] = {role: each for role, each in sources.against.items() if role != "anchor"}
    recorded: dict[Role, Recording] = {role: each for role, each in options.recordings.items() if role != "anchor"}
    return replace(options, recordings=recorded), replace(sources, against=asked)


def _lineages(sides: Sequence[SampleSource], baseline: SampleSource | None, shared: StageContext) -> Lineages:
    """Make the lineages that give all versions their stage fixtures."""
    contexts = {}
    of_baseline = None if baseline is None else shared.settings.home(baseline.version.name)
    shared = replace(shared, baseline_settings=of_baseline)
    for side in reversed(sides):  # the candidate's wins where several are one version
        home = shared.settings.home(side.version.name)
        contexts[side.version.name] = replace(shared, engine=side.engine, source=side, settings=home)
    return Lineages(contexts)


def _enter(
    settings: Settings,
    options: RunOptions,
    sources: _Sources,
    store: Store,
    run_id: str,
) -> Mapping[str, Entry]:
    """Enter this look at the candidate into the store's ledger, before anything is drawn."""
    candidate, judges, recording = sources.candidate, sources.judges, options.recording
    sides: dict[Role, SampleSource | Recording] = {**sources.against, **options.recordings}
    against, anchor = (sides[role].version.fingerprint if role in sides else "" for role in AGAINST)
    version, home = candidate.version.settings, settings.home(candidate.version.name)
    whole = (each for each in options.evaluations if each.cases and not each.is_part)
    required = (each for each in whole if each.plan.threshold is not None or against)
    asked = [each for each in required if can_have(home, version, each.bound_names)]
    if not asked:
        return {}
    if any(each.plan.candidates != "noted" for each in asked):
        _refuse_shared_luck((candidate, *sources.against.values()), options.recordings)
    prints: dict[str, str] = {each.version.fingerprint: each.version.fingerprint for each in judges}
    prints |= {"candidate": candidate.version.fingerprint}
    prints |= {role: each.version.fingerprint for role, each in sources.against.items()}
    asks_models = any(each.wants & {"model", "baseline", "judge", "load", "repeats"} for each in asked)
    draws = known_draws(store, candidate, sources.against)
    family = Family(
        candidate=candidate.version.fingerprint,
        against=against,
        evaluations=tuple(dict.fromkeys([*(each.id for each in asked), *options.family])),
        confidence_level=settings.confidence_level,
        seed=settings.seed,
        best_of=settings.best_of,
        draws=draws,
        judges={each.version.fingerprint: generations_of(store, each) for each in judges},
        recorded=recorded_sides(recording, asked, store.begun),
        anchor=Anchor(anchor, sides_of_anchor(options.recordings.get("anchor"), asked, store.begun)),
        is_fresh=options.fresh,
        max_age_s=None if options.recordings else oldest(*sources.sides),
        begin=partial(_begin, store, prints, unable=_why_none_begins(options, asks_models=asks_models)),
        green_runs=lambda: green_runs(store.runs()),
    )
    if options.share is None:
        return enter_looks(store.looks, family, run_id, asked)
    with Store.open(store_url(settings), readonly=True) as only_read:  # the look that a gate has begun, or will begin
        return enter_looks(only_read.looks, family, run_id, asked)


def _refuse_shared_luck(sources: Iterable[SampleSource], recordings: Container[Role]) -> None:
    """Refuse what answers as before when it is drawn anew, or can't be: candidates would share its luck."""
    if "anchor" in recordings:
        raise SettingsError(
            "Where candidates are counted, an anchor is drawn anew for each of them, and a recorded one can't be: name "
            "its version as the anchor."
        )
    for source in sources:
        if "seed" in source.version.settings.sampling:
            raise SettingsError(
                f"{source.version.name} has a seed in its sampling, so that it gives the same answers again, and "
                "candidates are counted by draws of their own. Leave the seed out."
            )


def _candidate_notes(ledger: Mapping[str, Entry], settings: Settings) -> list[str]:
    """Say which candidate it is on the cases of the evaluations, of each number once."""
    first = (1 - settings.confidence_level) * share_of(1)
    return list(
        dict.fromkeys(filter(None, (turn_in_words(each.turn, each.n_candidates, first) for each in ledger.values())))
    )


def _why_none_begins(options: RunOptions, *, asks_models: bool) -> str:
    """Say why a run can't draw anew what was looked at; "" where it can."""
    if not (options.share or (options.offline and asks_models)):
        return ""
    way, advice = "--offline draws nothing", "Run without --offline"
    if options.share:
        way, advice = "--draw begins no look", "Start the gate itself, on this store, and --draw beside it"
    return (
        f"{way}, and cases that were seen were changed, left out or pruned since, or their samples are older than "
        "max_age, so that all would be drawn anew, as another look; or a candidate that is counted is new. "
        f"{advice}, or run with the cases that were seen and a longer max_age."
    )


def _begin(store: Store, prints: Mapping[str, str], *, unable: str) -> dict[str, Draws]:
    """Begin a generation of each version, one where it has several roles.

    Args:
        prints: fingerprints by role.
        unable: why this run begins none; "" where it may.

    Raises:
        SettingsError: it begins none.
    """
    if unable:
        raise SettingsError(unable)
    begun = {each: store.generations(each, fresh=True) for each in dict.fromkeys(prints.values())}
    return {name: begun[each] for name, each in prints.items()}


# -- what is told before the first request -----------------------------------------------------------------------------


def looks_in_words(entries: Mapping[str, Entry], level: float) -> list[str]:
    """The price of looking again, a line for each kind of new look; nothing for first looks, or for one gone on with.

    Args:
        level: the error rate of the gate.

    >>> looks_in_words({"a": Entry(look_at(2, 1, 1, because="samples 5 → 10")), "b": Entry(look_at(1, 1, 1))}, 0.05)[0]
    'a was weighed before for this candidate (samples 5 → 10). Its second look may be wrong 0.25 times in 100, not 4.5'
    """
    added: dict[float, list[str]] = {}
    plain: dict[str, list[str]] = {}
    again: dict[tuple[int, str, float], list[str]] = {}
    for identity, entry in entries.items():
        look, name, words = entry.look, identity.rpartition("::")[2], ""
        if entry.is_new and look.because == ADDED_LATER:
            added.setdefault(look.red_share, []).append(name)
        elif entry.is_new and look.number > 1:
            again.setdefault((look.number, look.because, look.share), []).append(name)
        elif entry.is_new:
            words = look.because
        if words := f"{entry.undecided} decides nothing" if entry.undecided else words:
            plain.setdefault(words, []).append(name)
    lines = [
        f"{_who(names)} {ADDED_LATER} for this candidate: red may be wrong {100 * level * red:.2g} times in 100"
        f"{'' if len(names) == 1 else ' for each'}"
        for red, names in sorted(added.items())
    ]
    lines += [f"{', '.join(names)}: {words}" for words, names in plain.items()]
    lines += [
        f"{_who(names)} weighed before for this candidate ({because}). {'Its' if len(names) == 1 else 'Their'} "
        f"{ordinal(number)} look may be wrong {100 * level * passing:.2g} times in 100, "
        f"not {100 * level * share_of(1):.2g}"
        for (number, because, passing), names in sorted(again.items())
    ]
    if over := sum(entry.spent > 1 + _ROUNDING for entry in entries.values()):
        lines.append(
            f"{over:,} {'evaluation was' if over == 1 else 'evaluations were'} looked at in two stores that were "
            "merged: their error rate was spent twice, and verdicts may be wrong more often than promised"
        )
    return lines


def _who(names: Sequence[str]) -> str:
    return f"{names[0]} was" if len(names) == 1 else f"{len(names):,} evaluations were"
