"""Pairs of blocks against servers with a known law."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from harness.errors import InvalidBlockError
from harness.stages.inference.blocks import measuring
from harness.stages.inference.blocks.measured import is_kept
from harness.stages.inference.blocks.measuring import ACCEPTED, MOST_LATE, block_of, check_pair, measure_pair
from harness.stages.inference.blocks.plan import BlockPlan
from harness.stages.inference.load import machine
from harness.stages.inference.load.figures import LoadResult, doubts, figures
from harness.stages.inference.load.plan import LoadPlan
from harness.stages.inference.load.run import run_load
from harness.stages.inference.serving import ServerAddress
from tests.loopback.law import LawProcess
from tests.processes import children, is_stopped
from tests.stages.inference.blocks.conftest import Serve
from tests.waiting import wait_until

pytestmark = pytest.mark.service

LOAD = LoadPlan(rate=20.0, seconds=0.5, warm_up=1, prompt_tokens=8, accept=frozenset({"schedule", "steal"}))
STRICT = replace(LOAD, accept=frozenset())


def test_both_versions_are_sent_the_same_and_each_answers_by_its_law(serve: Serve) -> None:
    servers = {"candidate": serve(itl_s=0.008), "baseline": serve(itl_s=0.004)}
    told: list[str] = []
    blocks = measure_pair(servers, BlockPlan(blocks=5, load=LOAD), 0, told.append)  # type: ignore[arg-type]
    assert len(told) == 2
    ours, theirs = blocks["candidate"], blocks["baseline"]
    assert (ours["requests"], ours["prompt_tokens"]) == (theirs["requests"], theirs["prompt_tokens"])
    assert ours["itl_s"]["mean"] == pytest.approx(0.008, rel=0.2)
    assert theirs["itl_s"]["mean"] == pytest.approx(0.004, rel=0.2)


def test_a_block_that_can_not_be_trusted_is_an_error_and_no_score(serve: Serve) -> None:
    """The server says that it put requests off, which no plan here accepts."""
    servers = {"candidate": serve(counters=True, preemptions=1)}
    blocks = measure_pair(servers, BlockPlan(blocks=5, load=LOAD), 0)  # type: ignore[arg-type]
    with pytest.raises(InvalidBlockError, match=r"block 1 of law can't be trusted: .*preemptions.*how they went\.$"):
        check_pair(blocks, servers, 0)  # type: ignore[arg-type]
    assert is_kept(blocks["candidate"])
    for others in ({"by_server": False}, {"interrupted": True}):
        assert not is_kept({**blocks["candidate"], **others})


def test_other_processes_are_what_pairs_are_for_and_a_host_that_takes_time_is_not() -> None:
    busy = replace(figures([], STRICT), steal=0.07, others_cpu=0.75 * (os.cpu_count() or 1))
    raised = {doubt.name for doubt in doubts(busy, STRICT) if doubt.name}
    assert raised == {"machine", "steal"}
    assert raised - ACCEPTED == {"steal"}


def test_many_late_requests_make_a_block_invalid_and_one_of_few_does_not(serve: Serve) -> None:
    result = run_load(LOAD, serve().start())
    on_time = [row._replace(sent_s=row.scheduled_s) for row in result.rows]
    for late, is_valid in ((1, True), (len(on_time) // 2, False)):
        rows = tuple(
            row._replace(sent_s=row.scheduled_s + 0.5) if number < late else row for number, row in enumerate(on_time)
        )
        block = block_of(replace(result, rows=rows, valid=True, invalid_reasons=()), STRICT)
        assert (not block["invalid_reasons"]) == is_valid
    assert 0 < MOST_LATE < 0.5


@pytest.mark.nightly
def test_the_other_server_stands_still(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen when its load begins."""
    servers = {"candidate": serve(is_kept=True), "baseline": serve(is_kept=True)}
    pids = {server.start(): children(server.start().pid or 0)[0] for server in servers.values()}

    def looked(plan: LoadPlan, address: ServerAddress, **told: Any) -> LoadResult:
        wait_until(lambda: all(is_stopped(pid) == (of != address) for of, pid in pids.items()))
        return run_load(plan, address, **told)

    monkeypatch.setattr(measuring, "run_load", looked)
    assert len(measure_pair(servers, BlockPlan(blocks=5, load=LOAD), 0)) == 2  # type: ignore[arg-type]
    wait_until(lambda: not any(map(is_stopped, pids.values())))


@pytest.mark.nightly
def test_energy_is_that_of_the_measured_time_and_not_of_the_warm_up(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that takes 100 J for each answer, those of the warm-up among them."""
    server = serve()
    served = LawProcess(server.start().base_url, process=None)  # type: ignore[arg-type]
    monkeypatch.setattr(machine, "energy_counters", lambda: {"all": (100.0 * len(served.drawn()), 0.0)})
    (block,) = measure_pair({"candidate": server}, BlockPlan(blocks=5, load=replace(LOAD, warm_up=3)), 0).values()
    assert 0 < block["energy_j"] <= 100 * block["requests"] < 100 * len(served.drawn())
