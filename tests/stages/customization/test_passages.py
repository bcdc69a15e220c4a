"""Passages are indexed once, and found by a version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.config import Settings
from harness.errors import EngineError, NotInLineageError, SettingsError, UsageError
from harness.models.engine_creation import check_version
from harness.models.retrieval.index import build_index
from harness.models.version import load_version
from harness.stages.building import built, needs_building, version_named
from harness.stages.customization import passages
from harness.stages.customization.passages import built_retriever, load_retriever
from harness.stages.lineage import StageContext
from tests.config.settings_files import load

TEXT = """
[models.plain]
engine = "scripted"
default = "nine"
[models.rag]
base = "plain"
retrieval = { passages = "p.jsonl", k = 1 }
[models.more]
base = "rag"
retrieval = { passages = "p.jsonl", k = 2 }
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    lines = [
        {"id": "hours", "text": "Open from nine to six."},
        {"id": "cards", "text": "A card costs twelve euros."},
    ]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return load(tmp_path, TEXT)


def test_an_index_is_built_once_for_the_same_passages(settings: Settings) -> None:
    told: list[str] = []
    assert version_named(settings, "rag").steps[0].artifact is None
    with pytest.raises(SettingsError, match="steelyard build rag"):
        built(settings, "rag", offline=True)
    first = built(settings, "rag", progress=lambda state: told.append(state.phase))
    again = built(settings, "rag", progress=lambda state: told.append(state.phase), offline=True)
    assert told == ["starting", "indexing", "done"]
    assert first == again == version_named(settings, "rag")
    more = built(settings, "more", offline=True).steps[-1]
    assert more.artifact == first.steps[0].artifact
    assert not needs_building(built(settings, "plain"))
    with pytest.raises(UsageError, match=r"\[models\.more\] retrieval: k = 3, and p\.jsonl has 2 passages; take a"):
        built(load(settings.root, TEXT.replace("k = 2", "k = 3")), "more")


def test_a_retriever_tells_of_the_index_that_is_built_for_it(settings: Settings) -> None:
    told: list[str] = []
    first, again = (built_retriever(settings, "rag", lambda state: told.append(state.phase)) for _ in range(2))
    assert told == ["indexing"]
    assert first.folder == again.folder == Path(built(settings, "rag").steps[0].artifact or "")


def test_other_passages_are_another_index_and_another_version(settings: Settings) -> None:
    before = load_version(built(settings, "rag"), settings.root)
    path = settings.root / "p.jsonl"
    path.write_text(path.read_text("utf-8").replace("nine", "ten"), "utf-8")
    assert version_named(settings, "rag").steps[0].artifact is None
    after = load_version(built(settings, "rag"), settings.root)
    assert before.fingerprint != after.fingerprint
    context = StageContext(settings)
    assert load_retriever(before, context).search("open")[0].text == "Open from nine to six."
    assert load_retriever(after, context).search("open")[0].text == "Open from ten to six."


def test_a_version_without_a_retriever_is_told_how_to_get_one(settings: Settings) -> None:
    with pytest.raises(NotInLineageError, match="plain has no retriever") as caught:
        load_retriever(load_version(built(settings, "plain"), settings.root), StageContext(settings))
    assert "retrieval = { passages" in caught.value.advice


def test_passages_that_are_missing_or_broken_are_named_with_the_table(settings: Settings) -> None:
    path = settings.root / "p.jsonl"
    path.write_text("nine\n", "utf-8")
    with pytest.raises(UsageError, match=r"\[models\.rag\] retrieval: .*p\.jsonl, line 1 is no JSON"):
        built(settings, "rag")
    path.unlink()
    with pytest.raises(UsageError, match=r"\[models\.rag\] retrieval: there is no .*p\.jsonl"):
        built(settings, "rag")
    path.mkdir()
    with pytest.raises(UsageError, match=r"\[models\.rag\] retrieval: .*p\.jsonl is a folder\. Give a JSON lines file"):
        built(settings, "rag")


