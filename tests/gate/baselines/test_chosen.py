"""The baseline that the settings name: a version, or a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.config import Settings
from harness.config.versions import VersionSettings
from harness.errors import SettingsError
from harness.gate.baselines.chosen import recorded_path, recording_named
from harness.gate.baselines.files import write_recording
from tests.gate.baselines.recordings import whole
from tests.repositories import commit_all


def test_a_name_stands_for_a_version_then_a_file(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, baseline="r1")
    write_recording(replace(whole(), run_id="of the file"), recorded_path(settings, "r1"))
    found = recording_named(settings)
    assert found is not None
    assert (found.name, found.run_id) == ("r1", "of the file")
    versions = {"r1": VersionSettings(name="r1", engine="scripted")}
    assert recording_named(replace(settings, versions=versions)) is None
    assert recording_named(replace(settings, baseline="none")) is None
    assert recording_named(replace(settings, baseline=None)) is None


def test_what_git_alone_knows_is_told_how_to_write(tmp_path: Path) -> None:
    commit_all(tmp_path)
    for name, meant in (("main", True), ("maim", False)):
        with pytest.raises(SettingsError, match=f"No baseline named '{name}'") as refused:
            recording_named(Settings(root=tmp_path, store=str(tmp_path / "store.db"), baseline=name))
        assert (f"Did you mean git:{name}, the candidate as it was" in str(refused.value)) == meant


def test_a_baseline_that_is_not_recorded_yet_is_told_with_its_file_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        recording_named(Settings(root=tmp_path, store=str(tmp_path / "store.db"), baseline="released"))
    assert "a recorded baseline is reports/baselines/released.json" in str(refused.value)
    assert "`steelyard baseline record --name released` writes" in str(refused.value)


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "..", "a\n", "none", "none.json"])
def test_names_that_can_not_be_a_files_or_mean_something_else_are_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="recorded baseline"):
        recorded_path(Settings(root=Path()), name)
