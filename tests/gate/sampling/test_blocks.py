"""Blocks of a run's evaluations: measured once, kept, and told apart by versions, plan and machine."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.config.settings import Settings
from harness.decisions import Look, look_at
from harness.errors import InvalidBlockError, MissingSampleError
from harness.gate.evaluations.cases import pairs_of
from harness.gate.evaluations.evaluation import Evaluation, read_plan, with_blocks
from harness.gate.sampling.blocks import BlockRoom, never_red, others_done
from harness.gate.sampling.ledger import Entry
from harness.gate.sampling.question import Asked
from harness.models.engine_creation import create_engine
from harness.records import Role, Stakes
from harness.requests import Sampler, SampleSource
from harness.stages.inference.blocks import measuring
from harness.stages.inference.blocks.measured import Load
from harness.stages.inference.blocks.plan import BlockPlan
from harness.stages.inference.load.figures import LoadResult
from harness.stages.inference.load.plan import DOUBTS, LoadPlan
from harness.stages.inference.load.run import run_load
from harness.store import Store
from tests.decisions.observations import replace
from tests.stages.inference.blocks.conftest import Serve, serve

pytestmark = pytest.mark.service

__all__ = ["serve"]

PLAN = BlockPlan(
    blocks=5, load=LoadPlan(rate=20.0, seconds=0.3, warm_up=1, prompt_tokens=8, accept=frozenset({"schedule", "steal"}))
)


def evaluation_of(plan: BlockPlan) -> Evaluation:
    marked = read_plan({}, Settings(root=Path()), where="test_it", measures=True)
    own = with_blocks(marked, is_relative=True)
    return Evaluation("test_it", own, pairs_of(plan), lambda: None, lambda _: "error", frozenset({"load"}), blocks=plan)


def test_pairs_that_can_not_be_red_are_counted_by_how_many_could() -> None:
    alone, few = evaluation_of(PLAN), evaluation_of(replace(PLAN, blocks=8))
    first, later = look_at(1, 1, 1), look_at(1, 2, 2)
    assert never_red([alone], {"test_it": first}, 0.05) == []
    assert never_red([alone], {}, 0.05) == []
    same = replace(alone, plan=replace(alone.plan, aim="same"))
    limited = replace(alone, plan=replace(alone.plan, threshold=1.0))
    (told,) = never_red([same, limited], {"test_it": first}, 0.05)
    assert told.startswith("2 evaluations of 5 pairs of blocks can't be red at their level")
    assert told.endswith(": 6 pairs can (blocks=6)")
    assert [told.rpartition(": ")[2] for told in never_red([few, alone], {"test_it": later}, 0.05)] == [
        "10 pairs can (blocks=10)"
    ] * 2


@pytest.mark.nightly
def test_what_is_stored_is_not_measured_again_and_half_a_pair_is_nothing(tmp_path: Path, serve: Serve) -> None:
    server = serve()
    engine = create_engine(server.served, tmp_path)
    source = SampleSource(server.served, engine)
    sources = {"candidate": source, "baseline": replace(source, first_index=1000)}
    url = f"sqlite:///{tmp_path / 'store.db'}"

    async def measured(plan: BlockPlan, entry: Entry | None = None, **changes: object) -> int:
        """How many blocks were measured."""
        store = Store.open(url)
        sampler = Sampler(store, window=1)
        own = {role: replace(each, **changes) for role, each in sources.items()}
        room = BlockRoom(store, sampler, own)  # type: ignore[arg-type]
        try:
            servers: Any = {"candidate": server, "baseline": server}
            loads = await room.loads(evaluation_of(plan), servers, entry or Entry(Look()))
            assert set(loads) == {(role, f"pair-{n}") for role in sources for n in range(plan.blocks)}
            assert sampler.model_calls + sampler.stored_samples == len(loads)
            return sampler.model_calls
        finally:
            store.close()

    async def all_of_them() -> list[int]:
        found = [await measured(PLAN), await measured(PLAN), await measured(replace(PLAN, blocks=5, seed=5))]
        with sqlite3.connect(tmp_path / "store.db") as connection:
            connection.execute("delete from steelyard_samples where sample_index = 1001")
        found.append(await measured(PLAN))
        # A look goes on with the blocks that it began with, whatever was measured anew since.
        return [*found, await measured(PLAN, generation=1), await measured(PLAN, begun, generation=2)]

    draws = {"candidate": (0,), "baseline": (0,)}
    begun = Entry(Look(), Asked({}, draws, (), Stakes(None, 0.1, 5), {}))
    assert asyncio.run(all_of_them()) == [10, 0, 10, 2, 10, 0]
    with pytest.raises(MissingSampleError, match="pair 1 of 5 blocks is not stored"):
        asyncio.run(measured(replace(PLAN, seed=6), engine=None))


@pytest.mark.parametrize(("by_server", "at"), [(True, 2), (True, 3), (False, 3)])
def test_an_untrusted_pair_is_kept_where_that_is_the_versions_own_doing(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch, by_server: bool, at: int
) -> None:
    """Who measured it anew until it could be trusted would choose among the version's own blocks. The first block of
    the pair can't be, or the second.
    """
    server = serve()
    sound = run_load(replace(PLAN.load, accept=frozenset(DOUBTS)), server.start())
    broken = replace(sound, valid=False, invalid_reasons=("Put off.",), by_server=by_server)
    source = SampleSource(server.served, create_engine(server.served, tmp_path))
    sources: Any = {"candidate": source, "baseline": replace(source, first_index=1000)}
    servers: Any = {"candidate": server, "baseline": server}

    async def measured(broken_at: int | None, generation: int = 0) -> dict[Any, Any]:
        """What came of the pairs, and how many blocks were measured."""
        made: list[LoadResult] = []

        def load(*_: Any, **__: Any) -> LoadResult:
            made.append(broken if len(made) == broken_at else sound)
            return made[-1]

        monkeypatch.setattr(measuring, "run_load", load)
        with Store.open(str(tmp_path / "store.db")) as store:
            own = {role: replace(each, generation=generation) for role, each in sources.items()}
            room = BlockRoom(store, Sampler(store, window=1), own)
            found = dict(await room.loads(evaluation_of(PLAN), servers))
            return {**found, "measured": len(made)}

    first = asyncio.run(measured(at))
    assert (first["measured"], list(first)[-2]) == (at + 1, ("candidate", "pair-1"))
    error = first["candidate", "pair-1"]
    assert isinstance(error, InvalidBlockError)
    assert ("measure all pairs anew with --fresh" in str(error)) == by_server
    assert ("Run again: the pairs before it" in str(error)) == (not by_server)
    again = asyncio.run(measured(None))
    if by_server:
        assert again["measured"] == 0
        assert str(again["candidate", "pair-1"]) == str(error)
        again = asyncio.run(measured(None, generation=1))
    assert again["measured"] == (10 if by_server else 8)
    assert not any(isinstance(each, InvalidBlockError) for each in again.values())


def test_of_two_gates_at_once_both_decide_by_the_blocks_that_are_kept(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs again would else meet other blocks than those that the verdict came from."""
    server = serve()
    sound = run_load(replace(PLAN.load, accept=frozenset(DOUBTS)), server.start())
    source = SampleSource(server.served, create_engine(server.served, tmp_path))
    sources: Any = {"candidate": source, "baseline": replace(source, first_index=1000)}
    servers: Any = {"candidate": server, "baseline": server}
    begun: list[float] = []

    async def measured() -> dict[tuple[Role, str], float]:
        with Store.open(str(tmp_path / "store.db")) as store:
            loads = await BlockRoom(store, Sampler(store, window=1), sources).loads(evaluation_of(PLAN), servers)
            assert not any(isinstance(each, InvalidBlockError) for each in loads.values())
            return {place: each.result["duration_s"] for place, each in loads.items() if isinstance(each, Load)}

    def load(*_: Any, **__: Any) -> LoadResult:
        begun.append(100.0 + len(begun))
        took_s = begun[-1]
        if len(begun) == 1:
            others.update(asyncio.run(measured()))  # in the time of the first block
        return replace(sound, duration_s=took_s)

    others: dict[tuple[Role, str], float] = {}
    monkeypatch.setattr(measuring, "run_load", load)
    assert asyncio.run(measured()) == others == asyncio.run(measured())
    assert len(begun) == 12


