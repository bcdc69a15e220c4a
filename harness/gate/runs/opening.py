"""Opens a run: versions, store, engines; everything that can be wrong is found here, before the first request."""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from harness.config import Settings, VersionSettings
from harness.config.artifacts import Builds, knowing
from harness.config.roles import AGAINST, candidate_name, judge_names, names_against
from harness.decisions import share_of
from harness.decisions.looks import ADDED_LATER, ordinal
from harness.errors import SettingsError, StoreError
from harness.gate.baselines.pairing import recorded_side, why_unanchored
from harness.gate.baselines.recording import Recording
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.evaluations.sealing import SEALED, closed_ids, sealed_ids
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
from harness.gate.sampling.ledger import Entry, Family, enter_looks
from harness.gate.sampling.question import Draws, Turn
from harness.models.engine import Capability, Engine
from harness.models.engine_creation import create_engine, engine_key
from harness.models.version import Version, answers, load_version
from harness.records import Note, Other, Role
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
    versions = {}
    with knowing(_known_builds(settings, options)) as known:
        for name, made in _built(settings, options, progress).items():
            versions[name] = load_version(made, settings.root, offline=options.offline)
    engines = {} if options.offline else _engines(versions, settings)
    check_judges(list(versions) if options.weighs_judges else _judges(settings, options), engines)
    store = Store.open(store_url(settings))
    try:
        store.builds.add(known.noted)
        return _Opening(settings, options, versions, engines, store).run()
    except BaseException:
        store.close()
        raise


def check_run(settings: Settings, options: RunOptions, progress: BuildProgress = unseen) -> None:
    """See that another process could open a run: with these versions, which are built now, and in this store.

    Raises:
        UsageError: whatever is wrong with any of them.
    """
    with knowing(_known_builds(settings, options)):
        _built(settings, options, progress)
    Store.open(store_url(settings)).close()


# -- versions ----------------------------------------------------------------------------------------------------------


def _judges(settings: Settings, options: RunOptions) -> Sequence[str]:
    return judge_names(settings) if options.is_judged else ()


def _built(settings: Settings, options: RunOptions, progress: BuildProgress) -> dict[str, VersionSettings]:
    """Build candidate, baseline, anchor and judges, which can answer as far as one can see without asking; a recipe
    that can't be followed is refused before the first is built.
    """
    if options.offline and options.fresh:
        raise SettingsError("--fresh draws anew and --offline draws nothing: choose one of them.")
    against = names_against(settings, options.recordings).values()
    names = [candidate_name(settings), *against, *_judges(settings, options)]
    if not options.offline:
        check_versions(settings, names)
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


