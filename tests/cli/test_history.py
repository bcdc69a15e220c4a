"""`steelyard history`: a page, JSON, and what it says where there is nothing to show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.gate.baselines.recording import FOLDER, recording_of, write_recording
from harness.store import Store
from tests.cli.conftest import Run
from tests.gate import stored
from tests.gate.history.planted import plant, store_runs
from tests.gate.stored import Scored
from tests.repositories import commit_all

STORE = Path(".steelyard") / "store.db"


@pytest.fixture
def shop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The planted repository, the current folder, with runs of a few of its commits."""
    planted = plant(folder / "shop")
    monkeypatch.chdir(planted.folder)
    with Store.open(str(planted.folder / STORE)) as store:
        store_runs(store, planted, (10, 12, 18, 20, 22, 23, 24, 30, 40))
    return planted.folder


def test_a_page_is_written_and_the_terminal_says_what_changed(shop: Path, run: Run) -> None:
    result = run("history")
    assert result.exit_code == 0
    page = (shop / "reports" / "history.html").read_text(encoding="utf-8")
    assert "test_orders" in page
    assert "fell from" in page
    assert "9 versions, v1.1 to v1.4" in result.stdout
    assert "wrote" in result.stderr
    assert max(map(len, result.output.splitlines())) <= 80


def test_json_goes_to_standard_output_alone(shop: Path, run: Run) -> None:
    document = json.loads(run("history", "--json", "--output", "own/it.html").stdout)
    assert (shop / "own" / "it.html").is_file()
    assert len(document["trends"]) == 4
    assert len(document["versions"]) == 9


def test_without_a_run_it_says_what_to_do(folder: Path, run: Run) -> None:
    for arguments, wanted in (([], "Run pytest first"), (["--store", "no.db"], "There is no store at")):
        result = run("history", *arguments)
        assert (result.exit_code, wanted in " ".join(result.stderr.split())) == (4, True)
    Store.open(str(folder / STORE)).close()
    result = run("history")
    assert (result.exit_code, "no finished run is stored" in result.stderr) == (4, True)
    with Store.open(str(folder / STORE)) as store:
        stored.run(store, "r1", Scored(candidate={"c1": [1.0]}, rule={"candidates": "sealed"}))
    result = run("history")
    assert (result.exit_code, "all is sealed" in result.stderr) == (4, True)
    assert not (folder / "reports").exists()


def test_a_clone_without_a_store_has_what_was_recorded(folder: Path, run: Run, tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "other.db")) as store:
        side = stored.run(
            store, "r1", Scored("suites/t.py::test_t", {"c1": [1.0], "c2": [1.0]}), names={"candidate": "a"}
        )
        write_recording(recording_of(store, side.weighed, side.report, "released"), folder / FOLDER / "released.json")
    commit_all(folder)
    result = run("history")
    assert "1 version, a to a" in result.stdout
    assert "There is no store" in " ".join(result.stderr.split())


def test_a_page_that_cannot_be_written_is_refused(shop: Path, run: Run) -> None:
    (shop / "file").touch()
    for place in ("file/history.html", "reports", "-"):
        (shop / "reports").mkdir(exist_ok=True)
        result = run("history", "--output", place)
        assert (result.exit_code, "--output" in result.stderr) == (4, True)


def test_a_comment_has_what_moved_over_the_last_versions(shop: Path, run: Run) -> None:
    with Store.open(str(shop / STORE)) as store:
        report = store.report("run-40")
    (shop / "reports" / "latest").mkdir(parents=True)
    (shop / "reports" / "latest" / "report.json").write_text(json.dumps(report), encoding="utf-8")
    printed = run("comment", "--print").stdout
    assert "**Over the last versions**" in printed
    assert "<code>test_orders</code> <code>0.9" in printed
    assert "test_greetings</code> <code>" not in printed
    (shop / STORE).unlink()
    assert "Over the last versions" not in run("comment", "--print").stdout
