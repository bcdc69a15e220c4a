"""The output of `steelyard corpus ablation`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from harness.reporting.shared.columns import columns
from harness.reporting.shared.figures import count, figure, interval, plural
from harness.reporting.shared.text import printable, wrap
from harness.reporting.terminal.report import Layout
from harness.stages.data.ablation.comparison import SeedPair, cloze_difference, loss_difference, mean_curve
from harness.stages.data.ablation.power import SeedPower
from harness.stages.data.ablation.results import TrainedModel
from harness.statistics.intervals.differences import DifferenceEstimate

_UNIT = "nats/byte"


def ablation_document(names: tuple[str, str], power: SeedPower, pairs: Sequence[SeedPair]) -> dict[str, Any]:
    """All of it as JSON has it."""
    cloze = cloze_difference(pairs)
    return {
        "first": names[0],
        "second": names[1],
        "power": asdict(power),
        "tokens": pairs[0].first.tokens,
        "pairs": [{"first": each.first.as_json(), "second": each.second.as_json()} for each in pairs],
        "loss": asdict(loss_difference(pairs)),
        "cloze": None if cloze is None else asdict(cloze),
    }


def ablation_lines(names: tuple[str, str], pairs: Sequence[SeedPair], layout: Layout) -> list[str]:
    """Figures by seed, differences with their intervals, and the way there, as lines without line ends."""
    first, second = (printable(name, 24, encoding=layout.encoding) for name in names)
    tokens, epochs = pairs[0].first.tokens, [max(each.epochs for each in side) for side in _sides(pairs)]
    lines = [
        f"{first} against {second}: {plural(len(pairs), 'seed')}, {count(tokens)} tokens of each",
        f"read {epochs[0]:.2g} and {epochs[1]:.2g} times",
        "",
    ]
    rows = [["seed", f"loss {first}", second, "difference", f"cloze {first}", second]]
    for pair in pairs:
        losses, cloze = (pair.first.loss, pair.second.loss), (pair.first.cloze, pair.second.cloze)
        told = [figure(each, 4) for each in losses]
        rows.append([str(pair.first.seed), *told, _signed(losses), *(figure(each, 3) for each in cloze)])
    lines += [f"  {line}" for line in columns(rows)]
    lines += ["", *wrap(_told("held-out loss", loss_difference(pairs), _UNIT, pairs, higher=False), layout.width)]
    answered = cloze_difference(pairs)
    if answered is not None:
        lines += wrap(_told("cloze", answered, "of questions", pairs, higher=True), layout.width)
    lines += ["", "held-out loss on the way, mean over seeds"]
    curves = [mean_curve(side) for side in _sides(pairs)]
    points = [["tokens", first, second, "difference"]]
    for (at, one), (_, other) in zip(*curves, strict=True):
        points.append([count(at), figure(one, 4), figure(other, 4), _signed((one, other))])
    return [*lines, *(f"  {line}" for line in columns(points))]


def _sides(pairs: Sequence[SeedPair]) -> tuple[list[TrainedModel], list[TrainedModel]]:
    return [pair.first for pair in pairs], [pair.second for pair in pairs]


def _signed(losses: tuple[float, float]) -> str:
    return figure(losses[0] - losses[1], 4, signed=True)


def _told(name: str, difference: DifferenceEstimate, unit: str, pairs: Sequence[SeedPair], *, higher: bool) -> str:
    """A difference in words."""
    word = "better" if (difference.value > 0) == higher else "worse"
    if difference.value == 0:
        word = "no difference"
    value, bounds = figure(difference.value, 4, signed=True), interval(difference.low, difference.high, 4, signed=True)
    return (
        f"{name}: {value} {unit} {bounds} ({word}; paired t over {plural(len(pairs), 'seed')}, 95 %, "
        f"p = {difference.p_value:.2g})"
    )
