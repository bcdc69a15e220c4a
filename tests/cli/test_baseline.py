"""`steelyard baseline record`: a run becomes a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.store import Store
from tests.cli.conftest import Run
from tests.gate.stored import Scored
from tests.gate.stored import run as stored_run

ONE = Scored("suites/test_it.py::test_one", {"peru": [1.0, 0.0], "chad": [1.0, 1.0]})
ALONE = {"candidate": "small"}


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    """The store of the project in `folder`."""
    (folder / "steelyard.toml").write_text('[models.small]\nengine = "scripted"\ndefault = "yes"\n')
    (folder / ".steelyard").mkdir()
    with Store.open(str(folder / ".steelyard" / "store.db")) as opened:
        yield opened


def recorded(folder: Path, name: str) -> str:
    return (folder / "reports" / "baselines" / f"{name}.json").read_text()


def test_the_latest_run_is_recorded_under_its_candidates_name(run: Run, folder: Path, store: Store) -> None:
    stored_run(store, "20261124-1", ONE, names=ALONE)
    result = run("baseline", "record")
    assert result.exit_code == 0
    said = " ".join(result.output.split())
    assert said.startswith("wrote reports/baselines/small.json 1 evaluation, 2 cases of small, run 20261124-1")
    assert max(map(len, result.output.splitlines())) <= 80
    assert "note    its samples are those that it was weighed by" not in result.output
    assert "--baseline small.json   ('small' alone is the version)" in result.output
    assert '"peru": [null, null, {"score": "10"}]' in recorded(folder, "small")


@pytest.mark.service
def test_recording_again_is_byte_equal_and_another_run_needs_force(run: Run, folder: Path, store: Store) -> None:
    stored_run(store, "20261124-1", ONE, names=ALONE)
    run("baseline", "record", "--name", "released")
    first = recorded(folder, "released")
    again = run("baseline", "record", "20261124-1", "--name", "released.json")
    assert (again.exit_code, recorded(folder, "released")) == (0, first)
    assert "the same is there" in again.output
    assert "--baseline released\n" in again.output
    stored_run(store, "20261124-2", ONE, names=ALONE)
    refused = run("baseline", "record", "--name", "released")
    assert (refused.exit_code, recorded(folder, "released")) == (4, first)
    assert "--force overwrites it" in refused.output
    assert run("baseline", "record", "small", "--name", "released", "--force").exit_code == 0
    assert json.loads(recorded(folder, "released"))["run_id"] == "20261124-2"


def test_what_was_red_in_the_run_is_said_and_recorded(run: Run, folder: Path, store: Store) -> None:
    rule = {"threshold": 0.9, "margin": 0.05, "design": "fixed"}
    bad = Scored("test_bad", {f"c{i:03}": [0.0, 0.0] for i in range(40)}, rule=rule)
    stored_run(store, "20261124-1", bad, names=ALONE)
    result = run("baseline", "record", "--name", "released", "--force")
    assert result.exit_code == 0
    assert json.loads(recorded(folder, "released"))["run_id"] == "20261124-1"
    said = " ".join(result.output.split())
    assert "its gate was red: " in said
    assert "test_bad failed (" in said


@pytest.mark.service
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("record", "r9"), "No stored run or version is called 'r9'"),
        (("record", "20261124"), "begins the ids of 2 runs"),
        (("record", "20261124-2"), "did not come to its end"),
        (("record", "20261124-1", "--name", "a/b"), "'a/b' can't be the name of a recorded baseline"),
        (("record", "20261124-1", "--name", "none"), "--baseline none means something else"),
    ],
)
def test_what_can_not_be_recorded_is_refused(run: Run, store: Store, arguments: tuple[str, ...], reason: str) -> None:
    stored_run(store, "20261124-1", ONE, names=ALONE)
    run("baseline", "record", "--name", "released")
    stored_run(store, "20261124-2", ONE, names=ALONE, finished=False)
    result = run("baseline", *arguments)
    assert result.exit_code == 4
    assert reason in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"errors": ("it broke",)}, "ended in errors, and a baseline must be whole: test_it (it broke)"),
        (
            {"threshold": 0.5, "margin": 0.2, "design": "sequential", "n_planned": 168},
            "stopped in test_it as soon as it was decided, so that its scores lean one way. Record a run of pytest --",
        ),
    ],
)
def test_a_run_that_is_not_whole_is_refused_and_nothing_is_written(
    run: Run, folder: Path, store: Store, rule: dict[str, object], reason: str
) -> None:
    scores = {f"c{i:03}": [1.0] for i in range(40)}
    stored_run(store, "20261124-1", ONE, Scored("test_it", scores, rule=rule), names=ALONE)
    result = run("baseline", "record")
    assert result.exit_code == 4
    assert reason in " ".join(result.output.split())
    assert not (folder / "reports").exists()
