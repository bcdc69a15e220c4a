"""Corpora as the settings define them, and what is refused of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config.settings import Settings, load_settings
from harness.config.versions import VersionSettings
from harness.errors import SettingsError
from tests.config.settings_files import SCRIPTED, load, toml

RAW = {"documents": "web.jsonl.gz"}
CLEAN = {"base": "raw", "steps": ["language", "c4"], "language": {"keep": ["en"]}}


def load_corpora(folder: Path, **tables: Any) -> Settings:
    return load(folder, f"models = {{ small = {toml(SCRIPTED)} }}\ncorpora = {toml(tables)}")


class TestCorpora:
    def test_one_with_documents_alone_has_no_step(self, folder: Path) -> None:
        corpus = load_corpora(folder, raw=RAW).corpora["raw"]
        assert (corpus.documents, corpus.base, corpus.steps, corpus.tables) == ("web.jsonl.gz", None, (), {})
        assert corpus.executor == {"name": "local"}
        assert corpus.table == "[corpora.raw]"

    def test_a_base_gives_its_documents_and_its_steps_come_first(self, folder: Path) -> None:
        last = {"base": "clean", "steps": ["pii"], "tokenizer": "small"}
        corpora = load_corpora(folder, last=last, raw=RAW, clean=CLEAN).corpora
        assert corpora["last"].documents == "web.jsonl.gz"
        assert corpora["last"].steps == ("language", "c4", "pii")
        assert corpora["last"].tables == {"language": {"keep": ["en"]}}
        assert corpora["last"].base == "clean"
        assert (corpora["last"].tokenizer, corpora["clean"].tokenizer) == ("small", None)

    def test_options_are_laid_over_those_of_the_base_key_by_key(self, folder: Path) -> None:
        loose = {"base": "clean", "language": {"above": 0.2}}
        corpus = load_corpora(folder, raw=RAW, clean=CLEAN, loose=loose).corpora["loose"]
        assert corpus.steps == ("language", "c4")
        assert corpus.tables == {"language": {"keep": ["en"], "above": 0.2}}

    def test_a_step_of_the_users_own_has_a_table_under_its_name(self, folder: Path) -> None:
        own = {**RAW, "steps": ["shop.steps:lower"], "shop.steps:lower": {"most": 3}}
        corpus = load_corpora(folder, own=own).corpora["own"]
        assert (corpus.steps, corpus.tables) == (("shop.steps:lower",), {"shop.steps:lower": {"most": 3}})

    @pytest.mark.parametrize(
        ("executor", "meant"),
        [
            ("ray", {"name": "ray"}),
            ({"workers": 3}, {"name": "local", "workers": 3}),
            ({"name": "slurm", "workers": 9, "partition": "cpu"}, {"name": "slurm", "workers": 9, "partition": "cpu"}),
        ],
    )
    def test_an_executor_is_a_name_or_a_table(self, folder: Path, executor: Any, meant: dict[str, Any]) -> None:
        assert load_corpora(folder, raw={**RAW, "executor": executor}).corpora["raw"].executor == meant

    @pytest.mark.parametrize(
        ("table", "said"),
        [
            ({}, r"\[corpora\.c\] has neither documents nor a base\. Write documents = a \.jsonl or "),
            ({"document": "a"}, r"\[corpora\.c\]: 'document' is neither a setting nor .* Did you mean 'documents'\?"),
            ({**RAW, "base": "raw"}, r"\[corpora\.c\] has both documents and a base"),
            ({"documents": 3}, r"documents = 3 is not a text"),
            ({"documents": "a\0"}, r"holds a NUL character"),
            ({"base": 3}, r"base = 3 is not a text"),
            ({"base": "rav"}, r"base: No corpus named 'rav'\. Corpora: c, clean, raw\. Did you mean 'raw'\?"),
            ({"base": "small"}, r"base: 'small' is a model, and a corpus is needed\. Corpora: c, clean, raw\."),
            ({"base": "c"}, r"\[corpora\.c\]: 'c' is based on itself: c -> c\."),
            ({**RAW, "steps": [3]}, r"steps = 3 is not a text"),
            ({**RAW, "steps": ["c4", "c4"]}, r"names 'c4' twice"),
            ({"base": "clean", "steps": ["c4"]}, r"steps has 'c4', which its base has already"),
            (
                {**RAW, "steps": ["language"], "langauge": {}},
                r"'langauge' is neither a setting nor one of its steps\. .*Steps: language\. Did you mean 'language'\?",
            ),
            ({**RAW, "minhash": {}}, r"'minhash' is neither a setting nor one of its steps\. .*Steps: none\."),
            ({**RAW, "steps": ["c4"], "c4": 3}, r"c4 = 3 is no table; write \{ key = "),
            ({**RAW, "tokenizer": "smal"}, r"tokenizer: No model named 'smal'\. Models: small\."),
            ({**RAW, "tokenizer": "raw"}, r"tokenizer: No model named 'raw'"),
            ({**RAW, "executor": "rya"}, r"executor = 'rya' is none of: local, ray, slurm\. Did you mean 'ray'\?"),
            ({**RAW, "executor": {"workers": 0}}, r"executor: workers = 0 is below 1"),
            ({**RAW, "executor": 3}, r"executor = 3 is no table"),
        ],
    )
    def test_what_can_not_be_is_refused_with_its_table(self, folder: Path, table: dict[str, Any], said: str) -> None:
        with pytest.raises(SettingsError, match=said):
            load_corpora(folder, raw=RAW, clean=CLEAN, c=table).corpus("c")

    def test_what_is_wrong_with_one_is_told_to_who_asks_for_it(self, folder: Path) -> None:
        settings = load_corpora(folder, raw=RAW, clean={**CLEAN, "step": []})
        assert settings.corpus("raw").documents == "web.jsonl.gz"
        with pytest.raises(SettingsError, match="'step' is neither a setting"):
            settings.version("clean")

    def test_a_circle_of_bases_is_shown(self, folder: Path) -> None:
        with pytest.raises(SettingsError, match="'a' is based on itself: a -> b -> a"):
            load_corpora(folder, a={"base": "b"}, b={"base": "a"}).corpus("a")

    @pytest.mark.parametrize("corpora", ["3", "{ raw = 3 }"])
    def test_what_is_no_table_of_tables_is_refused(self, folder: Path, corpora: str) -> None:
        with pytest.raises(SettingsError, match=r"corpora is not a table of tables; write \[corpora\.NAME\]"):
            load(folder, f"corpora = {corpora}")


class TestNamespace:
    """Models and corpora are versions alike."""

    def test_corpora_are_versions_and_no_models(self, folder: Path) -> None:
        settings = load_corpora(folder, raw=RAW, clean=CLEAN)
        assert (list(settings.versions), list(settings.models)) == (["small", "raw", "clean"], ["small"])
        recipe = {"documents": "web.jsonl.gz", "steps": ["language", "c4"], "language": {"keep": ["en"]}}
        assert settings.version("clean") == VersionSettings("clean", "corpus", base="raw", engine_options=recipe)
        assert (settings.table("clean"), settings.table("small")) == ("[corpora.clean]", "[models.small]")

    def test_who_builds_is_no_part_of_the_version(self, folder: Path) -> None:
        local, ray = (load_corpora(folder, raw={**RAW, "executor": name}).version("raw") for name in ("local", "ray"))
        assert local == ray

    def test_a_name_that_both_have_is_refused(self, folder: Path) -> None:
        with pytest.raises(SettingsError, match=r"'small' names a model, \[models\.small\], and a corpus, \[corpora\."):
            load_corpora(folder, small=RAW)

    def test_a_corpus_is_no_models_base(self, folder: Path) -> None:
        with pytest.raises(SettingsError, match="version 'm': base: 'raw' is a corpus, which is no model's base"):
            load(folder, f'models = {{ m = {{ base = "raw" }} }}\ncorpora = {{ raw = {toml(RAW)} }}').version("m")

    def test_a_corpus_is_found_by_its_name_alone(self, folder: Path) -> None:
        settings = load_corpora(folder, raw=RAW, clean=CLEAN)
        assert settings.corpus("raw").documents == "web.jsonl.gz"
        with pytest.raises(
            SettingsError, match=r"No corpus named 'cleen'\. Corpora: clean, raw\. Did you mean 'clean'"
        ):
            settings.corpus("cleen")
        with pytest.raises(SettingsError, match="'small' is a model, and a corpus is needed"):
            settings.corpus("small")
        with pytest.raises(SettingsError, match=r"There are no corpora\. Define one as \[corpora\.raw\] in .*toml\."):
            load(folder, "").corpus("raw")

    def test_tables_are_named_as_the_file_in_use_writes_them(self, tmp_path: Path) -> None:
        (tmp_path / "pyproject.toml").write_text("[tool.steelyard.corpora.raw]\nsteps = []\n")
        with pytest.raises(SettingsError, match=r"\[tool\.steelyard\.corpora\.raw\] has neither"):
            load_settings(tmp_path).corpus("raw")
