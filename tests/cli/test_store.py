import contextlib
import json
import sqlite3
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.store import Store
from tests.cli.conftest import Run
from tests.store.rows import draw, score

SETTINGS = """
[models.small]
engine = "scripted"
answers = { "a" = "Lima" }
"""


@pytest.fixture
def place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store at the default place: "small" with 3 samples in 2 generations, one of them 40 days old, and 2 runs."""
    path = folder / ".steelyard" / "store.db"
    with Store.open(str(path)) as store:
        with monkeypatch.context() as patched:
            old = time.time() - 40 * 86400
            patched.setattr("time.time", lambda: old)
            store.generations("f0a1b2c3d4e5f6")
            store.add([draw("a", "old", fingerprint="f0a1b2c3d4e5f6")])
            store.begin_run("r1", "2026", {"candidate": {"name": "small", "fingerprint": "f0a1b2c3d4e5f6"}})
            store.add_scores("r1", [score()])
        store.generations("f0a1b2c3d4e5f6", fresh=True)
        store.add([draw("a", "new", index, generation=1, fingerprint="f0a1b2c3d4e5f6") for index in range(2)])
        store.add([draw("other", fingerprint="f0ffffffffffff")])
        store.begin_run("r2", "2026", {})
    return path


def test_info_shows_what_is_stored_in_80_columns(run: Run, place: Path) -> None:
    result = run("store", "info")
    assert result.exit_code == 0
    assert "holds    4 samples of 3 requests, 2 runs, 1 score" in result.output
    lines = result.output.splitlines()
    small = next(line for line in lines if line.startswith("small"))
    assert small.split()[:4] == ["small", "f0a1b2c3d4e5", "3", "2"]
    assert max(len(line) for line in lines if str(place) not in line) <= 80


def test_info_as_json_has_every_number(run: Run, place: Path) -> None:
    held = json.loads(run("store", "info", "--json").output)
    assert held["samples"] == 4
    assert held["url"] == str(place)
    assert [version["fingerprint"] for version in held["versions"]] == ["f0a1b2c3d4e5f6", "f0ffffffffffff"]
    assert held["versions"][0]["names"] == ["small"]


def test_info_writes_out_what_a_name_could_do_to_the_terminal(run: Run, folder: Path) -> None:
    with Store.open(str(folder / "s.db")) as store:
        store.generations("f0")
        store.add([draw("a")])
        store.begin_run("r", "2026", {"candidate": {"name": "\x1b[31mred\ud800", "fingerprint": "f0"}})
    result = run("store", "info", "--store", "s.db")
    assert "\\x1b[31mred" in result.output
    assert "\x1b" not in result.output


def test_a_missing_store_is_a_usage_error(run: Run) -> None:
    result = run("store", "info")
    assert result.exit_code == 4
    assert "There is no store at" in result.output
    assert not Path(".steelyard").exists()


@pytest.mark.service
def test_prune_shows_what_would_go_and_asks(run: Run, place: Path) -> None:
    for answer, left in (("n\n", 4), ("y\n", 3)):
        result = CliRunner().invoke(main, ["store", "prune", "--older-than", "30d"], input=answer)
        assert "1 sample, 1 request, 1 run and 1 score would go" in result.output
        assert result.exit_code == (1 if left == 4 else 0)
        assert json.loads(run("store", "info", "--json").output)["samples"] == left


@pytest.mark.service
def test_prune_removes_what_it_showed_and_nothing_that_came_since(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn_meanwhile(*_: object, **__: object) -> bool:
        with Store.open(str(place)) as other:
            other.add([draw("a", "meanwhile", 7, generation=1, fingerprint="f0a1b2c3d4e5f6")])
        return True

    monkeypatch.setattr("click.confirm", drawn_meanwhile)
    result = run("store", "prune", "--version", "small")
    assert "3 samples and 2 requests would go" in result.output
    assert "Removed 3 samples and 1 request;" in result.output
    assert json.loads(run("store", "info", "--json").output)["samples"] == 2


def test_showing_what_would_go_waits_for_nobody_who_writes(run: Run, place: Path) -> None:
    writer = sqlite3.connect(place, isolation_level=None)
    with contextlib.closing(writer):
        writer.execute("BEGIN IMMEDIATE")
        result = CliRunner().invoke(main, ["store", "prune", "--older-than", "30d"], input="n\n")
    assert "1 sample, 1 request, 1 run and 1 score would go" in result.output


@pytest.mark.service
@pytest.mark.parametrize(
    ("options", "left"),
    [
        (["--version", "small"], 1),
        (["--version", "f0ff"], 3),
        (["--version", "small", "--version", "f0ff"], 0),
        (["--version", "small", "--older-than", "30d"], 3),
    ],
)
def test_prune_removes_what_meets_every_condition(run: Run, place: Path, options: list[str], left: int) -> None:
    result = run("store", "prune", *options, "--yes")
    assert result.exit_code == 0
    assert "Removed" in result.output
    assert json.loads(run("store", "info", "--json").output)["samples"] == left


def test_prune_finds_a_version_of_the_settings_that_no_run_names(run: Run, folder: Path) -> None:
    (folder / "steelyard.toml").write_text(SETTINGS)
    fingerprint = json.loads(run("models", "--json").output)[0]["fingerprint"]
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        store.add([draw("a", fingerprint=fingerprint)])
    assert "Removed 1 sample and 1 request" in run("store", "prune", "--version", "small", "--yes").output


def test_prune_says_when_nothing_meets_its_conditions(run: Run, place: Path) -> None:
    result = run("store", "prune", "--older-than", "52w")
    assert result.exit_code == 0
    assert result.output == f"Nothing in {place} meets that.\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "Nothing says what to prune. Give --older-than 30d"),
        (["--older-than", "soon"], "'soon' is not a duration"),
        (["--version", "smal"], "Did you mean 'small'?"),
        (["--version", "f0"], "No version named 'f0'"),
    ],
)
def test_a_prune_that_is_not_understood_is_a_usage_error(
    run: Run, place: Path, options: list[str], message: str
) -> None:
    result = run("store", "prune", *options, "--yes")
    assert result.exit_code == 4
    assert message in result.output


def test_digits_that_begin_several_fingerprints_are_refused(run: Run, folder: Path) -> None:
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        store.add([draw("a", fingerprint="abcd1"), draw("b", fingerprint="abcd2")])
    result = run("store", "prune", "--version", "abcd", "--yes")
    assert result.exit_code == 4
    assert "write more digits, or a name: abcd1, abcd2" in result.output


def test_a_version_is_named_as_runs_do_and_by_digits_only_where_none_did(run: Run, place: Path) -> None:
    result = run("store", "prune", "--version", "nobody", "--yes")
    assert "Versions: f0ffffffffff, small." in result.output


def test_merge_brings_another_store_in(run: Run, place: Path, folder: Path) -> None:
    with Store.open(str(folder / "other.db")) as other:
        other.add([draw("theirs"), draw("other", "theirs", fingerprint="f0ffffffffffff")])
    result = run("store", "merge", "other.db")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        f"Brought 1 sample, 0 runs, 0 scores into {place}.",
        "Left there, since both stores drew the same: 1 sample.",
    ]


@pytest.mark.service
def test_merge_makes_the_store_that_it_merges_into(run: Run, place: Path, folder: Path) -> None:
    assert run("store", "merge", "--store", "team.db", str(place)).exit_code == 0
    with Store.open(str(folder / "team.db"), readonly=True) as team:
        assert team.info().samples == 4


def test_merging_a_store_that_is_not_there_makes_none(run: Run, folder: Path) -> None:
    assert run("store", "merge", "nowhere.db").exit_code == 4
    assert not (folder / ".steelyard").exists()
