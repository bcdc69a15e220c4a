"""The recipe does to a small part of Debian's documentation what the benchmark tells of all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.stages.data.corpus_build import build_corpus
from tests.bench import debian
from tests.bench.bench_documentation import of_languages, of_links, of_steps, write_project

pytestmark = pytest.mark.nightly


def test_languages_and_links_of_pages_that_nobody_here_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if debian.missing():
        pytest.skip("Debian's documentation is not all installed; .ci/missing names the packages")
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    everything = debian.pages()
    links = [page for page in everything if page.same_as][::40]
    targets = {page.same_as for page in links}
    manuals = [page for page in everything if page in links or page.id in targets]
    others = [page for page in everything if page.same_as is None and page.id not in targets]
    prose = [page for page in others if "/html/reference/" in page.id]  # of which the filters leave something
    chosen = sorted({*manuals, *others[::100], *prose}, key=lambda page: page.id)
    settings = write_project(tmp_path, chosen)
    clean, german, linked = (build_corpus(settings, name) for name in ("clean", "german", "linked"))
    own, foreign = of_languages(chosen, german)
    n_german = sum(page.language == "de" for page in chosen)
    assert (own.value, own.unit) == (n_german, f"of {n_german}")
    assert (foreign.value, foreign.unit) == (0, f"of {len(chosen) - n_german}")
    alone, lost = of_links(chosen, linked)
    assert (alone.value, alone.unit, alone.met) == (len(links), f"of {len(links)}", True)
    assert lost.value == 0
    steps = [figure.name.removeprefix("Documentation: removed by ") for figure in of_steps(clean, 1.0)[1:]]
    assert steps == [step.step for step in clean.statistics.steps]
    assert clean.statistics.documents_in == len(chosen)
    assert 0 < len(clean) < len(chosen)
