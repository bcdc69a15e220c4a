"""`steelyard rank`: what it writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.store import Store
from tests.cli.conftest import Run
from tests.gate.history.test_ranking import FIXED, scores, stored
from tests.gate.stored import Scored


@pytest.fixture
def ranked(folder: Path) -> Path:
    """A folder whose store has three versions, two of them alike, and one that ran on other cases."""
    rights = {"low": scores(5), "a": scores(30, wobbly=4), "b": scores(30, wobbly=3), "few": scores(9, cases=10)}
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        stored(store, **{name: Scored(candidate=each, rule=FIXED) for name, each in rights.items()})
    return folder


def test_versions_stand_in_order_with_their_ranks_and_who_is_left_out(ranked: Path, run: Run) -> None:
    assert run("rank", "low", "a", "b", "few").stdout == (
        "test_capitals score, 40 cases, about these cases\n"
        "  1 to 2  a    0.80\n"
        "  1 to 2  b    0.79\n"
        "  3       low  0.12\n"
        "  left out: few: run on other cases than the first\n"
        "all ranks together are right at least 95 times in 100\n"
    )


def test_a_script_reads_the_same(ranked: Path, run: Run) -> None:
    document = json.loads(run("rank", "low", "r-a", "--json").stdout)
    assert document["confidence_level"] == 0.95
    (entry,) = document["evaluations"]
    assert [(each["name"], each["lowest"], each["highest"]) for each in entry["versions"]] == [
        ("r-a", 1, 1),
        ("low", 2, 2),
    ]


def test_that_gates_stopped_early_is_said(folder: Path, run: Run) -> None:
    rule = {"design": "sequential", "about": "population", "margin": 0.2, "suite_size": 80, "n_planned": 80}
    values = {"whole": scores(40, cases=80), "part": scores(20, cases=50)}
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        stored(store, **{name: Scored(candidate=each, rule=rule) for name, each in values.items()})
    assert "score, 50 cases of 80 (gates stop once they are decided), about" in run("rank", "whole", "part").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["low", "low"], "Name two versions or more"),
        (["low", "lo"], "Did you mean 'low'?"),
        (["few", "a"], "No two of few, a can be ranked"),
    ],
)
def test_what_can_not_be_ranked_is_refused(arguments: list[str], message: str, ranked: Path, run: Run) -> None:
    result = run("rank", *arguments)
    assert result.exit_code == 4
    assert message in " ".join(result.stderr.split())