def test_passages_that_change_while_they_are_indexed_are_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index is found again by what the passages were."""
    path = settings.root / "p.jsonl"

    def change_first(*given: Any) -> None:
        path.write_text(path.read_text("utf-8").replace("nine", "ten"), "utf-8")
        build_index(*given)

    monkeypatch.setattr(passages, "build_index", change_first)
    with pytest.raises(UsageError, match=r"\[models\.rag\] retrieval: p\.jsonl was changed while it was"):
        built(settings, "rag")
    assert version_named(settings, "rag").steps[0].artifact is None


CALLED = """
[models.plain]
engine = "scripted"
default = "nine"
[models.own]
base = "plain"
retrieval = { call = "shop.search:find", files = ["index"], k = 2 }
"""
SEARCH = """
from pathlib import Path
async def find(question, k):
    if "broken" in question:
        raise LookupError("no index")
    if "one" in question:
        return "a text"
    lines = Path("index/lines.txt").read_text().splitlines()
    return [lines[0], {"id": "hours", "text": lines[1], "score": 0.5}, "left out"]
"""


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """A project whose retriever is a function of its own."""
    for name in ("shop", "index"):
        (tmp_path / name).mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "search.py").write_text(SEARCH, "utf-8")
    (tmp_path / "index" / "lines.txt").write_text("It is closed.\nOpen from nine to six.\n", "utf-8")
    return load(tmp_path, CALLED)


def test_a_function_of_the_project_finds_passages(own: Settings) -> None:
    version = load_version(built(own, "own", offline=True), own.root)
    check_version(version.settings, own.root)
    retriever = load_retriever(version, StageContext(own))
    found = retriever.search("When is it open?")
    assert [(each.rank, each.id, each.score) for each in found] == [(1, "", 0.0), (2, "hours", 0.5)]
    assert (retriever.passages, retriever.search("When?", 1)) == ((), found[:1])
    put = version.chat("When is it open?").messages[-1]["content"]
    assert "It is closed.\n\n[hours] Open from nine to six.\n\nQuestion: When is it open?" in put
    with pytest.raises(EngineError, match=r"The retriever of own \(shop\.search:find\): LookupError: no index"):
        retriever.search("broken")
    with pytest.raises(EngineError, match="it gave 'a text', which is no list of passages"):
        retriever.search("one")


@pytest.mark.parametrize(("file", "word"), [("shop/search.py", "question"), ("index/lines.txt", "nine")])
def test_another_function_or_another_index_is_another_version(own: Settings, file: str, word: str) -> None:
    before = load_version(built(own, "own"), own.root).fingerprint
    assert load_version(built(own, "own"), own.root).fingerprint == before
    path = own.root / file
    path.write_text(path.read_text("utf-8").replace(word, "ten"), "utf-8")
    assert load_version(built(own, "own"), own.root).fingerprint != before


def test_a_function_that_is_not_there_is_told_before_anything_is_asked(own: Settings) -> None:
    (own.root / "shop" / "search.py").write_text("", "utf-8")
    with pytest.raises(SettingsError, match=r"The retriever of own \(shop\.search:find\) could not start: .*'find'"):
        check_version(built(own, "own"), own.root)
    (own.root / "shop" / "search.py").write_text(SEARCH, "utf-8")
    (own.root / "p.jsonl").write_text('{"id": "a", "text": "one"}\n', "utf-8")
    searched = load(own.root, CALLED.replace('files = ["index"]', 'passages = "p.jsonl"'))
    with pytest.raises(UsageError, match=r"k = 2, and p\.jsonl has 1 passages; take a smaller k"):
        check_version(built(searched, "own"), own.root)
    with pytest.raises(UsageError, match=r"\[models\.own\] retrieval: .*files: '.*none' is not there"):
        built(load(own.root, CALLED.replace('["index"]', '["none"]')), "own")
