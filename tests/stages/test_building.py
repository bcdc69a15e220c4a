"""What is built for versions, when, and how it is found again."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import datatrove  # noqa: F401
import pytest

from harness.config import Settings, VersionSettings
from harness.config.artifacts import Builds, knowing
from harness.errors import SettingsError, UsageError
from harness.models.version import is_built, load_version
from harness.stages.build_state import NOTE, BuildState
from harness.stages.building import built, needs_building, version_named
from tests.config.settings_files import load
from tests.models.adapters.adapters import write_adapter_head
from tests.models.conftest import write_tiny_llama
from tests.stages.data.projects import project, some_rows, write_lines


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A project with the corpus `clean` and a model."""
    root = tmp_path_factory.mktemp("project")
    write_lines(root / "web.jsonl", some_rows(20))
    made = project(root, "web.jsonl", ["steps:long_enough"])
    versions = {"clean": made.corpora["clean"].version, "model": VersionSettings("model", "scripted")}
    return replace(made, versions=versions)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEELYARD_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def test_a_model_needs_no_building(settings: Settings) -> None:
    assert not needs_building(settings.version("model"))
    assert built(settings, "model", offline=True) == settings.version("model") == version_named(settings, "model")


def test_what_could_be_built_of_a_version_is_for_nobody_who_would_build_on_it(settings: Settings) -> None:
    with knowing(Builds()) as known:
        known.resolved[settings.root, "model"] = replace(settings.version("model"), unbuilt="Training diverged.")
        assert built(settings, "model", partly=True).unbuilt
        with pytest.raises(SettingsError, match=r"Training diverged\."):
            built(settings, "model")


@pytest.mark.service
def test_a_corpus_is_built_once_and_told_of_meanwhile(settings: Settings) -> None:
    assert needs_building(settings.version("clean"))
    assert version_named(settings, "clean") == settings.version("clean")
    with pytest.raises(SettingsError, match=r"clean is not built here, and --offline builds nothing. `steelyard build"):
        built(settings, "clean", offline=True)
    states: list[BuildState] = []
    made = built(settings, "clean", progress=states.append)
    assert is_built(made)
    assert {state.version for state in states} == {"clean"}
    assert (states[0].phase, states[-1].phase) == ("starting", "done")
    again: list[BuildState] = []
    assert built(settings, "clean", progress=again.append, offline=True) == made == version_named(settings, "clean")
    assert again == []
    assert len(load_version(made, settings.root).fingerprint) == 32


CHAIN = """
[models.teacher]
engine = "transformers"
weights = "teacher"
[models.student]
engine = "transformers"
distilled = { teacher = "teacher", data = "texts.jsonl", student = { layers = 2 }, method = "soft_targets" }
[models.apprentice]
engine = "transformers"
distilled = { teacher = "student", data = "texts.jsonl", student = { layers = 1 } }
[models.support]
base = "apprentice"
adapter = { data = "texts.jsonl" }
[models.desk]
base = "support"
retrieval = { passages = "p.jsonl", k = 1 }
[corpora.clean]
documents = "texts.jsonl"
"""
SAID = {
    "other.jsonl": '{"text": "a"}\n',
    "texts.jsonl": '{"prompt": "a?", "answer": "b"}\n',
    "p.jsonl": '{"id": "hours", "text": "Open from nine to six."}\n',
}


def permute(weights: Path) -> None:
    """Give weights another vocabulary of the same size."""
    path = weights / "tokenizer.json"
    content = json.loads(path.read_text("utf-8"))
    vocabulary = content["model"]["vocab"]
    vocabulary["x"], vocabulary["y"] = vocabulary["y"], vocabulary["x"]
    path.write_text(json.dumps(content), "utf-8")


