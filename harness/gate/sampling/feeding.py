"""Feeds the bodies of evaluations to the window of requests, each until it is decided."""

from __future__ import annotations

import asyncio
import bisect
import operator
from collections.abc import Mapping, Sequence

from harness.decisions import decided_after
from harness.errors import BudgetSpentError, InvalidBlockError
from harness.gate.sampling.bodies import BodyResult, run_body
from harness.gate.sampling.collector import Collector
from harness.models.engine import Engine
from harness.records import Role
from harness.requests import Model, Sampler, SampleSource, Trace
from harness.scoring.judging import Judge
from harness.stages.inference.repeats import Repeats
from harness.stages.lineage import OtherVersion

_LIVE_BODIES_PER_REQUEST = 32
_LATE_S = 0.5
"""Bodies may take so long to end after the deadline. What they wait for from a model ends at the deadline."""
_FEWEST_STEPS_AHEAD, _MOST_STEPS_AHEAD, _SHARE_AHEAD = 8, 32, 4
_FIRST_STEPS = 2
_SHARE_BETWEEN_LOOKS = 25


class Feeder:
    """Runs the bodies of all evaluations of a run, so many at once as memory and engines have room for.

    Args:
        sources: where each version's samples come from.
        judges: where those of the judging versions come from.
        sampler: shared by all.
        concurrency: requests in flight.
        level: the error rate of the gate, of which each evaluation has what its look may spend.
    """

    def __init__(
        self,
        sources: dict[Role, SampleSource],
        judges: Sequence[SampleSource],
        sampler: Sampler,
        concurrency: int,
        level: float,
    ) -> None:
        self._sources, self._judges, self._sampler, self._level = sources, judges, sampler, level
        self._admission = Admission(concurrency * _LIVE_BODIES_PER_REQUEST)
        self._busy: dict[int, Admission] = {}
        self._concurrency = concurrency
        self._feedings: dict[_Feeding, None] = {}  # in the order in which they began
        self._n_begun = 0

    @property
    def n_alive(self) -> int:
        """Bodies that have begun and not ended."""
        return self._admission.alive

    @property
    def left_s(self) -> float | None:
        """Seconds until no body is waited for any more; None where there is no deadline."""
        left_s = self._sampler.spending.left_s
        return None if left_s is None else left_s + _LATE_S

    @property
    def _is_late(self) -> bool:
        return self.left_s is not None and self.left_s <= 0

    def halt(self) -> None:
        """Let no body go on: the run is interrupted. The handler of a signal may call this."""
        self._sampler.halt()
        self.give_up()

    def give_up(self) -> None:
        """Cancel all bodies at once, so that none of them goes on in a loop that has much to catch up with."""
        for feeding in list(self._feedings):
            feeding.cancel()

    async def feed(self, collector: Collector) -> None:
        """Run the bodies of an evaluation until it is decided, none is left, or the deadline comes."""
        left_s, feeding = self.left_s, _Feeding(collector, self._sources, self._judges, self._n_begun)
        self._n_begun += 1
        self._feedings[feeding] = None
        try:
            async with asyncio.timeout(None if left_s is None else max(_LATE_S, left_s)) as timeout:
                await self._feed(feeding)
        except (TimeoutError, asyncio.CancelledError):
            task = asyncio.current_task()
            is_cancelled = self._sampler.is_halted or (task is not None and task.cancelling() > 0)
            if not timeout.expired() and (is_cancelled or not self._is_late):
                raise
            collector.cut(self._sampler.spending.refuse().limit)
            feeding.is_left = True
        finally:
            del self._feedings[feeding]
            feeding.cancel()
            self._go_on()

    async def _feed(self, feeding: _Feeding) -> None:
        """Start the steps of an evaluation as there is room."""
        collector, spending = feeding.collector, self._sampler.spending
        if spending.limits.are_shared:  # all that were started with it join first
            await asyncio.sleep(0)
        for role, step in collector.order.work(collector.roles):
            while not feeding.is_over and not self._may_begin(feeding, role, step):
                await feeding.moved()
            engine = self._sources[role].engine if collector.order.interleaved else None
            await self._enter(feeding, engine)
            if spending.is_late and not feeding.is_over:
                collector.cut(spending.refuse().limit)
            if feeding.is_over:
                self._leave(collector, engine)
                break
            self._begin(feeding, role, step, engine)
        while feeding.n_steps and feeding.error is None:  # one that catches its cancellation is not waited for
            await feeding.moved()
        if feeding.error is not None:
            raise feeding.error
        self._look(collector)
        if collector.is_hopeless and collector.upto is None:  # nothing more can come
            collector.upto = collector.order.n_steps

    def _may_begin(self, feeding: _Feeding, role: Role, step: int) -> bool:
        """Tell whether a step may begin: 8 to 32 beyond those that are complete, as there is room, or a quarter of them
        if that is more. The batches of a single case come one by one: there are other cases to fill the window. Under a
        budget no more are begun than are complete, and 2 at first, and no evaluation begins one while another has begun
        fewer, so that none is far ahead when the budget ends.
        """
        collector, is_frugal = feeding.collector, self._sampler.spending.limits.are_shared
        if piece := collector.order.piece:
            if step // piece > collector.complete // piece:
                return False
        elif collector.order.interleaved:
            complete, room = collector.complete, self._concurrency // (len(self._sources) * max(1, len(self._feedings)))
            ahead = max(_FEWEST_STEPS_AHEAD, min(_MOST_STEPS_AHEAD, room), complete // _SHARE_AHEAD)
            ahead = min(ahead, max(_FIRST_STEPS, complete)) if is_frugal else ahead
            if step - complete >= (1 if collector.evaluation.plan.per == "case" else ahead):
                return False
        if is_frugal and role == collector.roles[0]:
            if feeding.n_begun > min(each.n_begun for each in self._feedings):
                return False
            feeding.n_begun += 1
            self._go_on()
        return True

    def _go_on(self) -> None:
        """Let those go on that wait for others to come as far."""
        for feeding in self._feedings if self._sampler.spending.limits.are_shared else ():
            feeding.go_on()

    def _look(self, collector: Collector) -> None:
        """Stop an evaluation that is decided."""
        if collector.upto is not None or not collector.order.stops:
            return
        look = collector.entry.look
        end = decided_after(collector.observed(), self._level * look.share, self._level * look.red_share)
        if end is not None:
            collector.stop_after(end)

    async def _enter(self, feeding: _Feeding, engine: Engine | None) -> None:
        """Wait for room for the bodies of a step: in memory, and on the engine where more would only queue up.

        There those of the evaluation that began first go first, so that its verdict comes early.
        """
        batch = feeding.collector.order.batch
        await self._admission.acquire(batch)
        if engine is not None and engine.batch_size is not None:
            busy = self._busy.setdefault(id(engine), Admission(engine.batch_size))
            await busy.acquire(batch, feeding.rank)

    def _leave(self, collector: Collector, engine: Engine | None) -> None:
        self._admission.release(collector.order.batch)
        if engine is not None and id(engine) in self._busy:
            self._busy[id(engine)].release(collector.order.batch)

    def _begin(self, feeding: _Feeding, role: Role, step: int, engine: Engine | None) -> None:
        """Start all bodies of a step in one tick, so that what they ask becomes one request."""
        loop, collector = asyncio.get_running_loop(), feeding.collector
        left = 0

        def ended(body: asyncio.Task[None]) -> None:
            nonlocal left
            left -= 1
            feeding.bodies.discard(body)
            if body.cancelled():
                feeding.error = feeding.error or asyncio.CancelledError()
            elif body.exception() is not None:
                feeding.error = feeding.error or body.exception()
            feeding.n_steps -= not left
            if not left or feeding.error is not None:
                feeding.go_on()
            if not left:
                self._leave(collector, engine)
                self._go_on()
                if feeding.error is None and feeding.is_look_due():
                    self._look(collector)

        feeding.n_steps += 1
        for case, sample in collector.order.bodies(step):
            left += 1
            body = loop.create_task(self._body(feeding, role, case, sample))
            feeding.bodies.add(body)
            body.add_done_callback(ended)

    async def _body(self, feeding: _Feeding, role: Role, number: int, sample: int) -> None:
        if self._sampler.spending.is_late or self._is_left(feeding):
            self._cut(feeding)
            return
        collector, outcome = feeding.collector, None
        evaluation = collector.evaluation
        trace = Trace(evaluation.cases[number].id, feeding.sources["candidate"].generation)
        arguments = self._arguments(feeding, role, number, sample, trace)
        if "load" in evaluation.wants:
            load = collector.loads.get((role, evaluation.cases[number].id))
            if load is None:  # its pair, or one before it, can't be trusted
                return
            if isinstance(load, InvalidBlockError):
                collector.add(role, number, sample, BodyResult(error=load), trace)
                return
            arguments["load"] = load
        try:
            is_aimed = evaluation.plan.aim is not None
            outcome = await run_body(evaluation.body, arguments, evaluation.classify, trace, is_aimed=is_aimed)
        except BaseException:
            if not self._is_left(feeding):
                raise
        if outcome is None or self._is_left(feeding):
            self._cut(feeding)
        elif isinstance(outcome.error, BudgetSpentError):
            collector.cut(outcome.error.limit)
        else:
            collector.add(role, number, sample, outcome, trace)

    def _is_left(self, feeding: _Feeding) -> bool:
        """True where nobody waits for a body of an evaluation any more, so that what it comes to counts for nothing."""
        return self._sampler.is_halted or feeding.is_left or (self._sampler.spending.is_late and self._is_late)

    def _cut(self, feeding: _Feeding) -> None:
        """Note that a body was given up.

        Raises:
            asyncio.CancelledError: because the run was interrupted.
        """
        if self._sampler.is_halted:
            raise asyncio.CancelledError
        if feeding.collector.cut_at is None:
            feeding.collector.cut(self._sampler.spending.refuse().limit)

    def _arguments(self, feeding: _Feeding, role: Role, number: int, sample: int, trace: Trace) -> dict[str, object]:
        """Return what this call of the body gets: `case`, `model`, `baseline` and `judge`, fixtures of stages and of
        users.
        """
        evaluation, sampler = feeding.collector.evaluation, self._sampler
        arguments, wants, source = dict(evaluation.arguments), evaluation.wants, feeding.sources[role]
        if "case" in wants:
            arguments["case"] = evaluation.cases[number]
        if "model" in wants:
            arguments["model"] = Model(sampler, source, sample, trace)
        if "baseline" in wants and "baseline" in feeding.sources:
            arguments["baseline"] = Model(sampler, feeding.sources["baseline"], sample, trace, is_other=True)
        if "judge" in wants:
            own = evaluation.weighs_judge
            judging = [source] if own else feeding.judges
            judges = [Model(sampler, each, sample, trace, is_other=not own) for each in judging]
            arguments["judge"] = Judge(judges, evaluation.rubrics, evaluation.cases[number].id, trace)
        for name, made in feeding.stages.get(role, {}).items():
            if isinstance(made, SampleSource):
                made = Model(sampler, made, sample, trace, is_other=True)
            arguments[name] = made
        return arguments


class _Feeding:
    """An evaluation that is being fed.

    Attributes:
        sources, judges: of the versions that its bodies ask, with the draws that its look goes by.
        stages: what its bodies get of the lineage of the version that they run for, by name.
        rank: how many began before it.
        n_begun: steps of its first version that began under a budget.
        n_steps: steps under way.
        error: what a body raised, or its cancellation: no further step begins.
        is_left: whether nobody waits for its bodies any more.
    """

    def __init__(
        self, collector: Collector, sources: Mapping[Role, SampleSource], judges: Sequence[SampleSource], rank: int
    ) -> None:
        self.collector, self.rank = collector, rank
        self._all = sources
        self.sources = {role: self._of_look(source) for role, source in sources.items()}
        self.judges = [self._of_look(source) for source in judges]
        wants = collector.evaluation.wants
        self.stages = {
            role: {name: self._with_draws(role, by_name[name]) for name in wants.intersection(by_name)}
            for role, by_name in collector.of_stages.items()
        }
        self.bodies: set[asyncio.Task[None]] = set()
        self.n_begun = self.n_steps = 0
        self.error: BaseException | None = None
        self.is_left = False
        self._moved = asyncio.Event()
        self._next_look = 1

    def _of_look(self, source: SampleSource) -> SampleSource:
        entry, own = self.collector.entry, source.version.fingerprint
        names = [*(role for role, each in self._all.items() if each.version.fingerprint == own), own]
        draws = next(filter(None, map(entry.draws, names)), None)
        if draws is None and entry.question is not None:  # a teacher: what was drawn first, nobody chose
            draws = tuple(sorted((source.generation, *source.older)))
        return source.of_generations(draws)

    def _with_draws(self, role: Role, made: object) -> object:
        """A stage fixture with the draws of this look: of another version the source of its samples."""
        if isinstance(made, OtherVersion):
            return self._of_look(made.source)
        return made.drawn_from(self.sources[role]) if isinstance(made, Repeats) else made

    @property
    def is_over(self) -> bool:
        """True once no further step is to begin."""
        return self.error is not None or self.collector.is_over

    def is_look_due(self) -> bool:
        """True once enough steps were completed since the last look for another one."""
        complete = self.collector.complete
        if complete < self._next_look:
            return False
        self._next_look = complete + 1 + complete // _SHARE_BETWEEN_LOOKS
        return True

    async def moved(self) -> None:
        """Wait until something has come to its end."""
        self._moved.clear()
        await self._moved.wait()

    def go_on(self) -> None:
        """Something has come to its end."""
        self._moved.set()

    def cancel(self) -> None:
        """Cancel its bodies."""
        for body in list(self.bodies):
            body.cancel()


class Admission:
    """A fair counting gate. A group larger than the limit is let in alone.

    Args:
        limit: the most bodies alive at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._alive = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    @property
    def alive(self) -> int:
        """Bodies that were let in and not released."""
        return self._alive

    async def acquire(self, size: int, rank: int = 0) -> None:
        """Wait for room for `size` bodies: lower ranks first, and of one rank who came first."""
        if not self._waiting and self._fits(size):
            self._alive += size
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        bisect.insort(self._waiting, (rank, size, future), key=operator.itemgetter(0))
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.release(size)
            raise

    def release(self, size: int) -> None:
        """Give the room of `size` bodies back."""
        self._alive -= size
        while self._waiting:
            _, wanted, future = self._waiting[0]
            if future.cancelled():
                del self._waiting[0]
            elif self._fits(wanted):
                del self._waiting[0]
                self._alive += wanted
                future.set_result(None)
            else:
                break

    def _fits(self, size: int) -> bool:
        return self._alive == 0 or self._alive + size <= self._limit
