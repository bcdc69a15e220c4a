"""The resolution of a machine in blocks: the smallest slow-down, from how much pairs of one version differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from harness.decisions import look_at
from harness.errors import InvalidBlockError
from harness.records import Role
from harness.stages.inference.blocks.block import LoadBlock
from harness.stages.inference.blocks.measuring import check_pair, measure_pair
from harness.stages.inference.blocks.plan import FEWEST_BLOCKS, MOST_BLOCKS, BlockPlan
from harness.stages.inference.serving import Server
from harness.statistics.intervals.signed_ranks import fewest_pairs, most_rank_sum, rank_sum_tail
from harness.statistics.searching import first_that

FIGURES = ("ttft", "itl", "throughput")
EFFICIENCY = math.pi / 3
"""Signed ranks need so many times the pairs of t where differences are normal."""
RED_LEVEL = 0.05 * look_at(1, 1, 1).red
"""The level of red at the first look of a gate with one evaluation, at a confidence of 0.95."""
_SIZES = (0.02, 0.05, 0.1)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The smallest slow-down that can be shown of one figure.

    Attributes:
        figure: "ttft", "itl" or "throughput".
        spread: standard deviation of the logarithm of the ratio in a pair.
        spread_high: the end of its one-sided 95 % interval, for few pairs know it badly.
        bias: mean of these logarithms; 0 but for chance.
        smallest: the share by which a version must be slower to be found in 9 of 10 gates with so many pairs,
            and a margin that is smaller than it.
        pairs_for: how many pairs it takes to find a slow-down, by its share; None for more than a plan may have.
    """

    figure: str
    spread: float
    spread_high: float
    bias: float
    smallest: float
    pairs_for: Mapping[str, int | None]


def calibrate(server: Server, plan: BlockPlan, told: Callable[[str], None] = lambda _: None) -> tuple[Resolution, ...]:
    """Measure a version against itself, and say what could have been found.

    Raises:
        InvalidBlockError: a block can't be trusted, or not all of its requests were answered.
    """
    servers: dict[Role, Server] = {"candidate": server, "baseline": server}
    pairs = []
    for number in range(plan.blocks):
        pairs.append(measure_pair(servers, plan, number, told))
        check_pair(pairs[-1], servers, number)
        _check_answered(pairs[-1].values(), number)
    return tuple(
        resolution(
            name, [math.log(_figure(pair["candidate"], name) / _figure(pair["baseline"], name)) for pair in pairs]
        )
        for name in FIGURES
        if all(_figure(block, name) > 0 for pair in pairs for block in pair.values())
    )


def _check_answered(blocks: Iterable[LoadBlock], number: int) -> None:
    for load in (block.load for block in blocks):
        if load["completed"] < load["requests"]:
            kinds = ", ".join(f"{kind} {count}" for kind, count in load["errors"].items())
            raise InvalidBlockError(
                f"{load['requests'] - load['completed']} of {load['requests']} requests of block {number + 1} were not "
                f"answered ({kinds}): a gate gives no latency of the others. Send less, or mend the server."
            )


def resolution(figure: str, logs: Sequence[float], *, level: float = RED_LEVEL, power: float = 0.9) -> Resolution:
    """The resolution of pairs whose logarithms of ratios are these.

    Args:
        level: of a false red.
        power: the chance of finding it.

    >>> flat = resolution("itl", [0.02, -0.02] * 6)
    >>> round(flat.spread, 4), round(flat.smallest, 3), flat.pairs_for["5 %"]
    (0.0209, 0.02, 5)
    """
    array = np.asarray(logs, dtype=np.float64)
    n, spread = len(array), float(array.std(ddof=1))
    high = spread * math.sqrt((n - 1) / float(special.chdtri(n - 1, 0.95)))
    return Resolution(
        figure=figure,
        spread=spread,
        spread_high=high,
        bias=float(array.mean()),
        smallest=math.expm1(smallest_log(spread, n, level, power)),
        pairs_for={f"{100 * size:g} %": pairs_for(spread, math.log1p(size), level, power) for size in _SIZES},
    )


def smallest_log(spread: float, pairs: int, level: float, power: float) -> float:
    """The mean logarithm that signed ranks find so often in normal pairs; infinite where so few are never red.

    Of so few pairs that all must point one way, it is the mean for which they do. Of more, the noncentral t
    distribution tells it for t at the level that signed ranks really have, of which there are few; they need pi / 3
    times the pairs of t where differences are normal, and fewer where they have outliers.

    Source: J. L. Hodges, E. L. Lehmann (1956), The efficiency of some nonparametric competitors of the t-test, Annals
    of Mathematical Statistics 27:324-335.
    """
    most = most_rank_sum(pairs, level)
    if most is None:
        return math.inf
    if most == 0:
        return float(special.ndtri(power ** (1 / pairs))) * spread
    limit = float(special.stdtrit(pairs - 1, 1 - rank_sum_tail(most, pairs)))
    return float(special.nctdtrinc(pairs - 1, 1 - power, limit)) * spread / math.sqrt(pairs / EFFICIENCY)


def pairs_for(spread: float, log: float, level: float = RED_LEVEL, power: float = 0.9) -> int | None:
    """The fewest pairs with which a slow-down of this logarithm is found so often."""
    least = max(FEWEST_BLOCKS, fewest_pairs(level))
    return first_that(lambda pairs: smallest_log(spread, pairs, level, power) <= log, least, MOST_BLOCKS)


def _figure(block: LoadBlock, name: str) -> float:
    value = block.load["output_tokens_per_s"] if name == "throughput" else block.load[f"{name}_s"]["mean"]
    return 0.0 if value is None else float(value)
