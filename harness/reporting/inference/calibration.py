"""The output of `steelyard load --calibrate`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from harness.reporting.shared.figures import plural
from harness.reporting.shared.text import wrap
from harness.stages.inference.blocks.plan import BlockPlan
from harness.stages.inference.blocks.resolution import Resolution

_WIDTH = 80


def render_calibration(version: str, plan: BlockPlan, found: Sequence[Resolution]) -> Iterable[str]:
    """The smallest slow-down that can be shown, line by line."""
    yield f"{version} against itself: {plural(plan.blocks, 'pair')} of blocks of {_length(plan)}"
    yield ""
    yield f"  {'figure':<12}{'smallest slow-down':<22}{'spread of a pair':<20}pairs for " + ", ".join(
        found[0].pairs_for if found else ()
    )
    for each in found:
        pairs = ", ".join("more" if number is None else f"{number:,}" for number in each.pairs_for.values())
        smallest = f"{100 * each.smallest:.2g} %"
        spread = f"{100 * each.spread:.2g} % (to {100 * each.spread_high:.2g})"
        yield f"  {each.figure:<12}{smallest:<22}{spread:<20}{pairs}"
    yield ""
    yield from wrap(
        "The smallest slow-down is found in 9 of 10 gates with so many pairs whose margin is smaller than it, and none "
        "in 95 of 100 where there is none; one within the margin passes. The spread is the standard deviation of the "
        "logarithm of a pair's ratio; so few pairs know it up to the figure in brackets.",
        _WIDTH,
    )


def calibration_json(plan: BlockPlan, found: Sequence[Resolution]) -> dict[str, Any]:
    """The same for machines."""
    return {
        "blocks": plan.blocks,
        "seconds": plan.load.seconds,
        "requests": plan.load.requests,
        "power": 0.9,
        "figures": [dataclasses.asdict(each) | {"pairs_for": dict(each.pairs_for)} for each in found],
    }


def _length(plan: BlockPlan) -> str:
    return f"{plan.load.seconds:g} s" if plan.load.seconds is not None else plural(plan.load.requests or 0, "request")
