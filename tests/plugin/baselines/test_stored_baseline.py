"""What the store has of a baseline beyond the candidate's samples counts, and costs no request."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.store import Store
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

VERSIONS: dict[str, dict[str, Any]] = {
    "good": {"engine": "scripted", "default": {"yes": 0.7, "no": 0.3}},
    "equal": {"base": "good", "system": "Be brief."},
}
BODY = "return model.ask(case.prompt) == 'yes'"


@pytest.fixture
def drawn(project: Project) -> Project:
    """A project of 20 cases with 2 samples, whose store has 30 samples of each case of "good"."""
    project.versions = {name: dict(table) for name, table in VERSIONS.items()}
    project.settings |= {"samples": 2, "design": "fixed", "margin": 0.2}
    project.body(BODY, cases=20)
    draw(project, 30)
    return project


def draw(project: Project, samples: int, *options: str) -> None:
    """Draw so many samples of each case of "good"."""
    project.run("--candidate", "good", "--for-baseline", "--samples", str(samples), *options)


def weigh(project: Project, *options: str) -> dict[str, Any]:
    """The entry of a gate of "equal" against "good"."""
    project.run("--candidate", "equal", "--baseline", "good", *options)
    return project.evaluation()


def counts(project: Project) -> list[int]:
    """How many scores of the baseline each case of the newest run has."""
    with Store.open(str(project.store), readonly=True) as store:
        newest = store.runs()[-1].run_id
        (found,) = (each for each in store.score_sets(newest) if each.role == "baseline")
        return (~np.isnan(store.score_array(found).values)).sum(axis=1).tolist()


def test_all_stored_samples_count_up_to_10_times_the_candidates(drawn: Project) -> None:
    entry = weigh(drawn)
    assert counts(drawn) == [20] * 20
    assert drawn.report()["usage"]["model_calls"] == 2 * 20
    assert entry["n_samples"] == 2 * 20
    weigh(drawn, "--samples", "4")
    assert counts(drawn) == [30] * 20
    assert drawn.report()["usage"]["model_calls"] == 2 * 20


def test_no_more_than_50_count(drawn: Project) -> None:
    draw(drawn, 60)
    weigh(drawn, "--samples", "6")
    assert counts(drawn) == [50] * 20


@pytest.mark.nightly
def test_a_run_that_is_repeated_finds_the_same_also_offline_and_sequentially(drawn: Project) -> None:
    for design in ("fixed", "sequential"):
        first = weigh(drawn, f"design={design}")
        changes = drawn.report()["changes"]
        for more in ((), ("--offline",), ("--concurrency", "1")):
            assert weigh(drawn, f"design={design}", *more) == first
            assert drawn.report()["changes"] == changes


def test_a_baseline_drawn_for_some_of_the_cases_alone_moves_nothing(drawn: Project) -> None:
    """Whoever has seen the scores could else draw more of the cases that came out well."""
    drawn.versions["good"]["revision"] = "2"
    draw(drawn, 2)
    draw(drawn, 30, "--case", "c1*")
    weigh(drawn)
    assert counts(drawn) == [2] * 20


def test_what_was_drawn_anew_later_neither_counts_nor_ends_a_look(drawn: Project) -> None:
    first = weigh(drawn)
    draw(drawn, 2, "--fresh")
    draw(drawn, 30, "--case", "c1*")
    assert weigh(drawn) == first
    assert counts(drawn) == [20] * 20


def test_samples_that_are_counted_are_of_the_draws_of_a_look(drawn: Project) -> None:
    """A look at other samples goes on with the draws of the fresh one, of which there are no more of every case."""
    weigh(drawn, "--fresh")
    draw(drawn, 30, "--case", "c1*")
    weigh(drawn, "--samples", "4")
    assert counts(drawn) == [4] * 20


def test_samples_that_a_look_for_a_baseline_drew_anew_count(drawn: Project) -> None:
    drawn.versions["good"]["revision"] = "2"
    drawn.body(BODY, cases=20, threshold=0.5)
    drawn.run("--candidate", "good", "--baseline", "none")
    draw(drawn, 30)
    assert drawn.evaluation()["look"]["number"] == 2
    weigh(drawn)
    assert counts(drawn) == [20] * 20
    assert drawn.report()["usage"]["model_calls"] == 2 * 20


def test_samples_that_are_gone_are_left_out_and_not_drawn_again(drawn: Project) -> None:
    drawn.body(BODY.replace("case.prompt", "case.prompt + ('!' if case.id == 'c3' else '')"), cases=20)
    entry = weigh(drawn)
    assert entry["verdict"] != "error"
    assert sorted(counts(drawn)) == [2, *[20] * 19]
    assert drawn.report()["usage"]["model_calls"] == 2 * 20 + 2


def test_a_new_case_is_drawn_as_often_as_the_candidates(drawn: Project) -> None:
    drawn.body(BODY, cases=21)
    weigh(drawn)
    assert sorted(counts(drawn)) == [2, *[20] * 20]


def test_fresh_draws_begin_anew_for_the_baseline_too(drawn: Project) -> None:
    first = weigh(drawn, "--fresh")
    assert counts(drawn) == [2] * 20
    assert weigh(drawn) == first


def test_a_version_against_itself_has_two_independent_sets(drawn: Project) -> None:
    drawn.run("--candidate", "good", "--baseline", "good")
    assert counts(drawn) == [20] * 20
    assert drawn.report()["usage"]["model_calls"] == 2 * 20, "the candidate's: it has none of its baseline's"
    assert any(case["candidate"] != case["baseline"] for case in drawn.evaluation()["cases"])
    drawn.run("--candidate", "good", "--baseline", "good", "--samples", "4")
    assert counts(drawn) == [30] * 20


def test_bodies_that_skip_by_an_answer_leave_out_that_answer_of_the_stored_ones(drawn: Project) -> None:
    """Of the samples that both versions have, a skip leaves out the case; of those beyond them, the sample."""
    skips = "if answer == 'no' and case.id < 'c2': pytest.skip()"
    drawn.body(f"answer = model.ask(case.prompt)\n{skips}\nreturn answer == 'yes'", cases=20)
    entry = weigh(drawn)
    plain = drawn.evaluation()["n_cases"]
    drawn.body(f"answer = model.ask(case.prompt)\n{skips}\nreturn answer == 'yes'", cases=20)
    assert weigh(drawn, "--samples", "2", "--store", "another.db")["n_cases"] == plain == entry["n_cases"]


def test_bodies_that_compare_the_versions_themselves_keep_equal_numbers(drawn: Project) -> None:
    drawn.body(
        "return model.ask(case.prompt) == baseline.ask(case.prompt)", cases=20, arguments="model, baseline, case"
    )
    entry = weigh(drawn)
    assert (entry["n_samples"], entry["baseline"]) == (40, None)


def test_bodies_with_several_metrics_or_failed_assertions_are_complete(drawn: Project) -> None:
    drawn.body(
        "answer = model.ask(case.prompt)\nassert answer in ('yes', 'no')\n"
        "if case.id != 'c4': assert answer == 'yes'\nreturn {'a': answer == 'yes', 'b': 1.0}",
        cases=20,
    )
    drawn.run("--candidate", "equal", "--baseline", "good")
    assert {entry["metric"]: entry["verdict"] == "error" for entry in drawn.report()["evaluations"]} == {
        "a": False,
        "b": False,
    }


def test_a_body_that_breaks_on_a_stored_answer_is_an_error(drawn: Project) -> None:
    drawn.body("answer = model.ask(case.prompt)\nreturn {'yes': 1.0}[answer]", cases=20)
    assert weigh(drawn)["verdict"] == "error"
