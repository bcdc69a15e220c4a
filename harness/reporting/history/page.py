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
_LEVELS = "reference", "allowed"
_LEVEL = Markup('<line class="{0}" x1="{1}" x2="{2}" y1="{3}" y2="{3}"><title>{4}</title></line>')
_UPRIGHT = Markup('<line class="{0}" x1="{1}" x2="{1}" y1="{2}" y2="{3}"/>')
_TEXT = Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>')
_BAND = Markup(
    '<rect class="band" x="{:.1f}" y="{}" width="{:.1f}" height="{:.1f}"><title>{}: {}</title></rect>'
    '<circle class="dot" cx="{}" cy="{}" r="2.5"/>'
)


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
        height=_BOTTOM + 22,
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


def _chart(trend: Trend, versions: Sequence[TimedVersion], shown: Sequence[str], width: int) -> Markup:
    """What a chart of this width holds, as SVG; `shown` are the labels of the versions."""
    step, references, (least, most) = (width - _LEFT) / len(versions), [*_references(trend)], trend.span
    ends = [each for p in trend.points for each in (p.estimate.value, p.estimate.low, p.estimate.high)]
    ends += [each for _, *levels in references for each in levels]
    ends = [min(max(each, least), most) for each in ends if math.isfinite(each)]
    low, high = min(ends), max(ends)
    scale = (_BOTTOM - _TOP) / ((high - low) or 1.0)

    def x(place: float) -> float:
        return round(_LEFT + (place + 0.5) * step, 1)

    def y(value: float) -> float:
        return round(_BOTTOM - (min(max(value, low), high) - low) * scale, 1)

    drawn, free, path, last, half = [], 0.0, "", -2, min(9.0, step * 0.4)
    for place, text in enumerate(", ".join(each.releases) for each in versions):
        if text:
            drawn.append(_UPRIGHT.format("release", x(place), _TOP - 6, _BOTTOM))
            start = max(0.0, min(x(place) - len(text) * _CHARACTER / 2, width - len(text) * _CHARACTER))
            if start >= free:
                drawn.append(_TEXT.format(start, 13, "start", text))
                free = start + len(text) * _CHARACTER
    for point in trend.points:
        at, value = x(point.version), y(point.estimate.value)
        band = at - half, y(point.estimate.high), 2 * half, max(1, y(point.estimate.low) - y(point.estimate.high))
        drawn.append(_BAND.format(*band, shown[point.version], _in_words(trend, point), at, value))
        path += f"{'M' if point.has_other_cases or point.version > last + 1 else 'L'}{at} {value}"
        last = point.version
    for name, *levels in references:
        drawn += [_LEVEL.format(kind, _LEFT, width, y(each), name) for kind, each in zip(_LEVELS, levels, strict=True)]
    for each in trend.changes:
        between = (trend.points[each.at - 1].version + trend.points[each.at].version) / 2
        drawn.append(_UPRIGHT.format("change", x(between), _TOP, _BOTTOM))
    drawn += [_TEXT.format(0, y(each) + 4, "start", figures(trend, each)[0]) for each in (low, high)]
    drawn += [_TEXT.format(_LEFT, _BOTTOM + 17, "start", shown[0]), _TEXT.format(width, _BOTTOM + 17, "end", shown[-1])]
    return Markup("\n").join([*drawn, Markup('<path class="mean" d="{}"/>').format(path)])