class _Opening:
    """Makes a run of what was loaded: where samples come from, its entry in the ledger and in the store."""

    def __init__(
        self,
        settings: Settings,
        options: RunOptions,
        versions: Mapping[str, Version],
        engines: Mapping[str, Engine],
        store: Store,
    ) -> None:
        self._settings, self._versions, self._engines, self._store = settings, versions, engines, store
        self._generations, name = Generations(store, is_fresh=options.fresh), candidate_name(settings)
        asked = names_against(settings, options.recordings)
        as_baseline = options.for_baseline and not asked and not options.recordings
        first = candidate_first_index(versions[name].fingerprint, options.recordings.values(), as_baseline=as_baseline)
        self._candidate = self._source(name, first)
        self._judges = tuple(map(self._source, _judges(settings, options)))
        sides: dict[Role, SampleSource | Recording] = dict(options.recordings)
        sides |= {role: self._source(each, BASELINE_FIRST_INDEX) for role, each in asked.items()}
        self._prints = {role: sides[role].version.fingerprint for role in AGAINST if role in sides}
        if self._prints.get("anchor", "") == self._prints.get("baseline"):  # it would be the same comparison
            del self._prints["anchor"]
        self._sides = {role: sides[role] for role in self._prints}
        self._against = {role: each for role, each in self._sides.items() if isinstance(each, SampleSource)}
        recordings = {role: each for role, each in self._sides.items() if isinstance(each, Recording)}
        self._options = replace(options, recordings=recordings)
        for each in (self._candidate, *self._against.values()):
            # Where some answers are stored, a body that asks for others ends in the same error.
            known = each.generation, *each.older
            is_elsewhere = each.unasked and not each.version.settings.unbuilt
            if is_elsewhere and not store.has_draws(each.version.fingerprint, known, each.first_index):
                raise each.missing()

    def _source(self, name: str, first_index: int = 0) -> SampleSource:
        version, (newest, *older) = self._versions[name], self._generations.of(self._versions[name])
        unasked = version.settings.unbuilt or why_unasked(version, self._settings)
        engine = None if unasked else self._engines.get(name)
        return SampleSource(version, engine, newest, first_index, tuple(older), unasked=unasked)

    def run(self) -> Run:
        """The run, which is entered in the ledger and in the store."""
        settings, options, store, candidate = self._settings, self._options, self._store, self._candidate
        run_id, level, sampler = new_run_id(now := time.time()), 1 - settings.confidence_level, self._sampler()
        ledger = self._enter(run_id)
        described = specification(settings, candidate, self._sides, self._judges, ledger)
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        every = [each.version for each in (candidate, *self._against.values(), *self._judges)]
        of_versions = [
            *version_notes(*every, root=settings.root, runs=store.runs),
            *filter(None, dict.fromkeys(each.settings.unbuilt for each in every)),
            *anchor_notes(described, options.recordings.get("anchor"), store.gates()),
        ]
        missing = missing_notes(options, candidate.version.fingerprint, store)
        of_suite = [*options.notes, *missing, *_candidate_notes(ledger, level * share_of(1) / settings.best_of, store)]
        _store_run(store, run_id, created, described | files_note(candidate.version, settings.root), settings, options)
        red = {name: entry.look for name, entry in ledger.items()} if "baseline" in self._against else {}
        return Run(
            run_id=run_id,
            settings=settings,
            options=options,
            candidate=candidate,
            against=self._against,
            judges=self._judges,
            lineages=self._lineages(sampler),
            ledger=ledger,
            sampler=sampler,
            store=store,
            created=created,
            notes=(*(Note("version", text) for text in of_versions), *(Note("suite", text) for text in of_suite)),
            opening_lines=(*looks_in_words(ledger, level), *never_red(options.evaluations, red, level)),
            changed=partial(changed_versions, tuple(self._versions.values()), settings.root, now - options.elapsed_s),
        )

    def _sampler(self) -> Sampler:
        prices = {name: version.settings.price for name, version in self._versions.items()}
        spending = Spending(self._settings.limits, prices, elapsed_s=self._options.elapsed_s)
        sources = self._candidate, *self._against.values(), *self._judges
        players = Players(self._settings, sources, self._store, is_offline=self._options.offline)
        window = self._settings.concurrency
        return Sampler(self._store, window=window, spending=spending, find_source=players.find)

    def _lineages(self, sampler: Sampler) -> Lineages:
        """Make the lineages that give all versions their stage fixtures."""
        sides, baseline = (self._candidate, *self._against.values()), self._against.get("baseline")
        shared = StageContext(
            self._settings,
            sampler=sampler,
            store=self._store,
            generations=self._generations.of,
            is_offline=self._options.offline,
            baseline=None if baseline is None else baseline.version,
            baseline_settings=None if baseline is None else self._settings.home(baseline.version.name),
            sources=sides,
        )
        contexts = {}
        for side in reversed(sides):  # the candidate's wins where several are one version
            home = self._settings.home(side.version.name)
            contexts[side.version.name] = replace(shared, engine=side.engine, source=side, settings=home)
        return Lineages(contexts)

    def _enter(self, run_id: str) -> Mapping[str, Entry]:
        """Enter this look at the candidate into the store's ledger, before anything is drawn."""
        settings, options, store, version = self._settings, self._options, self._store, self._candidate.version
        home, begun = settings.home(version.name), {each: store.begun(each) for each in self._prints.values()}
        whole = (each for each in options.evaluations if each.cases and not each.is_part)
        required = (each for each in whole if each.plan.threshold is not None or "baseline" in self._sides)
        asked = [each for each in required if can_have(home, version.settings, each.bound_names)]
        if version.settings.unbuilt:  # what can't be asked is no look
            asked = [each for each in asked if not each.needs_version]
        if not asked:
            return {}
        if is_counted := any(each.plan.candidates != "noted" for each in asked):
            refuse_shared_luck((self._candidate, *self._against.values()), options.recordings)
        judges = {each.version.fingerprint: each for each in self._judges}
        drawn = {name: name for name in judges} | {"candidate": version.fingerprint}
        drawn |= {role: each.version.fingerprint for role, each in self._against.items()}
        asks_models = any(each.wants & {"model", "baseline", "judge", "load", "repeats"} for each in asked)
        draws = known_draws(store, self._candidate, self._against)
        unable = _why_none_begins(options, asks_models=asks_models, is_counted=is_counted)
        family = Family(
            candidate=version.fingerprint,
            against=self._prints.get("baseline", ""),
            evaluations=tuple(dict.fromkeys([*(each.id for each in asked), *options.family])),
            confidence_level=settings.confidence_level,
            seed=settings.seed,
            best_of=settings.best_of,
            others={each.id: self._others(each, begun) for each in asked},
            draws=draws | {name: generations_of(store, each) for name, each in judges.items()},
            is_fresh=options.fresh,
            max_age_s=None if options.recordings else oldest(self._candidate, *self._against.values()),
            begin=partial(_begin, store, drawn, unable=unable),
            green_runs=lambda: green_runs(store.runs()),
        )
        if options.share is None:
            return enter_looks(store.looks, family, run_id, asked)
        with Store.open(store_url(settings), readonly=True) as only_read:  # the look that a gate began, or will begin
            return enter_looks(only_read.looks, family, run_id, asked)

    def _others(self, evaluation: Evaluation, begun: Mapping[str, Mapping[int, float]]) -> dict[Role, Other]:
        """What an evaluation is weighed against."""
        others: dict[Role, Other] = {}
        for role, each in self._sides.items():
            own = each.version.fingerprint
            others[role] = recorded_side(each, evaluation, begun[own]) if isinstance(each, Recording) else Other(own)
        if why_unanchored(evaluation, self._options.recordings.get("anchor")):
            others.pop("anchor", None)
        return others


