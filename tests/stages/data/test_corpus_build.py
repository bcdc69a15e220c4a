"""A corpus is built once, into the same whatever builds it, and what goes wrong is named and leaves what was there."""

from __future__ import annotations

import hashlib
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.versions import VersionSettings
from harness.errors import CorpusError
from harness.models.tokenization.version_tokenizer import load_tokenizer
from harness.stages.build_state import BuildState
from harness.stages.data.corpus import Corpus
from harness.stages.data.recipe import corpus_recipe
from harness.stages.data.versions import build_corpus, corpus_folder
from tests.stages.data.projects import project, some_rows, write_lines

pytestmark = pytest.mark.service

LONG_ENOUGH = "steps:long_enough"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))


def contents(corpus: Corpus) -> dict[str, str]:
    """The digests of all that does not tell of time."""
    return {
        path.relative_to(corpus.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(corpus.folder.rglob("*"))
        if path.is_file() and path.name != "stats.json"
    }


def cached(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "cache" / "corpora").iterdir() if path.is_dir())


def test_what_became_of_each_document_is_told_with_step_and_reason(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", some_rows(10))
    corpus = build_corpus(project(tmp_path, "d.jsonl", [LONG_ENOUGH, "steps:shouting"]), "clean")
    assert sorted(document.id for document in corpus.documents()) == ["d1", "d2", "d3", "d4", "d6", "d7", "d8", "d9"]
    removed, kept = corpus["d0"], corpus["d1"]
    assert (removed.kept, removed.step, removed.reason) == (False, LONG_ENOUGH, "long_enough")
    assert (removed.before, removed.after) == ("two words", None)
    assert (kept.kept, kept.step, kept.reason) == (True, None, None)
    assert (kept.before, kept.after) == ("this is the text number 1", "THIS IS THE TEXT NUMBER 1")


def test_a_recipe_without_steps_keeps_every_document_as_it_came(tmp_path: Path) -> None:
    rows = [{"id": "a", "text": "Some text.", "url": "http://x.org", "licence": "CC0"}, {"id": "b", "html": "<p>b</p>"}]
    write_lines(tmp_path / "d.jsonl", rows)
    corpus = build_corpus(project(tmp_path, "d.jsonl"), "clean")
    found = {each.id: (each.text, each.url, dict(each.metadata)) for each in corpus.documents()}
    assert found == {"a": ("Some text.", "http://x.org", {"licence": "CC0"}), "b": ("<p>b</p>", None, {})}


def test_a_corpus_is_built_once_and_found_by_its_recipe(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", some_rows(10))
    settings = project(tmp_path, "d.jsonl", [LONG_ENOUGH])
    told: list[BuildState] = []
    first = build_corpus(settings, "clean", progress=told.append)
    assert told
    told.clear()
    assert build_corpus(settings, "clean", progress=told.append).folder == first.folder
    assert told == []
    other = project(tmp_path, "d.jsonl", [LONG_ENOUGH], long_enough={"words": 2})
    assert build_corpus(other, "clean").folder != first.folder
    assert cached(tmp_path) == sorted([first.folder.name, corpus_folder(corpus_recipe(other, "clean")).name])


@pytest.mark.parametrize("workers", [1, 2])
def test_neither_workers_nor_the_order_of_files_change_a_byte(tmp_path: Path, workers: int) -> None:
    rows = some_rows(2000)
    for row in rows:
        row["text"] += " and more" * 150
    write_lines(tmp_path / "one" / "a.jsonl", rows)
    shuffled = random.Random(workers).sample(rows, len(rows))
    write_lines(tmp_path / "two" / "z.jsonl", shuffled[:500])
    write_lines(tmp_path / "two" / "b.jsonl", shuffled[500:])
    one = build_corpus(project(tmp_path, "one", [LONG_ENOUGH], long_enough={"words": 5}), "clean")
    executor = {"name": "local", "workers": workers}
    two = build_corpus(project(tmp_path, "two", [LONG_ENOUGH], long_enough={"words": 5}), "clean", executor=executor)
    assert one.folder != two.folder
    assert one.fingerprint == two.fingerprint
    assert len(list((one.folder / "explained").iterdir())) > 2
    assert {**contents(one), "recipe.json": ""} == {**contents(two), "recipe.json": ""}


def test_the_fingerprint_is_of_the_documents_whatever_recipe_and_file_gave_them(tmp_path: Path) -> None:
    rows = some_rows(10)
    write_lines(tmp_path / "all.jsonl", rows)
    write_lines(tmp_path / "long.jsonl.gz", [row for row in rows if row["text"] != "two words"])
    filtered = build_corpus(project(tmp_path, "all.jsonl", [LONG_ENOUGH]), "clean")
    as_it_is = build_corpus(project(tmp_path, "long.jsonl.gz"), "clean")
    assert filtered.fingerprint == as_it_is.fingerprint
    assert filtered.folder != as_it_is.folder


def test_a_step_that_fails_is_named_with_its_document(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", some_rows(10))
    with pytest.raises(
        CorpusError, match=r"'clean' could not be built\. The step 'steps:broken' .*RuntimeError.*'d7'.*no such luck"
    ):
        build_corpus(project(tmp_path, "d.jsonl", ["steps:broken"]), "clean")


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("content", "steps", "said"),
    [
        ("", [], "documents = 'd.jsonl' holds no documents"),
        (
            '{"text": "a b"}\n{"text": "c d"}\n',
            [LONG_ENOUGH],
            f"The step '{LONG_ENOUGH}' removed the last documents: 2 came to it, none was left (long_enough 2)",
        ),
        (
            '{"id": "x", "text": "a"}\n{"id": "y", "text": "b"}\n{"id": "x", "text": "c"}\n',
            [],
            "The id 'x' is there twice: d.jsonl, row 1, and d.jsonl, row 3.",
        ),
        ('{"text": "a"}\n{"text": 3}\n', [], "d.jsonl, row 2: text of the document is 3, not a text"),
    ],
    ids=["empty", "emptied by a step", "an id twice", "no text"],
)
def test_what_is_wrong_with_a_source_is_named_and_what_was_built_is_kept(
    tmp_path: Path, content: str, steps: list[str], said: str
) -> None:
    write_lines(tmp_path / "good.jsonl", some_rows(10))
    good = build_corpus(project(tmp_path, "good.jsonl"), "clean")
    (tmp_path / "d.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        build_corpus(project(tmp_path, "d.jsonl", steps), "clean")
    assert said in str(caught.value)
    assert cached(tmp_path) == [good.folder.name]


def test_tokens_are_counted_as_a_version_counts_them(tmp_path: Path, tiny_llama: Path) -> None:
    write_lines(tmp_path / "d.jsonl", some_rows(10))
    settings = project(tmp_path, "d.jsonl", [LONG_ENOUGH], tokenizer="tiny")
    tiny = VersionSettings("tiny", "transformers", engine_options={"weights": str(tiny_llama)})
    found = build_corpus(replace(settings, versions={"tiny": tiny}), "clean").statistics
    encode = load_tokenizer(tiny.engine_options, tmp_path).encode
    texts = [row["text"] for row in some_rows(10)]
    assert found.token_unit == "tiny"
    assert found.tokens_in == sum(len(encode(text)) for text in texts)
    assert found.tokens_out == sum(len(encode(text)) for text in texts if text != "two words")


def test_a_package_that_is_not_installed_is_named_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "absent").mkdir()
    (tmp_path / "absent" / "warcio.py").write_text("raise ImportError('No module named warcio', name='warcio')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'absent'}:{os.environ.get('PYTHONPATH', '')}")
    (tmp_path / "d.warc").write_bytes(b"WARC/1.0\r\n")
    with pytest.raises(
        CorpusError, match=r"No module named warcio\. Install what is missing: .*pip install .*\[data\]"
    ):
        build_corpus(project(tmp_path, "d.warc"), "clean")
