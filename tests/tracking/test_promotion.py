"""Only a gate that proved all that it was collected for promotes its candidate."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.config import Settings, VersionSettings
from harness.config.customization import AdapterSettings, Step
from harness.errors import SettingsError
from harness.tracking.promotion import check_alias, check_promotion, obstacle
from tests.tracking.reports import ENTRY, entry, report, spec


def test_a_whole_gate_that_passed_promotes() -> None:
    assert obstacle(spec(), report()) is None


@pytest.mark.parametrize(
    ("verdict", "exit_code"),
    [("failed", 1), ("regressed", 1), ("error", 1), ("inconclusive", 8), ("inconclusive", 0)],
)
def test_no_other_verdict_promotes_whatever_the_exit_code(verdict: str, exit_code: int) -> None:
    made = report(verdict=verdict, exit_code=exit_code, evaluations=[entry(verdict=verdict)])
    assert obstacle(spec(), made) == f"its verdict is {verdict}"


def test_one_metric_that_did_not_pass_is_enough() -> None:
    both = [entry(), entry(metric="length", verdict="inconclusive")]
    assert obstacle(spec(), report(evaluations=both)) == "its verdict is passed"


@pytest.mark.parametrize(
    ("changed_spec", "changed_report", "said"),
    [
        ({}, {"exit_code": 1}, "pytest ended with exit code 1"),
        ({"n_evaluations": 3}, {}, "only 1 of its 3 evaluations came to a verdict"),
        ({}, {"n_unreached": 2}, "only 1 of its 1 evaluations came to a verdict"),
        ({}, {"evaluations": []}, "only 0 of its 1 evaluations came to a verdict"),
        ({"n_evaluations": 0}, {"evaluations": []}, "nothing was required in it: no threshold, and no baseline"),
        ({}, {"evaluations": [entry(checks=[])]}, "nothing was required in it: no threshold, and no baseline"),
        ({"selection": {"deselected": 2}}, {}, "it was a part of the suite: 2 evaluations were deselected"),
        ({"selection": {"skipped_files": 1}}, {}, "it was a part of the suite: 1 files were skipped as a whole"),
        ({"selection": {"case": "p*"}}, {}, "it was a part of the suite: only the cases that match 'p*' were run"),
        (
            {"selection": {"last_failed": True}},
            {},
            "it was a part of the suite: only what had failed before was run (--lf)",
        ),
        ({"selection": None}, {}, "an older Steelyard made the run, which did not note what was left out of it"),
        ({"candidate": {"name": "small"}}, {}, "its candidate is no model of MLflow's registry"),
        (
            {"candidate": {"settings": {"drop_layers": 2}, "registered": {"name": "tiny", "version": "3"}}},
            {},
            "its candidate changes the weights that are registered",
        ),
    ],
)
def test_what_was_a_part_or_required_nothing_promotes_nothing(
    changed_spec: dict[str, Any], changed_report: dict[str, Any], said: str
) -> None:
    assert obstacle(spec(**changed_spec), report(**changed_report)) == said


def test_the_entry_of_these_tests_requires_something() -> None:
    assert ENTRY["checks"]


@pytest.mark.parametrize("alias", ["champion", "Champion-2", "prod_eu", "v", "v2b"])
def test_an_alias_of_mlflow_is_taken(alias: str) -> None:
    check_alias(alias)


@pytest.mark.parametrize("alias", ["", "a b", "a/b", "latest", "Latest", "v3", "V12", "a" * 256])
def test_what_mlflow_reserves_or_refuses_is_no_alias(alias: str) -> None:
    with pytest.raises(SettingsError, match="Write --promote champion"):
        check_alias(alias)


def settings(**options: Any) -> Settings:
    engine = options.pop("engine", "transformers")
    version = VersionSettings("small", engine, engine_options=options)
    return Settings(Path("/project"), mlflow="http://127.0.0.1:9", versions={"small": version})


@pytest.mark.service
def test_a_candidate_of_the_registry_may_be_promoted() -> None:
    importlib.import_module("mlflow")
    check_promotion(settings(weights="models:/tiny/3"), "champion")


def test_a_candidate_that_is_made_of_registered_weights_is_refused() -> None:
    known = settings(weights="models:/tiny/3")
    step = Step("adapter", "small", AdapterSettings(folder="adapters/desk"))
    made = replace(known, versions={"small": replace(known.version("small"), steps=(step,))})
    with pytest.raises(SettingsError, match=r"changes the registered weights \(adapter\)"):
        check_promotion(made, "champion")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weights": "weights/tiny"}, "has weights = 'weights/tiny', and only a model of MLflow's registry"),
        ({"engine": "scripted"}, "has the engine 'scripted' and no weights here"),
        ({"weights": "models:/tiny/3", "drop_layers": 2}, r"changes the registered weights \(drop_layers\)"),
        ({"weights": "models:/tiny/3", "tokenizer": "other"}, r"changes the registered weights \(tokenizer\)"),
        ({"weights": "models:/tiny"}, "names no model of the registry"),
    ],
)
def test_any_other_candidate_is_refused_with_what_to_do(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        check_promotion(settings(**options), "champion")
