"""The recipe over pages that nobody here wrote: Debian's documentation, whose languages and links are known."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config import Settings
from harness.config.settings import load_settings
from harness.stages.data.corpus import Corpus, Explanation
from harness.stages.data.corpus_build import build_corpus
from tests.bench import debian
from tests.bench.sampling import Figure

LANGUAGES = ("de", "en", "es", "fr", "it")
_STEPS = '["text", "language", "gopher_repetition", "gopher_quality", "c4", "fineweb", "exact", "minhash", "pii"]'


def documentation(folder: Path) -> list[Figure]:
    """Languages found, duplicates found, what each step removes, and how quickly."""
    if debian.missing():
        raise SystemExit("Debian's documentation is not all installed; .ci/missing names the packages.")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEELYARD_CACHE", str(folder / "cache"))
        settings = write_project(folder, debian.pages())
        began_s = time.monotonic()
        corpus = build_corpus(settings, "clean")
        seconds = time.monotonic() - began_s
        one = build_corpus(settings, "german")
        print_removed(corpus)
        return figures(debian.pages(), corpus, one, seconds)


def write_project(folder: Path, pages: Sequence[debian.Page]) -> Settings:
    """The pages as documents, and two corpora of them: cleaned, and what is German of them."""
    debian.write(folder, pages)
    keep = ", ".join(f'"{name}"' for name in LANGUAGES)
    (folder / "steelyard.toml").write_text(
        f'[corpora.raw]\ndocuments = "documents.jsonl.gz"\n'
        f'[corpora.clean]\nbase = "raw"\nsteps = {_STEPS}\nlanguage = {{ keep = [{keep}] }}\n'
        f'[corpora.german]\nbase = "raw"\nsteps = ["text", "language"]\nlanguage = {{ keep = ["de"] }}\n',
        "utf-8",
    )
    return load_settings(folder)


def figures(pages: Sequence[debian.Page], corpus: Corpus, german: Corpus, seconds: float) -> list[Figure]:
    """What the benchmark reports."""
    size, found = 0, dict[str, Explanation]()
    for each in corpus.explain():
        size += len((each.before or "").encode())
        found[each.id] = replace(each, before=None, after=None)
    kept, seen = set[str](), set[str]()
    for each in german.explain():
        kept |= {each.id} if each.kept else set()
        seen |= {each.id} if each.step != "text" else set()
    own = [page for page in pages if page.id in seen and page.language == "de"]
    others = [page for page in pages if page.id in seen and page.language != "de"]
    links = [page for page in pages if page.same_as in found and _is_compared(found, page)]
    joined = sum(sum(found[name].kept for name in (page.id, str(page.same_as))) < 2 for page in links)
    speed = size / 2**20 / seconds
    right, wrong = sum(page.id in kept for page in own), sum(page.id in kept for page in others)
    name = "Documentation: links to a page, of which one alone stays"
    result = [
        Figure("Documentation: German pages kept as German", right, f"of {len(own)}", "", True),
        Figure("Documentation: pages of other languages kept as German", wrong, f"of {len(others)}", "", True),
        Figure(name, joined, f"of {len(links)}", "all", joined == len(links)),
        Figure("Documentation: through every step", speed, "MiB/s of HTML", "", True, f"{len(found):,} pages"),
    ]
    for step in corpus.statistics.steps:
        reasons = ", ".join(f"{reason} {n}" for reason, n in Counter(step.reasons).most_common(4))
        part = f"of {step.documents_in}"
        result.append(Figure(f"Documentation: removed by {step.step}", step.removed, part, "", True, reasons))
    return result


def _is_compared(found: Mapping[str, Explanation], page: debian.Page) -> bool:
    """Whether both a page and its link came as far as the search for duplicates."""
    return all(found[name].step in ("exact", "minhash", None) for name in (page.id, str(page.same_as)))


def print_removed(corpus: Corpus, count: int = 20, seed: int = 0) -> None:
    """Show some removed pages, to be judged by people."""
    import numpy as np

    gone = (each for each in corpus.explain() if not each.kept and not each.duplicate_of)
    removed = sorted((replace(each, before=None) for each in gone), key=lambda each: each.id)
    chosen = np.random.default_rng(seed).choice(len(removed), size=min(count, len(removed)), replace=False)
    for place in sorted(chosen):
        print(f"{removed[place].id}: {removed[place].step}, {removed[place].reason}")
