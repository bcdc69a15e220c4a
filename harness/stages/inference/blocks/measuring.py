"""A pair of blocks, measured: one version after the other, each alone on the machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from harness.errors import InvalidBlockError
from harness.records import Role
from harness.stages.inference.blocks.measured import Block
from harness.stages.inference.blocks.plan import BlockPlan
from harness.stages.inference.load.figures import MOST_DELAY_S, LoadResult
from harness.stages.inference.load.plan import LoadPlan
from harness.stages.inference.load.run import run_load
from harness.stages.inference.serving import Server

ACCEPTED = frozenset({"machine", "schedule"})
"""Doubts that are told of a block and do not make it invalid by themselves: other work on the machine hits both blocks
of a pair alike, in an order that chance has drawn, which is what pairs are for. A block has a rule of its own for
lateness. Time that the machine's host takes (steal) is not among them: nobody here sees when it comes and goes."""
MOST_LATE = 0.25
"""The share of a block's requests that may be begun too late: the other block of its pair meets the same client."""


def measure_pair(
    servers: Mapping[Role, Server], plan: BlockPlan, pair: int, progress: Callable[[str], None] = lambda _: None
) -> dict[Role, Block]:
    """Measure both blocks of a pair, in their drawn order, up to one that can't be trusted; of a candidate alone the
    one. `told` is called with the block that is measured now, in a few words.
    """
    load, blocks = plan.load_of(pair), dict[Role, Block]()
    addresses = {role: server.start() for role, server in servers.items()}
    for role in plan.order_of(pair):
        if role not in servers or any(block["invalid_reasons"] for block in blocks.values()):
            continue
        progress(f"block {pair + 1} of {plan.blocks}, {servers[role].version}")
        with ExitStack() as stack:
            for address in addresses.values():
                if address != addresses[role]:
                    stack.enter_context(address.paused())
            result = run_load(replace(load, accept=load.accept | ACCEPTED), addresses[role])
        blocks[role] = block_of(result, load)
    return blocks


def check_pair(blocks: Mapping[Role, Block], servers: Mapping[Role, Server], pair: int) -> None:
    """Refuse a pair that can't be trusted (InvalidBlockError), naming the version and the reasons."""
    for role, block in blocks.items():
        if block["invalid_reasons"]:
            raise InvalidBlockError(
                f"block {pair + 1} of {servers[role].version} can't be trusted: {' '.join(block['invalid_reasons'])} "
                "It is not measured again by itself, for then blocks would be chosen by how they went."
            )


def block_of(result: LoadResult, load: LoadPlan) -> Block:
    """The part of a load that is kept."""
    block: dict[str, Any] = result.as_json()
    late = sum(row.sent_s - row.scheduled_s > MOST_DELAY_S for row in result.rows)
    if "schedule" not in load.accept and late > max(1.0, MOST_LATE * result.requests):
        reason = (
            f"{late} of {result.requests} requests were begun more than {MOST_DELAY_S * 1000:.0f} ms later than "
            "planned: the load was not the one that was asked for. Leave the generator a core."
        )
        block |= {"valid": False, "invalid_reasons": [*block["invalid_reasons"], reason]}
    return block
