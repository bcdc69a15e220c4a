"""A timeline in words: for the terminal and for a pull request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from harness.gate.baselines.timeline import LevelChange, TimedVersion, Timeline, Trend
from harness.reporting.shared.figures import digits, figure, plural
from harness.reporting.shared.names import row_names
from harness.reporting.shared.text import Block

_BLOCKS = "▁▂▃▄▅▆▇█"
_COMMIT = 7
_MOST_CELLS = 20
_MOST_CASES = 10


def labels(versions: Sequence[TimedVersion]) -> list[str]:
    """What each version is called: the first of its tags, name, commit, name with day or time that no other has."""
    known = [
        [*each.releases, each.name, (each.commit or "")[:_COMMIT], *(f"{each.name} {each.when[:n]}" for n in (10, 20))]
        for each in versions
    ]
    times = Counter(name for names in known for name in names)
    return [next((name for name in names if name and times[name] == 1), names[-1]) for names in known]


def figures(trend: Trend, *values: float) -> list[str]:
    """Numbers of a trend, with as many digits as its points have."""
    places = digits([each.estimate.value for each in trend.points[-2:]], unit=trend.unit)
    return [figure(each, places) for each in values]


def sentences(trend: Trend, shown: Sequence[str]) -> list[str]:
    """What happened to an evaluation, a sentence each, changes first; `shown` are the labels of all versions."""

    def change(what: str, each: LevelChange, before: str, after: str) -> str:
        where = " and ".join(shown[point.version] for point in trend.points[each.at - 1 : each.at + 1])
        return f"{what}{'fell' if each.after < each.before else 'rose'} from {before} to {after} between {where}"

    of = "" if trend.weighed_by == "mean" else "the mean "
    lines = [change(of, each, *figures(trend, each.before, each.after)) for each in trend.changes]
    cases = [(case, changes[-1]) for case, changes in trend.cases.items()]
    lines += [
        change(f"case {case} ", each, f"{each.before:.2f}", f"{each.after:.2f}") for case, each in cases[:_MOST_CASES]
    ]
    if len(cases) > _MOST_CASES:
        lines.append(f"{plural(len(cases) - _MOST_CASES, 'more case')} changed")
    lines += [f"{shown[each.version]}: {each.note}" for each in trend.points if each.note]
    if missing := len(shown) - len(trend.points):
        what = "not run, only some cases, measured otherwise, an error, or decided by people"
        lines.append(f"no figure of {plural(missing, 'version')}: {what}")
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


def from_to(trend: Trend, between: str = "→") -> str:
    """The first and the last figure."""
    first, last = figures(trend, trend.points[0].estimate.value, trend.points[-1].estimate.value)
    return f"{first} {between} {last}"


def _pictures(timeline: Timeline) -> Iterator[tuple[str, str, Trend]]:
    """The name of each evaluation, its course, and itself."""
    for name, each in zip(row_names(timeline.trends), timeline.trends, strict=True):
        yield name, from_to(each, sparkline([point.estimate.value for point in each.points])), each


def moved(timeline: Timeline) -> list[tuple[str, str]]:
    """Each evaluation whose mean changed, and its course in a picture and in words; none of less than 3 points."""
    shown = labels(timeline.versions)
    return [
        (name, f"{picture}: {'; '.join(sentences(each, shown)[: len(each.changes)])}")
        for name, picture, each in _pictures(timeline)
        if each.changes and len(each.points) > 2
    ]


def view(timeline: Timeline) -> Iterator[Block]:
    """A line for each evaluation, and what happened to it."""
    shown = labels(timeline.versions)
    yield f"{plural(len(shown), 'version')}, {shown[0]} to {shown[-1]}"
    for name, picture, each in _pictures(timeline):
        yield f"{name}  {picture}"
        yield from (("", sentence) for sentence in sentences(each, shown))
    yield from (("note", note) for note in timeline.notes)
