"""The curves of needles drawn as SVG: score over depth, a panel for each length, with bands that hold together."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from harness.reporting.customization.context import ContextCurve, DepthPoint
from harness.reporting.shared.figures import count

_PANEL, _HEIGHT = 150, 120
_LEFT, _GAP, _TOP, _ROW = 46, 22, 58, 210
_STYLE = """
svg{--paper:#fff;--ink:#17202b;--faint:#5b6673;--edge:#d3dae2;--curve:#1f5fa6;--band:#dbe9fb}
@media (prefers-color-scheme:dark){svg{--paper:#12171d;--ink:#e6ebf1;--faint:#9aa7b5;--edge:#303b47;--curve:#7fb4f0;
--band:#17304d}}
text{font-family:system-ui,-apple-system,"Segoe UI","Liberation Sans",Arial,sans-serif;font-size:12px;fill:var(--faint)}
.name{font-size:15px;font-weight:600;fill:var(--ink)}.end{text-anchor:end}.middle{text-anchor:middle}
.paper{fill:var(--paper)}.frame{fill:none;stroke:var(--edge)}.band{fill:var(--band)}
.curve{fill:none;stroke:var(--curve);stroke-width:2}.dot{fill:var(--curve)}
"""


def context_svg(curves: Sequence[ContextCurve]) -> str:
    """The curves as a document of its own, a row for each, for light and dark surroundings."""
    panels = max(len(curve.length.lengths) for curve in curves)
    width, height = _LEFT + panels * (_PANEL + _GAP) + 10, len(curves) * _ROW + 10
    drawn = [part for row, curve in enumerate(curves) for part in _row(curve, row * _ROW)]
    label = escape("Needles by depth: " + ", ".join(curve.version for curve in curves), quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{label}">\n<style>{_STYLE}</style>\n'
        f'<rect width="{width}" height="{height}" class="paper"/>\n' + "\n".join(drawn) + "\n</svg>\n"
    )


def _row(curve: ContextCurve, top: int) -> list[str]:
    title = f"{curve.version}: effective length {count(curve.length.length)} tokens"
    drawn = [f'<text x="{_LEFT}" y="{top + 26}" class="name">{escape(title)}</text>']
    for score in (0, 0.5, 1):
        drawn.append(f'<text x="{_LEFT - 6}" y="{_y(top, score) + 4:.1f}" class="end">{score:g}</text>')
    for place, tokens in enumerate(curve.length.lengths):
        points = [point for point in curve.points if point.tokens == tokens]
        drawn += _panel(points, (_LEFT + place * (_PANEL + _GAP), top), f"{count(tokens)} tokens")
    return drawn


def _panel(points: Sequence[DepthPoint], corner: tuple[int, int], title: str) -> list[str]:
    left, top = corner
    middle = left + _PANEL / 2

    def line(scores: Sequence[float]) -> list[str]:
        return [
            f"{left + point.depth * _PANEL:.1f},{_y(top, score):.1f}"
            for point, score in zip(points, scores, strict=True)
        ]

    means = line([point.score for point in points])
    lows, highs = line([point.band.low for point in points]), line([point.band.high for point in points])
    return [
        f'<text x="{middle:g}" y="{top + _TOP - 8}" class="middle">{title}</text>',
        f'<polygon points="{" ".join([*highs, *reversed(lows)])}" class="band"/>',
        f'<rect x="{left}" y="{top + _TOP}" width="{_PANEL}" height="{_HEIGHT}" class="frame"/>',
        f'<polyline points="{" ".join(means)}" class="curve"/>',
        *(f'<circle cx="{at.partition(",")[0]}" cy="{at.partition(",")[2]}" r="3" class="dot"/>' for at in means),
        f'<text x="{left}" y="{top + _TOP + _HEIGHT + 16}">start</text>',
        f'<text x="{left + _PANEL}" y="{top + _TOP + _HEIGHT + 16}" class="end">end</text>',
    ]


def _y(top: int, score: float) -> float:
    return top + _TOP + (1 - score) * _HEIGHT
