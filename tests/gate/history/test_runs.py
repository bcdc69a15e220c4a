"""What a user calls a stored run or version."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.errors import SettingsError
from harness.gate.history.runs import WeighedVersion, find_pair, find_version
from harness.store import RunInfo


def run(run_id: str, candidate: str = "small", baseline: str | None = "large", *, finished: bool = True) -> RunInfo:
    spec = {"candidate": {"name": candidate, "fingerprint": f"f-{candidate}", "first_index": 0}}
    if baseline is not None:
        spec["baseline"] = {"name": baseline, "fingerprint": f"f-{baseline}", "first_index": 1_000_000}
    return RunInfo(run_id, "2026-11-24T16:03:12Z", spec, finished, "passed" if finished else None)


RUNS = [
    run("20261001-1000-n", "new", finished=False),
    run("20261101-1000-a", "small", "large"),
    run("20261102-1000-b", "tiny", "small"),
    run("20261103-1000-c", "large", None),
    run("20261104-1000-d", "tiny", "small", finished=False),
]


@pytest.mark.parametrize(
    ("text", "run_id", "role"),
    [
        ("20261101-1000-a", "20261101-1000-a", "candidate"),
        ("20261102", "20261102-1000-b", "candidate"),
        ("small", "20261102-1000-b", "baseline"),
        ("large", "20261103-1000-c", "candidate"),
        ("tiny", "20261102-1000-b", "candidate"),
    ],
)
def test_a_run_stands_for_its_candidate_and_a_version_for_its_newest_finished_run(text, run_id, role) -> None:
    found = find_version(RUNS, text)
    assert (found.run.run_id, found.role) == (run_id, role)


def test_a_run_that_decided_nothing_counts_where_no_gate_does() -> None:
    gate, part = run("20261101"), replace(run("20261102", "other"), spec={**run("", "other").spec, "is_gate": False})
    assert [find_version([gate, part], name).run for name in ("latest", "large", "other")] == [gate, gate, part]
    assert find_version([part], "latest").run == part


def test_a_version_weighed_against_itself_is_the_candidate_first() -> None:
    runs = [run("20261101", "small", "small")]
    assert find_version(runs, "small") == WeighedVersion(runs[0], "candidate")


@pytest.mark.parametrize(
    "names", [("latest", "latest"), ("20261101", "20261101"), ("small", "20261101"), ("small", "small")]
)
def test_two_names_of_one_candidate_weigh_it_against_the_baseline_of_its_run(names) -> None:
    runs = [run("20261101", "small", "small")]
    assert find_pair(runs, *names) == (WeighedVersion(runs[0], "candidate"), WeighedVersion(runs[0], "baseline"))


def test_two_versions_of_one_run_are_its_two_sides_either_way_round() -> None:
    runs = [run("20261101", "small", "large")]
    ours, theirs = WeighedVersion(runs[0], "candidate"), WeighedVersion(runs[0], "baseline")
    assert find_pair(runs, "small", "large") == (ours, theirs)
    assert find_pair(runs, "large", "small") == (theirs, ours)


def test_two_versions_are_those_of_the_newest_run_that_has_both() -> None:
    runs = [
        run("20261101", "small", "large"),
        run("20261102", "small", "large"),
        run("20261103", "large", "small"),
        run("20261104", "tiny", "large"),
        run("20261105", "small", "large", finished=False),
    ]
    second, third = ([WeighedVersion(runs[place], role) for role in ("candidate", "baseline")] for place in (1, 2))
    assert find_pair(runs, "small", "large") == tuple(second)
    assert find_pair(runs, "large", "small") == tuple(third)
    assert find_pair(runs[:2], "large", "small") == tuple(second[::-1])
    assert find_pair(runs, "tiny", "small") == (
        WeighedVersion(runs[3], "candidate"),
        WeighedVersion(runs[2], "baseline"),
    )


@pytest.mark.parametrize(
    ("runs", "names"),
    [
        ([run("20261101", "small", "large")], ("20261101", "small")),  # the baseline is not called small
        ([run("20261101", "small", "large")], ("large", "large")),
    ],
)
def test_the_same_scores_twice_are_refused(runs, names) -> None:
    with pytest.raises(
        SettingsError, match=r"are the same scores: (small|large), (candidate|baseline) of run 20261101"
    ):
        find_pair(runs, *names)


@pytest.mark.parametrize("name", ["latest", "small", "20261101"])
def test_a_run_that_had_no_baseline_says_so(name: str) -> None:
    with pytest.raises(SettingsError, match=r"^Run 20261101 of small had no baseline to compare with. Name another"):
        find_pair([run("20261101", "small", None)], name, name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "smal",
            r"No stored run or version is called 'smal'\. Versions: large, .* tiny\. Did you mean 'small'\?",
        ),
        ("lastest", r"Did you mean 'latest'\?"),
        ("20261104-1000-d", "Run 20261104-1000-d did not come to its end"),
        ("20261104", "Run 20261104-1000-d did not come to its end"),
        ("new", "Run 20261001-1000-n did not come to its end"),
        ("2026110", r"'2026110' begins the ids of 4 runs; write more of it\. Newest runs: 20261104-1000-d"),
        ("", "No stored run or version is called ''"),
    ],
)
def test_what_is_no_finished_run_is_refused_with_what_there_is(text, message) -> None:
    with pytest.raises(SettingsError, match=message):
        find_version(RUNS, text)


def test_the_newest_runs_are_listed_first_with_what_they_weighed() -> None:
    with pytest.raises(SettingsError) as refused:
        find_version([run("20261001"), *RUNS, run("20261105-1000-e")], "nothing")
    listed = str(refused.value).partition("Newest runs: ")[2]
    assert listed.split(", ")[0] == "20261105-1000-e (small against large"
    assert "20261104-1000-d (tiny against small, unfinished)" in listed
    assert "20261103-1000-c (large, passed)" in listed
    assert "20261001" not in listed


def test_a_run_that_weighed_nothing_is_none_to_compare() -> None:
    empty = RunInfo("20261106", "2026", {}, finished=True)
    assert find_version([*RUNS[:4], empty], "latest").run.run_id == "20261103-1000-c"
    with pytest.raises(SettingsError, match="No stored run or version is called '20261106'"):
        find_version([*RUNS, empty], "20261106")


def test_the_newest_is_refused_where_it_did_not_come_to_its_end() -> None:
    with pytest.raises(SettingsError, match=r"Run 20261104-1000-d did not come to its end.*20261103-1000-c \(large"):
        find_version(RUNS, "latest")
    for runs, text in ((RUNS[:4], "latest"), (RUNS, "20261103")):
        assert find_version(runs, text).run.run_id == "20261103-1000-c"


@pytest.mark.parametrize("text", ["latest", "small"])
def test_an_empty_store_is_said_to_be_empty(text) -> None:
    with pytest.raises(SettingsError, match=r"^The store holds no run; a gate \(pytest\) makes one\.$"):
        find_version([], text)
