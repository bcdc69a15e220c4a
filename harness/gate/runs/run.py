"""A run: all evaluations of a session, sampled side by side and decided together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Container, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from harness.config import Settings
from harness.decisions import Look, Observations, decide
from harness.decisions.looks import CLOSED
from harness.errors import AnswersNothingError, BudgetSpentError, NotInLineageError, StoreError
from harness.gate.baselines.pairing import Against, Pairing, why_unanchored
from harness.gate.baselines.recording import Recording
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.evaluations.examples import most_telling
from harness.gate.evaluations.sealing import closed_ids, sealed_ids, without_sealed
from harness.gate.history.answers import AnswerSource, with_answers
from harness.gate.people.verdicts import review_verdicts, with_address
from harness.gate.runs.notes import version_reference
from harness.gate.runs.versions import flops_spent
from harness.gate.sampling.blocks import BlockRoom, others_done
from harness.gate.sampling.body_errors import describe
from harness.gate.sampling.collector import Collector
from harness.gate.sampling.feeding import Feeder
from harness.gate.sampling.ledger import Entry
from harness.gate.sampling.order import Share, order_of
from harness.models.version import Version, answers
from harness.records import Change, Note, Role, ScoreRow, SkippedEvaluation, Usage, Verdict, VersionRef, Waiver
from harness.requests import Sampler, SampleSource
from harness.requests.sampler import LOCKED_S
from harness.stages.lineage import Lineages
from harness.store import Store
from harness.store.database import BUSY_S

_ROWS_AT_ONCE = 5000
_CLOSING_S = 5.0
"""Seconds that a body that catches its cancellation may hold up the end."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of a run beyond the settings: those of the command line, and facts about its evaluations.

    Attributes:
        is_judged: whether any evaluation asks the judge that settings or command line name.
        weighs_judges: whether the versions under test judge in any evaluation.
        recordings: what the candidate is weighed against in place of a version that is asked, by role.
        cases: the pattern of ids that the run is restricted to.
        for_baseline: whether the candidate is drawn as a baseline is.
        noted: what else the store keeps of the run, for those who read it later.
        elapsed_s: seconds that the session is old, for a deadline.
        evaluations: all that may run; the ledger gets a look at each.
        family: the ids of all of the suite that could be run for the candidate, run or not: red is corrected over them.
        notes: sentences for the report on what is known of them.
        is_missing: tells of an id whether the suite had such an evaluation, and has it no more.
        waivers: the evaluations that are accepted, or were.
        share: what it draws for a gate that another process decides; None for a gate.
    """

    offline: bool = False
    fresh: bool = False
    n_evaluations: int = 1
    is_judged: bool = False
    weighs_judges: bool = False
    recordings: Mapping[Role, Recording] = field(default_factory=dict)
    cases: str = "*"
    for_baseline: bool = False
    noted: Mapping[str, Any] = field(default_factory=dict)
    elapsed_s: float = 0.0
    evaluations: tuple[Evaluation, ...] = ()
    family: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_missing: Callable[[str], bool] = field(default=lambda _: False)
    waivers: tuple[Waiver, ...] = ()
    share: Share | None = None

    @property
    def recording(self) -> Recording | None:
        """What stands for the baseline."""
        return self.recordings.get("baseline")


@dataclass(eq=False)
class Run:
    """Samples evaluations as they are started, and decides them in batches.

    Attributes:
        candidate: where its samples come from.
        against: the same of baseline and anchor, as far as they are asked.
        judges: where the judges' samples come from; none where nothing is judged.
        lineages: makes what bodies take of a version beside its answers.
        ledger: which look at the candidate this is, by evaluation; one that is not in it is looked at this once.
        store: takes the scores, and has the review queue.
        created: when it began, in ISO 8601.
        notes: on the versions and the suite, for a reader of the report.
        opening_lines: what to say before the first request, a line each: what looking again costs.
        changed: tells which versions are not what they were when the run began, a sentence each.
        closed: the sealed evaluations of which nothing but the verdict leaves the run.
    """

    run_id: str
    settings: Settings
    options: RunOptions
    candidate: SampleSource
    against: Mapping[Role, SampleSource]
    judges: tuple[SampleSource, ...]
    lineages: Lineages
    ledger: Mapping[str, Entry]
    sampler: Sampler
    store: Store
    created: str
    notes: tuple[Note, ...]
    opening_lines: tuple[str, ...]
    changed: Callable[[], Sequence[str]]

    def __post_init__(self) -> None:
        """Begin with nothing sampled."""
        self._recordings = self.options.recordings
        self._sources: dict[Role, SampleSource] = {"candidate": self.candidate, **self.against}
        self._level = self.settings.confidence_level
        self._only_draws = self.options.share is not None
        self.closed = closed_ids(self.options.evaluations, self.settings)
        if self._only_draws:  # which is no run that notes that the key was used
            self.closed = frozenset(sealed_ids(self.options.evaluations))
        self.feeder = Feeder(self._sources, self.judges, self.sampler, self.settings.concurrency, 1 - self._level)
        self._blocks = BlockRoom(self.store, self.sampler, self._sources)
        self.collectors: dict[str, Collector] = {}  # by the id of the evaluation
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._measuring: set[str] = set()
        self._spans: dict[str, tuple[float, float]] = {}
        self._verdicts, self._changes = dict[str, tuple[Verdict, ...]](), list[tuple[Verdict, list[Change]]]()
        self._shown: tuple[Change, ...] | None = None
        self._skipped, self._abandoned = dict[str, str](), set[str]()
        self._rows: list[ScoreRow] = []
        self._storing: tuple[Future[int], list[ScoreRow]] | None = None

    # -- sampling ---------------------------------------------------------------------------------------------------

    def start(self, evaluation: Evaluation) -> None:
        """Begin to sample an evaluation; returns at once."""
        self._collect(evaluation)
        if evaluation.plan.in_blocks:
            self._measuring.add(evaluation.id)
        self._spans[evaluation.id] = (began := time.monotonic(), began)
        task = self._tasks[evaluation.id] = asyncio.get_running_loop().create_task(self._sample(evaluation))
        task.add_done_callback(lambda _: self._spans.update({evaluation.id: (began, time.monotonic())}))

    async def _sample(self, evaluation: Evaluation) -> None:
        """Make what the bodies take of the versions' lineages, measure blocks, and feed the bodies."""
        if self._only_draws and evaluation.plan.in_blocks:
            self._skip(evaluation.id, "it is measured by the gate itself, on one machine, and not with --draw")
            return
        try:
            async with asyncio.timeout(self.feeder.left_s):
                await self._prepare(evaluation)
                if evaluation.plan.in_blocks:
                    await self._measure(evaluation)
        except NotInLineageError as error:
            self._skip(evaluation.id, error.advice)
            return
        except (TimeoutError, BudgetSpentError):
            self.collectors[evaluation.id].cut(self.sampler.spending.refuse().limit)
            return
        except Exception as error:  # noqa: BLE001 - whatever a maker raises is what ends this evaluation, and no other
            self.collectors[evaluation.id].note(describe(error))
            return
        collector = self.collectors[evaluation.id]
        await self.feeder.feed(collector)
        try:
            if self._storing is not None:
                await asyncio.wrap_future(self._storing[0])
        except StoreError as error:  # its scores can't be stored
            collector.note(str(error))
        if collector.lack:
            self._skip(evaluation.id, collector.lack)

    async def _prepare(self, evaluation: Evaluation) -> None:
        """Make what the bodies take of the versions' lineages. A baseline or anchor that has no such thing is left out.

        Raises:
            NotInLineageError: the candidate has no such thing.
            Exception: whatever a maker raises.
        """
        made: dict[Role, Mapping[str, object]] = {}
        against = self.against["baseline"].version if "baseline" in self.against else None
        lacking: dict[Role, str] = {}
        for role in self.collectors[evaluation.id].roles:
            version = self._sources[role].version
            try:
                check_answers(evaluation, version, against)
                made[role] = await self.lineages.take(evaluation.stages, version, evaluation.wants)
            except NotInLineageError as error:
                if role == "candidate":
                    raise
                lacking[role] = str(error)
        if lacking:
            self._collect(evaluation, lacking)
        self.collectors[evaluation.id].of_stages = made

    async def _measure(self, evaluation: Evaluation) -> None:
        """Measure the blocks of an evaluation when all that asks models has ended."""
        collector = self.collectors[evaluation.id]
        await others_done(lambda: [task for name, task in self._tasks.items() if name not in self._measuring])
        servers: Any = {role: made["server"] for role, made in collector.of_stages.items()}
        collector.loads = await self._blocks.loads(evaluation, servers, collector.entry)

    def _skip(self, name: str, why: str) -> None:
        """Leave an evaluation out: the candidate was made without what it asks about."""
        self._skipped[name] = why
        del self.collectors[name]

    def _collect(self, evaluation: Evaluation, lacking: Mapping[Role, str] = {}) -> Collector:
        """Make the collector of an evaluation; without an entry in the ledger it has its equal share of all.

        Args:
            lacking: the versions that have nothing of what it asks about, by role, and why.
        """
        weight, best_of = 1 / self.options.n_evaluations, self.settings.best_of
        alone = Look(share=1 / best_of, red_share=weight / best_of, weight=weight, batch=CLOSED)
        entry = self.ledger.get(evaluation.id) or Entry(alone)
        judges, anchor = tuple(judge.version.fingerprint for judge in self.judges), self._recordings.get("anchor")
        why = why_unanchored(evaluation, anchor) if anchor is not None or "anchor" in self.against else ""
        without: dict[Role, str] = {**lacking, "anchor": why} if why else dict(lacking)
        kept = {role: each for role, each in self._recordings.items() if role not in without}
        recorded = {role: Pairing(each, evaluation, self.options.cases, judges) for role, each in kept.items()}
        own = (role for role in self._sources if role not in without)
        roles: tuple[Role, ...] = ("candidate",) if evaluation.is_pairwise else tuple(own)
        prints = {role: self._sources[role].version.fingerprint for role in roles}
        may_be_cut, n_versions = self.sampler.spending.limits.bounded, len(prints) + len(recorded)
        order = order_of(evaluation, n_versions, self.settings.seed, may_be_cut=may_be_cut, drawn=entry.order)
        if self.options.share is not None:
            order = order.of_worker(self.options.share, evaluation.id)
        name = (self.settings.anchor or "") if anchor is None else anchor.version.name
        beside = Against(recorded, without, name)
        collector = Collector(evaluation, order, prints, self._keep_row, entry, beside)
        self.collectors[evaluation.id] = collector
        return collector

    def _keep_row(self, row: ScoreRow) -> None:
        self._rows += () if self._only_draws else (row,)
        if len(self._rows) >= _ROWS_AT_ONCE and (self._storing is None or self._storing[0].done()):
            self._await_storing()
            rows, self._rows = self._rows, []
            stored = self.sampler.writer.submit(lambda: self.store.add_scores(self.run_id, rows, LOCKED_S))
            self._storing = stored, rows

    def _await_storing(self) -> None:
        """Wait for the scores that are being stored; those that could not be come once more."""
        if self._storing is not None and self._storing[0].exception() is not None:
            self._rows = self._storing[1] + self._rows
        self._storing = None

    def flush(self, wait_s: float = BUSY_S) -> None:
        """Store the scores that have come in; for so long a lock of another process is waited for."""
        self._await_storing()
        if self._rows:
            self.store.add_scores(self.run_id, self._rows, wait_s)
            self._rows = []

    # -- deciding ---------------------------------------------------------------------------------------------------

    async def decide(self, ids: Sequence[str]) -> None:
        """Wait for these evaluations and decide them together; they stay decided."""
        tasks = {name: self._tasks[name] for name in ids if name not in self._verdicts}
        if not tasks:
            return
        await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_EXCEPTION)
        if self.sampler.is_halted:  # what is undecided is told as interrupted, by whoever ends the run
            return
        for name, task in tasks.items():
            if task.cancelled():
                self.collectors[name].note("a body cancelled the task that it runs in, or that of another")
            elif task.done():
                task.result()
        self._decide([name for name in tasks if name not in self._skipped])

    def _decide(self, ids: Sequence[str]) -> None:
        for note in self.changed() if ids else ():
            for name in ids:
                self.collectors[name].note(note)
        if self._only_draws:  # nothing is looked at
            return
        observed = {name: self.collectors[name].observed() for name in ids}
        try:
            verdicts = self._verdicts_of(observed)
        except (ArithmeticError, ValueError) as error:
            if len(ids) > 1:
                for name in ids:
                    self._decide([name])
                return
            self.collectors[ids[0]].note(f"its scores can't be decided: {error}")
            observed = {ids[0]: self.collectors[ids[0]].observed()}
            verdicts = self._verdicts_of(observed)
        for name in ids:
            collector = self.collectors[name]
            judges = collector.judges(self._level)
            own = [collector.described(replace(each, judges=judges)) for each in verdicts if each.id == name]
            self._verdicts[name] = without_sealed(collector.with_aggregates(own), self.closed)
            if name not in self.closed:
                changes = {each.metric: collector.changes(each) for each in observed[name]}
                self._changes += [(each, changes[each.metric]) for each in self._verdicts[name]]
        self._shown = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """Cases to look at, the worst of each evaluation first, with what was answered as far as the store has it."""
        if self._shown is None:
            self._shown = self._with_answers(most_telling(self._changes))
        return self._shown

    def _with_answers(self, changes: Sequence[Change]) -> tuple[Change, ...]:
        recording = self.options.recording
        drawn = [(role, each) for role, each in self._sources.items() if role != "anchor"]
        sources: dict[Role, AnswerSource] = {
            role: AnswerSource(self.run_id, role, source.first_index) for role, source in drawn
        }
        if recording is not None:
            sources["baseline"] = AnswerSource(recording.run_id, "candidate", recording.first_index)
        lower = {(each.id, each.metric) for each in self.all_verdicts if not each.higher_is_better}
        with suppress(StoreError):  # is told at the end, unless it can be done then
            if changes:
                self.flush(LOCKED_S)
            changes = with_answers(self.store, changes, sources, lower)
        return tuple(changes)

    def _verdicts_of(self, observed: Mapping[str, Sequence[Observations]]) -> list[Verdict]:
        """The verdicts of these evaluations: of those with `review` by labels and judge, of the others together."""
        looks = {name: self.collectors[name].entry.look for name in observed}
        reviewed = [name for name in observed if self.collectors[name].asks_people]
        flat = [entry for name, entries in observed.items() if name not in reviewed for entry in entries]
        verdicts = list(decide(flat, self._level, looks=looks)) if flat else []
        for name in reviewed:
            with suppress(StoreError):  # is told at the end, unless it can be done then
                self.flush()
            evaluation = self.collectors[name].evaluation
            by_people = review_verdicts(self.store, self.run_id, evaluation, observed[name], self._level, looks[name])
            verdicts += [with_address(each, self.settings.review_url) for each in by_people]
        return verdicts

    def fail(self, evaluation: Evaluation, reason: str) -> None:
        """Give an evaluation that can't be sampled the verdict `error`."""
        self._collect(evaluation).note(reason)
        self._decide([evaluation.id])

    def interrupt(self) -> None:
        """Decide what was started and not decided: its verdict is `error` unless it had come to its end."""
        undecided = [name for name in self._tasks if not (name in self._verdicts or name in self._abandoned)]
        undecided = [name for name in undecided if name not in self._skipped]
        for name in undecided:
            task = self._tasks[name]
            if not task.done() or task.cancelled() or task.exception() is not None:
                self.collectors[name].interrupt("; ".join(self.sampler.window.troubles))
        self._decide(undecided)
        for task in self._tasks.values():
            task.cancel()

    def abandon(self) -> None:
        """Leave what is not decided without a verdict, because nobody will ask for it; its samples are kept."""
        self._abandoned.update(name for name in self._tasks if name not in self._verdicts)
        for name in self._abandoned:
            self._tasks[name].cancel()

    async def close(self) -> None:
        """Cancel what is under way, keep what was completed, also when this is cancelled."""
        self.feeder.halt()
        for task in self._tasks.values():
            task.cancel()
        async with AsyncExitStack() as ending:  # the last is called first, and each whatever becomes of the others
            ending.callback(self.store.close)
            ending.callback(self.flush)
            ending.push_async_callback(self.sampler.close)
            ending.push_async_callback(self.lineages.close)
            await self.sampler.window.stop()
            if self._tasks:
                await asyncio.wait(self._tasks.values(), timeout=_CLOSING_S)

    # -- what was found ---------------------------------------------------------------------------------------------

    def verdicts(self, evaluation_id: str) -> tuple[Verdict, ...]:
        """The verdicts of an evaluation, one for each metric; empty until it is decided."""
        return self._verdicts.get(evaluation_id, ())

    @property
    def all_verdicts(self) -> tuple[Verdict, ...]:
        """All verdicts so far, in the order in which their evaluations were started."""
        return tuple(verdict for name in self.collectors for verdict in self._verdicts.get(name, ()))

    def skipped(self, evaluation_id: str) -> str | None:
        """Return the reason why an evaluation was skipped, such as what the candidate lacks; None where it was not."""
        return self._skipped.get(evaluation_id)

    @property
    def all_skipped(self) -> tuple[SkippedEvaluation, ...]:
        """The evaluations that were skipped, in the order in which they were started."""
        return tuple(SkippedEvaluation(name, self._skipped[name]) for name in self._tasks if name in self._skipped)

    def ended(self, known: Container[str]) -> list[Verdict]:
        """Return what evaluations come to that are sampled to their end and not decided: judged with the others, no
        less.

        Args:
            known: evaluations that are left out.
        """
        verdicts: list[Verdict] = []
        for name, collector in () if self._only_draws else self.collectors.items():
            is_open = name not in known and name not in self._verdicts and not collector.asks_people
            if is_open and name in self._tasks and self._tasks[name].done():
                with suppress(ArithmeticError, ValueError):  # is told at the end
                    looks = {name: collector.entry.look}
                    verdicts += decide(collector.observed(), self._level, looks=looks, tells_lost=False)
        return list(without_sealed(verdicts, self.closed))

    def references(self) -> tuple[VersionRef, VersionRef | None, VersionRef | None]:
        """Candidate, baseline and anchor as a report names them."""
        known = {role: version_reference(each) for role, each in self._sources.items()}
        known |= {role: each.reference for role, each in self._recordings.items()}
        return known["candidate"], known.get("baseline"), known.get("anchor")

    def judge_references(self) -> tuple[VersionRef, ...]:
        """The judges as a report names them."""
        return tuple(map(version_reference, self.judges))

    @property
    def asked(self) -> tuple[SampleSource, ...]:
        """The sources of all versions that it asked, or could have."""
        return (*self._sources.values(), *self.judges, *self.sampler.named.values())

    def usage(self, wall_s: float) -> Usage:
        """Count what the run has cost so far."""
        spending, window = self.sampler.spending, self.sampler.window
        return Usage(
            model_calls=self.sampler.model_calls,
            http_requests=window.http_requests + spending.n_under_load,
            stored_samples=self.sampler.stored_samples,
            prompt_tokens=spending.prompt_tokens,
            completion_tokens=spending.completion_tokens,
            wall_s=wall_s,
            shared_samples=self.sampler.shared_samples,
            cost=spending.cost,
            flops=flops_spent((source.version for source in self.asked), spending.versions, self.settings.root),
            measured_blocks=self.sampler.measured_blocks,
            stored_blocks=self.sampler.stored_blocks,
            failed_samples=window.n_failed,
        )

    # -- state ------------------------------------------------------------------------------------------------------

    @property
    def done(self) -> int:
        """Bodies that have ended."""
        return sum(collector.done for collector in self.collectors.values())

    @property
    def total(self) -> int:
        """Bodies of all evaluations started so far."""
        return sum(collector.total for collector in self.collectors.values())

    @property
    def n_stored(self) -> int:
        """Bodies that have ended and needed no draw: the store had all that they asked for."""
        return sum(collector.n_stored for collector in self.collectors.values())

    @property
    def n_finished(self) -> int:
        """Evaluations that are sampled to their end."""
        return sum(task.done() for task in self._tasks.values())

    @property
    def measuring(self) -> str:
        """The block that is measured now, or the work on a stage fixture, in a few words; "" for none."""
        return self._blocks.phase or self.lineages.phase

    def duration_s(self, evaluation_id: str) -> float:
        """Seconds from the start of an evaluation's samples to the last of them."""
        began, ended = self._spans.get(evaluation_id, (0.0, 0.0))
        return max(0.0, ended - began)


def check_answers(evaluation: Evaluation, version: Version, baseline: Version | None) -> None:
    """Refuse a corpus to a body that asks the version that it is to run for, or the baseline beside it.

    Raises:
        AnswersNothingError: naming the corpus.
    """
    asked = [version] if evaluation.needs_version else []
    asked += [baseline] if evaluation.is_pairwise and baseline is not None else []
    for each in asked:
        if not answers(each.settings):
            raise AnswersNothingError(each.name)
