"""Writes the documents of evals/data and the truth about them: `python -m tests.corpora.generate`.

The same seed gives the same bytes on every machine. What evals/data holds is made with the seed and the sizes that
stand here as defaults; `tests.mutants` makes smaller ones with others.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.corpora.addresses import addresses
from tests.corpora.duplicates import PAIRS, clusters, near
from tests.corpora.grammar import article
from tests.corpora.languages import english, foreign
from tests.corpora.pages import pages
from tests.corpora.personal import personal
from tests.corpora.planting import Planted
from tests.corpora.quality import longest, qualities
from tests.corpora.repetition import repetitions

DATA = Path(__file__).parents[2] / "evals" / "data"
DOCUMENTS = Path("web") / "documents.jsonl.gz"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many documents of each sort are made: of each rule, kind, form and language, where there are several.

    Attributes:
        clean: that every step must leave.
        broken, near: that break a rule of a filter, and that come near it.
        languages: of each language and length; half as many mixed ones.
        pages: of each form of HTML.
        found, alike: with personal data of each form, and with what looks so.
        clusters: of duplicates.
        pairs: of near duplicates, of each similarity.
        closed: under a licence that is none.
        sample: drawn from all of these, to tell how much is kept.
    """

    clean: int = 1000
    broken: int = 10
    near: int = 6
    languages: int = 6
    pages: int = 40
    found: int = 6
    alike: int = 6
    clusters: int = 20
    pairs: int = 300
    closed: int = 20
    sample: int = 600
    has_longest: bool = True


def planted(seed: str = "1", sizes: Sizes = Sizes()) -> Iterator[Planted]:
    """All documents, with what is told of them."""
    for number in range(sizes.clean):
        name = f"clean-{number:04}"
        yield Planted(name, article(Random(f"{seed}:{name}")), file="clean/cases")
    yield from addresses(seed, (sizes.broken, sizes.near))
    yield from pages(seed, sizes.pages)
    yield from foreign(seed, sizes.languages)
    yield from english(seed, 5 * sizes.languages)
    yield from repetitions(seed, (sizes.broken, sizes.near))
    yield from qualities(seed, (sizes.broken, sizes.near))
    if sizes.has_longest:
        yield longest(seed)
    yield from clusters(seed, sizes.clusters)
    yield from near(seed, sizes.pairs)
    yield from personal(seed, (sizes.found, sizes.alike))
    yield from closed(seed, sizes.closed)


def closed(seed: str, count: int) -> Iterator[Planted]:
    """Documents whose licence forbids to use them, or that have none."""
    for number in range(count):
        name = f"licence-closed-{number:03}"
        licence = ("all rights reserved", "CC-BY-NC-ND-4.0", "proprietary", "")[number % 4]
        text = article(Random(f"{seed}:{name}"))
        yield Planted(name, text, licence=licence, file="licence/planted", told={"licence": licence})


def write(folder: Path, seed: str = "1", sizes: Sizes = Sizes()) -> int:
    """Write documents and cases into a folder, and give the number of documents.

    They stand in an order of their own, so that nothing can depend on who comes first.
    """
    made = list(planted(seed, sizes))
    files: dict[str, list[Mapping[str, Any]]] = {}
    for each in made:
        if each.file:
            files.setdefault(each.file, []).append(each.case)
    files[PAIRS] = by_similarity(files[PAIRS])
    files["retention/cases"] = [{"id": each.id} for each in Random(f"{seed}:sample").sample(made, sizes.sample)]
    for name, cases in files.items():
        _written(folder / f"{name}.jsonl", _lines(cases))
    Random(f"{seed}:order").shuffle(made)
    _written(folder / DOCUMENTS, gzip.compress(_lines(each.row for each in made), 9, mtime=0))
    return len(made)


def by_similarity(pairs: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """A case for each similarity, with its pairs: the first of each, and its copy."""
    cases: dict[float, list[list[str]]] = {}
    for pair in pairs:
        cases.setdefault(pair["similarity"], []).append([pair["id"], pair["copy"]])
    return [{"id": f"{each:.2f}", "similarity": each, "pairs": found} for each, found in cases.items()]


def _lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _written(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    print(f"{write(DATA)} documents in {DATA / DOCUMENTS}", file=sys.stderr)
