"""Feeds the bodies of evaluations to the window of requests, each until it is decided."""

from __future__ import annotations

import asyncio
import bisect
import functools
import operator
from collections.abc import Callable, Sequence

from harness.decisions import decided_after
from harness.errors import BudgetSpentError, InvalidBlockError
from harness.gate.sampling.bodies import BodyResult, run_body
from harness.gate.sampling.collector import Collector
from harness.gate.sampling.turns import Turns
from harness.models.engine import Engine
from harness.records import Role
from harness.requests import Model, Sampler, SampleSource, Trace
from harness.scoring.judging import Judge
from harness.stages.inference.repeats import Repeats
from harness.stages.other_versions import OtherVersion

_LIVE_BODIES_PER_REQUEST = 32
_LATE_S = 0.5
"""Bodies may take so long to end after the deadline. What they wait for from a model ends at the deadline."""


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
        self._sources = sources
        self._judges = judges
        self._sampler = sampler
        self._level = level
        self._admission = Admission(concurrency * _LIVE_BODIES_PER_REQUEST)
        self._busy: dict[int, Admission] = {}
        self._concurrency = concurrency
        self._n_fed = 0
        self._ranks: dict[Collector, int] = {}
        self._left_behind: set[Collector] = set()
        self._bodies: set[asyncio.Task[None]] = set()
        self._of_looks: dict[tuple[Collector, int], SampleSource] = {}
        self.turns = Turns(are_kept=sampler.spending.limits.are_shared)

    @property
    def n_alive(self) -> int:
        """Bodies that have begun and not ended."""
        return self._admission.alive

    @property
    def left_s(self) -> float | None:
        """Seconds until no body is waited for any more; None where there is no deadline."""
        left_s = self._sampler.spending.left_s
        return None if left_s is None else left_s + _LATE_S

    def halt(self) -> None:
        """Let no body go on: the run is interrupted. The handler of a signal may call this."""
        self._sampler.halt()
        self.give_up()

    def give_up(self) -> None:
        """Cancel all bodies at once, so that none of them goes on in a loop that has much to catch up with."""
        for task in list(self._bodies):
            task.cancel()

    async def feed(self, collector: Collector) -> None:
        """Run the bodies of an evaluation until it is decided, none is left, or the deadline comes."""
        left_s = self.left_s
        try:
            async with asyncio.timeout(None if left_s is None else max(_LATE_S, left_s)) as timeout:
                await self._feed(collector)
        except (TimeoutError, asyncio.CancelledError):
            if not timeout.expired() and not self._are_given_up():
                raise
            collector.cut(self._sampler.spending.refuse().limit)
            self._left_behind.add(collector)

    def _are_given_up(self) -> bool:
        """True where it was the deadline that cancelled the bodies, and nobody the evaluation."""
        task = asyncio.current_task()
        is_cancelled = self._sampler.is_halted or (task is not None and task.cancelling() > 0)
        return not is_cancelled and self.left_s is not None and self.left_s <= 0

    async def _feed(self, collector: Collector) -> None:
        """Start the steps of an evaluation as there is room."""
        groups: set[asyncio.Task[None]] = set()
        pace = Lookahead(
            collector,
            lambda: self._concurrency // (len(self._sources) * max(1, self._n_fed)),
            is_frugal=self._sampler.spending.limits.are_shared,
        )

        def ended(group: asyncio.Task[None], engine: Engine | None) -> None:
            self._leave(collector, engine)
            if not group.cancelled() and group.exception() is not None:
                pace.stop()  # it stays among the groups, so that what it raised is raised when no other step begins
            else:
                groups.discard(group)
                if pace.is_due():
                    self._look(collector)
            pace.go_on()
            self.turns.go_on()

        self._n_fed += 1
        self.turns.join(collector)
        try:
            for role, step in collector.order.work(collector.roles):
                await pace.wait_for(step)
                if role == collector.roles[0]:
                    await self.turns.take(collector, pace.is_over)
                engine = self._sources[role].engine if collector.order.interleaved else None
                await self._enter(collector, engine)
                if self._sampler.spending.is_late and not pace.is_over():
                    collector.cut(self._sampler.spending.refuse().limit)
                if pace.is_over():
                    self._leave(collector, engine)
                    break
                group = asyncio.get_running_loop().create_task(self._step(collector, role, step))
                groups.add(group)
                group.add_done_callback(functools.partial(ended, engine=engine))
            while groups:  # not gathered: that would wait for a body that catches its cancellation
                for group in (await asyncio.wait(groups, return_when=asyncio.FIRST_EXCEPTION))[0]:
                    group.result()
            self._look(collector)
            if collector.is_hopeless and not collector.is_stopped:
                collector.count_all()
        finally:
            self._n_fed -= 1
            self.turns.leave(collector)
            for group in groups:
                group.cancel()

    def _look(self, collector: Collector) -> None:
        """Stop an evaluation that is decided."""
        if collector.is_stopped or not collector.order.stops:
            return
        look = collector.entry.look
        end = decided_after(collector.observed(), self._level * look.passing, self._level * look.red)
        if end is not None:
            collector.stop_after(end)

    async def _enter(self, collector: Collector, engine: Engine | None) -> None:
        """Wait for room for the bodies of a step: in memory, and on the engine where more would only queue up.

        There those of the evaluation that began first go first, so that its verdict comes early.
        """
        await self._admission.acquire(collector.order.batch)
        if engine is not None and engine.batch_size is not None:
            busy = self._busy.setdefault(id(engine), Admission(engine.batch_size))
            await busy.acquire(collector.order.batch, self._ranks.setdefault(collector, len(self._ranks)))

    def _leave(self, collector: Collector, engine: Engine | None) -> None:
        self._admission.release(collector.order.batch)
        if engine is not None and id(engine) in self._busy:
            self._busy[id(engine)].release(collector.order.batch)

    async def _step(self, collector: Collector, role: Role, step: int) -> None:
        """All bodies of a step start in one tick, so that what they ask becomes one request."""
        loop = asyncio.get_running_loop()
        bodies = [
            loop.create_task(self._body(collector, role, case, sample)) for case, sample in collector.order.bodies(step)
        ]
        self._bodies.update(bodies)
        for body in bodies:
            body.add_done_callback(self._bodies.discard)
        await asyncio.gather(*bodies)

    async def _body(self, collector: Collector, role: Role, number: int, sample: int) -> None:
        if self._sampler.spending.is_late or self._is_left(collector):
            self._cut(collector)
            return
        evaluation, outcome = collector.evaluation, None
        generation = self._source(collector, "candidate").generation
        trace = Trace(evaluation.cases[number].id, generation)
        source = self._source(collector, role)
        offered = self._offered(collector, source, number, sample, trace)
        made = {
            name: self._with_draws(collector, each, source, sample, trace)
            for name, each in collector.of_stages.get(role, {}).items()
            if name in evaluation.wants
        }
        arguments = {**evaluation.arguments, **offered, **made}
        if "load" in evaluation.wants:
            load = collector.loads.get((role, evaluation.cases[number].id))
            if load is None:  # its pair, or one before it, can't be trusted
                return
            if isinstance(load, InvalidBlockError):
                collector.add(role, number, sample, BodyResult(error=load), trace)
                return
            arguments["load"] = load
        try:
            outcome = await run_body(evaluation.body, arguments, evaluation.classify, trace)
        except BaseException:
            if not self._is_left(collector):
                raise
        if outcome is None or self._is_left(collector):
            self._cut(collector)
        elif isinstance(outcome.error, BudgetSpentError):
            collector.cut(outcome.error.limit)
        else:
            collector.add(role, number, sample, outcome, trace)

    def _with_draws(
        self, collector: Collector, made: object, source: SampleSource, sample: int, trace: Trace
    ) -> object:
        """A stage fixture as this call of the body gets it: what draws, with the draws that this look goes by."""
        if isinstance(made, OtherVersion):
            return Model(self._sampler, self._settled(collector, made.source), sample, trace, is_other=True)
        return made.drawn_from(source) if isinstance(made, Repeats) else made

    def _is_left(self, collector: Collector) -> bool:
        """True where nobody waits for a body of an evaluation any more, so that what it comes to counts for nothing."""
        is_late = self.left_s is not None and self.left_s <= 0
        return is_late or self._sampler.is_halted or collector in self._left_behind

    def _cut(self, collector: Collector) -> None:
        """Note that a body was given up.

        Raises:
            asyncio.CancelledError: because the run was interrupted.
        """
        if self._sampler.is_halted:
            raise asyncio.CancelledError
        if not collector.is_cut:
            collector.cut(self._sampler.spending.refuse().limit)

    def _source(self, collector: Collector, role: Role) -> SampleSource:
        """Return the source of a version's samples, with the draws that this look goes by."""
        return self._settled(collector, self._sources[role])

    def _settled(self, collector: Collector, source: SampleSource) -> SampleSource:
        """The source of a version that bodies ask, with the draws that this look goes by: settled once for all bodies
        of an evaluation.
        """
        place = collector, id(source)
        if place not in self._of_looks:
            own = source.version.fingerprint
            names = [*(role for role, each in self._sources.items() if each.version.fingerprint == own), own]
            draws = next(filter(None, map(collector.entry.draws, names)), None)
            if draws is None and collector.entry.question is not None:  # a teacher: what was drawn first, nobody chose
                draws = tuple(sorted((source.generation, *source.older)))
            self._of_looks[place] = source.of_generations(draws)
        return self._of_looks[place]

    def _offered(
        self, collector: Collector, source: SampleSource, number: int, sample: int, trace: Trace
    ) -> dict[str, object]:
        """The `case`, `model`, `baseline` and `judge` that this call of the body gets."""
        evaluation = collector.evaluation
        offered: dict[str, object] = {}
        if "case" in evaluation.wants:
            offered["case"] = evaluation.cases[number]
        if "model" in evaluation.wants:
            offered["model"] = Model(self._sampler, source, sample, trace)
        if "baseline" in evaluation.wants and "baseline" in self._sources:
            against = self._source(collector, "baseline")
            offered["baseline"] = Model(self._sampler, against, sample, trace, is_other=True)
        if "judge" in evaluation.wants:
            own = evaluation.weighs_judge
            sources = [source] if own else [self._settled(collector, each) for each in self._judges]
            judges = [Model(self._sampler, each, sample, trace, is_other=not own) for each in sources]
            offered["judge"] = Judge(judges, evaluation.rubrics, evaluation.cases[number].id, trace)
        return offered


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