def _store_run(
    store: Store, run_id: str, created: str, described: dict[str, Any], settings: Settings, options: RunOptions
) -> None:
    """Enter the run in the store: what it seals, and that the key opened this; what only draws is none."""
    if options.share is not None:
        return
    sealed = sealed_ids(options.evaluations)
    own: dict[str, Any] = {SEALED: {"evaluations": sealed, "seal": settings.seal}} if sealed else {}
    own |= {"is_gate": False} if options.evaluations and all(each.is_part for each in options.evaluations) else {}
    store.begin_run(run_id, created, {**described, "n_evaluations": options.n_evaluations, **options.noted, **own})
    if sealed and not closed_ids(options.evaluations, settings):
        store.note_looked_at(run_id)


def refuse_shared_luck(sources: Iterable[SampleSource], recordings: Container[Role]) -> None:
    """Refuse what answers as before when it is drawn anew, or can't be: candidates would share its luck."""
    if "anchor" in recordings:
        raise SettingsError(
            "Where candidates are counted, an anchor is drawn anew for each of them, and a recorded one can't be: "
            'write the version that was recorded as the anchor, such as anchor = "NAME" or "git:v1.0".'
        )
    for source in sources:
        if "seed" in source.version.settings.sampling:
            raise SettingsError(
                f"{source.version.name} has a seed in its sampling, so that it gives the same answers again, and "
                "candidates are counted by draws of their own. Leave the seed out."
            )


def _candidate_notes(ledger: Mapping[str, Entry], level: float, store: Store) -> Iterator[str]:
    """Say which candidate it is on the cases of the evaluations, of each number once."""
    turns: dict[tuple[Turn, int], None] = {}
    for name, entry in ledger.items():
        is_noted = entry.question is not None and not entry.turn.number
        cases = entry.question.cases if entry.question is not None and is_noted else ()
        turns[entry.turn, store.looks.count_candidates(name, cases)] = None
    return filter(None, (turn_in_words(*each, level) for each in turns))


def _why_none_begins(options: RunOptions, *, asks_models: bool, is_counted: bool) -> str:
    """Say why a run can't draw anew what was looked at; "" where it can."""
    if not (options.share or (options.offline and asks_models)):
        return ""
    way, advice = "--offline draws nothing", "Run without --offline"
    if options.share:
        way, advice = "--draw begins no look", "Start the gate itself, on this store, and --draw beside it"
    if is_counted:
        return f"{way}, and all is drawn anew for each candidate that is counted. {advice}."
    return (
        f"{way}, and cases that were seen were changed, left out or pruned since, or their samples are older than "
        f"max_age, so that all would be drawn anew, as another look. {advice}, or run with the cases that were seen "
        "and a longer max_age."
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
    'a: weighed before for this candidate (samples 5 → 10), its second look may be wrong 0.25 times in 100, not 4.5'
    """
    names: dict[str, list[str]] = {}
    for identity, entry in entries.items():
        look, text = entry.look, entry.look.because
        if look.because == ADDED_LATER:
            text = f"{ADDED_LATER} for this candidate, red may be wrong {100 * level * look.red_share:.2g} times in 100"
        elif look.number > 1:
            text = (
                f"weighed before for this candidate ({look.because}), its {ordinal(look.number)} look may be wrong "
                f"{100 * level * look.share:.2g} times in 100, not {100 * level * share_of(1):.2g}"
            )
        text = f"{entry.undecided} decides nothing" if entry.undecided else text
        if text and entry.is_new:
            names.setdefault(text, []).append(identity.rpartition("::")[2])
    lines = [f"{own[0] if len(own) == 1 else f'{len(own):,} evaluations'}: {text}" for text, own in names.items()]
    if over := sum(entry.spent > 1 + _ROUNDING for entry in entries.values()):
        lines.append(
            f"{over:,} {'evaluation was' if over == 1 else 'evaluations were'} looked at in two stores that were "
            "merged: their error rate was spent twice, and verdicts may be wrong more often than promised"
        )
    return lines