@pytest.mark.service
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"p.jsonl": "nine\n"}, r"\[models\.desk\] retrieval: .*p\.jsonl, line 1 is no JSON"),
        ({"k = 1": "k = 2"}, r"\[models\.desk\] retrieval: k = 2, and p\.jsonl has 1 passages"),
        ({"bm25s": None}, r"\[models\.desk\] retrieval: Retrieval needs bm25s"),
        (
            {"texts.jsonl": '{"prompt": "a?"}\n'},
            r"distilled: .*texts\.jsonl, line 1 has a prompt and no answer .*Give it an \"ans",
        ),
        (
            {"texts.jsonl": '{"prompt": "a?", "answer": "b"}\n{"prompt": "b?", "answer": " "}\n'},
            r"distilled: .*texts\.jsonl, line 2 has a prompt and no answer",
        ),
        (
            {
                "soft_targets": "sequence",
                "student = { layers = 2": 'student = { weights = "teacher"',
                'data = "texts': 'data = "other',
            },
            "line 1 is no prompt that the teacher could",
        ),
        (
            {"adapter = { data": "adapter = { folder"},
            r"\[models\.support\] adapter: folder = 'texts\.jsonl': there is no folder",
        ),
        (
            {"adapter = { data": "adapter = { length = 8, data"},
            r"\[models\.support\] adapter: .*texts\.jsonl, line 1: the prompt has \d+ tokens, and a sequence has 8",
        ),
        (
            {"adapter = { data": "adapter = { length = 900, data"},
            r"\[models\.support\] adapter: length = 900, and the weights take 512",
        ),
        (
            {"adapter = { data": 'adapter = { modules = ["qproj"], data'},
            r"\[models\.support\] adapter: modules: .*Did you mean 'q_proj'",
        ),
        (
            {'adapter = { data = "texts.jsonl"': 'adapter = { folder = "narrow"'},
            r"\[models\.support\] adapter: .*made for other weights than the weights of desk: .*a matrix of 8 × 8",
        ),
        (
            {"layers = 1": "layers = 2"},
            r"\[models\.apprentice\] distilled: .*: the teacher has 2; take fewer",
        ),
        (
            {"layers = 1": 'weights = "permuted"'},
            r"\[models\.apprentice\] distilled: The vocabularies .* differ, token \d+ is .*: teaching by logits",
        ),
        (
            {'"student", data = "texts.jsonl"': '"student", length = 8, data = "texts.jsonl"'},
            r"\[models\.apprentice\] distilled: .*line 1: the prompt has \d+ tokens, and a sequence has 8",
        ),
        (
            {'"student", data = "texts.jsonl"': '"student", method = "sequence", data = "clean"'},
            r"\[models\.apprentice\] distilled: data = 'clean': a document of a corpus .*method = \"soft_targets\"",
        ),
        *(
            (
                {
                    f'{step} = {{ {before}data = "texts.jsonl"': f'{step} = {{ {before}data = "clean"',
                    'documents = "texts': 'documents = "no',
                },
                rf"\[models\.{name}\] {step}: .*no\.jsonl",
            )
            for name, step, before in (
                ("support", "adapter", ""),
                ("apprentice", "distilled", 'teacher = "student", '),
            )
        ),
        ({"accelerate": None}, r"\[models\.student\] distilled: it needs accelerate, .*\[transformers\]\""),
        ({"peft": None}, r"\[models\.support\] adapter: it needs peft, .*: pip install .*\[customization\]\""),
    ],
)
def test_what_is_wrong_with_any_step_is_said_before_anything_is_trained(
    change: dict[str, str | None], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("bm25s", "peft"):
        pytest.importorskip(package)
    write_tiny_llama(tmp_path / "teacher")
    permute(write_tiny_llama(tmp_path / "permuted"))
    (tmp_path / "narrow").mkdir()
    write_adapter_head(tmp_path / "narrow", 2)
    text = CHAIN
    for name, content in {**SAID, **change}.items():
        if content is None:
            monkeypatch.setitem(sys.modules, name, None)
        elif name.endswith(".jsonl"):
            (tmp_path / name).write_text(content, "utf-8")
        else:
            assert name in text
            text = text.replace(name, content)
    told: list[BuildState] = []
    with pytest.raises(UsageError, match=message):
        built(load(tmp_path, text), "desk", progress=told.append)
    assert told == []


def test_teachers_that_are_taught_by_each_other_are_refused_by_name(tmp_path: Path) -> None:
    write_tiny_llama(tmp_path / "teacher")
    for name, content in SAID.items():
        (tmp_path / name).write_text(content, "utf-8")
    circle = load(tmp_path, CHAIN.replace('teacher = "teacher"', 'teacher = "desk"'))
    with pytest.raises(
        UsageError, match=r"taught by what it teaches, student -> desk -> student\. Give one of them another"
    ):
        built(circle, "desk")


def test_what_is_worth_a_look_is_told_with_its_table_before_anything_is_trained(tmp_path: Path) -> None:
    for package in ("bm25s", "peft"):
        pytest.importorskip(package)
    write_tiny_llama(tmp_path / "teacher")
    lines = [{"prompt": "a?", "answer": answer} for answer in ("b", "b" * 300)]
    written = {**SAID, "texts.jsonl": "".join(json.dumps(line) + "\n" for line in lines), "p.jsonl": "nine\n"}
    for name, content in written.items():
        (tmp_path / name).write_text(content, "utf-8")
    told: list[BuildState] = []
    with pytest.raises(UsageError, match="retrieval"):
        built(load(tmp_path, CHAIN), "desk", progress=told.append)
    assert [(state.version, state.phase) for state in told] == [("desk", NOTE)] * 2
    said = r"\[models\.%s: 1 of 2 answers are cut at length = %d; set length to 3\d\d to keep them whole"
    for state, step in zip(told, (("apprentice\\] distilled", 128), ("support\\] adapter", 256)), strict=True):
        assert re.fullmatch(said % step, state.note)
