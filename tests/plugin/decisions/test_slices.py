"""Slices from marker to report: what is red, what is refused, and what another look is."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from harness.reporting.samples_table import write_csv
from harness.store import Store
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

MODULE = """
    CASES = [
        {{"id": f"{{topic}}-{{i}}", "prompt": f"{{topic}} {{i}}", "topic": topic, "language": ["de", "en"][i % 2]}}
        for topic in ("billing", "refunds", "hours", "returns") for i in range(10)
    ]
    {cases}

    @pytest.mark.evaluation(cases=CASES, {marker})
    def test_it(model, case):
        return model.ask(case.prompt) == "yes"
"""


@pytest.fixture
def shop(project: Project) -> Project:
    """A candidate that has lost all of one topic, a quarter of the cases, which its margin allows."""
    project.versions = {
        "good": {"engine": "scripted", "default": "yes"},
        "forgetful": {"base": "good", "answers": {f"billing {i}": "no" for i in range(10)}},
    }
    project.settings |= {"candidate": "forgetful", "baseline": "good", "samples": 5, "margin": 0.4}
    return project


def sliced(project: Project, marker: str, cases: str = "") -> None:
    project.module(MODULE.format(marker=marker, cases=cases))


def slices(project: Project) -> dict[str, dict[str, Any]]:
    return {f"{each['field']} {each['value']}": each for each in project.evaluation()["slices"]}


def test_a_lost_topic_is_red_though_the_mean_passes(shop: Project) -> None:
    sliced(shop, 'slices=("topic", "language"), slice_margin=0.5')
    result = shop.run()
    entry = shop.evaluation()
    assert (result.ret, entry["verdict"]) == (1, "regressed")
    assert entry["reason"].startswith("topic billing (")
    assert entry["slices"][0] == slices(shop)["topic billing"]
    assert list(entry["slices"][0])[:7] == [
        "field",
        "value",
        "n_cases",
        "candidate",
        "baseline",
        "difference",
        "verdict",
    ]
    assert len(slices(shop)) == 6
    assert entry["slice_margin"] == 0.5
    result.stdout.fnmatch_lines(["* topic billing 1.00 -> 0.00 (-1.00 to *"])
    assert {case["fields"]["topic"] for case in entry["cases"]} == {"billing", "refunds", "hours", "returns"}
    again = shop.run()
    assert shop.evaluation()["slices"] == entry["slices"]
    assert again.ret == 1


def test_without_slices_it_passes_and_an_equal_version_does_with_them(shop: Project) -> None:
    sliced(shop, 'design="fixed"')
    assert shop.run().ret == 0
    assert shop.evaluation()["slices"] == []
    sliced(shop, 'slices="topic", slice_margin=0.5')
    assert shop.run("--candidate", "good").ret == 0


def test_crossed_slices_against_a_threshold_alone(shop: Project) -> None:
    sliced(shop, 'slices="topic*language", threshold=0.6, samples=8')
    result = shop.run("--baseline", "none")
    assert result.ret == 1
    found = slices(shop)
    assert found["topic*language billing*de"]["verdict"] == "failed"
    assert found["topic*language billing*de"]["baseline"] is None
    assert found["topic*language hours*en"]["candidate"]["value"] == 1.0


def test_a_topic_that_cases_lack_is_told_before_anything_is_asked(shop: Project) -> None:
    sliced(shop, 'slices="topic"', cases="del CASES[3]['topic']; del CASES[7]['topic']")
    result = shop.run()
    assert (result.ret, shop.stored()) == (4, 0)
    told = " ".join([*result.outlines, *result.errlines])
    assert "slices='topic', but 2 of 40 cases have no value of it: 'billing-3', 'billing-7'. Give each case one" in told


def test_other_slices_are_another_look(shop: Project) -> None:
    sliced(shop, 'slices="topic"')
    shop.run("--candidate", "good")
    assert shop.evaluation()["look"]["number"] == 1
    sliced(shop, 'slices="language"')
    shop.run("--candidate", "good")
    look = shop.evaluation()["look"]
    assert (look["number"], look["because"]) == (2, "slices topic (4) → language (2)")
    sliced(shop, 'slices="language", slice_margin=0.3')
    shop.run("--candidate", "good")
    assert shop.evaluation()["look"]["number"] == 2


def test_scores_of_a_run_name_the_fields_of_their_cases(shop: Project) -> None:
    from harness.gate.history.runs import find_version, stored_report

    sliced(shop, 'slices="topic"')
    shop.run()
    stream = io.StringIO()
    with Store.open(str(shop.store), readonly=True) as store:
        run = find_version(store.runs(), "latest").run
        write_csv(store, run, stored_report(store, run.run_id), stream)
    stream.seek(0)
    rows = list(csv.DictReader(stream))
    assert {(row["case.topic"], row["case_id"].partition("-")[0]) for row in rows} == {
        (topic, topic) for topic in ("billing", "refunds", "hours", "returns")
    }


def test_one_case_by_hand_shows_its_slice_and_decides_nothing(shop: Project) -> None:
    sliced(shop, 'slices="topic"')
    assert shop.run("--case", "billing-*").ret == 8
    assert [each["verdict"] for each in shop.evaluation()["slices"]] == ["inconclusive"]
