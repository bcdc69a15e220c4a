"""Which versions the settings name for the roles of a gate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.config import Settings, VersionSettings
from harness.config.corpora import CorpusSettings
from harness.config.roles import baseline_name, candidate_name, corpus_name, judge_names, names_against, with_roles
from harness.errors import SettingsError
from tests.config.settings_files import load


def settings(*versions: str, **changes: object) -> Settings:
    named = {name: VersionSettings(name=name, engine="scripted") for name in versions}
    return Settings(root=Path("project"), versions=named, **changes)  # type: ignore[arg-type]


def test_the_only_version_is_the_candidate_and_a_named_one_before_it() -> None:
    assert candidate_name(settings("small")) == "small"
    assert candidate_name(settings("small", "large", candidate="large")) == "large"


def test_without_a_version_it_is_said_where_to_define_one() -> None:
    with pytest.raises(SettingsError, match=r"No .* Define one as \[models\.NAME\] in project/steelyard\.toml, or"):
        candidate_name(settings())
    with pytest.raises(
        SettingsError, match=r"Define one as \[models\.NAME\] in mine/steelyard\.toml; `steelyard init`"
    ):
        candidate_name(settings(source=Path("mine/steelyard.toml"), prefix=""))


def test_of_several_versions_one_must_be_named_in_the_settings_file_or_by_option() -> None:
    with pytest.raises(SettingsError, match=r'--candidate NAME, .* "NAME" in \[tool.steelyard\]\. Versions: large, s'):
        candidate_name(settings("small", "large"))
    with pytest.raises(SettingsError, match=r'candidate = "NAME" in steelyard.toml\.'):
        candidate_name(settings("small", "large", prefix=""))


def test_there_is_no_baseline_unless_one_is_named_and_none_names_nobody() -> None:
    assert baseline_name(settings("small")) is None
    assert baseline_name(settings("small", baseline="none")) is None
    assert baseline_name(settings("small", baseline="small")) == "small"


@pytest.mark.parametrize("kind", ["models", "corpora"])
def test_no_version_can_be_called_none(tmp_path: Path, kind: str) -> None:
    with pytest.raises(SettingsError, match=r"a version can't be called 'none', since --baseline none weighs .*Rename"):
        load(tmp_path, f'[tool.steelyard.{kind}.none]\nengine = "scripted"\n')


def test_a_baseline_that_is_no_version_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match="Did you mean 'small'"):
        baseline_name(settings("small", baseline="smal"))


def test_judges_are_named_and_are_versions() -> None:
    assert judge_names(settings("small", "large", judge=("large", "small"))) == ("large", "small")
    with pytest.raises(SettingsError, match=r"Say --judge NAME.*Versions: none is defined yet\."):
        judge_names(settings())
    with pytest.raises(SettingsError, match="lage"):
        judge_names(settings("large", judge=("lage",)))


def test_the_only_model_is_the_candidate_beside_corpora_and_else_the_only_corpus() -> None:
    raw = CorpusSettings("raw", "web.jsonl")
    assert candidate_name(settings("small", "raw", corpora={"raw": raw})) == "small"
    assert candidate_name(settings("raw", corpora={"raw": raw})) == "raw"


def test_a_corpus_is_no_judge() -> None:
    raw = CorpusSettings("raw", "web.jsonl")
    with pytest.raises(SettingsError, match=r"'raw' can't judge: it is a corpus, .*Versions that answer: small\."):
        judge_names(settings("small", "raw", corpora={"raw": raw}, judge=("raw",)))


def test_a_role_whose_version_can_not_be_is_refused_early_and_no_other_is(tmp_path: Path) -> None:
    loaded = load(tmp_path, 'models.a = {engine = "scripted", default = "A"}\nmodels.b = {base = "a", sistem = "x"}')
    assert candidate_name(replace(loaded, candidate="a")) == "a"
    for role, found in (("candidate", candidate_name), ("baseline", baseline_name)):
        with pytest.raises(SettingsError, match=r"version 'b'.*Did you mean 'system'\?"):
            found(replace(loaded, **{role: "b"}))
    with pytest.raises(SettingsError, match="version 'b'"):
        judge_names(replace(loaded, judge=("a", "b")))


def test_the_only_version_is_read_before_it_is_the_candidate(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="version 'a' has no engine"):
        candidate_name(load(tmp_path, 'models.a = {default = "A"}'))


def test_the_corpus_of_a_version_is_itself_or_what_a_step_of_its_lineage_was_trained_on(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
corpora = { clean = { documents = "d.jsonl" }, chats = { documents = "c.jsonl" } }
[models]
teacher = { engine = "vllm", weights = "t" }
file = { base = "teacher", adapter = { data = "train.jsonl" } }
student = { engine = "vllm", distilled = { teacher = "teacher", data = "clean", student = { layers = 2 } } }
sorter = { base = "student", adapter = { data = "train.jsonl" } }
chat = { base = "sorter", adapter = { data = "chats" } }
rag = { base = "chat", retrieval = { passages = "clean" } }
""",
    )
    found = {name: corpus_name(settings, settings.version(name)) for name in settings.versions}
    of_models = {"student": "clean", "sorter": "clean", "chat": "chats", "rag": "chats"}
    assert found == {"teacher": None, "file": None, **of_models, "clean": "clean", "chats": "chats"}


def test_an_anchor_is_one_more_version_than_the_baseline() -> None:
    known = [settings("small", "large", baseline=each, anchor="small") for each in (None, "none", "small", "large")]
    roles = [names_against(with_roles(each)) for each in known]
    assert roles == [{"baseline": "small"}, {}, {"baseline": "small"}, {"baseline": "large", "anchor": "small"}]
