"""An evaluation's entry on the page says what its verdict says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.records import ReviewSummary, VerdictKind
from harness.reporting.html import write_html
from harness.store import Store
from harness.store.location import option_for
from tests.gate import stored
from tests.gate.stored import Scored
from tests.reporting.html import pages


def test_figures_and_checks_are_the_reports(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", pages.capitals())
    (entry,) = pages.data(pages.page_of(store, side, tmp_path))["evaluations"]
    (verdict,) = side.report.evaluations
    assert verdict.candidate is not None
    assert entry["candidate"] == {
        "value": verdict.candidate.value,
        "low": verdict.candidate.low,
        "high": verdict.candidate.high,
        "method": verdict.candidate.method,
    }
    assert entry["figures"]["candidate"].startswith(f"{verdict.candidate.value:.2f} [")
    assert entry["means"].startswith(f"mean of the candidate {entry['figures']['candidate']}, of the baseline 1.00 [")
    assert [
        (each["against"], each["verdict"], each["reason"], each["low"], each["high"]) for each in entry["checks"]
    ] == [
        (each.against, each.verdict, each.reason, each.difference.low, each.difference.high)
        for each in reversed(verdict.checks)  # the one that decided is the baseline's
    ]
    assert entry["reason"] == verdict.reason


def test_what_no_chance_has_a_part_in_has_no_bounds(store: Store, tmp_path: Path) -> None:
    cases = {f"case-{number}": [float(number > 0)] for number in range(4)}
    rule = {"threshold": 0.7, "margin": 0.001, "about": "suite", "is_exact": True, "n_planned": 4}
    (entry,) = pages.data(pages.page(store, tmp_path, Scored(candidate=cases, rule=rule)))["evaluations"]
    assert entry["figures"]["candidate"] == "0.75"
    assert [(each["reason"], each["figure"]) for each in entry["checks"]] == [("proven above 0.699", "+0.050")]
    assert (entry["about"], entry["means"]) == ("these cases", "")


def test_a_measure_within_a_range_tells_what_it_is(store: Store, tmp_path: Path) -> None:
    cases = {f"case-{number:03}": [1.0 + number / 1000] for number in range(200)}
    rule = {"unit": "s", "higher_is_better": False, "threshold": 3.0, "margin": 1.0, "at_least": 0.0, "at_most": 10.0}
    timed = Scored(candidate=cases, rule={**rule, "design": "sequential", "n_planned": 200})
    (entry,) = pages.data(pages.page(store, tmp_path, timed))["evaluations"]
    assert "measured in s from 0 to 10" in entry["facts"]


def test_a_measure_without_a_range_is_weighed_by_the_median_and_says_so(store: Store, tmp_path: Path) -> None:
    cases = {f"case-{number}": [1.0 + number / 100] for number in range(20)}
    rule = {"unit": "s", "higher_is_better": False, "threshold": 3.0, "margin": 1.0}
    (entry,) = pages.data(pages.page(store, tmp_path, Scored(candidate=cases, rule=rule)))["evaluations"]
    assert "measured in s, without a range: weighed by the median" in entry["facts"]


def test_an_evaluation_that_people_decide_says_how_far_they_are(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", pages.rivers())
    reviewed = ReviewSummary(batch="b1", mode="uncertain", n_labels=20, n_errors=6, n_waiting=3, wait_s=45.0)
    (entry,) = side.report.evaluations
    report = replace(side.report, evaluations=(replace(entry, review=reviewed),))
    content = pages.data(write_html(store, side.weighed.run, report, tmp_path))
    told = "decided by labels and judge: 20 labels of people, 6 of them against the judge; batch b1"
    assert content["evaluations"][0]["facts"] == [told]
    assert content["next"][0]["command"] == f"steelyard review serve{option_for(store.url)}"
    assert content["next"][0]["why"].startswith("3 items wait")


def test_several_metrics_of_one_evaluation_share_its_cases(store: Store, tmp_path: Path) -> None:
    rule = {"threshold": 0.5}
    both = [Scored(metric=name, candidate={"peru": [0.2], "chad": [0.9]}, rule=rule) for name in ("tone", "truth")]
    content = pages.data(pages.page(store, tmp_path, *both))
    assert [(each["metric"], each["set"]) for each in content["evaluations"]] == [("tone", 0), ("truth", 0)]
    assert [each["cases"] for each in content["sets"]] == [["peru", "chad"]]
    (peru,) = [each for each in pages.details(tmp_path / "index.html") if each["case"] == "peru"]
    assert [score["metric"] for score in peru["bodies"][0]["scores"]] == ["tone", "truth"]


@pytest.mark.parametrize("kind", [VerdictKind.ERROR, VerdictKind.PASSED])
def test_an_evaluation_without_a_score_has_no_figures(kind: VerdictKind, store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", pages.rivers())
    (entry,) = side.report.evaluations
    bare = replace(entry, verdict=kind, candidate=None, baseline=None, difference=None, checks=(), cases=())
    content = pages.data(write_html(store, side.weighed.run, replace(side.report, evaluations=(bare,)), tmp_path))
    (shown,) = content["evaluations"]
    assert (shown["candidate"], shown["figures"]["candidate"], shown["checks"]) == (None, "", [])
    assert len(content["sets"][0]["cases"]) == 8
