"""Tells people and programs how often someone who reruns a gate gets a wrong verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.gate.planning.adversary import Attempt, is_exceeded
from harness.gate.planning.calibration import KINDS, GateShare, Wrong
from harness.gate.planning.shapes import PlannedGate
from harness.reporting.shared.columns import columns
from harness.reporting.shared.figures import plural
from harness.reporting.shared.text import flow, printable

_WIDTH = 80


def render_reruns(gate: PlannedGate, attempts: Sequence[Attempt], encoding: str = "utf-8") -> list[str]:
    """Show what was measured in lines of at most 80 cells."""
    nominal = 1 - gate.confidence_level
    shapes = ", ".join(
        f"{shape.cases:,} cases x {shape.samples:,}, about the {shape.about}" for shape in gate.shapes[:3]
    )
    rows = [(f"{plural(attempts[0].rate.gates, 'gate')} each, up to 6 reruns", "false red", "false green")]
    for name in dict.fromkeys(each.adversary for each in attempts):
        red, green = (_cell(_of(attempts, name, kind)) for kind in KINDS)
        rows.append((f"  {name}", red, green))
    facts = [printable(gate.source, encoding=encoding), shapes + (", …" if len(gate.shapes) > 3 else "")]
    lines = ["steelyard calibrate --reruns"]
    lines += [f"  {line}" for fact in facts for line in flow(fact.split(" "), _WIDTH - 2, " ")]
    lines += ["", *columns(rows), ""]
    worst = max(attempts, key=lambda each: each.rate.value)
    if worst.rate.count == 0:
        text = (
            f"No wrong verdict in {plural(worst.rate.gates, 'gate')} of each kind: it could still be up to "
            f"{worst.rate.high:.3f} of them, where {nominal:.3g} is promised. More --gates tell more."
        )
        return [*lines, *flow(text.split(" "), _WIDTH, " ")]
    held = "is EXCEEDED" if is_exceeded(attempts, nominal) else "holds, as far as this tells"
    text = (
        f"Someone who sees everything and reruns the gate as named gets a wrong verdict in {worst.rate.value:.3f} of "
        f"the gates at worst ({worst.adversary}, false {worst.wrong}). Promised {nominal:.3g}: {held}."
    )
    return [*lines, *flow(text.split(" "), _WIDTH, " ")]


def reruns_json(gate: PlannedGate, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Give what was measured as data for a program: the worst adversary, and all of them."""
    worst = {
        kind: max((each for each in attempts if each.wrong == kind), key=lambda each: each.rate.value) for kind in KINDS
    }
    return {
        **{f"false_{kind}": worst[kind].rate.value for kind in KINDS},
        "gates": attempts[0].rate.gates,
        "adversary": max(worst.values(), key=lambda each: each.rate.value).adversary,
        "reruns": 6,
        "nominal": 1 - gate.confidence_level,
        "source": gate.source,
        "adversaries": [
            {
                "adversary": name,
                **{f"false_{kind}": _plain(_of(attempts, name, kind)) for kind in KINDS},
            }
            for name in dict.fromkeys(each.adversary for each in attempts)
        ],
    }


def _of(attempts: Sequence[Attempt], name: str, kind: Wrong) -> GateShare:
    return next(each.rate for each in attempts if (each.adversary, each.wrong) == (name, kind))


def _cell(rate: GateShare) -> str:
    return f"{rate.value:.3f} <{rate.high:.3f}"


def _plain(rate: GateShare) -> dict[str, Any]:
    return {"count": rate.count, "rate": rate.value, "low": rate.low, "high": rate.high}
