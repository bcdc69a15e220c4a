"""Passages are indexed once, and found by a version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.config import Settings
from harness.errors import NotInLineageError, SettingsError, UsageError
from harness.models.retrieval.index import build_index
from harness.models.version import load_version
from harness.stages.build_state import BuildState
from harness.stages.building import built, found, needs_building
from harness.stages.customization import passages
from harness.stages.customization.passages import built_retriever, load_retriever
from harness.stages.lineage import StageContext
from tests.config.settings_files import load
from tests.models.conftest import write_tiny_llama

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
    assert found(settings, "rag").steps[0].folder is None
    first = built(settings, "rag", progress=lambda state: told.append(state.phase))
    again = built(settings, "rag", progress=lambda state: told.append(state.phase), offline=True)
    assert told == ["starting", "indexing", "done"]
    assert first == again == found(settings, "rag")
    more = built(settings, "more", offline=True).steps[-1]
    assert (more.folder, more.content) == (first.steps[0].folder, first.steps[0].content)
    assert not needs_building(built(settings, "plain"))


def test_a_retriever_tells_of_the_index_that_is_built_for_it(settings: Settings) -> None:
    told: list[str] = []
    first, again = (built_retriever(settings, "rag", lambda state: told.append(state.phase)) for _ in range(2))
    assert told == ["indexing"]
    assert first.folder == again.folder == Path(built(settings, "rag").steps[0].folder or "")


def test_other_passages_are_another_index_and_another_version(settings: Settings) -> None:
    before = load_version(built(settings, "rag"), settings.root)
    path = settings.root / "p.jsonl"
    path.write_text(path.read_text("utf-8").replace("nine", "ten"), "utf-8")
    assert found(settings, "rag").steps[0].folder is None
    after = load_version(built(settings, "rag"), settings.root)
    assert before.fingerprint != after.fingerprint
    context = StageContext(settings)
    assert load_retriever(before, context).search("open")[0].text == "Open from nine to six."
    assert load_retriever(after, context).search("open")[0].text == "Open from ten to six."


def test_an_index_that_lost_passages_is_built_again(settings: Settings) -> None:
    first = built(settings, "rag")
    path = Path(first.steps[0].folder or "") / "passages.jsonl"
    path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[1:]), "utf-8")
    assert found(settings, "rag").steps[0].folder is None
    assert built(settings, "rag") == first
    retriever = load_retriever(load_version(first, settings.root), StageContext(settings))
    assert retriever.search("card")[0].text == "A card costs twelve euros."


def test_a_version_without_a_retriever_is_told_how_to_get_one(settings: Settings) -> None:
    with pytest.raises(NotInLineageError, match="plain has no retriever") as caught:
        load_retriever(load_version(built(settings, "plain"), settings.root), StageContext(settings))
    assert "retrieval = { passages" in caught.value.advice


def test_nothing_is_built_offline(settings: Settings) -> None:
    (settings.root / "p.jsonl").write_text('{"id": "a", "text": "new here"}', "utf-8")
    with pytest.raises(SettingsError, match="steelyard build rag"):
        built(settings, "rag", offline=True)


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


def test_more_passages_than_there_are_can_not_be_found(settings: Settings) -> None:
    built(settings, "rag")
    text = TEXT.replace("k = 2", "k = 3")
    for more in (text, text.replace('base = "rag"', 'base = "plain"').replace("k = 3", 'k = 3, language = "german"')):
        with pytest.raises(UsageError, match=r"\[models\.more\] retrieval: k = 3, and p\.jsonl has 2 passages; take a"):
            built(load(settings.root, more), "more")


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
def test_another_model_in_the_same_folder_is_another_index(settings: Settings, tmp_path: Path) -> None:
    """A question is embedded by the model that is there, and its vectors mean nothing beside those of another."""
    pytest.importorskip("transformers")
    settings = load(tmp_path, TEXT.replace("k = 1 }", 'k = 1, method = "dense", model = "embeds" }'))
    with pytest.raises(UsageError, match=r"\[models\.rag\] retrieval: weights = 'embeds': there is no"):
        found(settings, "rag")
    model = write_tiny_llama(tmp_path / "embeds")
    told: list[BuildState] = []
    before = built(settings, "rag", progress=told.append)
    assert [(each.done, each.total, each.unit, each.note) for each in told if each.phase == "embedding"] == [
        (1, 2, "passages", ""),
        (2, 2, "passages", ""),
    ]
    assert found(settings, "rag") == before
    config = json.loads((model / "config.json").read_text("utf-8"))
    changed = {**config, "rms_norm_eps": 1e-3, "max_position_embeddings": 24}
    (model / "config.json").write_text(json.dumps(changed), "utf-8")
    assert found(settings, "rag").steps[0].folder is None
    after = built(settings, "rag", progress=told.append)
    assert after.steps[0].content != before.steps[0].content
    assert [each.note for each in told if each.phase == "embedding"][2:] == [
        "",
        "texts cut: 1, at 24 tokens; the longest has 26",
    ]


def test_passages_that_change_while_they_are_indexed_are_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index is found again by what the passages were."""
    path = settings.root / "p.jsonl"

    def change_first(*given: Any) -> None:
        path.write_text(path.read_text("utf-8").replace("nine", "ten"), "utf-8")
        build_index(*given)

    monkeypatch.setattr(passages, "build_index", change_first)
    with pytest.raises(UsageError, match=r"\[models\.rag\] retrieval: p\.jsonl or its model was changed while it was"):
        built(settings, "rag")
    assert found(settings, "rag").steps[0].folder is None
