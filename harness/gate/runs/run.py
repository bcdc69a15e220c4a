"""A run: all evaluations of a session, sampled side by side and decided together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Container, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Any

from harness.decisions import Look, Observations, decide
from harness.decisions.looks import CLOSED
from harness.errors import BudgetSpentError, NotInLineageError, StoreError
from harness.gate.baselines.recorded_collector import RecordedBaseline
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.evaluations.examples import most_telling
from harness.gate.evaluations.exceptions import describe
from harness.gate.people.verdicts import review_verdicts, with_address
from harness.gate.runs.answering import check_answers
from harness.gate.runs.costs import flops_spent
from harness.gate.runs.run_settings import RunSettings
from harness.gate.runs.specification import version_reference
from harness.gate.sampling.blocks import BlockRoom, others_done
from harness.gate.sampling.collector import Collector
from harness.gate.sampling.feeding import Feeder
from harness.gate.sampling.ledger import Entry
from harness.gate.sampling.order import order_of
from harness.records import Change, Role, ScoreRow, SkippedEvaluation, Usage, Verdict, VersionRef
from harness.requests import Sampler, SampleSource
from harness.requests.sampler import LOCKED_S
from harness.store import Store

_ROWS_AT_ONCE = 5000
_CLOSING_S = 5.0
"""Seconds that a body that catches its cancellation may hold up the end."""


class Run:
    """Samples evaluations as they are started, and decides them in batches.

    Args:
        settings: what holds for all evaluations.
        candidate, baseline: where the samples come from; no baseline, no comparison. Of a recorded one the scores are
            there, and nothing is asked.
        sampler: shared by all.
        store: takes the scores, and has the review queue.
        judges: where the judges' samples come from; none where nothing is judged.
    """

    def __init__(
        self,
        settings: RunSettings,
        candidate: SampleSource,
        baseline: SampleSource | RecordedBaseline | None,
        sampler: Sampler,
        store: Store,
        judges: Sequence[SampleSource] = (),
    ) -> None:
        self.settings = settings
        self.candidate = candidate
        self.baseline = baseline if isinstance(baseline, SampleSource) else None
        self._recorded = baseline if isinstance(baseline, RecordedBaseline) else None
        self.judges = judges
        self.sampler = sampler
        self._store = store
        sources: dict[Role, SampleSource] = {"candidate": candidate}
        if self.baseline is not None:
            sources["baseline"] = self.baseline
        self._feeder = Feeder(sources, judges, sampler, settings.concurrency, 1 - settings.confidence_level)
        self.collectors: dict[str, Collector] = {}  # by the id of the evaluation
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._verdicts: dict[str, tuple[Verdict, ...]] = {}
        self._changes: list[tuple[Verdict, list[Change]]] = []
        self._rows: list[ScoreRow] = []
        self._storing: tuple[Future[int], list[ScoreRow]] | None = None
        self._spans: dict[str, tuple[float, float]] = {}
        self._abandoned: set[str] = set()
        self._skipped: dict[str, str] = {}
        self._blocks = BlockRoom(store, sampler, sources)
        self._measuring: set[str] = set()

    # -- sampling ---------------------------------------------------------------------------------------------------

    def start(self, evaluation: Evaluation) -> None:
        """Begin to sample an evaluation; returns at once."""
        self._collector(evaluation)
        if evaluation.plan.in_blocks:
            self._measuring.add(evaluation.id)
        task = asyncio.get_running_loop().create_task(self._sample(evaluation))
        began = time.monotonic()
        self._spans[evaluation.id] = (began, began)
        task.add_done_callback(lambda _: self._spans.update({evaluation.id: (began, time.monotonic())}))
        self._tasks[evaluation.id] = task

    async def _sample(self, evaluation: Evaluation) -> None:
        """Make what the bodies take of the versions' lineages, and feed them."""
        if not await self._prepare(evaluation):
            return
        if evaluation.plan.in_blocks and not await self._measure(evaluation):
            return
        collector = self.collectors[evaluation.id]
        await self._feeder.feed(collector)
        try:
            if self._storing is not None:
                await asyncio.wrap_future(self._storing[0])
        except StoreError as error:  # its scores can't be stored
            collector.note(str(error))
        if collector.lack:
            self._skip(evaluation, collector.lack)

    def _skip(self, evaluation: Evaluation, why: str) -> None:
        """Leave an evaluation out: the candidate was made without what it asks about."""
        self._skipped[evaluation.id] = why
        del self.collectors[evaluation.id]

    async def _measure(self, evaluation: Evaluation) -> bool:
        """Measure the blocks of an evaluation when all that asks models has ended, and tell whether that worked."""
        collector = self.collectors[evaluation.id]
        await others_done(lambda: [task for name, task in self._tasks.items() if name not in self._measuring])
        servers: Any = {role: made["server"] for role, made in collector.of_stages.items()}
        try:
            async with asyncio.timeout(self.left_s):
                collector.loads = await self._blocks.loads(evaluation, servers, collector.entry)
        except (TimeoutError, BudgetSpentError):
            collector.cut(self.sampler.spending.refuse().limit)
            return False
        except Exception as error:  # noqa: BLE001 - whatever keeps a server from being measured ends this evaluation
            collector.note(describe(error))
            return False
        return True

    async def _prepare(self, evaluation: Evaluation) -> bool:
        """Make what the bodies take of the versions' lineages, and tell whether they have it; note why not.

        A baseline that has no such thing is left out of the evaluation; without the candidate's it is skipped.
        """
        made: dict[Role, Mapping[str, object]] = {}
        collector, take = self.collectors[evaluation.id], self.settings.lineages.take
        against = None if self.baseline is None else self.baseline.version
        try:
            async with asyncio.timeout(self.left_s):
                for role in collector.roles:
                    source = self.candidate if role == "candidate" or self.baseline is None else self.baseline
                    try:
                        check_answers(evaluation, source.version, against)
                        made[role] = await take(evaluation.stages, source.version, evaluation.wants)
                    except NotInLineageError as error:
                        if role == "candidate":
                            self._skip(evaluation, error.advice)
                            return False
                        collector = self._collector(evaluation, alone_because=str(error))
        except TimeoutError:
            collector.cut(self.sampler.spending.refuse().limit)
            return False
        except Exception as error:  # noqa: BLE001 - whatever a maker raises is what ends this evaluation, and no other
            collector.note(describe(error))
            return False
        collector.of_stages = made
        return True

    def _fingerprints(self, evaluation: Evaluation, *, is_alone: bool) -> dict[Role, str]:
        roles: dict[Role, str] = {"candidate": self.candidate.version.fingerprint}
        if self.baseline is not None and not evaluation.is_pairwise and not is_alone:
            roles["baseline"] = self.baseline.version.fingerprint
        return roles

    def _entry(self, evaluation: Evaluation) -> Entry:
        """Return the ledger's entry on an evaluation; without a ledger it has its equal share of all."""
        weight, best_of = 1 / self.settings.n_evaluations, self.settings.best_of
        alone = Look(passing=1 / best_of, red=weight / best_of, weight=weight, batch=CLOSED)
        return self.settings.ledger.get(evaluation.id) or Entry(alone)

    def _collector(self, evaluation: Evaluation, alone_because: str = "") -> Collector:
        may_be_cut = self.sampler.spending.limits.bounded
        entry = self._entry(evaluation)
        if self._recorded is not None:
            own = self.candidate.version.fingerprint
            collector: Collector = self._recorded.collector(
                evaluation, own, self._keep_row, entry, may_be_cut=may_be_cut
            )
        else:
            fingerprints, drawn = self._fingerprints(evaluation, is_alone=bool(alone_because)), entry.order
            order = order_of(evaluation, len(fingerprints), self.settings.seed, may_be_cut=may_be_cut, drawn=drawn)
            collector = Collector(evaluation, order, fingerprints, self._keep_row, entry, alone_because)
        self.collectors[evaluation.id] = collector
        return collector

    def _keep_row(self, row: ScoreRow) -> None:
        self._rows.append(row)
        if len(self._rows) >= _ROWS_AT_ONCE and (self._storing is None or self._storing[0].done()):
            self._await_storing()
            rows, self._rows, run_id = self._rows, [], self.settings.run_id
            storing = self.sampler.writer.submit(lambda: self._store.add_scores(run_id, rows, LOCKED_S))
            self._storing = storing, rows

    def _await_storing(self) -> None:
        """Wait for the scores that are being stored; those that could not be come once more."""
        if self._storing is not None and self._storing[0].exception() is not None:
            self._rows = self._storing[1] + self._rows
        self._storing = None

    def flush(self) -> None:
        """Store the scores that have come in."""
        self._await_storing()
        if self._rows:
            self._store.add_scores(self.settings.run_id, self._rows)
            self._rows = []

    # -- deciding ---------------------------------------------------------------------------------------------------

    async def decide(self, ids: Sequence[str]) -> None:
        """Wait for these evaluations and decide them together; they stay decided."""
        open_ids = [name for name in ids if name not in self._verdicts]
        if not open_ids:
            return
        tasks = {name: self._tasks[name] for name in open_ids}
        await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_EXCEPTION)
        if self.sampler.is_halted:  # what is undecided is told as interrupted, by whoever ends the run
            return
        for name, task in tasks.items():
            if task.cancelled():
                self.collectors[name].note("a body cancelled the task that it runs in, or that of another")
            elif task.done():
                task.result()
        self._decide([name for name in open_ids if name not in self._skipped])

    def _decide(self, ids: Sequence[str]) -> None:
        for told in self.settings.changed():
            for name in ids:
                self.collectors[name].note(told)
        observed = {name: self.collectors[name].observed() for name in ids}
        try:
            verdicts = self._decided(observed)
        except (ArithmeticError, ValueError) as error:
            if len(ids) > 1:
                for name in ids:
                    self._decide([name])
                return
            self.collectors[ids[0]].note(f"its scores can't be decided: {error}")
            verdicts = self._decided({ids[0]: self.collectors[ids[0]].observed()})
        by_id: dict[str, list[Verdict]] = {name: [] for name in ids}
        judges = {name: self.collectors[name].judges(self.settings.confidence_level) for name in ids}
        for verdict in verdicts:
            by_id[verdict.id].append(replace(verdict, judges=judges[verdict.id]))
        for name in ids:
            described = [self.collectors[name].described(verdict) for verdict in by_id[name]]
            self._verdicts[name] = self.collectors[name].with_aggregates(described)
            self._note_changes(self.collectors[name], observed[name])

    def _decided(self, observed: Mapping[str, Sequence[Observations]]) -> list[Verdict]:
        """The verdicts of these evaluations: of those with `review` by labels and judge, of the others together."""
        reviewed = [name for name in observed if self.collectors[name].asks_people]
        flat = [entry for name, entries in observed.items() if name not in reviewed for entry in entries]
        level, looks = self.settings.confidence_level, {name: self.collectors[name].entry.look for name in observed}
        verdicts = list(decide(flat, level, looks=looks)) if flat else []
        for name in reviewed:
            with suppress(StoreError):  # is told at the end, unless it can be done then
                self.flush()
            evaluation, run_id = self.collectors[name].evaluation, self.settings.run_id
            found = review_verdicts(self._store, run_id, evaluation, observed[name], level, looks[name])
            verdicts += [with_address(each, self.settings.review_url) for each in found]
        return verdicts

    def _note_changes(self, collector: Collector, observed: Iterable[Observations]) -> None:
        changes = {entry.metric: collector.changes(entry) for entry in observed}
        self._changes += [(each, changes[each.metric]) for each in self._verdicts[collector.evaluation.id]]

    def verdicts(self, evaluation_id: str) -> tuple[Verdict, ...]:
        """The verdicts of an evaluation, one for each metric; empty until it is decided."""
        return self._verdicts.get(evaluation_id, ())

    def skipped(self, evaluation_id: str) -> str | None:
        """Return the reason why an evaluation was skipped, such as what the candidate lacks; None where it was not."""
        return self._skipped.get(evaluation_id)

    @property
    def all_skipped(self) -> tuple[SkippedEvaluation, ...]:
        """The evaluations that were skipped, in the order in which they were started."""
        return tuple(SkippedEvaluation(name, self._skipped[name]) for name in self._tasks if name in self._skipped)

    def fail(self, evaluation: Evaluation, reason: str) -> None:
        """Give an evaluation that can't be sampled the verdict `error`."""
        self._collector(evaluation).note(reason)
        self._decide([evaluation.id])

    @property
    def left_s(self) -> float | None:
        """Seconds until no body is waited for any more; None where there is no deadline."""
        return self._feeder.left_s

    def halt(self) -> None:
        """Let no body go on and none begin, because the run is interrupted. The handler of a signal may call this."""
        self._feeder.halt()

    def give_up(self) -> None:
        """Cancel all bodies, because the deadline has passed. The handler of a signal may call this."""
        self._feeder.give_up()

    def interrupt(self) -> None:
        """Decide what was started and not decided: its verdict is `error` unless it had come to its end."""
        for name, task in self._tasks.items():
            if name not in self._verdicts and name not in self._abandoned and name not in self._skipped:
                collector = self.collectors[name]
                if not task.done() or task.cancelled() or task.exception() is not None:
                    collector.interrupt("; ".join(self.sampler.window.troubles))
                self._decide([name])
            task.cancel()

    def abandon(self) -> None:
        """Leave what is not decided without a verdict, because nobody will ask for it; its samples are kept."""
        self._abandoned.update(name for name in self._tasks if name not in self._verdicts)
        for name in self._abandoned:
            self._tasks[name].cancel()

    @property
    def all_verdicts(self) -> tuple[Verdict, ...]:
        """All verdicts so far, in the order in which their evaluations were started."""
        return tuple(verdict for name in self.collectors for verdict in self._verdicts.get(name, ()))

    @property
    def changes(self) -> tuple[Change, ...]:
        """Cases to look at, the worst of each evaluation first."""
        return most_telling(self._changes)

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
    def n_under_way(self) -> int:
        """Bodies that have begun and not ended."""
        return self._feeder.n_alive

    @property
    def measuring(self) -> str:
        """The block that is measured now, or the work on a stage fixture, in a few words; "" for none."""
        return self._blocks.phase or self.settings.lineages.phase

    @property
    def n_finished(self) -> int:
        """Evaluations that are sampled to their end."""
        return sum(task.done() for task in self._tasks.values())

    def ended(self, known: Container[str]) -> list[Verdict]:
        """What evaluations come to that are sampled to their end and not decided: judged with the others, no less.

        Args:
            known: evaluations that are left out.
        """
        found: list[Verdict] = []
        for name in [name for name, task in self._tasks.items() if task.done() and name not in known]:
            collector = self.collectors.get(name)
            if collector is not None and name not in self._verdicts and not collector.asks_people:
                looks = {name: collector.entry.look}
                with suppress(ArithmeticError, ValueError):  # is told at the end
                    observed = collector.observed()
                    found += decide(observed, self.settings.confidence_level, looks=looks, tells_lost=False)
        return found

    def usage(self, wall_s: float) -> Usage:
        """Count what the run has cost so far."""
        return Usage(
            model_calls=self.sampler.model_calls,
            http_requests=self.sampler.window.http_requests + self.sampler.spending.n_under_load,
            stored_samples=self.sampler.stored_samples,
            prompt_tokens=self.sampler.spending.prompt_tokens,
            completion_tokens=self.sampler.spending.completion_tokens,
            wall_s=wall_s,
            shared_samples=self.sampler.shared_samples,
            cost=self.sampler.spending.cost,
            flops=self._flops(),
            measured_blocks=self.sampler.measured_blocks,
            stored_blocks=self.sampler.stored_blocks,
            failed_samples=self.sampler.window.n_failed,
        )

    def _flops(self) -> dict[str, float | None]:
        sources = (self.candidate, self.baseline, *self.judges, *self.sampler.named.values())
        spent, root = self.sampler.spending.tokens, self.settings.root
        return flops_spent((source.version for source in sources if source is not None), spent, root)

    def duration_s(self, evaluation_id: str) -> float:
        """Seconds from the start of an evaluation's samples to the last of them."""
        began, ended = self._spans.get(evaluation_id, (0.0, 0.0))
        return max(0.0, ended - began)

    def references(self) -> tuple[VersionRef, VersionRef | None]:
        """Candidate and baseline as a report names them."""
        if self._recorded is not None:
            return version_reference(self.candidate), self._recorded.recording.reference
        return version_reference(self.candidate), None if self.baseline is None else version_reference(self.baseline)

    def judge_references(self) -> tuple[VersionRef, ...]:
        """The judges as a report names them."""
        return tuple(map(version_reference, self.judges))

    async def close(self) -> None:
        """Cancel what is under way, keep what was completed, also when this is cancelled."""
        self.halt()
        for task in self._tasks.values():
            task.cancel()
        async with AsyncExitStack() as ending:  # the last is called first, and each whatever becomes of the others
            ending.callback(self.flush)
            ending.push_async_callback(self.sampler.close)
            ending.push_async_callback(self.settings.lineages.close)
            await self.sampler.window.stop()
            if self._tasks:
                await asyncio.wait(self._tasks.values(), timeout=_CLOSING_S)
