"""Differences with their bounds and margins as a picture, drawn without a library."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from harness.errors import UsageError
from harness.records import Report, Verdict, VerdictKind
from harness.reporting.shared.differences import Against, difference_in_words, margin_against
from harness.reporting.shared.figures import figure, plural
from harness.reporting.shared.names import row_names
from harness.reporting.shared.text import printable

_MOST_ROWS = 40
_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 760, 230, 560, 26, 34
_NAME_CELLS = 34
_STYLE = """
&{--paper:#fff;--ink:#17202b;--faint:#5b6673;--line:#9aa5b1;--green:#1f7138;--amber:#a4560a;--red:#b3261e}
@media (prefers-color-scheme:dark){&{--paper:#12171d;--ink:#e6ebf1;--faint:#9aa7b5;--line:#64717f;--green:#74cf8f;
--amber:#f0ad62;--red:#f2938c}}
& text{font-family:system-ui,-apple-system,"Segoe UI","Liberation Sans",Arial,sans-serif;font-size:12px;fill:var(--ink)}
& .faint{fill:var(--faint)} & .end{text-anchor:end} & .middle{text-anchor:middle} & .paper{fill:var(--paper)}
& .axis{stroke:var(--line);stroke-width:1} & .margin{stroke:var(--ink);stroke-width:2} & .bounds{stroke-width:3}
& .passed{stroke:var(--green);fill:var(--green)} & .inconclusive{stroke:var(--amber);fill:var(--amber)}
& .regressed,& .failed,& .error{stroke:var(--red);fill:var(--red)}
""".replace("&", ".steelyard-plot")
"""Of this picture alone: a notebook puts it into its page, where a style holds for all of it."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture as SVG, which notebooks show."""

    svg: str = field(repr=False)

    def save(self, path: str | Path) -> Path:
        """Write it to a file, whose name ends in .svg, and give its path."""
        file = Path(path)
        if file.suffix.lower() != ".svg":
            raise UsageError(
                f"{file.name!r} does not end in .svg, and a plot is written as SVG alone: save {file.stem}.svg. "
                "Browsers show it, and programs such as Inkscape make a PNG or PDF of it."
            )
        file.write_text(self.svg, encoding="utf-8")
        return file

    def _repr_svg_(self) -> str:
        return self.svg


@dataclass(frozen=True, slots=True)
class _Bar:
    """One difference as it is drawn: numbers in the units of the axis."""

    name: str
    verdict: VerdictKind
    words: str
    value: float
    low: float
    high: float
    margins: tuple[float, ...]


def plotted(report: Report) -> Plot:
    """The differences of a report, the worst verdicts first: value, one-sided bounds, and where the margin lies.

    Evaluations of one unit share its axis. Where there are several, each difference is told in its margins.
    """
    named = [
        (entry, name)
        for entry, name in zip(report.evaluations, row_names(report.evaluations), strict=True)
        if entry.difference is not None and math.isfinite(entry.difference.value)
    ]
    named.sort(key=lambda pair: -pair[0].verdict.severity)
    units = {_unit(entry) for entry, _ in named}
    scale: Callable[[Verdict], float] = (lambda _: 1.0) if len(units) < 2 else _in_margins
    bars = [_bar(entry, name, scale(entry)) for entry, name in named[:_MOST_ROWS]]
    unit = "margins" if len(units) > 1 else "".join(units)
    title = f"difference in {unit}" if unit else "difference"
    left_out = [
        f"{plural(len(named) - len(bars), 'evaluation')} more" if len(named) > len(bars) else "",
        f"{plural(len(report.evaluations) - len(named), 'evaluation')} without a difference"
        if len(named) < len(report.evaluations)
        else "",
    ]
    return Plot(_svg(bars, title, ", ".join(filter(None, left_out))))


def _unit(entry: Verdict) -> str:
    if entry.margin_is_relative and entry.baseline is not None:
        return "shares of the baseline"
    return printable(entry.unit or "", _NAME_CELLS)


def _in_margins(entry: Verdict) -> float:
    margin = margin_against(_against(entry), entry)
    return 1 / margin if margin else 1.0


def _against(entry: Verdict) -> Against:
    return "threshold" if entry.baseline is None else "baseline"


def _bar(entry: Verdict, name: str, scale: float) -> _Bar:
    difference = entry.difference
    assert difference is not None
    margin = scale * margin_against(_against(entry), entry)
    signs = {"higher": (-1,), "lower": (1,), "same": (-1, 1)}[entry.aim]
    return _Bar(
        name=printable(name, _NAME_CELLS, cut="middle"),
        verdict=entry.verdict,
        words=difference_in_words(difference, entry, _against(entry)),
        value=scale * difference.value,
        low=scale * difference.low,
        high=scale * difference.high,
        margins=tuple(sign * margin for sign in signs),
    )


def _svg(bars: Sequence[_Bar], title: str, left_out: str) -> str:
    ends = _ends(bars)
    ticks = _ticks(*ends)
    bottom = _TOP + _ROW * len(bars)
    height = bottom + 40 + (18 if left_out else 0)

    def x(value: float) -> float:
        inside = min(max(value, ends[0]), ends[1])
        return round(_LEFT + (inside - ends[0]) / (ends[1] - ends[0]) * (_RIGHT - _LEFT), 2)

    drawn = [_text(_LEFT, 18, title, "faint")]
    for tick in ticks:
        drawn.append(f'<line x1="{x(tick)}" y1="{_TOP - 6}" x2="{x(tick)}" y2="{bottom}" class="axis" opacity="0.35"/>')
        drawn.append(_text(x(tick), bottom + 16, figure(tick, _places(ticks), signed=True), "faint middle"))
    drawn.append(f'<line x1="{x(0)}" y1="{_TOP - 6}" x2="{x(0)}" y2="{bottom}" class="axis"/>')
    for row, bar in enumerate(bars):
        drawn += _row(bar, _TOP + _ROW * row + _ROW // 2, x)
    drawn += [_text(_LEFT, bottom + 36, left_out, "faint")] if left_out else []
    label = escape("; ".join(f"{bar.name}: {bar.verdict}, {bar.words}" for bar in bars) or title, quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'class="steelyard-plot" role="img" aria-label="{label}">\n<style>{_STYLE}</style>\n'
        f'<rect width="{_WIDTH}" height="{height}" class="paper"/>\n' + "\n".join(drawn) + "\n</svg>\n"
    )


def _row(bar: _Bar, y: int, x: Callable[[float], float]) -> list[str]:
    """Name, bounds, value, margin and the figure in words; bounds that there are none of end at the edge."""
    kind = bar.verdict.value
    low, high = (end if math.isfinite(end) else sign * math.inf for end, sign in ((bar.low, -1), (bar.high, 1)))
    return [
        _text(_LEFT - 12, y + 4, bar.name, "end"),
        f'<line x1="{x(low)}" y1="{y}" x2="{x(high)}" y2="{y}" class="bounds {kind}"/>',
        f'<circle cx="{x(bar.value)}" cy="{y}" r="5" class="{kind}"/>',
        *(f'<line x1="{x(each)}" y1="{y - 9}" x2="{x(each)}" y2="{y + 9}" class="margin"/>' for each in bar.margins),
        _text(_RIGHT + 14, y + 4, bar.words),
    ]


def _text(x: float, y: int, words: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{named}>{escape(words)}</text>'


def _ends(bars: Iterable[_Bar]) -> tuple[float, float]:
    """The ends of the axis: all that is drawn, and 0, with some room."""
    known = [0.0]
    for bar in bars:
        known += [each for each in (bar.low, bar.high, bar.value, *bar.margins) if math.isfinite(each)]
    low, high = min(known), max(known)
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers within the axis, about five."""
    step = 10 ** math.floor(math.log10((high - low) / 4))
    step *= next(times for times in (1, 2, 5, 10) if (high - low) / (step * times) <= 5)
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _places(ticks: Sequence[float]) -> int:
    """Decimals with which the ticks differ."""
    step = min((b - a for a, b in itertools.pairwise(ticks)), default=1.0)
    return max(0, -math.floor(math.log10(step)))
