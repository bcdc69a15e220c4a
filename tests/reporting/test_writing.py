"""The formats that a run is reported in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import SettingsError
from harness.records.report_json import read_report
from harness.reporting.writing import OF_A_GATE, discard, find_format, formats, write_reports
from harness.store import Store
from tests.gate import stored
from tests.gate.stored import Scored


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "store.db")) as opened:
        yield opened


def test_a_gate_writes_its_formats_into_one_folder(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", Scored(candidate={"peru": [1, 0]}, baseline={"peru": [1, 1]}))
    folder = tmp_path / "deep" / "reports"
    paths = write_reports(store, side.weighed.run, side.report, folder)
    assert paths == [folder / formats()[name].file_name for name in OF_A_GATE]
    assert read_report(folder) == side.report
    assert (folder / "report.md").read_text(encoding="utf-8").startswith("<!-- steelyard: gate -->\n### ")
    discard(folder)
    assert not [path for path in paths if path.exists()]


def test_the_files_of_a_folder_are_replaced_whole(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", Scored(candidate={"peru": [1, 0]}))
    for _ in range(2):
        write_reports(store, side.weighed.run, side.report, tmp_path / "reports", ("markdown", "terminal"))
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == ["report.md", "report.txt"]
    text = (tmp_path / "reports" / "report.txt").read_text(encoding="utf-8")
    assert text.startswith("run     r1, made 2026-11-24T16:03:12Z\n")
    assert max(map(len, text.splitlines())) <= 80


def test_a_folder_that_is_a_file_and_a_file_that_is_a_folder_are_refused(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", Scored(candidate={"peru": [1, 0]}))
    (tmp_path / "taken").write_text("")
    with pytest.raises(SettingsError, match=r"taken is a file"):
        write_reports(store, side.weighed.run, side.report, tmp_path / "taken")
    (tmp_path / "reports" / "report.md").mkdir(parents=True)
    with pytest.raises(SettingsError, match=r"report\.md can't be written: Is a directory"):
        write_reports(store, side.weighed.run, side.report, tmp_path / "reports")
    assert json.loads((tmp_path / "reports" / "report.json").read_text())["run_id"] == "r1"


def test_an_unknown_format_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"No format named 'markdwn'\. Formats: .*Did you mean 'markdown'\?"):
        find_format("markdwn")
