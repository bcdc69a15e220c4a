"""A corpus tells of its documents without holding them in memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from harness.errors import CorpusError
from harness.stages.data.corpus import Corpus, open_corpus
from harness.stages.data.outcomes import CorpusDocument
from harness.stages.data.versions import build_corpus
from tests.stages.data.projects import project, some_rows, write_lines

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Two thousand documents, every fifth too short, of the others every tenth there again under another name."""
    root = tmp_path_factory.mktemp("corpus")
    rows = some_rows(2000)
    for row in rows:
        row["text"] += " and on" * (0 if row["text"] == "two words" else 100)
    rows += [{**row, "id": f"{row['id']}-again"} for row in rows[1::50]]
    write_lines(root / "d.jsonl", rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEELYARD_CACHE", str(root / "cache"))
        return build_corpus(project(root, "d.jsonl", ["steps:long_enough", "exact"]), "clean")


def test_its_documents_are_those_that_were_kept(corpus: Corpus) -> None:
    documents = list(corpus.documents())
    assert len(documents) == len(corpus) == 1600
    assert list(corpus) == documents
    outcomes = list(corpus.explain())
    assert {document.id for document in documents} == {each.id for each in outcomes if each.kept}
    assert len(outcomes) == corpus.statistics.documents_in == 2040
    assert {each.reason for each in outcomes} == {"long_enough", "duplicate", None}
    assert all((each.after is not None) == each.kept for each in outcomes)
    assert CorpusDocument("d1", "this is the text number 1" + " and on" * 100, "http://x.org/1", {}) in documents or (
        corpus["d1"].duplicate_of == "d1-again"
    )


def test_a_cluster_is_known_by_the_document_that_stayed(corpus: Corpus) -> None:
    clusters = corpus.clusters
    assert len(clusters) == 40
    for survivor, (duplicate,) in clusters.items():
        assert corpus[survivor].kept
        assert corpus[duplicate].duplicate_of == survivor
        assert {survivor, duplicate} == {survivor.removesuffix("-again"), f"{survivor.removesuffix('-again')}-again"}


def test_a_document_that_is_not_there_is_named_with_one_like_it(corpus: Corpus) -> None:
    assert "d1" in corpus
    assert "d2001" not in corpus
    with pytest.raises(KeyError, match=r"No document 'd-123' came into the corpus 'clean'\. Did you mean 'd1"):
        corpus["d-123"]
    with pytest.raises(CorpusError, match="No document 'nowhere' came into"):
        list(corpus.explain(["d1", "nowhere"]))


def test_explanations_come_in_the_order_in_which_they_are_asked_for(corpus: Corpus) -> None:
    assert [each.id for each in corpus.explain(["d7", "d0", "d3"])] == ["d7", "d0", "d3"]
    assert len(list(corpus.explain())) == 2040


def test_each_of_two_thousand_is_found_in_little_memory(corpus: Corpus) -> None:
    fresh = open_corpus(corpus.folder)
    names = [each.id for each in corpus.explain()]
    tracemalloc.start()
    assert all(fresh[name].id == name for name in names)
    assert not any(f"{name}?" in fresh for name in names[:100])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_folder_that_holds_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="holds no corpus that can be read"):
        open_corpus(tmp_path)
