"""What the page holds is report.json's document, with the words of the other reports and where the answers are."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.records import BaselineRecord, ReviewSummary, VerdictKind
from harness.records.report_json import to_json
from harness.reporting.html import write_html
from harness.store import Store
from harness.store.location import option_for
from tests.decisions.observations import replace
from tests.gate import stored
from tests.gate.stored import Scored
from tests.reporting.html import pages


def test_the_page_holds_the_document_of_report_json(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", pages.rivers(), pages.capitals())
    content, document = pages.data(pages.page_of(store, side, tmp_path)), to_json(side.report)
    assert {name: content[name] for name in document if name not in ("evaluations", "steps")} == {
        name: value for name, value in document.items() if name not in ("evaluations", "steps")
    }
    for shown, entry in zip(content["evaluations"], document["evaluations"], strict=True):
        for check, told in zip(entry["checks"], shown["checks"], strict=True):
            assert {name: told[name] for name in check} == check
        rest = set(entry) - {"cases", "checks", "slices"}
        assert {name: shown[name] for name in rest} == {name: entry[name] for name in rest}
        keys = ("id", "n", "candidate", "baseline", "state")
        assert [{name: case[name] for name in keys} for case in shown["cases"]] == [
            {name: pytest.approx(case[name], rel=1e-5) if name in keys[2:4] else case[name] for name in keys}
            for case in entry["cases"]
        ]
    assert content["page"]["headline"] == "RED: 1 regressed, 1 passed"
    assert set(content) - set(document) == {"page"}


def test_cases_that_were_answered_and_not_counted_are_the_others(store: Store, tmp_path: Path) -> None:
    (entry,) = pages.data(pages.page(store, tmp_path, pages.capitals()))["evaluations"]
    decided_by, others = [[case["id"] for case in entry[name]] for name in ("cases", "others")]
    assert 0 < len(decided_by) < 60
    assert sorted([*decided_by, *others]) == [f"case-{number:02}" for number in range(60)]
    assert {case["file"] for case in (*entry["cases"], *entry["others"])} == {1}


def test_figures_are_told_in_words(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", pages.capitals())
    (entry,) = pages.data(pages.page_of(store, side, tmp_path))["evaluations"]
    (verdict,) = side.report.evaluations
    assert verdict.candidate is not None
    assert entry["figures"].startswith(f"1.00 -> {verdict.candidate.value:.2f} (-")
    assert entry["ranges"]["candidate"].startswith(f"{verdict.candidate.value:.2f} [")
    assert [check["margin"] for check in entry["checks"]] == ["0.10", "0.10"]


def test_what_no_chance_has_a_part_in_has_no_bounds(store: Store, tmp_path: Path) -> None:
    cases = {f"case-{number}": [float(number > 0)] for number in range(4)}
    rule = {"threshold": 0.7, "margin": 0.001, "about": "suite", "is_exact": True, "n_planned": 4}
    (entry,) = pages.data(pages.page(store, tmp_path, Scored(candidate=cases, rule=rule)))["evaluations"]
    assert entry["figures"] == "0.75, needs 0.699: 0.700 less the margin 0.001"
    assert [(each["reason"], each["figure"]) for each in entry["checks"]] == [("proven above 0.699", "+0.050")]
    assert entry["ranges"]["candidate"] == "0.75"


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (
            {"margin": 1.0, "at_least": 0.0, "at_most": 10.0, "design": "sequential", "n_planned": 200},
            "measured in s from 0 to 10",
        ),
        ({"margin": 1.0}, "measured in s, without a range: weighed by the median"),
    ],
)
def test_a_measure_tells_what_it_is(rule: dict[str, object], told: str, store: Store, tmp_path: Path) -> None:
    cases = {f"case-{number:03}": [1.0 + number / 1000] for number in range(200)}
    timed = Scored(candidate=cases, rule={"unit": "s", "higher_is_better": False, "threshold": 3.0, **rule})
    (entry,) = pages.data(pages.page(store, tmp_path, timed))["evaluations"]
    assert told in entry["facts"]


def test_an_evaluation_that_people_decide_says_how_far_they_are(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", pages.rivers())
    reviewed = ReviewSummary(batch="b1", mode="uncertain", n_labels=20, n_errors=6, n_waiting=3, wait_s=45.0)
    (entry,) = side.report.evaluations
    report = replace(side.report, evaluations=(replace(entry, review=reviewed),))
    content = pages.data(write_html(store, side.weighed.run, report, tmp_path))
    told = "decided by labels and judge: 20 labels of people, 6 of them against the judge; batch b1"
    assert content["evaluations"][0]["facts"] == [told]
    assert content["steps"][0]["command"] == f"steelyard review serve{option_for(store.url)}"
    assert content["steps"][0]["why"].startswith("3 items wait")


def test_several_metrics_of_one_evaluation_share_its_details(store: Store, tmp_path: Path) -> None:
    rule = {"threshold": 0.5}
    both = [Scored(metric=name, candidate={"peru": [0.2], "chad": [0.9]}, rule=rule) for name in ("tone", "truth")]
    content = pages.data(pages.page(store, tmp_path, *both))
    assert [(each["metric"], [case["file"] for case in each["cases"]]) for each in content["evaluations"]] == [
        ("tone", [1, 1]),
        ("truth", [1, 1]),
    ]
    (peru,) = [each for each in pages.details(tmp_path / "index.html") if each["case"] == "peru"]
    assert [score["metric"] for score in peru["bodies"][0]["scores"]] == ["tone", "truth"]


@pytest.mark.parametrize("kind", [VerdictKind.ERROR, VerdictKind.PASSED])
def test_an_evaluation_without_a_score_has_no_figures(kind: VerdictKind, store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", pages.rivers())
    (entry,) = side.report.evaluations
    bare = replace(entry, verdict=kind, candidate=None, baseline=None, difference=None, checks=(), cases=())
    content = pages.data(write_html(store, side.weighed.run, replace(side.report, evaluations=(bare,)), tmp_path))
    (shown,) = content["evaluations"]
    assert (shown["candidate"], shown["figures"], shown["checks"]) == (None, "", [])
    assert len(shown["others"]) == 8


def test_the_environment_is_told(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", pages.rivers())
    environment = {"python": "CPython 3.11.7", "packages": {"numpy": "2.4"}}
    run = replace(side.weighed.run, spec={**side.weighed.run.spec, "environment": environment})
    assert pages.data(write_html(store, run, side.report, tmp_path))["page"]["environment"] == environment


def test_a_recorded_baseline_is_named_with_what_it_could_be_paired_with(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", pages.rivers())
    record = BaselineRecord(
        "released", "r0", "2026-11-20T08:00:00Z", 7, n_changed=1, n_new=0, n_removed=2, asked_otherwise=0
    )
    (entry,) = side.report.evaluations
    report = replace(side.report, evaluations=(replace(entry, baseline_record=record),))
    content = pages.data(write_html(store, side.weighed.run, report, tmp_path))
    told = (
        "baseline released: scores of 7 cases, recorded in run r0 of 2026-11-20T08:00:00Z; of others 1 changed, 2 gone"
    )
    assert content["evaluations"][0]["facts"] == [told]
