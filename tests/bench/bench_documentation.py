"""The recipe over pages that nobody here wrote: Debian's documentation, whose languages and links are known."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config import Settings
from harness.config.settings import load_settings
from harness.stages.data.corpus import Corpus
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
        print_removed(corpus)
        pages = debian.pages()
        german, linked = (build_corpus(settings, name) for name in ("german", "linked"))
        return [*of_languages(pages, german), *of_links(pages, linked), *of_steps(corpus, seconds)]


def write_project(folder: Path, pages: Sequence[debian.Page]) -> Settings:
    """The pages as documents, and three corpora: all of them cleaned, what is German, and those that links join.

    Filters leave few pages of manuals to the search for duplicates. So what it does to links is asked without them.
    """
    debian.write(folder, pages)
    targets = {page.same_as for page in pages} & {page.id for page in pages}
    debian.write(folder / "linked", [page for page in pages if page.id in targets or page.same_as in targets])
    keep = ", ".join(f'"{name}"' for name in LANGUAGES)
    (folder / "steelyard.toml").write_text(
        f'[corpora.raw]\ndocuments = "documents.jsonl.gz"\n'
        f'[corpora.clean]\nbase = "raw"\nsteps = {_STEPS}\nlanguage = {{ keep = [{keep}] }}\n'
        f'[corpora.german]\nbase = "raw"\nsteps = ["text", "language"]\nlanguage = {{ keep = ["de"] }}\n'
        f'[corpora.linked]\ndocuments = "linked/documents.jsonl.gz"\nsteps = ["text", "exact", "minhash"]\n',
        "utf-8",
    )
    return load_settings(folder)


def of_languages(pages: Sequence[debian.Page], german: Corpus) -> list[Figure]:
    """How many pages of German packages, and of others, are kept as German."""
    found = {each.id: each.step for each in german.explain()}
    own = [found[page.id] is None for page in pages if page.language == "de" and found[page.id] != "text"]
    others = [found[page.id] is None for page in pages if page.language != "de" and found[page.id] != "text"]
    return [
        Figure("Documentation: German pages kept as German", sum(own), f"of {len(own)}", "", True),
        Figure("Documentation: pages of other languages kept as German", sum(others), f"of {len(others)}", "", True),
    ]


def of_links(pages: Sequence[debian.Page], linked: Corpus) -> list[Figure]:
    """Of how many links and the page that they link to one alone stays, and how many different pages are joined."""
    kept = {each.id: each.kept for each in linked.explain()}
    links = [page for page in pages if page.id in kept and page.same_as in kept]
    joined = sum(kept[page.id] + kept[str(page.same_as)] < 2 for page in links)
    targets = {str(page.same_as) for page in links}
    stays = {str(page.same_as) for page in links if kept[page.id] or kept[str(page.same_as)]}
    return [
        Figure(
            "Documentation: links to a page, of which one alone stays",
            joined,
            f"of {len(links)}",
            "all",
            joined == len(links),
        ),
        Figure(
            "Documentation: pages with links that are removed for another page",
            len(targets - stays),
            f"of {len(targets)}",
            "",
            True,
        ),
    ]


def of_steps(corpus: Corpus, seconds: float) -> list[Figure]:
    """How quickly the recipe is followed, and what each step removes."""
    sizes = [len((each.before or "").encode()) for each in corpus.explain()]
    speed = sum(sizes) / 2**20 / seconds
    result = [Figure("Documentation: through every step", speed, "MiB/s of HTML", "", True, f"{len(sizes):,} pages")]
    for step in corpus.statistics.steps:
        reasons = ", ".join(f"{reason} {n}" for reason, n in Counter(step.reasons).most_common(4))
        part = f"of {step.documents_in}"
        result.append(Figure(f"Documentation: removed by {step.step}", step.removed, part, "", True, reasons))
    return result


def print_removed(corpus: Corpus, count: int = 20, seed: int = 0) -> None:
    """Show some removed pages, to be judged by people."""
    import numpy as np

    gone = (each for each in corpus.explain() if not each.kept and not each.duplicate_of)
    removed = sorted((replace(each, before=None) for each in gone), key=lambda each: each.id)
    chosen = np.random.default_rng(seed).choice(len(removed), size=min(count, len(removed)), replace=False)
    for place in sorted(chosen):
        print(f"{removed[place].id}: {removed[place].step}, {removed[place].reason}")