_MOST_STEPS_AHEAD = 32


_FEWEST_STEPS_AHEAD = 8


_SHARE_AHEAD = 4


_FIRST_STEPS = 2


_SHARE_BETWEEN_LOOKS = 25


class Lookahead:
    """Lets a sequential design run ahead of what is complete, but not so far that stopping saves nothing.

    Args:
        collector: of the evaluation.
        room: how many steps of an evaluation would fill the window of requests at the moment.
        is_frugal: whether what is begun and not completed is spent for nothing, because the run has a budget.
    """

    def __init__(self, collector: Collector, room: Callable[[], int], *, is_frugal: bool = False) -> None:
        self._is_frugal = is_frugal
        self._collector = collector
        self._room = room
        self._moved = asyncio.Event()
        self._next_look = 1
        self._stopped = False

    async def wait_for(self, step: int) -> None:
        """Wait until a step may start: 8 to 32 beyond those that are complete, as there is room, or a quarter of them
        if that is more. The batches of a single case come one by one: there are other cases to fill the window. Under a
        budget no more are begun than are complete, and 2 at first.
        """
        while self._collector.order.interleaved and not self.is_over():
            complete = self._collector.complete
            ahead = max(_FEWEST_STEPS_AHEAD, min(_MOST_STEPS_AHEAD, self._room()), complete // _SHARE_AHEAD)
            if self._is_frugal:
                ahead = min(ahead, max(_FIRST_STEPS, complete))
            if step - complete < (1 if self._collector.evaluation.plan.per == "case" else ahead):
                return
            self._moved.clear()
            await self._moved.wait()

    def is_due(self) -> bool:
        """True once enough steps were completed since the last look for another one."""
        complete = self._collector.complete
        if complete < self._next_look:
            return False
        self._next_look = complete + 1 + complete // _SHARE_BETWEEN_LOOKS
        return True

    def go_on(self) -> None:
        """Something came to its end."""
        self._moved.set()

    def stop(self) -> None:
        """No further step starts."""
        self._stopped = True

    def is_over(self) -> bool:
        """True once no further step is to start."""
        return self._stopped or self._collector.is_over
