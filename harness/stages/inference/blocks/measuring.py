"""A pair of blocks, measured: one version after the other, each alone on the machine."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from harness.errors import InvalidBlockError
from harness.records import Role
from harness.stages.inference.blocks.measured import LoadBlock
from harness.stages.inference.blocks.plan import BlockPlan
from harness.stages.inference.load.doubts import MOST_DELAY_S
from harness.stages.inference.load.figures import LoadResult
from harness.stages.inference.load.plan import LoadPlan
from harness.stages.inference.load.run import LoadProgress, run_load
from harness.stages.inference.pausing import pausing
from harness.stages.inference.serving import Server

ACCEPTED = frozenset({"machine", "schedule"})
"""Doubts that are told of a block and do not make it invalid by themselves: other work on the machine hits both blocks
of a pair alike, in an order that chance has drawn, which is what pairs are for. A block has a rule of its own for
lateness. Time that the machine's host takes (steal) is not among them: nobody here sees when it comes and goes."""
MOST_LATE = 0.25
"""The share of a block's requests that may be begun too late: the other block of its pair meets the same client."""
_RAPL = Path("/sys/class/powercap")
_MICRO, _MILLI = 1e-6, 1e-3


def measure_pair(
    servers: Mapping[Role, Server], plan: BlockPlan, pair: int, told: Callable[[str], None] = lambda _: None
) -> dict[Role, LoadBlock]:
    """Measure both blocks of a pair, in their drawn order, up to one that can't be trusted; of a candidate alone the
    one.

    Args:
        servers: by whose version is measured.
        told: which block is measured now, in a few words.

    Raises:
        EngineError: a server can't be reached.
    """
    load = plan.load_of(pair)
    found: dict[Role, LoadBlock] = {}
    roles = [role for role in plan.order_of(pair) if role in servers]
    for each in servers.values():
        each.start()
    for role in roles:
        server = servers[role]
        told(f"block {pair + 1} of {plan.blocks}, {server.version}")
        with pausing(each.target.pid for each in servers.values() if each is not server):
            found[role] = _measure(server, load)
        if found[role].invalid_reasons:
            break
    return found


def check_pair(blocks: Mapping[Role, LoadBlock], servers: Mapping[Role, Server], pair: int) -> None:
    """Refuse a pair that can't be trusted.

    Raises:
        InvalidBlockError: naming the version and the reasons.
    """
    for role, block in blocks.items():
        if block.invalid_reasons:
            raise InvalidBlockError(
                f"block {pair + 1} of {servers[role].version} can't be trusted: {' '.join(block.invalid_reasons)} It "
                "is not measured again by itself, for then blocks would be chosen by how they went."
            )


def _measure(server: Server, load: LoadPlan) -> LoadBlock:
    before = energy_counters()

    def tell(progress: LoadProgress) -> None:
        nonlocal before
        if progress.phase == "measuring" and not progress.elapsed_s:  # what came before is no energy of its tokens
            before = energy_counters()

    result = run_load(replace(load, accept=load.accept | ACCEPTED), server.target, progress=tell)
    return block_of(result, load, joules_between(before, energy_counters()))


def block_of(result: LoadResult, load: LoadPlan, energy_j: float | None = None) -> LoadBlock:
    """The part of a load that is kept."""
    plain = result.as_json()
    late = sum(row.delay_s > MOST_DELAY_S for row in result.rows)
    if "schedule" not in load.accept and late > max(1.0, MOST_LATE * result.requests):
        reason = (
            f"{late} of {result.requests} requests were begun more than {MOST_DELAY_S * 1000:.0f} ms later than "
            "planned: the load was not the one that was asked for. Leave the generator a core."
        )
        plain |= {"valid": False, "invalid_reasons": [*plain["invalid_reasons"], reason]}
    return LoadBlock(plain, energy_j)


EnergyCounters = Mapping[str, tuple[float, float]]
"""Joules by processor package (RAPL) and GPU (NVML), and where the counter begins again; 0 where it never does.

They are of whole packages and boards, whoever uses them: while a block is measured nothing else should.
"""


def energy_counters() -> EnergyCounters:
    """The counters of this machine now; {} where there are none."""
    found = {}
    for folder in _RAPL.glob("*-rapl:[0-9]"):  # a package has its parts in it
        with suppress(OSError, ValueError):
            names = ("energy_uj", "max_energy_range_uj")
            now, most = (int((folder / name).read_text()) * _MICRO for name in names)
            found[folder.name] = now, most
    if importlib.util.find_spec("pynvml") is not None:
        import pynvml  # type: ignore[import-not-found]

        with suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            for number in range(pynvml.nvmlDeviceGetCount()):
                board = pynvml.nvmlDeviceGetHandleByIndex(number)
                found[f"gpu{number}"] = pynvml.nvmlDeviceGetTotalEnergyConsumption(board) * _MILLI, 0.0
    return found


def joules_between(before: EnergyCounters, after: EnergyCounters) -> float | None:
    """The energy taken between two readings; None where no counter tells, or one of them began anew meanwhile."""
    taken = []
    for name in before.keys() & after.keys():
        since = after[name][0] - before[name][0]
        taken.append(since if since >= 0 else since + after[name][1])
    return sum(taken) if taken and min(taken) >= 0 else None
