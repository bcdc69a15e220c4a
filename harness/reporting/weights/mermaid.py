"""A model drawn in Mermaid, which GitHub and many editors show in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from harness.reporting.weights.drawing import Drawing, DrawnPart, DrawnStretch

_COLOURS = {
    "embedding": "fill:#dbe9fb,stroke:#2563a8,color:#10233c",
    "attention": "fill:#fde8cf,stroke:#b4620d,color:#3a2003",
    "mlp": "fill:#d8f0dd,stroke:#23793a,color:#0c2a14",
    "norm": "fill:#eceef1,stroke:#6b7480,color:#1d2229",
}
_CLASSES = {"positions": "embedding", "head": "embedding", "other": "attention"}


def mermaid(drawing: Drawing) -> str:
    """The text of a flow chart."""
    lines = ["flowchart TD", f'  start["{_quoted([drawing.title, *drawing.subtitles])}"]']
    last = "start"
    for number, stretch in enumerate(drawing.stretches):
        body, last = _stretch(stretch, f"s{number}", last)
        lines += body
    lines += [f"  classDef {name} {style}" for name, style in _COLOURS.items()]
    return "\n".join(lines) + "\n"


def _stretch(stretch: DrawnStretch, name: str, last: str) -> tuple[list[str], str]:
    """The lines of a stretch, and the node that it ends with."""
    nodes: list[str] = []
    edges: list[str] = []
    for place, group in enumerate(stretch.groups):
        start = last
        for number, part in enumerate(group):
            node = f"{name}_{place}_{number}"
            nodes.append(f'{node}["{_label(part)}"]:::{_CLASSES.get(part.part.kind, part.part.kind)}')
            edges.append(f"{last} --> {node}")
            last = node
        if stretch.title:
            add = f"{name}_{place}_add"
            nodes.append(f'{add}(("+"))')
            edges += [f"{last} --> {add}", f"{start} --> {add}"]
            last = add
    if not stretch.title:
        return [*(f"  {node}" for node in nodes), *(f"  {edge}" for edge in edges)], last
    frame = [
        f'  subgraph {name}["{_quoted([stretch.title, stretch.total])}"]',
        *(f"    {node}" for node in nodes),
        "  end",
    ]
    return [*frame, *(f"  {edge}" for edge in edges)], last


def _label(part: DrawnPart) -> str:
    return _quoted(_lines(part))


def _lines(part: DrawnPart) -> Iterator[str]:
    yield part.title
    if part.heads:
        yield part.heads
    if part.seen:
        yield part.seen
    yield from (f"{each.name}: {each.shape}" for each in part.tensors)
    if part.parameters:
        yield f"{part.parameters} parameters"
    if part.flops:
        yield f"{part.flops} FLOPs a token"


def _quoted(lines: list[str] | Iterator[str]) -> str:
    """Lines within a label: nothing in them ends it or is read as markup."""
    signs = {"&": "#amp;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;", "#": "#35;"}
    return "<br/>".join("".join(signs.get(sign, sign) for sign in line) for line in lines)
