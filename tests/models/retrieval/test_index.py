"""What is found in an index of passages, and in which order."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.config.customization import RetrievalSettings
from harness.errors import UsageError
from harness.models.retrieval.index import Passage, build_index, read_passages
from harness.models.retrieval.retriever import Find, Retriever

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[3]
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
    return Retriever(settings, to)


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
    retriever = index_of(tmp_path, texts, k=1)
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
        again = Retriever(retriever.settings, to)
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


@pytest.mark.parametrize("k", [0, -1, 6, True, 1.5])
def test_a_number_that_can_not_be_found_is_refused(tmp_path: Path, k: object) -> None:
    told = "give 1 to 5, which is how many passages there are" if k == 6 else "give a number of passages, from 1"
    with pytest.raises(UsageError, match=told):
        index_of(tmp_path, TEXTS).search("books", k)  # type: ignore[arg-type]


def test_a_query_without_a_word_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no query: give a text"):
        index_of(tmp_path, TEXTS).search("  ")


def test_passages_without_a_word_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No passage has a word"):
        index_of(tmp_path, {"a": "the", "b": "of !"}, k=1)


def test_more_passages_than_there_are_can_not_be_given(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"k = 9, and passages\.jsonl has 5 passages; take a smaller k"):
        index_of(tmp_path, TEXTS, k=9)


def test_a_character_of_chinese_or_japanese_is_a_word(tmp_path: Path) -> None:
    """A sentence was one word, which no question has."""
    retriever = index_of(tmp_path, {"a": "图书馆九点开门", "b": "カードは12ユーロです", "c": "Open at nine, 图"}, k=1)
    assert set(found(retriever, "图书馆几点开门?", 3)) == {"a", "c"}
    assert found(retriever, "カード", 1) == found(retriever, "12", 1) == ["b"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
def test_letters_are_the_same_however_they_are_composed(form: str, asked: str, tmp_path: Path) -> None:
    texts = {"size": "Die Größe der Schlüssel", "end": "Der Schluss", "dog": "Der Hund"}
    retriever = index_of(tmp_path, {name: unicodedata.normalize(form, text) for name, text in texts.items()}, k=1)
    assert found(retriever, unicodedata.normalize(asked, "Größe Schlüssel?"), 3) == ["size"]


@pytest.mark.parametrize("package", ["bm25s", "Stemmer"])
def test_what_is_not_installed_is_named(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=r'Retrieval needs .*: pip install .*\[customization\]"'):
        index_of(tmp_path, TEXTS)


def test_a_line_is_a_passage(tmp_path: Path) -> None:
    path = tmp_path / "passages.jsonl"
    path.write_text('{"id": 7, "text": "Open at nine.", "page": 3}\n\n{"id": "b", "text": "Closed."}\n', "utf-8")
    assert read_passages(path) == [Passage("7", "Open at nine.", {"page": 3}), Passage("b", "Closed.")]
    path.write_text('{"id": "a", "text": "one\u2028two\u0085three"}\r\n{"id": "b", "text": "four"}\r\n', "utf-8")
    assert [passage.text for passage in read_passages(path)] == ["one\u2028two\u0085three", "four"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no passage"),
        ("nine\n", "line 1 is no JSON"),
        ('{"id": "a"}\n', "line 1 has no text"),
        ('{"id": "a", "text": " "}\n', "line 1 has no text"),
        ('{"text": "nine"}\n', "line 1 has no id"),
        ('{"id": true, "text": "nine"}\n', "line 1 has no id"),
        (
            '{"id": "a", "text": "x"}\n{"id": "b", "text": "x"}\n{"id": "a", "text": "y"}\n',
            r"line 3: the id 'a' is that of .*line 1 as well",
        ),
        ("[1]\n", "line 1 is no JSON object"),
    ],
)
def test_what_is_no_passage_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "passages.jsonl"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=message):
        read_passages(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.jsonl can't be read"):
        read_passages(tmp_path / "none.jsonl")
    (tmp_path / "broken.jsonl").write_bytes(b'{"id": "a", "text": "\xff"}')
    with pytest.raises(UsageError, match=r"broken\.jsonl is not UTF-8"):
        read_passages(tmp_path / "broken.jsonl")
