"""Settings files are read, and whatever is wrong in one is refused with what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config.settings import load_settings
from harness.errors import SettingsError
from harness.records import BudgetLimits, Price
from tests.config.settings_files import SCRIPTED, load, load_version, toml


class TestFile:
    def test_a_byte_order_mark_is_skipped(self, folder: Path) -> None:
        (folder / "steelyard.toml").write_bytes(b"\xef\xbb\xbfsamples = 3\n")
        assert load_settings(folder).samples == 3

    @pytest.mark.parametrize("text", ["samples = ", "samples = " + "9" * 5000, "a = " + "[" * 5000 + "]" * 5000])
    def test_what_is_no_toml_is_refused(self, folder: Path, text: str) -> None:
        with pytest.raises(SettingsError, match=r"steelyard\.toml is not valid TOML"):
            load(folder, text)

    def test_bytes_that_are_no_text_are_refused(self, folder: Path) -> None:
        (folder / "steelyard.toml").write_bytes(b"\xff\xfe")
        with pytest.raises(SettingsError, match="is not valid TOML"):
            load_settings(folder)

    def test_tools_that_are_no_table_hold_no_settings(self, folder: Path) -> None:
        (folder / "pyproject.toml").write_text("tool = 3", encoding="utf-8")
        assert load_settings(folder).source is None


class TestValues:
    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("samples = 0", "is below 1"),
            ("samples = 1000001", "is above 1000000, the largest possible"),
            ("max_samples = 1000000001", "is above 1000000000"),
            ("concurrency = 10001", "is above 10000"),
            ("samples = true", "is not a whole number"),
            ("margin = 1", "lets everything pass"),
            ("margin = 1.5", "lets everything pass"),
            ("margin = -0.1", "outside the range"),
            ("margin = nan", "is not a number"),
            ("margin = " + "9" * 400, "is not a number"),
            ("confidence_level = 0.99999", r"outside \[0.5, 0.9999\]"),
            ("confidence_level = 1", r"outside \[0.5, 0.9999\]"),
            ("store = 'a\\u0000b'".replace("'", '"'), "NUL"),
            ('report_dir = "a\\u0000b"', "NUL"),
            ('review_url = "https://zoe:secret@review.example.org"', "holds a user or a password"),
            ('review_url = "review.example.org"', "is not an http:// or https:// address"),
            ("store = 3", "is not a text"),
            ("trackers = 3", "is no table"),
        ],
    )
    def test_a_value_out_of_range_is_refused_with_its_name(self, folder: Path, line: str, said: str) -> None:
        with pytest.raises(SettingsError, match=rf"steelyard\.toml: {line.split()[0]} = .*{said}"):
            load(folder, line)

    def test_a_sandbox_that_there_is_not_is_refused_with_those_that_there_are(self, folder: Path) -> None:
        assert (load(folder, "").sandbox, load(folder, 'sandbox = "container"').sandbox) == ("built-in", "container")
        with pytest.raises(SettingsError, match=r"is none of: built-in, container\. Did you mean 'container'\?"):
            load(folder, 'sandbox = "containers"')

    def test_the_bounds_themselves_are_possible(self, folder: Path) -> None:
        settings = load(folder, "samples = 1000000\nconcurrency = 10000\nconfidence_level = 0.9999\nmargin = 0.999")
        assert (settings.samples, settings.concurrency) == (1_000_000, 10_000)
        assert (settings.confidence_level, settings.margin) == (0.9999, 0.999)


class TestJudge:
    MODELS = f"models = {{ a = {toml(SCRIPTED)}, b = {toml(SCRIPTED)} }}"

    @pytest.mark.parametrize(("text", "names"), [('"a"', ("a",)), ('["b", "a"]', ("b", "a"))])
    def test_one_judge_or_several_are_named(self, folder: Path, text: str, names: tuple[str, ...]) -> None:
        assert load(folder, f"judge = {text}\n{self.MODELS}").judge == names
        assert load(folder, self.MODELS).judge == ()

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ('"c"', r"judge: No version named 'c'\. Versions: a, b"),
            ('["a", "c"]', r"judge: No version named 'c'"),
            ('["a", "a"]', r"judge = \['a', 'a'\] names 'a' twice; write one name, or a list"),
            ("[]", r"judge = \[\] names nobody"),
            ("3", r"judge = 3 is not a text"),
            ('[""]', r"judge = '' is not a text"),
        ],
    )
    def test_a_judge_that_is_no_version_is_refused(self, folder: Path, text: str, said: str) -> None:
        with pytest.raises(SettingsError, match=said):
            load(folder, f"judge = {text}\n{self.MODELS}")


class TestBudget:
    def test_limits_are_read_in_the_units_that_they_are_kept_in(self, folder: Path) -> None:
        settings = load(folder, 'max_requests = 5\nmax_tokens = 9\nmax_cost = 0.5\ndeadline = "20m"')
        assert settings.limits == BudgetLimits(max_requests=5, max_tokens=9, max_cost=0.5, deadline_s=1200.0)
        assert load(folder, "").limits == BudgetLimits()

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("max_requests = 0", "max_requests = 0 is below 1"),
            ("max_tokens = 1.5", r"max_tokens = 1\.5 is not a whole number"),
            ("max_cost = 0", "max_cost = 0 lets nothing be drawn; --offline asks no model"),
            ('max_cost = "1 EUR"', "max_cost = '1 EUR' is not a number"),
            ("deadline = 20", "deadline = 20 is not a duration; write"),
            ("deadline_s = 20", r"No setting named 'deadline_s'\..* Did you mean 'deadline'\?"),
        ],
    )
    def test_a_limit_that_can_not_be_is_refused(self, folder: Path, text: str, said: str) -> None:
        with pytest.raises(SettingsError, match=said):
            load(folder, text)

    def test_a_price_is_that_of_tokens_read_and_written(self, folder: Path) -> None:
        settings = load_version(folder, {**SCRIPTED, "price": {"input": 0, "output": 0.6}})
        assert settings.versions["v"].price == Price(input=0.0, output=0.6)
        assert load_version(folder, SCRIPTED).versions["v"].price is None

    def test_a_version_costs_what_its_base_costs_unless_it_says_otherwise(self, folder: Path) -> None:
        first = {**SCRIPTED, "price": {"input": 1, "output": 2}}
        others = 'b = { base = "a" }, c = { base = "a", price = { input = 3, output = 4 } }'
        versions = load(folder, f"models = {{ a = {toml(first)}, {others} }}").versions
        assert [versions[name].price for name in "abc"] == [Price(1, 2), Price(1, 2), Price(3, 4)]

    @pytest.mark.parametrize("price", [0.15, {"input": 1}, {"input": 1, "output": 2, "cached": 0}, {}])
    def test_a_price_of_another_form_is_refused_with_the_right_one(self, folder: Path, price: Any) -> None:
        with pytest.raises(SettingsError, match=r"price of a million .* \{ input = 0\.15, output = 0\.60 \}"):
            load_version(folder, {**SCRIPTED, "price": price})

    def test_a_price_below_nothing_is_refused(self, folder: Path) -> None:
        with pytest.raises(SettingsError, match="price: output = -1 is outside the range from 0 up"):
            load_version(folder, {**SCRIPTED, "price": {"input": 1, "output": -1}})


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "steelyard.toml",
            'samples = 2\n[tool.steelyard.models.x]\nengine = "scripted"\n',
            r"steelyard.toml holds \[tool.steelyard.models.x\]; in this file write \[models.x\]",
        ),
        (
            "steelyard.toml",
            "samples = 2\n[tool.steelyard]\nmargin = 0.1\n",
            r"steelyard.toml holds \[tool.steelyard\]; in this file write its settings at the top, without a table",
        ),
        (
            "pyproject.toml",
            '[project]\nname = "p"\n[corpora.x]\ndocuments = "d"\n',
            r"pyproject.toml holds \[corpora.x\]; in this file write \[tool.steelyard.corpora.x\]",
        ),
        (
            "pyproject.toml",
            '[tool.steelyard]\nsamples = 2\n[models.x]\nbase = "y"\n',
            r"pyproject.toml holds \[models.x\]; in this file write \[tool.steelyard.models.x\]",
        ),
    ],
)
def test_tables_that_belong_into_another_kind_of_file_are_told(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(SettingsError, match=said):
        load_settings(tmp_path)


def test_other_tables_called_models_in_a_pyproject_are_no_settings(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[models]\nshapes = 3\n[models.x]\nsize = 2\n")
    assert load_settings(tmp_path).source is None
