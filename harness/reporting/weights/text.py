"""A version's weights on a terminal, alone or beside another's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.models.lineage import LineageStep
from harness.reporting.shared.text import hang, printable, wrap
from harness.reporting.weights.document import DescribedVersion, in_engine, unequal, weights_facts

_LEAST_WIDTH = 40


def version_lines(version: DescribedVersion, width: int) -> list[str]:
    """The listing of a version's weights, what its engine gets where that differs, and the steps that made it."""
    width = max(width, _LEAST_WIDTH)
    weights = version.weights
    lines = [] if weights is not None else [*wrap(f"{version.name} has no weights here to tell of.", width)]
    lines += _aligned(_facts(version), width)
    if weights is not None:
        facts = unequal(weights_facts(weights.in_engine), weights_facts(weights))
        loaded = {name: after or "none" for name, (after, _) in facts.items()}
        if not weights.is_made:
            told = f"What the engine loads is not made yet; `steelyard build {version.name}` does it, to be told here."
            lines += ["", *wrap(told, width)]
        elif loaded:
            lines += ["", "loaded, where the engine gets something else:", *_aligned(loaded, width)]
        for each in weights.warnings:
            lines += ["", *wrap(printable(f"Warning: {each}"), width)]
    return [*lines, "", "lineage:", *_step_lines(enumerate(version.lineage, 1), width)]


def difference_lines(
    version: DescribedVersion, other: DescribedVersion, files: Mapping[str, Sequence[str]], width: int
) -> list[str]:
    """List what differs between two versions, with both values of each, after the files that differ."""
    width = max(width, _LEAST_WIDTH)
    pair = (version, other)
    found = unequal(*map(_facts, pair))
    loaded = unequal(*(_facts(in_engine(each)) for each in pair))
    found |= {f"{name}, loaded": values for name, values in loaded.items() if found.get(name) != values}
    head = f"{version.name} beside {other.name}"
    if not found and not files and version.lineage == other.lineage:
        return wrap(f"{head}: no difference.", width)
    lines = wrap(f"{head}: what differs", width)
    for each in pair:
        if each.weights is not None and not each.weights.is_made:
            lines += wrap(f"What the engine of {each.name} loads is not made yet: `steelyard build {each.name}`", width)
    if files:
        told = [f"{name} ({', '.join(keys)})" if keys else name for name, keys in files.items()]
        lines += ["files that differ", *hang("  ", wrap(printable(", ".join(told)), width - 2))]
    longest = max(len(each.name) for each in pair)
    for name, values in found.items():
        lines += wrap(name, width)
        for each, value in zip(pair, values, strict=True):
            start = f"  {each.name:<{longest}}  "
            lines += hang(start, wrap(printable(value or "-"), width - len(start)))
    for own, others in (pair, pair[::-1]):
        alone = [(number, step) for number, step in enumerate(own.lineage, 1) if step not in others.lineage]
        lines += [*wrap(f"steps of {own.name} alone", width), *_step_lines(alone, width)] if alone else []
    return lines


def _facts(version: DescribedVersion) -> dict[str, str]:
    facts = {} if version.weights is None else weights_facts(version.weights)
    return {**facts, "fingerprint": version.fingerprint or "not known: something is to be built, or asked"}


def _aligned(facts: Mapping[str, str], width: int) -> Iterator[str]:
    """Lines of names and values, the equal signs below each other; a long value goes on below itself."""
    longest = max(map(len, facts), default=0)
    for name, value in facts.items():
        start = f"{name:<{longest}} = "
        yield from hang(start, wrap(printable(value), width - len(start)))


def _step_lines(steps: Iterable[tuple[int, LineageStep]], width: int) -> list[str]:
    """Number the steps as their lineage does."""
    return [line for number, step in steps for line in hang(f"{number:3d}  ", wrap(_step(step), width - 5))]


def _step(step: LineageStep) -> str:
    of = f", of {printable(' and '.join(step.of))}" if step.of else ""
    return f"{printable(step.made)}{of}: {printable(step.by)}"
