"""Blocks of time under load: measured once for all evaluations of the same plan, when nothing else is in flight."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass

from harness.decisions import Look
from harness.errors import InvalidBlockError, MissingSampleError
from harness.gate.evaluations.cases import pairs_of
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.sampling.ledger import Entry
from harness.records import NewSample, Request, Role, Sample
from harness.records.keys import KeyedQuestion, request_text
from harness.requests import Sampler, SampleSource
from harness.stages.inference.blocks.measured import Block, Load, block_from, block_text, is_kept
from harness.stages.inference.blocks.plan import BlockPlan
from harness.stages.inference.load.machine import kind_of_machine
from harness.stages.inference.serving import Server
from harness.statistics.intervals.signed_ranks import fewest_pairs
from harness.store import Store

Loads = Mapping[tuple[Role, str], Load | InvalidBlockError]
"""The blocks that bodies get, by version and case. A pair that can't be trusted has an error under the candidate, and
those after it were not measured."""


_NO_ENTRY = Entry(Look())
_KEPT = (
    "It is the version's own doing, so that whoever runs again meets the same block. Mend what the reasons name, or "
    "measure all pairs anew with --fresh, which is another look."
)
_NOT_KEPT = "Run again: the pairs before it are in the store."


Place = tuple[Mapping[Role, int], int]
"""Where a pair is kept: the generations of each version's draws that it belongs to, and how many places before it hold
half of another pair, which a merge of stores may leave."""


@dataclass(frozen=True, slots=True)
class _Side:
    """One version of the pairs: where its blocks are kept, and where it is served. `plan` says what they measure."""

    role: Role
    source: SampleSource
    plan: str
    server: Server

    def question(self, place: Place) -> KeyedQuestion:
        """Return what its blocks answer in pairs of this place: half of another pair is no half of theirs."""
        generations, n_before = place
        differ = len({*generations.values()}) > 1
        text = f"{self.plan}|{sorted(generations.items())}" if differ else self.plan
        text += f"|after {n_before}" if n_before else ""
        return KeyedQuestion(request_text(self.source.version.fingerprint, _request(text)))

    def key(self, place: Place) -> bytes:
        """Where its blocks in pairs of this place are."""
        return self.question(place).key(place[0][self.role])

    def draw(self, pair: int, block: Block, place: Place) -> NewSample:
        """The block as the store keeps it: the plan stands in its text."""
        source = self.source
        asked = hashlib.blake2b(self.question(place).text, digest_size=8).hexdigest()
        sample = Sample(
            block_text(block),
            source.first_index + pair,
            prompt_tokens=block["prompt_tokens"],
            completion_tokens=block["completion_tokens"],
            latency_s=block["duration_s"],
        )
        return NewSample(self.key(place), source.version.fingerprint, source.generation, _request(asked), sample)


class BlockRoom:
    """Measures the blocks of a run's evaluations, plan by plan; what the store has of them is not measured again.

    A gate that is run again thus decides by the same blocks. They are kept by versions, plan and machine: a pair counts
    as a whole, for its halves say something of each other alone.

    Args:
        store: keeps the blocks.
        sampler: of the run; says when it is halted, and counts tokens.
        sources: where each version's blocks are kept.
    """

    def __init__(self, store: Store, sampler: Sampler, sources: Mapping[Role, SampleSource]) -> None:
        self._store = store
        self._sampler = sampler
        self._sources = sources
        self._measured: dict[tuple[Hashable, ...], asyncio.Task[Loads]] = {}
        self._lock = asyncio.Lock()
        self.phase = ""
        """The block that is being measured, in a few words; "" for none."""

    async def loads(self, evaluation: Evaluation, servers: Mapping[Role, Server], entry: Entry = _NO_ENTRY) -> Loads:
        """The blocks of an evaluation's pairs, measured now unless another one of its plan had them measured.

        Args:
            servers: of the versions that its body runs for.
            entry: what the ledger says of the evaluation: a look goes on with the blocks that it began with.

        Raises:
            MissingSampleError: there is no engine (`--offline`), and the store lacks a pair.
            SteelyardError: whatever else keeps a server from being measured.
        """
        plan = evaluation.blocks
        assert plan is not None
        wanted = {case.id for case in evaluation.cases}
        pairs = {pair: case.id for pair, case in enumerate(pairs_of(plan)) if case.id in wanted}
        sources = {role: self._sources[role].of_generations(entry.draws(role)) for role in servers}
        key = plan.text, tuple(pairs), *((role, each.generation, each.older) for role, each in sources.items())
        if key not in self._measured:
            work = self._all(plan, pairs, {role: self._side(role, plan, servers, sources) for role in servers})
            self._measured[key] = asyncio.get_running_loop().create_task(work)
        return await asyncio.shield(self._measured[key])

    async def _all(self, plan: BlockPlan, pairs: Mapping[int, str], sides: Mapping[Role, _Side]) -> Loads:
        """Measure pairs, each with the id of its case, up to the first that can't be trusted."""
        from harness.stages.inference.blocks.measuring import check_pair

        loads: dict[tuple[Role, str], Load | InvalidBlockError] = {}
        servers = {role: side.server for role, side in sides.items()}
        async with self._lock:
            try:
                for pair, case in pairs.items():
                    blocks = self._stored(sides, pair) or await self._measure(plan, sides, pair)
                    check_pair(blocks, servers, pair)
                    for role, block in blocks.items():
                        loads[role, case] = Load(block, sides[role].server)
            except InvalidBlockError as error:
                note = _KEPT if all(map(is_kept, blocks.values())) else _NOT_KEPT
                loads["candidate", case] = InvalidBlockError(f"{error} {note}")
            finally:
                self.phase = ""
        return loads

    def _side(
        self, role: Role, plan: BlockPlan, servers: Mapping[Role, Server], sources: Mapping[Role, SampleSource]
    ) -> _Side:
        """Blocks belong to a pair of versions on a machine: those of yesterday's baseline are not today's."""
        prints = {each: source.version.fingerprint for each, source in sources.items()}
        against = prints.get("baseline" if role == "candidate" else "candidate", "")
        text = f"blocks|{role}|{against}|{kind_of_machine()}|{plan.text}"
        given = (each.version.settings.engine_options.get("engine_args", {}).values() for each in sources.values())
        if any(value is False or isinstance(value, list | tuple) for values in given for value in values):
            text += "|served as told"  # servers were once started without these arguments
        return _Side(role, sources[role], text, servers[role])

    def _stored(self, sides: Mapping[Role, _Side], pair: int) -> dict[Role, Block]:
        """The blocks of a pair, where the store has all of them, or of those that it has one that can't be trusted."""
        for each in _generations(sides):
            stored, _ = self._look_up(sides, pair, each)
            if stored:
                self._sampler.stored_samples += len(stored)
                self._sampler.stored_blocks += len(stored)
                return stored
        return {}

    def _look_up(
        self, sides: Mapping[Role, _Side], pair: int, generations: Mapping[Role, int]
    ) -> tuple[dict[Role, Block], Place]:
        """The blocks of a pair of these generations, and their place: where they are to be kept if there are none."""
        for n_before in itertools.count():
            place = generations, n_before
            kept = self._store.find(side.key(place) for side in sides.values())
            samples = {
                role: of_key[index]
                for role, side in sides.items()
                if (index := side.source.first_index + pair) in (of_key := kept.get(side.key(place), {}))
            }
            blocks = {role: block_from(sample.text) for role, sample in samples.items()}
            is_whole = blocks.keys() == sides.keys() and len({sample.drawn_at for sample in samples.values()}) == 1
            if not is_whole:
                blocks = {role: block for role, block in blocks.items() if block["invalid_reasons"]}
            if blocks or not samples:
                break
        return blocks, place

    async def _measure(self, plan: BlockPlan, sides: Mapping[Role, _Side], pair: int) -> dict[Role, Block]:
        if any(side.source.engine is None for side in sides.values()):
            raise MissingSampleError(f"pair {pair + 1} of {plan.blocks} blocks is not stored")
        self._sampler.check_time()
        versions = [side.source.version for side in sides.values()]
        self._sampler.spending.begin_block(versions, self._sampler.window.requests)
        from harness.stages.inference.blocks.measuring import measure_pair

        servers = {role: side.server for role, side in sides.items()}
        blocks = await asyncio.to_thread(measure_pair, servers, plan, pair, self._tell)
        for role, block in blocks.items():
            self._sampler.spending.measured(sides[role].source.version, block)
            self._sampler.model_calls += 1
            self._sampler.origins(sides[role].source).n_asked += 1
            self._sampler.measured_blocks += 1
        if not all(map(is_kept, blocks.values())):
            return blocks
        _, place = self._look_up(sides, pair, _generations(sides)[0])
        draws = [sides[role].draw(pair, block, place) for role, block in blocks.items()]
        kept = self._store.add(draws)
        if all(sample is draw.sample for sample, draw in zip(kept, draws, strict=True)):
            return blocks
        return self._stored(sides, pair) or blocks  # another gate was first: what it has counts

    def _tell(self, phase: str) -> None:
        self.phase = phase


