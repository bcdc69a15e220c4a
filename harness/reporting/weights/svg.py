"""A model drawn as SVG: the way of a token from the embedding to the head, with what each part takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

from harness.reporting.weights.drawing import Drawing, DrawnPart, DrawnStretch

_WIDTH = 800
_BOX = (96, 400)
"""Left and right edge of the boxes."""
_PARAMETERS, _FLOPS = 560, 738
"""Right edges of the columns of figures."""
_MIDDLE = sum(_BOX) // 2
_LINE, _HEAD, _PAD, _GAP = 17, 25, 9, 20
_MOST_HEADS = 64
_STYLE = """
svg{--paper:#fff;--ink:#17202b;--faint:#5b6673;--line:#9aa5b1;--frame:#f6f8fa;--edge:#d3dae2;
--embedding:#dbe9fb;--embedding-ink:#1f5fa6;--attention:#fdead4;--attention-ink:#a4560a;--mlp:#daf1df;--mlp-ink:#1f7138;
--norm:#eceff3;--norm-ink:#5b6673}
@media (prefers-color-scheme:dark){svg{--paper:#12171d;--ink:#e6ebf1;--faint:#9aa7b5;--line:#64717f;--frame:#1a212a;
--edge:#303b47;--embedding:#17304d;--embedding-ink:#7fb4f0;--attention:#432a10;--attention-ink:#f0ad62;--mlp:#173822;
--mlp-ink:#74cf8f;--norm:#262e38;--norm-ink:#9aa7b5}}
text{font-family:system-ui,-apple-system,"Segoe UI","Liberation Sans",Arial,sans-serif;font-size:13px;fill:var(--ink)}
.title{font-size:21px;font-weight:600}.faint{fill:var(--faint)}.name{font-weight:600}.end{text-anchor:end}
.middle{text-anchor:middle}.small{font-size:12px}
.shape{font-family:ui-monospace,"DejaVu Sans Mono","Liberation Mono",monospace;font-size:12px}
.paper{fill:var(--paper)}.frame{fill:var(--frame);stroke:var(--edge)}.way{stroke:var(--line);stroke-width:1.5;fill:none}
.tip{fill:var(--line)}.add{fill:var(--paper);stroke:var(--line);stroke-width:1.5}
""" + "".join(
    f".{kind}{{fill:var(--{kind});stroke:var(--{kind}-ink)}}.{kind}-ink{{fill:var(--{kind}-ink)}}"
    for kind in ("embedding", "attention", "mlp", "norm")
)
_CLASSES = {"positions": "embedding", "head": "embedding", "other": "attention"}


@dataclass
class _Canvas:
    """The picture as far as it is drawn, and how far down that is."""

    y: int = 0
    drawn: list[str] = field(default_factory=list)

    def text(self, x: int, y: int, words: str, kind: str = "") -> None:
        """Put words with their base line at y."""
        named = f' class="{kind}"' if kind else ""
        self.drawn.append(f'<text x="{x}" y="{y}"{named}>{escape(words)}</text>')

    def box(self, edges: tuple[int, int], top: int, height: int, kind: str, radius: int = 7) -> None:
        """Put a box with round corners."""
        left, right = edges
        self.drawn.append(
            f'<rect x="{left}" y="{top}" width="{right - left}" height="{height}" rx="{radius}" class="{kind}"/>'
        )

    def way(self, path: str, tip: tuple[int, int] | None = None, towards: str = "down") -> None:
        """Put a line, with the tip of an arrow at its end."""
        self.drawn.append(f'<path d="{path}" class="way"/>')
        if tip is not None:
            x, y = tip
            ends = f"{x - 4} {y - 7} {x + 4} {y - 7}" if towards == "down" else f"{x - 7} {y - 4} {x - 7} {y + 4}"
            self.drawn.append(f'<polygon points="{x} {y} {ends}" class="tip"/>')


def svg(drawing: Drawing) -> str:
    """The drawing as a document of its own, for light and dark surroundings."""
    canvas = _Canvas(y=38)
    canvas.text(28, canvas.y, drawing.title, "title")
    for line in drawing.subtitles:
        canvas.y += 21
        canvas.text(28, canvas.y, line, "faint")
    canvas.y += 30
    canvas.text(_PARAMETERS, canvas.y, "parameters", "faint end")
    canvas.text(_FLOPS, canvas.y, "FLOPs a token", "faint end")
    canvas.y += 12
    canvas.text(_MIDDLE, canvas.y, "token", "faint middle")
    canvas.y += 6
    for stretch in drawing.stretches:
        _draw_stretch(canvas, stretch)
    _draw_arrow(canvas)
    canvas.text(_MIDDLE, canvas.y + 14, "next token", "faint middle")
    height = canvas.y + 34
    label = escape(f"Architecture of {drawing.title}: {drawing.subtitles[0]}", quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img" aria-label="{label}">\n<style>{_STYLE}</style>\n'
        f'<rect width="{_WIDTH}" height="{height}" class="paper"/>\n' + "\n".join(canvas.drawn) + "\n</svg>\n"
    )


def _draw_stretch(canvas: _Canvas, stretch: DrawnStretch) -> None:
    if not stretch.title:
        for group in stretch.groups:
            for part in group:
                _draw_arrow(canvas)
                _draw_part(canvas, part)
        return
    _draw_arrow(canvas)
    top, place = canvas.y, len(canvas.drawn)
    canvas.y += 14
    canvas.text(_BOX[0] - 40, canvas.y + 12, stretch.title, "name")
    canvas.text(_FLOPS, canvas.y + 12, stretch.total, "faint end")
    canvas.y += 20
    for group in stretch.groups:
        _draw_group(canvas, group)
    canvas.y += 16
    frame = _Canvas()
    frame.box((_BOX[0] - 60, _WIDTH - 32), top, canvas.y - top, "frame", 12)
    canvas.drawn[place:place] = frame.drawn


def _draw_group(canvas: _Canvas, group: tuple[DrawnPart, ...]) -> None:
    """Parts one after the other, and the line that leads around them."""
    start = canvas.y + 6
    for part in group:
        _draw_arrow(canvas)
        _draw_part(canvas, part)
    _draw_arrow(canvas)
    centre = canvas.y + 9
    aside = _BOX[0] - 26
    canvas.drawn.append(f'<circle cx="{_MIDDLE}" cy="{centre}" r="9" class="add"/>')
    canvas.way(f"M{_MIDDLE - 4} {centre}h8M{_MIDDLE} {centre - 4}v8")
    path = f"M{_MIDDLE} {start}H{aside + 8}q-8 0 -8 8V{centre - 8}q0 8 8 8H{_MIDDLE - 12}"
    canvas.way(path, (_MIDDLE - 9, centre), "right")
    canvas.y = centre + 9


def _draw_arrow(canvas: _Canvas) -> None:
    canvas.way(f"M{_MIDDLE} {canvas.y}V{canvas.y + _GAP - 4}", (_MIDDLE, canvas.y + _GAP))
    canvas.y += _GAP


def _draw_part(canvas: _Canvas, part: DrawnPart) -> None:
    kind = _CLASSES.get(part.part.kind, part.part.kind)
    is_small = len(part.tensors) <= 1 and not part.heads
    lines = 0 if is_small else len(part.tensors)
    height = _HEAD + 2 + (lines * _LINE + _PAD if lines else 0) + (_heads_height(part) if part.heads else 0)
    canvas.box(_BOX, canvas.y, height, kind)
    base = canvas.y + 18
    canvas.text(_BOX[0] + 12, base, part.title, f"name {kind}-ink")
    canvas.text(_PARAMETERS, base, part.parameters or "shared" if part.part.kind == "head" else part.parameters, "end")
    canvas.text(_FLOPS, base, part.flops or "–", "end")
    if is_small and part.tensors:
        canvas.text(_BOX[1] - 12, base, part.tensors[0].shape, "shape end")
    at = canvas.y + _HEAD
    if part.heads:
        at = _draw_heads(canvas, part, at)
    for tensor in part.tensors if lines else ():
        at += _LINE
        canvas.text(_BOX[0] + 12, at, tensor.name, "shape faint")
        canvas.text(_BOX[1] - 12, at, tensor.shape, "shape end")
        canvas.text(_PARAMETERS, at, tensor.parameters, "small faint end")
        canvas.text(_FLOPS, at, tensor.flops, "small faint end")
    canvas.y += height


def _heads_height(part: DrawnPart) -> int:
    return 21 + (24 if _has_squares(part) else 0) + (_LINE if part.seen else 0)


def _has_squares(part: DrawnPart) -> bool:
    return part.part.heads is not None and part.part.heads[0] <= _MOST_HEADS


def _draw_heads(canvas: _Canvas, part: DrawnPart, top: int) -> int:
    """A square for each head of queries, above a bar for the keys that its group reads."""
    assert part.part.heads is not None
    canvas.text(_BOX[0] + 12, top + 14, part.heads, "faint")
    canvas.text(_FLOPS, top + 14, part.matching, "small faint end")
    if part.seen:
        top += _LINE
        canvas.text(_BOX[0] + 12, top + 14, part.seen, "faint")
    if not _has_squares(part):
        return top + 19
    queries, keys, _ = part.part.heads
    room = _BOX[1] - _BOX[0] - 24
    step = min(15.0, room / queries)
    size = step - max(1.0, step * 0.2)
    for number in range(queries):
        x = _BOX[0] + 12 + number * step
        canvas.drawn.append(
            f'<rect x="{x:.1f}" y="{top + 23}" width="{size:.1f}" height="9" rx="1.5" class="attention-ink"/>'
        )
    group = queries / max(keys, 1) * step
    for number in range(keys):
        x = _BOX[0] + 12 + number * group
        canvas.drawn.append(
            f'<rect x="{x:.1f}" y="{top + 35}" width="{group - step + size:.1f}" height="4" rx="1.5" '
            'class="attention-ink" opacity="0.55"/>'
        )
    return top + 43