Durations = dict[tuple[Role, str], float]


@pytest.fixture
def durations(tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Durations]:
    """`durations(candidate=1)`: what a gate decides by, of this generation of the candidate's draws. The n-th block
    that is measured takes n seconds; `in_first` is called in the first one, and `spoilt` can't be trusted.
    """
    server = serve()
    sound = run_load(replace(PLAN.load, accept=frozenset(DOUBTS)), server.start())
    source = SampleSource(server.served, create_engine(server.served, tmp_path))
    made = itertools.count(1)

    def load(*_: Any, **__: Any) -> LoadResult:
        number = next(made)
        if number == 1 and first is not None:
            first()
        reasons = ("Put off.",) if number == unsound else ()
        return replace(sound, duration_s=float(number), valid=not reasons, invalid_reasons=reasons, by_server=True)

    first: Callable[[], None] | None = None
    unsound = 0

    async def measured(candidate: int, store: str, engine_args: dict[str, Any]) -> Durations:
        options = {**source.version.settings.engine_options, "engine_args": engine_args}
        version = replace(source.version, settings=replace(source.version.settings, engine_options=options))
        own: Any = {
            "candidate": replace(source, version=version, generation=candidate),
            "baseline": replace(source, first_index=1000),
        }
        servers: Any = dict.fromkeys(own, server)
        with Store.open(str(tmp_path / store)) as opened:
            loads = await BlockRoom(opened, Sampler(opened, window=1), own).loads(evaluation_of(PLAN), servers)
        return {place: each.result["duration_s"] for place, each in loads.items() if isinstance(each, Load)}

    def decided(
        candidate: int = 0,
        in_first: Callable[[], None] | None = None,
        spoilt: int = 0,
        store: str = "store.db",
        **engine_args: Any,
    ) -> Durations:
        nonlocal first, unsound
        first, unsound = in_first, spoilt or unsound
        return asyncio.run(measured(candidate, store, engine_args))

    monkeypatch.setattr(measuring, "run_load", load)
    return decided


