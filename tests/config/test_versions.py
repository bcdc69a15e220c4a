"""Versions as the settings define them, and what is refused of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config.asking import understood
from harness.config.settings import load_settings
from harness.errors import SettingsError
from tests.config.settings_files import SCRIPTED, load, load_version, toml

SERVED = {"engine": "openai", "base_url": "http://127.0.0.1:8000/v1", "model": "m"}

WEIGHTS = {"engine": "transformers", "weights": "folder"}


class TestVersions:
    def test_a_misspelt_engine_is_told_from_a_missing_one(self, folder: Path) -> None:
        with pytest.raises(SettingsError, match=r"version 'v': No setting named 'engin'.*Did you mean 'engine'\?"):
            load_version(folder, {"engin": "openai", **{key: SERVED[key] for key in SERVED if key != "engine"}})
        with pytest.raises(
            SettingsError, match=r"version 'v' has no engine\. Engines: command, openai, python, scripted, .*vllm"
        ):
            load_version(folder, {key: SERVED[key] for key in SERVED if key != "engine"})

    @pytest.mark.parametrize("table", [SCRIPTED, SERVED, WEIGHTS])
    def test_an_engine_with_its_own_settings_is_understood(self, folder: Path, table: dict[str, Any]) -> None:
        assert load_version(folder, table).version("v").engine == table["engine"]

    def test_an_engine_is_given_what_the_check_of_a_setting_gives(self, folder: Path) -> None:
        """One name where a list may stand is a list of one, and is never taken apart into letters."""
        table = {"engine": "python", "call": "shop.bot:answer", "files": "data.json", "timeout_s": 5}
        options = load_version(folder, table).version("v").engine_options
        assert options == {"call": "shop.bot:answer", "files": ("data.json",), "timeout_s": 5.0}

    @pytest.mark.parametrize(
        ("table", "needed"),
        [
            ({"engine": "transformers"}, "weights: a folder, a .gguf file, "),
            ({"engine": "vllm"}, "weights: a folder, a .gguf file, "),
            ({"engine": "openai"}, "base_url: the address of a server, .*; and model: the name "),
            ({"engine": "vllm", "base_url": SERVED["base_url"]}, "model: the name "),
        ],
    )
    def test_what_an_engine_needs_is_named_with_what_it_holds(
        self, folder: Path, table: dict[str, Any], needed: str
    ) -> None:
        with pytest.raises(SettingsError, match=rf"version 'v' \(engine '{table['engine']}'\) needs {needed}"):
            load_version(folder, table)

    @pytest.mark.parametrize(("dtype", "said"), [("f32", " Did you mean 'float32'"), ("int8", "")])
    def test_a_dtype_that_no_library_has_is_refused_at_once(self, folder: Path, dtype: str, said: str) -> None:
        known = "auto, bfloat16, float, float16, float32, half"
        with pytest.raises(SettingsError, match=rf"dtype = '{dtype}' is none of: {known}\.{said}"):
            load_version(folder, {**WEIGHTS, "dtype": dtype})

    @pytest.mark.parametrize(
        ("table", "name"),
        [
            ({**SCRIPTED, "base": ["x"]}, "base"),
            ({**SCRIPTED, "base": 3}, "base"),
            ({**SCRIPTED, "revision": 3}, "revision"),
            ({**SCRIPTED, "answers": 3}, "answers"),
            ({**SCRIPTED, "answers": "a\0b"}, "answers"),
            ({**SCRIPTED, "seed": -1}, "seed"),
            ({**SERVED, "api_key_env": 3}, "api_key_env"),
            ({**SERVED, "model": 3}, "model"),
            ({**SERVED, "base_url": "http://me:pw@host/v1"}, "base_url"),
            ({**WEIGHTS, "weights": 3}, "weights"),
            ({**WEIGHTS, "weights": "a\0b"}, "weights"),
            ({**WEIGHTS, "tokenizer": ["x"]}, "tokenizer"),
            ({**WEIGHTS, "dtype": 16}, "dtype"),
            ({**WEIGHTS, "quantized": "int7"}, "quantized"),
            ({**WEIGHTS, "drop_layers": "1"}, "drop_layers"),
            ({**WEIGHTS, "engine": "vllm", "engine_args": 3}, "engine_args"),
            ({**SCRIPTED, "max_age": "9" * 400 + "d"}, "max_age"),
            ({**SCRIPTED, "sampling": {"stop": []}}, "stop"),
        ],
    )
    def test_a_value_of_another_kind_is_refused_with_its_name(
        self, folder: Path, table: dict[str, Any], name: str
    ) -> None:
        with pytest.raises(SettingsError, match=rf"version 'v'.*: {name} = "):
            load_version(folder, table)


class TestOneOfMany:
    """What is wrong with one version concerns those who ask for it, or for what is based on it."""

    BROKEN = """
        models.sound = {engine = "scripted", default = "A"}
        models.broken = {engine = "scripted", default = "A", smapling = {temperature = 1}}
        models.above = {base = "broken", system = "Be brief."}
        models.circle = {base = "circle"}
        models.nowhere = {base = "sond"}
        models.unfinished = {engine = "vllm"}
    """

    def test_the_others_are_read(self, folder: Path) -> None:
        settings = load(folder, self.BROKEN)
        assert settings.version("sound").engine == "scripted"
        assert list(settings.versions) == ["sound", "broken", "above", "circle", "nowhere", "unfinished"]
        assert list(understood(settings.versions)) == ["sound"]

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("broken", r"version 'broken'.*No setting named 'smapling'.*Did you mean 'sampling'\?"),
            ("above", r"version 'above'.*No setting named 'smapling'"),
            ("circle", "'circle' is based on itself: circle -> circle"),
            ("nowhere", r"version 'nowhere': base: No version named 'sond'.*Did you mean 'sound'\?"),
            ("unfinished", r"version 'unfinished' \(engine 'vllm'\) needs weights: "),
        ],
    )
    def test_it_is_refused_when_it_is_asked_for(self, folder: Path, name: str, said: str) -> None:
        settings = load(folder, self.BROKEN)
        assert name in settings.versions
        with pytest.raises(SettingsError, match=said):
            settings.version(name)

    def test_a_table_that_belongs_to_no_version_is_refused_at_once(self, folder: Path) -> None:
        with pytest.raises(SettingsError, match=r"No setting named 'model'\..*Did you mean 'models'\?"):
            load(folder, self.BROKEN + '\nmodel.v = {engine = "scripted"}')
        with pytest.raises(SettingsError, match="models is not a table of tables"):
            load(folder, self.BROKEN + '\nmodels.engine = "scripted"')

    def test_there_is_no_version_of_another_name(self, folder: Path) -> None:
        assert "other" not in load(folder, self.BROKEN).versions
        with pytest.raises(SettingsError, match=r"No version named 'souns'.*Did you mean 'sound'\?"):
            load(folder, self.BROKEN).version("souns")


def test_a_version_is_asked_for_as_the_file_writes_it(tmp_path: Path) -> None:
    (tmp_path / "steelyard.toml").write_text("samples = 2\n")
    with pytest.raises(SettingsError, match=r"Define one as \[models.small\] in .*steelyard.toml"):
        load_settings(tmp_path).version("small")
    (tmp_path / "steelyard.toml").write_text("[tool.steelyard]\nsamples = 2\n")
    with pytest.raises(SettingsError, match=r"Define one as \[tool.steelyard.models.small\] in .*steelyard.toml"):
        load_settings(tmp_path).version("small")
    (tmp_path / "steelyard.toml").rename(tmp_path / "pyproject.toml")
    with pytest.raises(SettingsError, match=r"Define one as \[tool.steelyard.models.small\] in .*pyproject.toml"):
        load_settings(tmp_path).version("small")


class TestStudents:
    @pytest.mark.parametrize(("key", "value"), [("drop_layers", 1), ("weights", "other")])
    def test_what_a_student_starts_from_is_not_changed_by_what_is_based_on_it(
        self, folder: Path, key: str, value: Any
    ) -> None:
        taught = {"base": "a", "distilled": {"teacher": "a", "data": "d.jsonl"}, "drop_layers": [3]}
        tables = {"a": WEIGHTS, "b": taught, "c": {"base": "b", "quantized": "int8"}, "d": {"base": "c", key: value}}
        versions = load(folder, f"models = {toml(tables)}").versions
        assert versions["c"].engine_options["drop_layers"] == [3]
        with pytest.raises(
            SettingsError, match=f"version 'd': {key} would change what its base 'b' was distilled from"
        ):
            versions["d"]


@pytest.mark.parametrize(("key", "value"), [("anchor", "git:v1.0"), ("concurrency", 4)])
def test_a_setting_of_the_project_in_a_versions_table_is_told_its_place(folder: Path, key: str, value: object) -> None:
    with pytest.raises(SettingsError, match=rf"'{key}' is a setting of the project: write it above the first \[table"):
        load_version(folder, {**SCRIPTED, key: value}).version("v")


class TestPrompts:
    def test_a_text_may_stand_elsewhere(self, folder: Path) -> None:
        table = {**SCRIPTED, "system": "file:system.md", "template": "file:ask.md"}
        found = load_version(folder, table).version("v")
        assert found.texts_elsewhere == {"system": "file:system.md", "template": "file:ask.md"}
        plain = load_version(folder, {**SCRIPTED, "template": "Q: {prompt}"}).version("v")
        assert plain.texts_elsewhere == {}

    def test_a_template_in_the_settings_has_its_place_in_one_way(self, folder: Path) -> None:
        with pytest.raises(SettingsError, match=r"would put braces around each question\. Write \{prompt\}: files"):
            load_version(folder, {**SCRIPTED, "template": "Q: {{prompt}}"}).version("v")
