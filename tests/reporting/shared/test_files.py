from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import SettingsError
from harness.reporting.shared.files import prepare_folder, replacing


def test_a_report_folder_that_is_a_file_is_refused(tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("")
    with pytest.raises(SettingsError, match=r"taken is a file.*--report-dir"):
        prepare_folder(taken)
    with pytest.raises(SettingsError, match=r"deeper can't be made: .*taken is a file"):
        prepare_folder(taken / "deeper")


def test_a_report_folder_that_the_system_refuses_is_refused_with_its_reason(tmp_path):
    with pytest.raises(SettingsError, match="File name too long"):
        prepare_folder(tmp_path / ("x" * 300))
    with pytest.raises(SettingsError, match=r"can't be made: .*embedded null "):
        prepare_folder(tmp_path / "a\0b")


def test_a_report_folder_that_nobody_may_write_to_is_refused():
    with pytest.raises(SettingsError, match="can't be written"):
        prepare_folder(Path("/proc/self"))


def test_what_is_half_written_never_takes_the_files_place(tmp_path):
    path = tmp_path / "report.md"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_text(str(1 / 0))
    with pytest.raises(SettingsError, match=r"can't be written: No space left.*Choose another with --output"):
        fill_the_disk(path)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("report.md", "old")]
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("report.md", "new")]


def fill_the_disk(path):
    with replacing(path, "--output") as temporary:
        temporary.write_text("half")
        raise OSError(28, "No space left on device")
