from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from harness.reporting.weights.drawing import draw_model
from harness.reporting.weights.mermaid import mermaid
from tests.reporting.weights.described import described_version


def test_every_arrow_joins_nodes_that_are_there_and_every_part_is_reached(tiny_llama: Path) -> None:
    text = mermaid(draw_model("tiny", described_version(tiny_llama).weights))
    nodes = set(re.findall(r"^ +(\w+)(?:\[|\(\()", text, re.MULTILINE)) - {"subgraph"}
    arrows = re.findall(r"^  (\w+) --> (\w+)$", text, re.MULTILINE)
    assert text.startswith("flowchart TD\n")
    assert {name for arrow in arrows for name in arrow} == nodes
    assert {target for _, target in arrows} == nodes - {"start"}
    assert text.count("subgraph") == text.count("\n  end") == 1
    assert "4 × layer (0 to 3)" in text
    assert "q_proj: 128 × 128" in text
    assert "33.41 K" not in text
    assert "261 × 128" in text


def test_names_that_mean_something_to_mermaid_are_written_out(tiny_llama: Path) -> None:
    drawing = replace(draw_model("tiny", described_version(tiny_llama).weights), title='a"]<b>#c`')
    assert 'start["a#quot;]#lt;b#gt;#35;c#96;<br/>' in mermaid(drawing)
