"""A timeline in words: for the terminal and for a pull request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from harness.errors import some
from harness.gate.baselines.timeline import LevelChange, TimedVersion, Timeline, Trend
from harness.reporting.shared.figures import digits, figure, plural
from harness.reporting.shared.names import row_names
from harness.reporting.shared.text import Block

_BLOCKS = "▁▂▃▄▅▆▇█"
_COMMIT = 7
_MOST_CELLS = 20
_MOST_FLIPS = 10


def labels(versions: Sequence[TimedVersion]) -> list[str]:
    """A short name of each version: its tag; its own name if no other has it; else its commit, or the day. What two
    would be called is numbered.
    """
    times, seen, named = Counter(each.name for each in versions), Counter[str](), []
    for each in versions:
        known = *each.releases, each.name if times[each.name] == 1 else "", (each.commit or "")[:_COMMIT]
        label = next(filter(None, known), f"{each.name} {each.when[:10]}")
        seen[label] += 1
        named.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return named


def figures(trend: Trend, *values: float) -> list[str]:
    """Numbers of a trend, with as many digits as its points have."""
    places = digits([each.estimate.value for each in trend.points[-2:]], unit=trend.unit)
    return [figure(each, places) for each in values]


def sentences(trend: Trend, shown: Sequence[str]) -> list[str]:
    """What happened to an evaluation, a sentence each; `shown` are the labels of all versions."""

    def where(change: LevelChange) -> str:
        return "between " + " and ".join(shown[each.version] for each in trend.points[change.at - 1 : change.at + 1])

    lines = []
    for each in trend.changes:
        before, after = figures(trend, each.before, each.after)
        way, of = "fell" if each.after < each.before else "rose", "" if trend.weighed_by == "mean" else "the mean "
        lines.append(f"{of}{way} from {before} to {after} {where(each)}")
    once = [(case, changes[0]) for case, changes in trend.cases.items() if len(changes) == 1]
    flips = [(case, each) for case, each in once if (each.before < 0.5) != (each.after < 0.5)]
    for case, each in flips[:_MOST_FLIPS]:
        way = "wrong, then right" if each.after > each.before else "right, then wrong"
        lines.append(f"case {case}: {way} ({each.before:.2f} to {each.after:.2f}) {where(each)}")
    if len(flips) > _MOST_FLIPS:
        lines.append(f"{plural(len(flips) - _MOST_FLIPS, 'more case')} flipped")
    if unsteady := [case for case, changes in trend.cases.items() if len(changes) > 1]:
        lines.append(f"{plural(len(unsteady), 'case')} changed more than once: {some(unsteady)}")
    lines += [f"{shown[each.version]}: {each.note}" for each in trend.points if each.note]
    if missing := len(shown) - len(trend.points) - trend.n_left_out:
        lines.append(
            f"no figure of {plural(missing, 'version')}: not run, only some cases, an error, or decided by people"
        )
    if trend.n_left_out:
        lines.append(f"measured otherwise in {plural(trend.n_left_out, 'older version')}, which is left out")
    return lines


def sparkline(values: Sequence[float], most: int = _MOST_CELLS) -> str:
    """The course of some numbers, a block character each; of more than `most` so many, evenly.

    >>> sparkline([0.9, 0.9, 0.5]), sparkline([1.0, 1.0])
    ('██▁', '▄▄')
    """
    if len(values) > most:
        values = [values[round(place * (len(values) - 1) / (most - 1))] for place in range(most)]
    low, high = min(values), max(values)
    steps = (len(_BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BLOCKS[round((each - low) * steps)] if steps else _BLOCKS[3] for each in values)


def moved(timeline: Timeline) -> list[tuple[str, str]]:
    """Each evaluation whose mean changed, and its course in a picture and in words; none of less than 3 points."""
    shown, trends = labels(timeline.versions), zip(row_names(timeline.trends), timeline.trends, strict=True)
    return [
        (name, f"{_picture(each)}: {'; '.join(sentences(each, shown)[: len(each.changes)])}")
        for name, each in trends
        if each.changes and len(each.points) >= 3
    ]


def from_to(trend: Trend, between: str = "→") -> str:
    """The first and the last figure."""
    first, last = figures(trend, trend.points[0].estimate.value, trend.points[-1].estimate.value)
    return f"{first} {between} {last}"


def _picture(trend: Trend) -> str:
    return from_to(trend, sparkline([each.estimate.value for each in trend.points]))


def view(timeline: Timeline) -> Iterator[Block]:
    """A line for each evaluation, and what happened to it."""
    versions = labels(timeline.versions)
    yield f"{plural(len(versions), 'version')}, {versions[0]} to {versions[-1]}"
    for name, each in zip(row_names(timeline.trends), timeline.trends, strict=True):
        yield f"{name}  {_picture(each)}"
        for sentence in sentences(each, versions):
            yield "", sentence
    for note in timeline.notes:
        yield "note", note