def _generations(sides: Mapping[Role, _Side]) -> list[Mapping[Role, int]]:
    """The generations of the versions that a pair may be of, the newest first."""
    each = ((side.source.generation, *side.source.older) for side in sides.values())
    return [dict(zip(sides, generations, strict=True)) for generations in itertools.product(*each)]


def _request(prompt: str) -> Request:
    return Request(kind="completion", prompt=prompt)


def never_red(evaluations: Iterable[Evaluation], looks: Mapping[str, Look], level: float) -> list[str]:
    """Say how many evaluations have too few pairs of blocks ever to be red, a line for each number of pairs.

    Args:
        evaluations: those that are weighed against a baseline; a part of one decides nothing.
        looks: what each may spend, by id.
        level: the error rate of the gate.
    """
    counts: Counter[tuple[int, int]] = Counter()
    for each in evaluations:
        plan, look = each.plan, looks.get(each.id)
        if each.blocks is None or look is None or each.is_part:
            continue
        n_ways = 1 + (plan.threshold is not None)
        red = level * look.red_share / n_ways / (2 if plan.aim == "same" else 1)
        if (fewest := fewest_pairs(red)) > each.blocks.blocks:
            counts[each.blocks.blocks, fewest] += 1
    return [
        f"{number:,} {'evaluation' if number == 1 else 'evaluations'} of {blocks:,} pairs of blocks can't be red at "
        f"{'its' if number == 1 else 'their'} level, however slow the candidate: {fewest:,} pairs can (blocks={fewest})"
        for (blocks, fewest), number in sorted(counts.items())
    ]


async def others_done(tasks: Callable[[], list[asyncio.Task[None]]]) -> None:
    """Wait until nothing else of the run is in flight.

    Args:
        tasks: gives the tasks of the evaluations that measure no blocks.
    """
    while waiting := [task for task in tasks() if not task.done()]:
        await asyncio.wait(waiting)
