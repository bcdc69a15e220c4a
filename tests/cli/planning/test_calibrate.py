"""`steelyard calibrate`: measured error rates beside the nominal ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.store import Store
from tests.cli.conftest import Run
from tests.cli.planning.planned import scores, store_run
from tests.gate.stored import Scored

pytestmark = pytest.mark.service

SMALL = ("--cases", "70", "--samples", "2", "--margin", "0.1", "--gates", "30", "--whole-gates", "1")


def calibrated(run: Run, *arguments: str) -> Any:
    result = run("calibrate", *SMALL, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_it_shows_each_truth_and_says_what_holds(run: Run, folder: Path) -> None:
    result = run("calibrate", *SMALL)
    assert result.exit_code == 0
    for line in (
        "simulated, 30 gates each",
        "whole runs, 1 gate each",
        "a version against itself",
        "other answers, the same on average",
        "worse by the margin",
        "worse by 2 margins",
        "nominal 0.05",
        "falsely red",
    ):
        assert line in result.output
    assert max(map(len, result.output.splitlines())) <= 80
    assert list(folder.iterdir()) == []


@pytest.mark.nightly
def test_rates_stand_beside_their_bounds(run: Run) -> None:
    document = calibrated(run)
    assert [each["wrong"] for each in document["simulated"]] == ["red", "red", "green", "green"]
    for each in document["simulated"]:
        assert each["gates"] == 30
        assert 0 <= each["red"]["low"] <= each["red"]["rate"] <= each["red"]["high"] <= 1
        assert each["red"]["count"] + each["green"]["count"] <= 30
        assert 0 < each["samples_drawn"] <= each["samples_at_most"] == 70 * 2 * 2
    assert [each["gates"] for each in document["whole"]] == [1] * 4
    assert document["nominal"] == pytest.approx(0.05)
    assert document["false_red"] in ("holds", "open")


@pytest.mark.nightly
def test_the_seed_settles_what_is_drawn(run: Run) -> None:
    one, again, other = (calibrated(run, "--seed", seed)["simulated"] for seed in ("1", "1", "2"))
    assert one == again
    assert one != other


def test_whole_gates_may_be_left_out(run: Run) -> None:
    result = run("calibrate", *SMALL, "--whole-gates", "0")
    assert "whole" not in result.output


def test_a_threshold_is_calibrated_without_a_baseline(run: Run) -> None:
    document = calibrated(run, "--threshold", "0.8", "--evaluations", "2")
    assert [each["truth"] for each in document["simulated"]] == [
        "as good as assumed",
        "just at the threshold",
        "one of 2 worse by the margin",
        "one of 2 worse by 2 margins",
    ]
    assert document["simulated"][0]["samples_at_most"] == 2 * 70 * 2


def test_a_stored_run_lends_its_shape(run: Run, folder: Path) -> None:
    store_run(
        folder,
        "20261124-000000-000001",
        Scored("test_a.py::test_a", scores(1), scores(2), rule={"threshold": 0.5}),
        Scored("test_a.py::test_b", scores(3), scores(4)),
    )
    result = run("calibrate", "--run", "latest", "--gates", "5", "--whole-gates", "1", "--json")
    document = json.loads(result.stdout)
    assert [(each["name"], each["cases"], each["threshold"]) for each in document["evaluations"]] == [
        ("test_a", 50, None),
        ("test_b", 50, None),
    ]
    assert document["left_out"] == 1
    with Store.open(str(folder / ".steelyard" / "store.db"), readonly=True) as store:
        assert len(store.runs()) == 1


RERUN = ("--cases", "20", "--samples", "2", "--margin", "0.1", "--gates", "4", "--reruns")


@pytest.mark.nightly
def test_reruns_tell_the_worst_adversary_and_all_of_them(run: Run, folder: Path) -> None:
    result = run("calibrate", *RERUN, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert {"false_red", "false_green", "gates", "adversary"} <= set(document)
    assert (document["gates"], document["reruns"]) == (4, 6)
    each = {tried["adversary"]: tried for tried in document["adversaries"]}
    assert len(each) == 6
    assert {"more samples", "more cases", "all drawn anew", "anything"} <= set(each)
    for wrong in ("false_red", "false_green"):
        assert document[wrong] == max(tried[wrong]["rate"] for tried in each.values())
        assert all(tried[wrong]["rate"] == tried[wrong]["count"] / 4 for tried in each.values())
        assert all(tried[wrong]["low"] <= tried[wrong]["rate"] < tried[wrong]["high"] for tried in each.values())
    worst = each[document["adversary"]]
    most = max(document["false_red"], document["false_green"])
    assert most in (worst["false_red"]["rate"], worst["false_green"]["rate"])
    assert list(folder.iterdir()) == []


@pytest.mark.nightly
def test_reruns_of_a_stored_run_are_shown_in_words(run: Run, folder: Path) -> None:
    store_run(folder, "20261124-000000-000001", Scored("test_a.py::test_a", scores(1), scores(2)))
    result = run("calibrate", "--run", "latest", "--reruns", "--gates", "2")
    assert result.exit_code == 0, result.output
    for line in (
        "  as seen in run 20261124-000000-000001",
        "2 gates each, up to 6 reruns",
        "false green",
        "more samples",
    ):
        assert line in result.output
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--drop", "0"), "--drop: 0 is not above 0"),
        (("--drop", "0.95"), "at most 0.90"),
        (("--run", "latest"), "There is no store at"),
        (("--evaluations", "0"), "evaluations = 0 is below 1"),
    ],
)
def test_what_can_not_be_is_refused(run: Run, arguments: tuple[str, ...], message: str) -> None:
    result = run("calibrate", *SMALL, *arguments)
    assert result.exit_code == 4
    assert message in " ".join(result.output.split())
