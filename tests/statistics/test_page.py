"""docs/statistics.md shows every public function as it is: called, with an example that runs and a source."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

from harness import statistics

PAGE = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")
FUNCTIONS = [name for name in statistics.__all__ if inspect.isfunction(getattr(statistics, name))]
CLASSES = [name for name in statistics.__all__ if name not in FUNCTIONS]
MODULES = [each.name for each in pkgutil.walk_packages(statistics.__path__, "harness.statistics.")]
# What the methods and the gate are made of. A new function is public, or belongs here.
PARTS = {
    "arrays",
    "betting.sequential",
    "intervals.contrasts",
    "labels.drawing",
    "labels.draws",
    "labels.labelled",
    "labels.pacing",
    "labels.predictions",
    "noise",
    "quantiles.evidence",
    "raters.agreement_intervals",
    "searching",
    "spread",
    "suites.many_suites",
}
HELPERS = {
    "as_column",
    "check_e_values",
    "check_level",
    "check_p_values",
    "exact_lower",
    "jeffreys_lower",
    "fewest_pairs",
    "histogram_delta",
    "log_figures",
    "most_rank_sum",
    "rank_sum_tail",
    "values_needed",
    "quantile_of",
    "summarise",
    "told_difference",
    "wilson_bound",
}


def section(name: str) -> str:
    found = re.search(rf"^### `{name}`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/statistics.md does not show {name}"
    return found[1]


def called(name: str) -> str:
    signature = inspect.signature(getattr(statistics, name))
    plain = [each.replace(annotation=each.empty) for each in signature.parameters.values()]
    return f"{name}{signature.replace(parameters=plain, return_annotation=signature.empty)}".replace("'", '"')


def functions_of(module: str) -> set[str]:
    return {
        name
        for name, thing in vars(importlib.import_module(module)).items()
        if inspect.isfunction(thing) and thing.__module__ == module and not name.startswith("_")
    }


def test_every_function_of_a_method_is_public() -> None:
    methods = [name for name in MODULES if name.removeprefix("harness.statistics.") not in PARTS]
    found = set().union(*map(functions_of, methods))
    assert found - HELPERS == set(FUNCTIONS)
    assert found >= HELPERS
    assert {f"harness.statistics.{part}" for part in PARTS} <= set(MODULES)


def test_the_page_shows_each_function_as_it_is() -> None:
    for name in FUNCTIONS:
        text, doc = section(name), inspect.getdoc(getattr(statistics, name)) or ""
        assert " ".join(doc.partition("\n\n")[0].split()) in " ".join(text.split())
        assert f"`{called(name)}`" in text
        source = text.partition("Source: ")[2]
        assert re.search(r"\b(1[89]|20)\d\d\b|as for `\w+`", source, re.IGNORECASE), name
        assert "References\n---" in doc, name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_a_function_runs(name: str) -> None:
    (example,) = re.findall(r"^```pycon\n(.*?)^```$", section(name), re.MULTILINE | re.DOTALL)
    names = {each: getattr(statistics, each) for each in statistics.__all__}
    test = doctest.DocTestParser().get_doctest(example, names, name, "docs/statistics.md", 0)
    assert name in example
    assert any(each.want for each in test.examples)
    results = doctest.DocTestRunner(verbose=False).run(test, clear_globs=False)
    assert results.failed == 0


def test_every_result_is_on_the_page() -> None:
    assert [name for name in CLASSES if f"| `{name}` |" not in PAGE] == []


def test_the_page_shows_nothing_that_is_not_there() -> None:
    assert set(re.findall(r"^### `(\w+)`$", PAGE, re.MULTILINE)) == set(FUNCTIONS)


@pytest.mark.service
@pytest.mark.parametrize("module", MODULES)
def test_examples_of_docstrings_run(module: str) -> None:
    found = importlib.import_module(module)
    assert doctest.testmod(found, extraglobs={"np": np}).failed == 0
