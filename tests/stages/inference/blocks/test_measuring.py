"""Pairs of blocks against servers with a known law."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any

import pytest

from harness.errors import CapabilityError, InvalidBlockError
from harness.stages.inference.address import ServerAddress
from harness.stages.inference.blocks import measuring
from harness.stages.inference.blocks.measuring import ACCEPTED, MOST_LATE, block_of, check_pair, measure_pair
from harness.stages.inference.blocks.plan import BlockPlan
from harness.stages.inference.load.figures import figures
from harness.stages.inference.load.machine import MachineUse
from harness.stages.inference.load.plan import LoadPlan
from harness.stages.inference.load.result import LoadResult
from harness.stages.inference.load.run import run_load
from harness.stages.inference.load.validity import LoadEvidence, doubts
from harness.stages.inference.serving import Server
from tests.stages.inference.blocks.conftest import Serve
from tests.stages.inference.test_pausing import are_stopped

pytestmark = pytest.mark.service

LOAD = LoadPlan(rate=20.0, seconds=0.5, warm_up=1, prompt_tokens=8, accept=frozenset({"schedule", "steal"}))
STRICT = replace(LOAD, accept=frozenset())


def test_both_versions_are_sent_the_same_and_each_answers_by_its_law(serve: Serve) -> None:
    servers = {"candidate": serve(itl_s=0.008), "baseline": serve(itl_s=0.004)}
    told: list[str] = []
    blocks = measure_pair(servers, BlockPlan(blocks=5, load=LOAD), 0, told.append)  # type: ignore[arg-type]
    assert len(told) == 2
    ours, theirs = blocks["candidate"].load, blocks["baseline"].load
    assert (ours["requests"], ours["prompt_tokens"]) == (theirs["requests"], theirs["prompt_tokens"])
    assert ours["itl_s"]["mean"] == pytest.approx(0.008, rel=0.2)
    assert theirs["itl_s"]["mean"] == pytest.approx(0.004, rel=0.2)
    assert blocks["candidate"].memory_bytes is not None


def test_a_block_that_can_not_be_trusted_is_an_error_and_no_score(serve: Serve) -> None:
    """The server says that it put requests off, which no plan here accepts."""
    servers = {"candidate": serve(counters=True, preemptions=1)}
    blocks = measure_pair(servers, BlockPlan(blocks=5, load=LOAD), 0)  # type: ignore[arg-type]
    with pytest.raises(InvalidBlockError, match=r"block 1 of law can't be trusted: .*preemptions.*how they went\.$"):
        check_pair(blocks, servers, 0)  # type: ignore[arg-type]
    assert blocks["candidate"].is_kept
    for others in ({"by_server": False}, {"interrupted": True}):
        assert not replace(blocks["candidate"], load={**blocks["candidate"].load, **others}).is_kept


def test_other_processes_are_what_pairs_are_for_and_a_host_that_takes_time_is_not() -> None:
    found = figures([], STRICT)
    busy = LoadEvidence(found, [], 0.1, {}, MachineUse(steal=0.07, others_cpu=1.5, cores=2))
    raised = {doubt.name for doubt in doubts(busy, STRICT)}
    assert raised == {"machine", "steal"}
    assert raised - ACCEPTED == {"steal"}


def test_many_late_requests_make_a_block_invalid_and_one_of_few_does_not(serve: Serve) -> None:
    result = run_load(LOAD, serve().target)
    on_time = [replace(record, sent_s=record.scheduled_s) for record in result.records]
    for late, is_valid in ((1, True), (len(on_time) // 2, False)):
        records = tuple(
            replace(record, sent_s=record.scheduled_s + 0.5) if number < late else record
            for number, record in enumerate(on_time)
        )
        block = block_of(replace(result, records=records, valid=True, invalid_reasons=()), STRICT)
        assert (not block.invalid_reasons) == is_valid
    assert 0 < MOST_LATE < 0.5


@pytest.mark.nightly
@pytest.mark.parametrize("restart", [False, True])
def test_the_other_server_stands_still_also_behind_one_that_is_started_anew(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, restart: bool
) -> None:
    """Seen when a server is started anew, and when its load begins."""
    servers, alone = {"candidate": serve(), "baseline": serve()}, []
    pairs = list(zip(servers.values(), reversed(servers.values()), strict=True))

    def anew(server: Server, other: Server) -> float:
        server.target = serve().target
        alone.append(are_stopped([other.target.pid], [True]))
        return 0.5

    def looked(plan: LoadPlan, address: ServerAddress, **told: Any) -> LoadResult:
        alone.extend(are_stopped([other.target.pid], [True]) for server, other in pairs if server.target == address)
        return run_load(plan, address, **told)

    for server, other in pairs:
        monkeypatch.setattr(server, "restart", partial(anew, server, other))
    monkeypatch.setattr(measuring, "run_load", looked)
    blocks = measure_pair(servers, BlockPlan(blocks=5, load=LOAD, restart=restart), 0)  # type: ignore[arg-type]
    assert alone == [True] * (4 if restart else 2)
    assert [block.start_up_s for block in blocks.values()] == [0.5 if restart else None] * 2
    assert are_stopped([server.target.pid for server in servers.values()], [False, False])


@pytest.mark.nightly
def test_energy_is_that_of_the_measured_time_and_not_of_the_warm_up(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that takes 100 W, whatever it does, and a server that takes as long to warm up as to answer."""
    monkeypatch.setattr("harness.stages.inference.blocks.meters._packages", lambda: {"all": (100 * monotonic(), 0.0)})
    load = replace(LOAD, warm_up=3)
    (block,) = measure_pair({"candidate": serve(median_s=1.0)}, BlockPlan(blocks=5, load=load), 0).values()
    assert block.energy_j is not None
    assert block.energy_j == pytest.approx(100 * block.load["duration_s"], abs=150)


def test_a_server_of_others_is_not_started_anew(serve: Serve) -> None:
    server = serve()
    server.target = replace(server.target, pid=None)
    with pytest.raises(CapabilityError, match="which this run did not start"):
        measure_pair({"candidate": server}, BlockPlan(blocks=5, load=LOAD, restart=True), 0)
