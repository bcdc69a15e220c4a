"""Opens a run: versions, store, engines; everything that can be wrong is found here, before the first request."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from harness.config import Settings, VersionSettings
from harness.config.artifacts import Builds, knowing
from harness.config.roles import baseline_name, candidate_name, judge_names
from harness.decisions import share_of
from harness.decisions.looks import ADDED_LATER, ordinal
from harness.errors import SettingsError, StoreError, some
from harness.gate.baselines.pairing import recorded_side
from harness.gate.baselines.recording import Recording
from harness.gate.runs.notes import specification
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
from harness.gate.sampling.ledger import Draws, Entry, Family, enter_looks
from harness.models.engine import Capability, Engine
from harness.models.engine_creation import create_engine, engine_key
from harness.models.version import Version, answers, load_version
from harness.records import Note
from harness.requests import Sampler, SampleSource, Spending
from harness.stages.build_state import BuildProgress, unseen
from harness.stages.building import built, version_named
from harness.stages.lineage import Lineages, StageContext, can_have
from harness.store import Store, new_run_id, store_url

_ROUNDING = 1e-9
_MOST_NOTES = 5
"""Evaluations that are gone, each in a note of its own."""
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
        version_named(settings, name)
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


# -- draws -------------------------------------------------------------------------------------------------------------


def candidate_first_index(fingerprint: str, recording: Recording | None, *, as_baseline: bool) -> int:
    """The index of a candidate's first draw: those recorded of this very version are not drawn again. What is weighed
    against nothing may be drawn as a baseline is, to be recorded.
    """
    if recording is None:
        return BASELINE_FIRST_INDEX if as_baseline else 0
    is_same = recording.version.fingerprint == fingerprint
    return BASELINE_FIRST_INDEX if is_same and recording.first_index == 0 else 0


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


def known_draws(store: Store, candidate: SampleSource, baseline: SampleSource | None) -> dict[str, tuple[int, ...]]:
    """The draws of both versions by what bets call them: those that a baseline has as one are told by their index."""
    name = f"candidate@{candidate.first_index}" if candidate.first_index > 0 else "candidate"
    generations = {name: generations_of(store, candidate)}
    if baseline is not None:
        is_apart = baseline.first_index > 0 and baseline.version.fingerprint != candidate.version.fingerprint
        generations[f"baseline@{baseline.first_index}" if is_apart else "baseline"] = generations_of(store, baseline)
    return generations


# -- the run -----------------------------------------------------------------------------------------------------------


_Sources = tuple[SampleSource, SampleSource | None, tuple[SampleSource, ...]]
"""The candidate, the baseline and the judges."""


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
        unasked = why_unasked(version, settings)
        engine = None if unasked else engines.get(name)
        return SampleSource(version, engine, newest, first_index, tuple(older), unasked=unasked)

    name, against = candidate_name(settings), _against(settings, options)
    as_baseline = options.for_baseline and against is None
    index = candidate_first_index(versions[name].fingerprint, options.recording, as_baseline=as_baseline)
    candidate, judges = source(name, index), tuple(map(source, _judges(settings, options)))
    baseline = None if against is None else source(against, BASELINE_FIRST_INDEX)
    for each in filter(None, (candidate, baseline)):
        # Where some answers are stored, a body that asks for others ends in the same error.
        known = each.generation, *each.older
        if each.unasked and not store.has_draws(each.version.fingerprint, known, each.first_index):
            raise each.missing()
    return candidate, baseline, judges


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
    candidate, baseline, judges = _sources(settings, options, versions, engines, store, generations)
    sides = (candidate,) if baseline is None else (candidate, baseline)
    notes = version_notes(*(each.version for each in (*sides, *judges)), root=settings.root, runs=store.runs)
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
    now = time.time()
    run_id = new_run_id(now)
    ledger = _enter(settings, options, (candidate, baseline, *judges), store, run_id)
    described = specification(settings, candidate, options.recording or baseline, judges, ledger)
    described |= {
        "n_evaluations": options.n_evaluations,
        **options.noted,
        **files_note(candidate.version, settings.root),
    }
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    suite = (*options.notes, *missing_notes(options, candidate.version.fingerprint, store))
    store.begin_run(run_id, created, described)
    return Run(
        run_id=run_id,
        settings=settings,
        options=options,
        candidate=candidate,
        baseline=baseline,
        judges=judges,
        lineages=_lineages(sides, shared),
        ledger=ledger,
        sampler=sampler,
        store=store,
        created=created,
        notes=(*(Note("version", text) for text in notes), *(Note("suite", text) for text in suite)),
        opening_lines=_opening_lines(options, ledger, 1 - settings.confidence_level, is_compared=baseline is not None),
        changed=partial(changed_versions, tuple(versions.values()), settings.root, now - options.elapsed_s),
    )


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
    asked = [each for each in required if can_have(home, version, each.bound_names)]
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


def missing_notes(options: RunOptions, candidate: str, store: Store) -> tuple[str, ...]:
    """Tell of evaluations that are gone from the suite, and that the recorded baseline has, or that were not green in a
    gate of this candidate: else to delete one that is red makes a gate green without a trace.

    Args:
        candidate: its fingerprint.
    """
    recording, notes = options.recording, dict[str, str]()
    recorded = {} if recording is None else recording.evaluations
    seen = (row.evaluation_id for row in store.looks.of_candidate(candidate))
    missing = list(filter(options.is_missing, dict.fromkeys([*recorded, *seen])))
    not_green = _not_green({*missing}, {*options.family}, candidate, store) if missing else {}
    for identity in missing:
        known = []
        if recording is not None and identity in recorded:
            n_cases = len(recorded[identity].cases)
            known.append(f"{recording.in_words} has {n_cases:,} case{'' if n_cases == 1 else 's'} of it")
        if identity in not_green:
            known.append(f"a gate of this candidate had it, {not_green[identity]}")
        if known:
            notes[identity] = f"{identity} is not in the suite any more: {'; '.join(known)}"
    more = list(notes)[_MOST_NOTES:]
    others = f"{len(more):,} more that were recorded or not green are not in the suite any more: {some(more)}"
    return (*list(notes.values())[:_MOST_NOTES], *((others,) if more else ()))


def _not_green(missing_ids: set[str], own: set[str], candidate: str, store: Store) -> dict[str, str]:
    """Return what those that are gone came to in the newest gate of the candidate that had them, where that is not
    green.

    Args:
        own: the evaluations of this suite: a gate that had none of them was of another project with the same store.
    """
    last_verdicts: dict[str, tuple[str, str]] = {}
    for run in reversed(store.runs()):
        version = run.spec.get("candidate") or {}
        looks = version.get("draws", {}).keys() if version.get("fingerprint") == candidate else set()
        missing = missing_ids & looks - last_verdicts.keys() if run.finished and looks & own else set()
        if missing:
            entries = (store.report(run.run_id) or {}).get("evaluations", ())
            last_verdicts |= {each["id"]: (each["verdict"], run.run_id) for each in entries if each["id"] in missing}
    return {
        name: f"{verdict} in run {run_id}" for name, (verdict, run_id) in last_verdicts.items() if verdict != "passed"
    }
