"""The page of a timeline: one file without a script, its charts inline as SVG."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import jinja2
from markupsafe import Markup

from harness.gate.baselines.timeline import Point, TimedVersion, Timeline, Trend
from harness.reporting.history.text import figures, labels, names, sentences
from harness.reporting.shared.figures import interval, plural
from harness.reporting.shared.files import prepare_folder, replacing

_HERE = Path(__file__).parent
_STYLES = _HERE.parent / "html" / "static" / "style.css", _HERE / "history.css"
_WIDTHS = {"narrow": 330, "wide": 1120}
_HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 210, 46, 8, 24, 22
_ROOM = 8
"""Of a character of a label, in pixels."""


def write_history(timeline: Timeline, path: Path) -> Path:
    """Write the page; a reader sees the old one or the new one. Raises SettingsError: it can't be written."""
    prepare_folder(path.parent, "--output")
    with replacing(path, "--output") as temporary:
        temporary.write_text(page(timeline), encoding="utf-8", newline="\n")
    return path


def page(timeline: Timeline) -> str:
    """The page as text."""
    style = Markup("\n".join(each.read_text(encoding="utf-8") for each in _STYLES))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters["plural"] = plural
    shown = labels(timeline.versions)
    return environment.get_template("history.html.jinja").render(
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        style=style,
        timeline=timeline,
        labels=shown,
        widths=_WIDTHS,
        height=_HEIGHT,
        bottom=_HEIGHT - _BOTTOM,
        left=_LEFT,
        top=_TOP,
        trends=[
            {
                "name": name,
                "trend": each,
                "ends": figures(each, *(each.points[place].estimate.value for place in (0, -1))),
                "told": sentences(each, shown),
                "references": [*_references(each)],
                "words": partial(_in_words, each),
                "chart": partial(_chart, each, timeline.versions, shown),
            }
            for name, each in zip(names(timeline), timeline.trends, strict=True)
        ],
    )


def _in_words(trend: Trend, point: Point) -> str:
    own = point.estimate
    return f"{figures(trend, own.value)[0]} {interval(own.low, own.high)}"


def _references(trend: Trend) -> Iterator[tuple[str, float, float]]:
    """The levels that it is held against: name, level, and the level less (or with) the margin."""
    sign = -1 if trend.higher_is_better else 1
    known = {"threshold": trend.points[-1].threshold, "anchor": trend.anchor}
    levels = {name: level for name, level in known.items() if level is not None}
    for name, level in (levels or {"first point": trend.points[0].estimate.value}).items():
        yield name, level, level + sign * trend.margin * (abs(level) if trend.margin_is_relative else 1)


def _chart(trend: Trend, versions: Sequence[TimedVersion], shown: Sequence[str], width: int) -> dict[str, object]:
    """Where everything stands, in pixels."""
    step = (width - _LEFT - _RIGHT) / len(versions)
    least, most = trend.span
    ends = [each for point in trend.points for each in (point.estimate.low, point.estimate.high)]
    ends += [each for _, *levels in _references(trend) for each in levels] + [p.estimate.value for p in trend.points]
    ends = [min(max(each, least), most) for each in ends if math.isfinite(each)]
    low, high = min(ends), max(ends)
    scale = (_HEIGHT - _TOP - _BOTTOM) / ((high - low) or 1.0)

    def x(place: float) -> float:
        return round(_LEFT + (place + 0.5) * step, 1)

    def y(value: float) -> float:
        return round(_HEIGHT - _BOTTOM - (min(max(value, low), high) - low) * scale, 1)

    line, before = "", None
    for point in trend.points:
        is_apart = before is None or point.has_other_cases or point.version > before + 1
        line += f"{'M' if is_apart else 'L'}{x(point.version)} {y(point.estimate.value)}"
        before = point.version
    marks, free = [], 0.0
    for place, version in enumerate(versions):
        text = ", ".join(version.releases)
        if text:
            start = max(0.0, min(x(place) - len(text) * _ROOM / 2, width - len(text) * _ROOM))
            marks.append((x(place), start, text if start >= free else ""))
            free = start + len(text) * _ROOM if start >= free else free
    starts, ends_at = [trend.points[0].version], trend.points[-1].version
    starts += [each.first_after for each in trend.changes]
    levels = [each.before for each in trend.changes] + [each.after for each in trend.changes[-1:]]
    return {
        "line": line,
        "points": [(x(p.version), y(p.estimate.value), y(p.estimate.high), y(p.estimate.low), p) for p in trend.points],
        "half": round(min(9.0, step * 0.4), 1),
        "marks": marks,
        "levels": [
            (x(a - 0.4), x(b - 0.6), y(level))
            for a, b, level in zip(starts, [*starts[1:], ends_at + 1], levels, strict=False)
        ],
        "changes": [(x((each.last_before + each.first_after) / 2), each) for each in trend.changes],
        "breaks": [x(each.version - 0.5) for each in trend.points if each.has_other_cases],
        "references": [(name, y(level), y(allowed)) for name, level, allowed in _references(trend)],
        "ticks": [(y(value), text) for value, text in zip((low, high), figures(trend, low, high), strict=True)],
        "first": shown[0],
        "last": shown[-1] if len(shown) > 1 else "",
    }
