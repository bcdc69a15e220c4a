"""What a version puts around a question."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config.artifacts import Artifact
from harness.config.customization import BuildStep, ContextSettings, RetrievalSettings
from harness.config.versions import VersionSettings
from harness.errors import SettingsError, UsageError
from harness.models.enrichment import CUT, Enrichment, within
from harness.models.retrieval.index import build_index
from harness.models.tokenization.version_tokenizer import VersionTokenizer, load_tokenizer
from harness.models.version import load_version
from tests.libraries import needed

needed("bm25s")
needed("tokenizers")

PROMPT = "{prompt}\nKnown: {passages}\nThe user wrote {prompt}"
BASE = VersionSettings("rag", "scripted", engine_options={"answers": {"a": "b"}})


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> tuple[VersionSettings, Path]:
    root = tmp_path_factory.mktemp("rag")
    passages = [{"id": "hours", "text": "Open from nine to six."}, {"id": "odd", "text": "A {prompt} for {passages}."}]
    (root / "p.jsonl").write_text("".join(json.dumps(passage) + "\n" for passage in passages), "utf-8")
    settings = RetrievalSettings("p.jsonl", k=1, prompt=PROMPT)
    (root / "index").mkdir()
    build_index(settings, root / "index", root)
    step = BuildStep("retrieval", "rag", settings, Artifact(root / "index", "digest"))
    return replace(BASE, steps=(step,)), root


@pytest.fixture(scope="module")
def tokenizer(tiny_llama: Path) -> VersionTokenizer:
    return load_tokenizer({"weights": str(tiny_llama)}, tiny_llama)


def test_a_question_is_put_with_the_passages_that_fit_it(indexed: tuple[VersionSettings, Path]) -> None:
    version = load_version(*indexed)
    expected = "Open at six?\nKnown: [hours] Open from nine to six.\nThe user wrote Open at six?"
    assert version.chat("Open at six?").messages[-1]["content"] == expected
    turns = [
        {"role": "user", "content": "odd"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Open at six?"},
    ]
    asked = version.chat(turns).messages
    assert [message["content"] for message in asked] == ["odd", "Yes.", expected]
    assert version.completion("Open at six?").prompt == "Open at six?"


def test_braces_in_a_passage_or_a_question_are_text(indexed: tuple[VersionSettings, Path]) -> None:
    asked = Enrichment(*indexed).of("odd {passages}")
    assert asked == "odd {passages}\nKnown: [odd] A {prompt} for {passages}.\nThe user wrote odd {passages}"


def test_what_is_put_around_a_question_is_part_of_the_fingerprint(indexed: tuple[VersionSettings, Path]) -> None:
    settings, root = indexed
    (step,) = settings.steps
    plain = load_version(BASE, root).fingerprint
    fingerprints = {
        plain,
        load_version(settings, root).fingerprint,
        load_version(replace(settings, steps=(replace(step, artifact=Artifact(root, "other")),)), root).fingerprint,
        load_version(replace(settings, steps=(replace(step, settings=replace(step.settings, k=2)),)), root).fingerprint,
        load_version(replace(BASE, steps=(BuildStep("context", "rag", ContextSettings(9)),)), root).fingerprint,
    }
    assert len(fingerprints) == 5
    moved = replace(step, artifact=Artifact(Path("elsewhere"), "digest"))
    again = load_version(replace(settings, steps=(moved,)), root)
    assert again.fingerprint == load_version(settings, root).fingerprint


def test_an_index_that_is_not_built_is_told(indexed: tuple[VersionSettings, Path]) -> None:
    settings, root = indexed
    unbuilt = replace(settings, steps=(replace(settings.steps[0], artifact=None),))
    with pytest.raises(SettingsError, match="steelyard build rag"):
        Enrichment(unbuilt, root).of("hours")


def test_a_question_without_a_word_is_refused(indexed: tuple[VersionSettings, Path]) -> None:
    with pytest.raises(UsageError, match="is no query: give a text"):
        Enrichment(*indexed).of(" ")


@pytest.mark.parametrize(
    ("keep", "expected"), [("start", "abcdef"), ("end", "uvwxyz"), ("ends", f"ab{CUT}z"), ("ends", None)]
)
def test_what_is_too_long_is_cut(tokenizer: VersionTokenizer, keep: str, expected: str | None) -> None:
    text = "abcdefghijklmnopqrstuvwxyz"
    found = within(text, ContextSettings(6, keep), tokenizer)
    assert len(tokenizer.encode(found)) <= 6
    if keep == "start":
        assert text.startswith(found)
    elif keep == "end":
        assert text.endswith(found)
    else:
        head, _, tail = found.partition(CUT)
        assert text.startswith(head)
        assert text.endswith(tail)
    assert within(text, ContextSettings(26, keep), tokenizer) == text


@pytest.mark.service
@given(text=st.text(max_size=60), tokens=st.integers(1, 40), keep=st.sampled_from(["ends", "start", "end"]))
def test_a_budget_always_holds(tokenizer: VersionTokenizer, text: str, tokens: int, keep: str) -> None:
    found = within(text, ContextSettings(tokens, keep), tokenizer)
    assert len(tokenizer.encode(found)) <= tokens
    if len(tokenizer.encode(text)) <= tokens:
        assert found == text


def test_a_budget_is_of_the_passages_where_there_are_any(
    indexed: tuple[VersionSettings, Path], tiny_llama: Path
) -> None:
    settings, root = indexed
    options = {"weights": str(tiny_llama)}
    budget = BuildStep("context", "rag", ContextSettings(4, "start"))
    both = replace(settings, engine_options=options, steps=(*settings.steps, budget))
    asked = Enrichment(both, root).of("Open at six?")
    assert asked == "Open at six?\nKnown: [hou\nThe user wrote Open at six?"
    alone = replace(settings, engine_options=options, steps=(budget,))
    assert Enrichment(alone, root).of("Open at six?") == "Open"
