"""The page of a timeline: one file without a script, its charts inline as SVG."""

from __future__ import annotations

import base64
import hashlib
import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import jinja2
from markupsafe import Markup

from harness.gate.baselines.timeline import Point, Timeline, Trend
from harness.reporting.history.text import figures, from_to, labels, sentences
from harness.reporting.shared.figures import interval, plural
from harness.reporting.shared.files import prepare_folder, replacing
from harness.reporting.shared.names import row_names

_HERE = Path(__file__).parent
_STYLES = _HERE.parent / "html" / "static" / "style.css", _HERE / "history.css"
_LEFT, _TOP, _BOTTOM, _STEP, _CHARACTER = 46, 24, 186, 40, 8
_WIDTHS = 330, 1120
"""Where a chart begins and ends, the room of a version and of a character, and the widths, in pixels."""


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
    n_versions = len(timeline.versions)
    width = max(_WIDTHS[0], min(_WIDTHS[1], _LEFT + _STEP * n_versions))
    step = (width - _LEFT) / n_versions
    own = (references, words, height_in, releases, line, sentences, from_to, figures)
    environment.globals |= {each.__name__: each for each in own}
    return environment.get_template("history.html.jinja").render(
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        style=style,
        timeline=timeline,
        labels=labels(timeline.versions),
        named=[*zip(row_names(timeline.trends), timeline.trends, strict=True)],
        x=lambda place: round(_LEFT + (place + 0.5) * step, 1),
        half=min(9.0, step * 0.4),
        width=width,
        left=_LEFT,
        top=_TOP,
        bottom=_BOTTOM,
    )


def words(trend: Trend, point: Point) -> str:
    """A figure with its band."""
    own = point.estimate
    return f"{figures(trend, own.value)[0]} {interval(own.low, own.high)}"


def references(trend: Trend) -> Iterator[tuple[str, float, float]]:
    """The levels that it is held against: name, level, and the level less (or with) the margin."""
    sign, plan = -1 if trend.higher_is_better else 1, trend.plan
    levels = {
        name: level for name, level in (("threshold", plan.threshold), ("anchor", trend.anchor)) if level is not None
    }
    for name, level in (levels or {"first point": trend.points[0].estimate.value}).items():
        yield name, level, level + sign * plan.margin * (abs(level) if plan.margin_is_relative else 1)


def height_in(trend: Trend) -> tuple[Callable[[float], float], float, float]:
    """Where a figure stands in the chart of a trend, and the lowest and the highest that it shows."""
    estimates, (least, most) = [each.estimate for each in trend.points], trend.span
    ends = [end for each in estimates for end in (each.value, each.low, each.high)]
    ends += [level for _, *levels in references(trend) for level in levels]
    shown = [min(max(each, least), most) for each in ends if math.isfinite(each)]
    low, high = min(shown), max(shown)
    scale = (_BOTTOM - _TOP) / ((high - low) or 1.0)
    return lambda value: round(_BOTTOM - (min(max(value, low), high) - low) * scale, 1), low, high


def releases(timeline: Timeline, x: Callable[[float], float], width: int) -> Iterator[tuple[float, str, float]]:
    """Where each release stands, its names, as far as there is room for them, and where these begin."""
    free = 0.0
    for place, text in enumerate(", ".join(each.releases) for each in timeline.versions):
        room = len(text) * _CHARACTER
        start = max(0.0, min(x(place) - room / 2, width - room))
        if text:
            yield x(place), text if start >= free else "", start
            free = start + room if start >= free else free


def line(trend: Trend, x: Callable[[float], float], y: Callable[[float], float]) -> str:
    """The path of the means, which ends where a version has none or the cases are others."""
    steps = itertools.pairwise([None, *trend.points])
    begins = (each.note or before is None or each.version > before.version + 1 for before, each in steps if each)
    ends = (f"{x(each.version)} {y(each.estimate.value)}" for each in trend.points)
    return "".join(f"{'M' if begin else 'L'}{end}" for begin, end in zip(begins, ends, strict=True))
