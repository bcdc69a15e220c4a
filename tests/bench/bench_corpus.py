"""What it costs to build a corpus, against datatrove run by hand, and how that grows."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.bench.corpus_runs import LIGHT, write_documents
from tests.bench.process import Took, run
from tests.bench.sampling import Figure

_SMALL, _LARGE = 50, 1500
_SIZES = (100, 1_000, 10_000, 100_000)
"""The first tells what starting costs."""


def corpus(folder: Path, repeats: int, most: int) -> list[Figure]:
    """Documents a second and core, growth, and the corpus that was built.

    Args:
        repeats: of the pair with datatrove; at most three.
        most: documents of the largest corpus.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEELYARD_CACHE", str(folder / "cache"))
        return [*_against_datatrove(folder, min(repeats, 3)), *_growth(folder, [n for n in _SIZES if n <= most])]


def _run(name: str, folder: Path) -> Took:
    return run([sys.executable, "-m", "tests.bench.corpus_runs", name, str(folder)], folder)


def _answer(took: Took) -> Any:
    return json.loads(took.output.strip().splitlines()[-1])


def _against_datatrove(folder: Path, repeats: int) -> list[Figure]:
    """The filters from addresses to FineWeb's own, one worker each; what starting costs is taken off both."""
    ratios, ours_s, theirs_s = [], [], []
    size = 0
    for pair in range(repeats):
        cpu: dict[tuple[str, int], float] = {}
        kept = {}
        for number in (_SMALL, _LARGE):
            for name in ("hand", "filters") if pair % 2 else ("filters", "hand"):
                place = folder / f"{name}{pair}-{number}"
                size = write_documents(place / "source" / "d.jsonl", number, 8, seed=pair)
                took = _run(name, place)
                cpu[name, number], kept[name] = took.cpu_s, _answer(took)["kept"]
        assert kept["hand"] == kept["filters"], kept
        ours, theirs = (cpu[name, _LARGE] - cpu[name, _SMALL] for name in ("filters", "hand"))
        ratios.append(ours / theirs)
        ours_s.append(ours)
        theirs_s.append(theirs)
    ratio, documents = median(ratios), _LARGE - _SMALL
    spread = f"{min(ratios):.3f} to {max(ratios):.3f} in {repeats} pairs; kept the same number of documents"
    rate = f"datatrove by hand: {documents / median(theirs_s):.0f}"
    return [
        Figure(
            "corpus: processor time of url to fineweb, against datatrove by hand",
            ratio,
            "×",
            "≤ 1.10",
            ratio <= 1.10,
            spread,
        ),
        Figure("corpus: documents a second and core, url to fineweb", documents / median(ours_s), "/s", "", True, rate),
        Figure(
            "corpus: plain text a second and core, url to fineweb",
            size * documents / _LARGE / median(ours_s) / 1e6,
            "MB/s",
            "",
            True,
            f"datatrove by hand: {size * documents / _LARGE / median(theirs_s) / 1e6:.2f} MB/s",
        ),
    ]


def _growth(folder: Path, sizes: list[int]) -> list[Figure]:
    """Language, Gopher's quality and exact duplicates over more and more short documents."""
    cpu_s, peaks = [], []
    for number in sizes:
        place = folder / f"light-{number}"
        write_documents(place / "source" / "d.jsonl", number, 2)
        took = _run("light", place)
        cpu_s.append(took.cpu_s)
        peaks.append(took.peak_mb)
        if number <= 10_000:
            explained = _answer(_run("explain", place))
    each_ms = [1000 * (cpu_s[n] - cpu_s[n - 1]) / (sizes[n] - sizes[n - 1]) for n in range(1, len(sizes))]
    told = ", ".join(f"{ms:.2f} ms up to {number:,}" for ms, number in zip(each_ms, sizes[1:], strict=True))
    told += f"; {', '.join(LIGHT)} alone"
    memory = ", ".join(f"{peak:.0f} MB at {number:,}" for peak, number in zip(peaks, sizes, strict=True))
    memory += f"; {', '.join(LIGHT)} alone"
    growth = each_ms[-1] / each_ms[-2]
    grown_mb = peaks[-1] - peaks[-2]
    per_5000 = explained["explain_s"] * 5000 / explained["documents"]
    return [
        Figure("corpus: processor time a document, ten times the documents", growth, "×", "≤ 1.2", growth <= 1.2, told),
        Figure("corpus: more memory for ten times the documents", grown_mb, "MB", "≤ 150 MB", grown_mb <= 150, memory),
        Figure("corpus: found again by its recipe", explained["open_s"], "s", "≤ 0.3 s", explained["open_s"] <= 0.3),
        Figure("corpus: 5,000 documents explained one by one", per_5000, "s", "≤ 1 s", per_5000 <= 1.0),
    ]


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        for figure in corpus(Path(name), int(os.environ.get("REPEATS", "1")), int(os.environ.get("MOST", "10000"))):
            print(figure)
