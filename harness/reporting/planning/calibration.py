"""Measured error rates as a person reads them, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from harness.gate.planning.calibration import KINDS, Calibration, GateShare, MeasuredRates, Wrong
from harness.gate.planning.shapes import PlannedGate
from harness.reporting.planning.plan import spread_in_words
from harness.reporting.shared.columns import columns
from harness.reporting.shared.figures import plural
from harness.reporting.shared.text import flow, printable

_WIDTH = 80


def render_calibration(
    gate: PlannedGate, calibration: Calibration, left_out: int, encoding: str = "utf-8"
) -> list[str]:
    """Show what was measured in lines of at most 80 cells.

    Args:
        left_out: comparisons of the run that are not in the gate.
    """
    lines = [
        f"steelyard calibrate   confidence {gate.confidence_level:g}   {printable(gate.source, encoding=encoding)}"
    ]
    for shape in dict.fromkeys(gate.shapes):
        times = gate.shapes.count(shape)
        name = f"{times} evaluations" if times > 1 else printable(shape.name, 200, encoding=encoding)
        against = "the baseline" if shape.threshold is None else f"{shape.threshold:g}"
        pieces = [
            f"{name}: {shape.cases:,} cases x {shape.samples:,} samples, {shape.design}",
            f"against {against}, margin {shape.margin:g}",
            spread_in_words(shape),
        ]
        lines += [f"  {line}" for line in flow(pieces, _WIDTH - 2)]
    if left_out:
        lines.append(f"  left out: {left_out} comparisons with a threshold, beside a baseline")
    lines += ["", *_table("simulated", calibration.simulated)]
    if calibration.whole:
        lines += ["", *_table("whole runs", calibration.whole)]
    return [*lines, "", *_conclusions(calibration)]


def _table(title: str, results: Sequence[MeasuredRates]) -> list[str]:
    rows = [(f"{title}, {plural(results[0].red.gates, 'gate')} each", "red", "green", "samples drawn")]
    for each in results:
        share = f"{each.drawn:,.0f} ({100 * each.drawn / each.most:.0f} %)"
        rows.append((f"  {each.truth.name}", _cell(each, "red"), _cell(each, "green"), share))
    return columns(rows)


def _rate(each: MeasuredRates, kind: Wrong) -> GateShare:
    return each.red if kind == "red" else each.green


def _cell(each: MeasuredRates, kind: Wrong) -> str:
    """A rate; where it is one of errors, with its upper bound."""
    rate = _rate(each, kind)
    return f"{rate.value:.3f} <{_above(rate.high)}" if each.truth.wrong == kind else f"{rate.value:.3f}"


def _above(bound: float) -> str:
    """An upper bound, rounded up.

    >>> _above(0.0341), _above(1.0)
    ('0.035', '1.000')
    """
    return f"{math.ceil(bound * 1000) / 1000:.3f}"


def _conclusions(calibration: Calibration) -> Iterator[str]:
    said = {
        "holds": f"nominal {calibration.nominal:.3g} holds",
        "open": f"nominal {calibration.nominal:.3g} is open, more --gates tell",
        "exceeded": f"nominal {calibration.nominal:.3g} is EXCEEDED",
    }
    for kind in KINDS:
        rate = calibration.worst(kind)
        if rate is not None:
            yield f"false {kind:<6} {rate.value:.3f} (at most {_above(rate.high)}): {said[calibration.state(kind)]}"
    unchanged, *_, dropped = calibration.simulated
    yield f"power        {dropped.red.value:.3f} of gates red: {dropped.truth.name}"
    yield f"             {unchanged.green.value:.3f} of gates green: {unchanged.truth.name}"
    if calibration.whole:
        yield f"whole runs   {', '.join(_counts(calibration.whole))}"


def _counts(whole: Sequence[MeasuredRates]) -> Iterator[str]:
    for kind in KINDS:
        rates = [_rate(each, kind) for each in whole if each.truth.wrong == kind]
        if rates:
            yield f"{sum(rate.count for rate in rates):,} of {sum(rate.gates for rate in rates):,} falsely {kind}"


def calibration_json(gate: PlannedGate, calibration: Calibration, left_out: int) -> dict[str, Any]:
    """Give what was measured as data for a program."""
    return {
        "source": gate.source,
        "confidence_level": gate.confidence_level,
        "nominal": calibration.nominal,
        "evaluations": [asdict(shape) for shape in gate.shapes],
        "left_out": left_out,
        "simulated": [_measured_json(each) for each in calibration.simulated],
        "whole": [_measured_json(each) for each in calibration.whole],
        **{f"false_{kind}": calibration.state(kind) for kind in KINDS},
    }


def _measured_json(each: MeasuredRates) -> dict[str, Any]:
    rates = {kind: _rate(each, kind) for kind in KINDS}
    return {
        "truth": each.truth.name,
        "wrong": each.truth.wrong,
        "gates": each.red.gates,
        **{
            kind: {"count": rate.count, "rate": rate.value, "low": rate.low, "high": rate.high}
            for kind, rate in rates.items()
        },
        "samples_decided_by": each.samples,
        "samples_drawn": each.drawn,
        "samples_at_most": each.most,
    }