def test_where_one_version_is_drawn_anew_so_is_the_whole_pair(durations: Callable[..., Durations]) -> None:
    """Else the machine of today would be weighed against that of another day."""
    first, anew = durations(), durations(candidate=1)
    assert set(first.values()) == set(range(1, 11))
    assert set(anew.values()) == set(range(11, 21))
    assert (durations(candidate=1), durations()) == (anew, first)


def test_blocks_of_a_server_that_switched_nothing_off_are_not_those_of_one_that_does(
    durations: Callable[..., Durations],
) -> None:
    """Servers were once started without what `engine_args` switch off; the fingerprint is the same."""
    first = durations()
    assert durations(max_num_seqs=8, enforce_eager=True) == first
    anew = durations(enable_prefix_caching=False)
    assert set(anew.values()) == set(range(11, 21))
    assert durations(enable_prefix_caching=False) == anew


def test_of_a_pair_that_another_gate_stored_first_both_blocks_count(durations: Callable[..., Durations]) -> None:
    others: Durations = {}

    def first() -> None:
        others.update(durations())  # in the time of the first block

    assert durations(in_first=first, spoilt=1) == others == durations()
    assert len(others) == 10


def test_a_block_that_cannot_be_trusted_and_another_gate_stored_first_counts(
    durations: Callable[..., Durations],
) -> None:
    others: list[Durations] = []

    def first() -> None:
        others.append(durations())  # in the time of the first block

    assert durations(in_first=first, spoilt=2) == {}
    assert others == [{}]
    assert durations() == {}


def test_pairs_that_a_merge_brings_come_whole(tmp_path: Path, durations: Callable[..., Durations]) -> None:
    """Both stores began draws of one version anew, and one has measured its pairs."""
    durations(), durations(store="theirs.db")
    with Store.open(str(tmp_path / "store.db")) as store, Store.open(str(tmp_path / "theirs.db")) as theirs:
        with sqlite3.connect(tmp_path / "store.db") as connection:
            (fingerprint,) = connection.execute("select distinct fingerprint from steelyard_requests").fetchone()
        for each in (store, theirs):
            each.generations(fingerprint)
            assert each.generations(fingerprint, fresh=True) == (1,)
        durations(candidate=1, store="theirs.db")
        store.merge(theirs)
    own = durations(candidate=1)
    assert set(own.values()) == set(range(21, 31))
    assert durations(candidate=1) == own


def test_blocks_wait_for_all_that_is_in_flight_also_for_what_begins_meanwhile() -> None:
    ended: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    async def work(name: str, then: str | None = None) -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        ended.append(name)
        if then is not None:
            tasks.append(asyncio.ensure_future(work(then)))

    async def run() -> None:
        tasks.append(asyncio.ensure_future(work("a", then="b")))
        await others_done(lambda: list(tasks))
        ended.append("blocks")

    asyncio.run(run())
    assert ended == ["a", "b", "blocks"]
