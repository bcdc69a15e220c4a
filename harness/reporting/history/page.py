"""The page of a timeline: one file without a script, its charts inline as SVG."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from harness.gate.baselines.timeline import Point, TimedVersion, Timeline, Trend
from harness.reporting.history.text import figures, from_to, labels, sentences
from harness.reporting.shared.figures import interval, plural
from harness.reporting.shared.files import prepare_folder, replacing
from harness.reporting.shared.names import row_names

_HERE = Path(__file__).parent
_STYLES = _HERE.parent / "html" / "static" / "style.css", _HERE / "history.css"
_WIDTHS = {"narrow": 330, "wide": 1120}
_LEFT, _TOP, _BOTTOM, _CHARACTER = 46, 24, 186, 8
"""Where the chart begins and ends, and the room of a character, in pixels."""


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
    environment.globals |= {
        "sentences": sentences,
        "references": _references,
        "words": _in_words,
        "chart_of": _chart,
        "from_to": from_to,
    }
    return environment.get_template("history.html.jinja").render(
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        style=style,
        timeline=timeline,
        labels=labels(timeline.versions),
        named=[*zip(row_names(timeline.trends), timeline.trends, strict=True)],
        widths=_WIDTHS,
        left=_LEFT,
        top=_TOP,
        bottom=_BOTTOM,
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


def _chart(trend: Trend, versions: Sequence[TimedVersion], width: int) -> dict[str, object]:
    """Where everything stands, in pixels."""
    step, references = (width - _LEFT) / len(versions), [*_references(trend)]
    ends = [each for p in trend.points for each in (p.estimate.value, p.estimate.low, p.estimate.high)]
    ends += [each for _, *levels in references for each in levels]
    least, most = trend.span
    ends = [min(max(each, least), most) for each in ends if math.isfinite(each)]
    low, high = min(ends), max(ends)
    scale = (_BOTTOM - _TOP) / ((high - low) or 1.0)

    def x(place: float) -> float:
        return round(_LEFT + (place + 0.5) * step, 1)

    def y(value: float) -> float:
        return round(_BOTTOM - (min(max(value, low), high) - low) * scale, 1)

    line, last, marks, free = "", -2, [], 0.0
    for point in trend.points:
        line += "M" if point.has_other_cases or point.version > last + 1 else "L"
        line += f"{x(point.version)} {y(point.estimate.value)}"
        last = point.version
    for place, text in enumerate(", ".join(each.releases) for each in versions):
        start = max(0.0, min(x(place) - len(text) * _CHARACTER / 2, width - len(text) * _CHARACTER))
        if text:
            marks.append((x(place), start, text if start >= free else ""))
            free = start + len(text) * _CHARACTER if start >= free else free
    pairs = [(trend.points[each.at - 1].version + trend.points[each.at].version) / 2 for each in trend.changes]
    return {
        "line": line,
        "points": [(x(p.version), y(p.estimate.value), y(p.estimate.high), y(p.estimate.low), p) for p in trend.points],
        "half": round(min(9.0, step * 0.4), 1),
        "marks": marks,
        "changes": [x(place) for place in pairs],
        "references": [(name, y(level), y(allowed)) for name, level, allowed in references],
        "ticks": [(y(value), text) for value, text in zip((low, high), figures(trend, low, high), strict=True)],
    }
