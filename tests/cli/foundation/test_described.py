from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.versions import described_version, require_weights
from harness.config.settings import Settings, load_settings
from harness.errors import UsageError

SETTINGS = """
[models.served]
engine = "openai"
base_url = "http://127.0.0.1:9/v1"
model = "m"
[models.table]
engine = "scripted"
answers = {{ "a" = "b" }}
[models.tiny]
engine = "transformers"
weights = "{weights}"
"""


@pytest.fixture
def settings(tiny_llama: Path, tmp_path: Path) -> Settings:
    (tmp_path / "steelyard.toml").write_text(SETTINGS.format(weights=tiny_llama), encoding="utf-8")
    return load_settings(tmp_path)


def test_a_version_has_its_fingerprint_its_weights_and_its_lineage(settings: Settings) -> None:
    from harness.models.version import load_version

    found = described_version(settings, "tiny")
    assert found.weights is not None
    assert load_version(settings.version("tiny"), settings.root).fingerprint == found.fingerprint
    assert (found.name, found.weights.n_tensors, found.lineage[-1].made) == ("tiny", 39, "tiny")


def test_a_version_with_passages_has_a_fingerprint_when_they_are_indexed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.models.version import load_version
    from harness.stages.building import built

    pytest.importorskip("bm25s")
    monkeypatch.setenv("STEELYARD_CACHE", str(settings.root / "cache"))
    path = settings.root / "steelyard.toml"
    more = '[models.rag]\nbase = "tiny"\nretrieval = { passages = "p.jsonl", k = 1 }\n'
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    (settings.root / "p.jsonl").write_text('{"id": "hours", "text": "Open from nine to six."}\n', encoding="utf-8")
    found = load_settings(settings.root)
    assert described_version(found, "rag").fingerprint is None
    fingerprint = load_version(built(found, "rag"), found.root).fingerprint
    assert described_version(found, "rag").fingerprint == fingerprint
    assert described_version(found, "rag").lineage[-1].made == "rag"


def test_of_a_student_that_is_not_built_the_lineage_is_told(settings: Settings) -> None:
    path = settings.root / "steelyard.toml"
    more = """
[models.soft]
engine = "transformers"
distilled = { teacher = "tiny", data = "d.jsonl", student = { layers = 2 } }
[models.soft-int8]
base = "soft"
quantized = "int8"
"""
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    (settings.root / "d.jsonl").write_text('{"text": "one"}\n', encoding="utf-8")
    told = described_version(load_settings(settings.root), "soft-int8")
    assert told.fingerprint is None
    assert [(step.made, step.of) for step in told.lineage] == [
        ("soft, distilled", ("teacher tiny", "data d.jsonl")),
        ("soft", ("soft, distilled",)),
        ("soft-int8", ("soft",)),
    ]


def test_of_a_version_without_weights_the_lineage_is_told(settings: Settings) -> None:
    path = settings.root / "steelyard.toml"
    more = """
[models.told]
base = "served"
system = "file:brief.md"
template = "file:ask.md"
[models.brief]
base = "table"
system = "Be brief."
[corpora.raw]
documents = "web"
[corpora.clean]
base = "raw"
steps = ["url"]
"""
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    (settings.root / "web").mkdir()
    (settings.root / "web" / "a.txt").write_text("A text.", encoding="utf-8")
    found = load_settings(settings.root)
    told = described_version(found, "told")
    assert [(step.made, step.step) for step in told.lineage] == [
        ("served", "settings"),
        ("told, prompt", "prompt"),
        ("told", "settings"),
    ]
    step = told.lineage[1]
    assert step.of == ("served", "system file:brief.md", "template file:ask.md")
    assert (step.by, step.fingerprint, told.fingerprint) == ("prompt: the texts as they stand there", None, None)
    brief = described_version(found, "brief")
    assert brief.fingerprint == brief.lineage[-1].fingerprint is not None
    assert brief.lineage[1].fingerprint is not None
    corpus = described_version(found, "clean")
    assert [(step.made, step.of, step.step) for step in corpus.lineage] == [
        ("raw", ("documents web",), "corpus"),
        ("clean", ("raw",), "corpus"),
    ]
    for name in ("served", "raw"):
        with pytest.raises(UsageError, match=f"Version '{name}' has no weights"):
            require_weights(found, name)


@pytest.mark.service
def test_the_corpora_that_an_adapter_was_taught_on_are_told_and_what_an_optimiser_saw_by_a_tag(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(settings.root / "cache"))
    path = settings.root / "steelyard.toml"
    more = """
[models.tuned]
base = "tiny"
adapter = { data = "clean" }
[models.asked]
base = "served"
template = "file:ask.md"
[models.asked-less]
base = "asked"
sampling = { temperature = 0 }
[corpora.raw]
documents = "web"
[corpora.clean]
base = "raw"
steps = ["url"]
"""
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    (settings.root / "web").mkdir()
    (settings.root / "web" / "a.txt").write_text("A text.", encoding="utf-8")
    found = load_settings(settings.root)
    told = described_version(found, "tuned").lineage
    assert [step.step for step in told if step.made in ("raw", "clean")] == ["corpus", "corpus"]
    (settings.root / "ask.md").write_text("Q: {{prompt}}", encoding="utf-8")
    asked = described_version(found, "asked-less")
    by = {step.made: step.by for step in asked.lineage}
    assert by["asked, prompt"] == "prompt: the texts as they stand there"
    assert "asked-less, prompt" not in by
